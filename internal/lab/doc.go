// Package lab is the project's laboratory: a laptop and a devbox (and more
// machines, if wanted) on one Linux computer, for tests and benchmarks on real
// things. Nothing in it is simulated but the cable.
//
//	laptop (namespaces)                              devbox (namespaces)
//	  real users, ssh-agent, mosh, ptys                real users, sshd, shells
//	       | net0 (TUN)                                      | net0 (TUN)
//	       +--- Cable: delay, loss, cut ---- switch ---- Cable ---+
//
// A [Machine] has network, mount and UTS namespaces of its own. They have no
// name anywhere, so that they end with the process that made them. Its
// interface net0 is a TUN device whose other end this process holds: packets
// pass through the machine's [Cable], are switched by their destination
// address, and pass through the receiving machine's cable. A packet for an
// address that nobody has is lost without a word, as in a network that drops.
//
// Root is needed, and what [New] finds missing it names in a [Missing] error.
// Linux only: on other systems the package is empty.
//
// Nothing here depends on a test being run; package labtest does.
package lab
