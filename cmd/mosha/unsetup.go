package main

import "github.com/mosha-ssh/mosha/internal/mosh"

type unsetupCmd struct {
	sshFlag
	transportFlag
	DryRun bool     `help:"Say what would be taken back, with a diff, and change nothing."`
	Hosts  []string `arg:"" name:"host" placeholder:"[user@]host" help:"Destinations, as for ssh."`
}

// Run takes the set-up back.
func (c unsetupCmd) Run() error {
	job := remoteJob{ssh: c.SSH, transport: c.Transport, family: mosh.Flags{}.AddressFamily(), undo: true, preview: c.DryRun}
	return job.run(c.Hosts)
}
