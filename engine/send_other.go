//go:build !linux

package engine

// send writes p whole, waiting for the peer where it must.
func (l *leg) send(p []byte) error {
	_, err := l.conn.Write(p)
	return err
}
