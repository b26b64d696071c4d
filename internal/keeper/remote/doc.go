// Package remote is one SSH connection while it lasts, with what runs on it: the
// sessions, of which a server may allow few, the remote's set-up, the link
// holder, the agent channels and the starts of mosh-server.
//
// The keeper makes one with [New] and hears of it as its [Owner]. How it is
// dialed, and what comes after it, is not this package's business.
//
// connection.go has its beginning and end, life.go whether it lives (which
// package pulse asks), sessions.go and session.go its sessions, and setup.go,
// holding.go, agentchannels.go and start.go what runs in them.
package remote
