package engine

import (
	"syscall"
	"testing"
	"unsafe"
)

// backlogOf asks the kernel for the length of a listener's accept queue: for a
// socket that listens it stands in tcpi_sacked of TCP_INFO (net/ipv4/tcp.c).
func backlogOf(t *testing.T, ln syscall.Conn) uint32 {
	t.Helper()
	raw, err := ln.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var info [104]byte
	size := uint32(len(info))
	var errno syscall.Errno
	raw.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.IPPROTO_TCP, syscall.TCP_INFO, uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	})
	if errno != 0 {
		t.Fatal(errno)
	}
	return *(*uint32)(unsafe.Pointer(&info[28]))
}

func TestBacklog(t *testing.T) {
	host := newEchoHost(t)
	s := snapshotOf(&Websocket{Path: "/", Upgrade: policyOf("admit", dial{host.address})})
	s.Ports["public"].Backlog = 7
	r := start(t, s)
	var ln syscall.Conn
	for _, l := range r.listeners {
		ln = l.ln
	}
	if got := backlogOf(t, ln); got != 7 {
		t.Errorf("the accept queue is %d long, want 7", got)
	}
	c := r.dial("/")
	echo(t, c, 1, "hello")
	r.next = snapshotOf(s.Ports["public"].Websockets...)
	if _, err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := backlogOf(t, ln); got < 64 {
		t.Errorf("without a setting the accept queue is %d long", got)
	}
	echo(t, r.dial("/"), 1, "hello")
}
