package socket_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"framegate/engine/socket"
)

var options = socket.Options{KeepAlive: 40 * time.Second, KeepAliveEvery: 7 * time.Second, KeepAliveProbes: 5, UserTimeout: time.Minute}

// listen opens a listener and gives what it accepts.
func listen(t *testing.T, address string) (to netip.AddrPort, accepted <-chan *socket.Conn) {
	t.Helper()
	ln, err := socket.Listen(address, options)
	if err != nil {
		t.Skipf("this machine has no %s: %v", address, err)
	}
	all, ended := make(chan *socket.Conn, 1), make(chan error, 1)
	go func() {
		for {
			c, err := ln.AcceptConn()
			if err != nil {
				ended <- err
				return
			}
			all <- c
		}
	}()
	t.Cleanup(func() {
		ln.Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("a closed listener says %v", err)
		}
	})
	return ln.Addr().(*net.TCPAddr).AddrPort(), all
}

// pair is both ends of a connection.
func pair(t *testing.T, address string) (dialled, accepted *socket.Conn) {
	t.Helper()
	to, all := listen(t, address)
	dialled, err := socket.Dial(t.Context(), to, time.Now().Add(10*time.Second), options)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case accepted = <-all:
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was accepted")
	}
	t.Cleanup(func() { dialled.Close(); accepted.Close() })
	return dialled, accepted
}

func TestConnectionsKnowTheirAddresses(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(address, func(t *testing.T) {
			d, a := pair(t, address)
			if d.LocalAddr().String() != a.RemoteAddr().String() || d.RemoteAddr().String() != a.LocalAddr().String() {
				t.Errorf("dialled %s → %s, accepted %s → %s", d.LocalAddr(), d.RemoteAddr(), a.LocalAddr(), a.RemoteAddr())
			}
			if a.Addr().String() != d.LocalAddr().String() {
				t.Errorf("accepted from %s, not %s", a.Addr(), d.LocalAddr())
			}
		})
	}
}

// A burst longer than all socket buffers: writing has to wait.
func TestBytesArriveInOrder(t *testing.T) {
	d, a := pair(t, "127.0.0.1:0")
	const size = 16 << 20
	sent := make([]byte, size)
	for i := range sent {
		sent[i] = byte(i * 7 / 5)
	}
	written := make(chan error, 1)
	go func() {
		n, err := d.Write(sent)
		if err == nil && n != size {
			err = io.ErrShortWrite
		}
		d.CloseWrite()
		written <- err
	}()
	got, err := io.ReadAll(a)
	if err != nil || string(got) != string(sent) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
	if _, err := a.Write([]byte("still open")); err != nil {
		t.Errorf("after the peer's FIN: %v", err)
	}
}

// What crypto/tls and fasthttp want to see of a time limit.
func TestTimeLimitsAreNetErrors(t *testing.T) {
	d, a := pair(t, "127.0.0.1:0")
	d.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := d.Read(make([]byte, 1))
	if e, ok := err.(net.Error); !ok || !e.Timeout() || !e.Temporary() || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error is %#v", err)
	}
	d.SetReadDeadline(time.Time{})
	a.Write([]byte("x"))
	if n, err := d.Read(make([]byte, 2)); n != 1 || err != nil {
		t.Errorf("after the limit was taken away: %d, %v", n, err)
	}
}

func TestCloseEndsReading(t *testing.T) {
	d, _ := pair(t, "127.0.0.1:0")
	ended := make(chan error, 1)
	go func() {
		_, err := d.Read(make([]byte, 1))
		ended <- err
	}()
	d.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("error is %v", err)
	}
	if _, err := d.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("writing: %v", err)
	}
}

func TestResetIsSeen(t *testing.T) {
	to, all := listen(t, "127.0.0.1:0")
	conn, err := net.Dial("tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	a := <-all
	defer a.Close()
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("error is %v", err)
	}
}

func TestDialErrors(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := free.Addr().(*net.TCPAddr).AddrPort()
	free.Close()
	silent := netip.MustParseAddrPort("192.0.2.1:9") // TEST-NET-1: nobody answers, or there is no way at all
	cancelled, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	cancel(gone)
	if _, err := socket.Dial(t.Context(), nobody, time.Time{}, options); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("where nobody listens: %v", err)
	}
	if _, err := socket.Dial(cancelled, nobody, time.Time{}, options); !errors.Is(err, gone) {
		t.Errorf("cancelled before: %v", err)
	}
	if _, err := socket.Dial(t.Context(), silent, time.Now().Add(20*time.Millisecond), options); !errors.Is(err, os.ErrDeadlineExceeded) && !unreachable(err) {
		t.Errorf("where nobody answers: %v", err)
	}
	ending, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(gone) })
	if _, err := socket.Dial(ending, silent, time.Time{}, options); !errors.Is(err, gone) && !unreachable(err) {
		t.Errorf("cancelled meanwhile: %v", err)
	}
}

func unreachable(err error) bool {
	return errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.ECONNREFUSED)
}

// A peer may answer the FIN of a Close with its last words, and with its own FIN:
// a reader under which the connection was closed must not take them for an end
// that the peer has chosen.
func TestWhatComesAfterCloseIsNotRead(t *testing.T) {
	for range 200 {
		d, a := pair(t, "127.0.0.1:0")
		go func() {
			io.Copy(io.Discard, a)
			a.Write([]byte("bye"))
			a.Close()
		}()
		got := make(chan error, 1)
		go func() {
			n, err := d.Read(make([]byte, 16))
			if n > 0 {
				err = fmt.Errorf("%d bytes", n)
			}
			got <- err
		}()
		runtime.Gosched()
		d.Close()
		if err := <-got; !errors.Is(err, net.ErrClosed) {
			t.Fatalf("reading ended with %v, want %v", err, net.ErrClosed)
		}
	}
}
