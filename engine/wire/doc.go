// Package wire is WebSocket as bytes: RFC 6455's frames, masks, close codes and handshake rules as pure functions and small
// structs that are fed with byte slices.
//
// Nothing here reads a socket, starts a goroutine or keeps state on a stack, so that a session can be put aside between any
// two bytes. [Reader] assembles messages (message mode), [Follower] only follows the headers of wire frames through a stream
// that goes on as it came (raw mode). Neither allocates per frame.
package wire
