// Package engine runs policies over messages and carries WebSocket sessions
// between peers.
//
// It knows messages, attributes, policies as graphs of filters, sessions, the
// relay, ports and the journal. It knows no filter by name and reads no file:
// package policies compiles what authors write into a [Snapshot], and a
// [Gateway] serves it.
//
// The one idea: a filter, a policy and a script are the same thing, something
// that runs over a message and passes, fails or aborts ([Filter]). And a
// session is two peers and a policy each way ([Session]).
package engine
