// Package remotehosts finds, dials and upgrades to remote hosts: the back ends
// behind the gateway.
//
// A [Set] is what one state of the configuration declares. [Set.Find] tells
// which [Host] a URL leads to, and [Host.Upgrade] opens a WebSocket there: it
// waits for a place at the host, dials, speaks TLS, writes the opening
// handshake with a key of its own and checks the answer (RFC 6455 §4.1). What
// comes out is a socket for the engine, the host's own answer ([Refused]) or
// why there is none ([Error]). A set starts no goroutine and keeps no idle
// connection, so it needs no closing.
package remotehosts
