// Package socket opens and accepts TCP connections with as few system calls as
// they need. On Linux it makes them itself, as package net asks the kernel for
// each connection about twenty times, and a connection knows no more than its
// descriptor; elsewhere it is package net.
package socket

import "time"

// Options are set on every connection that is dialled or accepted.
type Options struct {
	// KeepAlive finds peers that are gone without a word: after so long a silence the kernel probes them, KeepAliveProbes times
	// with KeepAliveEvery between, and gives the connection up. 0: no probes.
	KeepAlive, KeepAliveEvery time.Duration
	KeepAliveProbes           int
	// UserTimeout is how long sent bytes may stay unacknowledged, or the peer may take none at all, before the kernel gives the
	// connection up (TCP_USER_TIMEOUT, RFC 5482; Linux only). 0: the system's.
	UserTimeout time.Duration
	// Lot is where a connection waits for its first few reads, and to be connected, before Go's poller has to know it. One that
	// is dialled gets the options no earlier than then, or by [Conn.Settle]. nil: nowhere.
	Lot *Lot
}

// Waker waits in a [Lot].
type Waker interface {
	// Wake is called by the lot's goroutine, and must not wait. It may be called when nothing has come, too.
	Wake()
}
