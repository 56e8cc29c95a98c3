//go:build !linux

package engine

// call is what the platform's read needs beside the buffer; here nothing.
type call struct{}

// attach leaves the pump to read with a buffer of its own.
func (p *pump) attach() {}

// readable is for platforms that wait without a buffer, as readNow.
func (p *pump) readable(uintptr) bool { return true }

func (c *pollConn) readNow(p []byte) (int, error) { return c.Conn.Read(p) }
