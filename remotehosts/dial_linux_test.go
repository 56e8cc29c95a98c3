package remotehosts_test

import (
	"syscall"
	"testing"

	"framegate/engine/socket"
)

// The kernel finds a host that is gone without a word, and small frames do not wait.
func TestSocketOptions(t *testing.T) {
	s, err := declare(t, serve(t, nil, accept).address, nil).Upgrade(t.Context(), call())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Conn.Close()
	raw, err := s.Conn.(*socket.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for _, option := range []struct {
		name        string
		level, what int
		want        int
	}{
		{"SO_KEEPALIVE", syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
		{"TCP_KEEPIDLE", syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 30},
		{"TCP_KEEPINTVL", syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, 10},
		{"TCP_USER_TIMEOUT", syscall.IPPROTO_TCP, 18, 60_000},
		{"TCP_NODELAY", syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1},
	} {
		err := raw.Control(func(fd uintptr) {
			if got, err := syscall.GetsockoptInt(int(fd), option.level, option.what); err != nil || got != option.want {
				t.Errorf("%s is %d, %v; want %d", option.name, got, err, option.want)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
