//go:build !linux

package engine

// receiver is the platform's way to read; here the ordinary one.
type receiver struct{ wakes uint32 }

// call is what the platform's read needs beside the buffer; here nothing.
type call struct{}

// attach leaves the pump to read with a buffer of its own.
func (p *pump) attach() {}

// readNow is for platforms that wait without a buffer.
func (c *portConn) readNow(p []byte) (int, error) { return c.Conn.Read(p) }
