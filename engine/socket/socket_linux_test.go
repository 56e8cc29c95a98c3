package socket_test

import (
	"syscall"
	"testing"

	"framegate/engine/socket"
)

// Accepted connections inherit their options, dialled ones are given them.
func TestOptions(t *testing.T) {
	dialled, accepted := pair(t, "127.0.0.1:0")
	for name, c := range map[string]*socket.Conn{"dialled": dialled, "accepted": accepted} {
		for _, o := range []struct {
			what              string
			level, name, want int
		}{
			{"TCP_NODELAY", syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1},
			{"SO_KEEPALIVE", syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
			{"TCP_KEEPIDLE", syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 40},
			{"TCP_KEEPINTVL", syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, 7},
			{"TCP_KEEPCNT", syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, 5},
			{"TCP_USER_TIMEOUT", syscall.IPPROTO_TCP, 18, 60_000},
			{"TCP_INQ", syscall.IPPROTO_TCP, 36, 1},
		} {
			raw, _ := c.SyscallConn()
			raw.Control(func(fd uintptr) {
				if got, err := syscall.GetsockoptInt(int(fd), o.level, o.name); got != o.want || err != nil {
					t.Errorf("%s: %s is %d, want %d: %v", name, o.what, got, o.want, err)
				}
			})
		}
		if !c.TellsRest() {
			t.Errorf("%s: TCP_INQ is not known to be on", name)
		}
	}
}
