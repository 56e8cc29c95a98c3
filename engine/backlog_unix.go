//go:build unix

package engine

import (
	"fmt"
	"os"
	"syscall"
)

// allBacklog asks for as long an accept queue as the system gives.
const allBacklog = 65535

// setBacklog sets how many connections may wait to be accepted; 0 is the
// system's limit. Listening once more on a socket that listens changes nothing
// else (listen(2); POSIX has no other way).
func setBacklog(ln syscall.Conn, n int) error {
	if n == 0 {
		n = allBacklog
	}
	raw, err := ln.SyscallConn()
	if err != nil {
		return fmt.Errorf("set backlog: %w", err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = os.NewSyscallError("listen", syscall.Listen(int(fd), n)) }); err != nil {
		return fmt.Errorf("set backlog: %w", err)
	}
	return failed
}
