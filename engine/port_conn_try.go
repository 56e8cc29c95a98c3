package engine

import (
	"net"
	"time"

	"framegate/engine/socket"
)

// readWaiting reads what is there, without waiting.
func (c *portConn) readWaiting(p []byte) (int, error) { return c.Conn.(*socket.Conn).TryRead(p) }

// writeHead writes the head of a 101. A time limit costs more than the write, so
// that there is one only where the client does not take it at once.
func (c *portConn) writeHead(conn net.Conn, head []byte) error {
	if conn == net.Conn(c) {
		n, err := c.Conn.(*socket.Conn).TryWrite(head)
		if head = head[n:]; err != nil || len(head) == 0 {
			return err
		}
	}
	conn.SetWriteDeadline(time.Now().Add(handshakeWrite))
	defer conn.SetWriteDeadline(time.Time{})
	_, err := conn.Write(head)
	return err
}
