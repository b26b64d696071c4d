package sshconn

// Kinds of HostKeyQuestion.
const (
	AskUnknown = ""       // is this the host's key?
	AskUpdate  = "update" // may UpdateHostKeys change the files?
)

// HostKeyQuestion is what ssh shows when it asks about a host key.
type HostKeyQuestion struct {
	Kind        string
	Host        string // as known_hosts would have it: the name or alias, or [name]:port
	Address     string // ip or [ip]:port, "" through a proxy
	KeyType     string // ED25519, ECDSA, RSA
	Fingerprint string // as FingerprintHash has it: SHA256:..., MD5:...
	Art         string // ssh's picture of it, if VisualHostKey is yes: lines without an end
	OtherNames  []OtherName
	OtherTotal  int    // how many other names there are; OtherNames has the first few
	CertProblem string // why the host's certificate was not good, "" if it has none
	Again       bool   // the answer before was none of yes, no and the fingerprint

	Learned []KeyName // AskUpdate: what is new
	Removed []KeyName // AskUpdate: what is gone
}

// OtherName is a line that has the same key for another host.
type OtherName struct {
	File  string
	Line  int
	Hosts string // as written, but no more than is read; "[hashed name]" if hashed
}

// KeyName is a key as ssh shows it.
type KeyName struct {
	Type        string // ED25519, ECDSA, RSA
	Fingerprint string // as FingerprintHash has it
}
