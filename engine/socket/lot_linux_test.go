package socket_test

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"framegate/engine/socket"
)

// newLot is a lot that lasts as long as the test.
func newLot(t *testing.T) *socket.Lot {
	t.Helper()
	lot, err := socket.NewLot()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lot.Close)
	return lot
}

// lotPair is a pair of which the dialled end waits in a lot.
func lotPair(t *testing.T) (dialled, accepted *socket.Conn) {
	t.Helper()
	o := options
	o.Lot = newLot(t)
	to, all := listen(t, "127.0.0.1:0")
	dialled, err := socket.Dial(t.Context(), to, time.Now().Add(10*time.Second), o)
	if err != nil {
		t.Fatal(err)
	}
	accepted = <-all
	t.Cleanup(func() { dialled.Close(); accepted.Close() })
	return dialled, accepted
}

// More reads have to wait than a connection may do in the lot: Go's poller goes on.
func TestReadingWaitsInTheLotAndThenInThePoller(t *testing.T) {
	d, a := lotPair(t)
	p := make([]byte, 8)
	for i := range 20 {
		asked := make(chan struct{})
		go func() {
			<-asked
			a.Write([]byte{byte(i)})
		}()
		close(asked)
		if n, err := d.Read(p); n != 1 || p[0] != byte(i) || err != nil {
			t.Fatalf("read %d: %d bytes, %v", i, n, err)
		}
		if _, err := d.Write(p[:1]); err != nil {
			t.Fatal(err)
		}
		if n, err := a.Read(p); n != 1 || err != nil {
			t.Fatalf("the other end read %d bytes, %v", n, err)
		}
	}
	a.Close()
	if _, err := d.Read(p); err != io.EOF {
		t.Errorf("after the peer's end: %v", err)
	}
}

func TestWaitingInTheLotEnds(t *testing.T) {
	for name, c := range map[string]struct {
		begin func(d *socket.Conn) // before reading
		end   func(d, a *socket.Conn)
		want  error
	}{
		"at a time that was set before": {
			begin: func(d *socket.Conn) { d.SetReadDeadline(time.Now().Add(10 * time.Millisecond)) },
			want:  os.ErrDeadlineExceeded,
		},
		"at a time that was over before": {
			begin: func(d *socket.Conn) { d.SetDeadline(time.Unix(1, 0)) },
			want:  os.ErrDeadlineExceeded,
		},
		"at a time that is set meanwhile": {
			end:  func(d, _ *socket.Conn) { d.SetReadDeadline(time.Unix(1, 0)) },
			want: os.ErrDeadlineExceeded,
		},
		"at an earlier time that is set meanwhile": {
			begin: func(d *socket.Conn) { d.SetReadDeadline(time.Now().Add(time.Hour)) },
			end:   func(d, _ *socket.Conn) { d.SetReadDeadline(time.Now().Add(10 * time.Millisecond)) },
			want:  os.ErrDeadlineExceeded,
		},
		"by closing it": {
			end:  func(d, _ *socket.Conn) { d.Close() },
			want: net.ErrClosed,
		},
		"by the peer's end": {
			end:  func(_, a *socket.Conn) { a.Close() },
			want: io.EOF,
		},
		"by a reset": {
			end: func(_, a *socket.Conn) {
				raw, _ := a.SyscallConn()
				raw.Control(func(fd uintptr) {
					syscall.SetsockoptLinger(int(fd), syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
				})
				a.Close()
			},
			want: syscall.ECONNRESET,
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, a := lotPair(t)
			if c.begin != nil {
				c.begin(d)
			}
			got := make(chan error, 1)
			go func() {
				_, err := d.Read(make([]byte, 1))
				got <- err
			}()
			if c.end != nil {
				c.end(d, a)
			}
			if err := <-got; !errors.Is(err, c.want) {
				t.Errorf("reading ended with %v, want %v", err, c.want)
			}
		})
	}
}

// A time limit that has ended one read is no hindrance to the next.
func TestTimeLimitsInTheLotCanBeTakenAway(t *testing.T) {
	d, a := lotPair(t)
	p := make([]byte, 1)
	d.SetReadDeadline(time.Now().Add(time.Millisecond))
	if _, err := d.Read(p); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("error is %v", err)
	}
	d.SetReadDeadline(time.Time{})
	a.Write([]byte("x"))
	if n, err := d.Read(p); n != 1 || err != nil {
		t.Errorf("after the limit was taken away: %d, %v", n, err)
	}
}

// Whoever has a place is woken when something comes, once for each time that it is armed, and when it had left, not at all.
func TestPlaces(t *testing.T) {
	d, a := lotPair(t)
	lot := newLot(t)
	raw, err := d.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	first, second := make(waking, 10), make(waking, 10)
	place := lot.Enter(first)
	for range 3 {
		if err := lot.Arm(place, raw); err != nil {
			t.Fatal(err)
		}
		a.Write([]byte("x"))
		<-first
		d.Read(make([]byte, 1))
	}
	if err := lot.Arm(place, raw); err != nil {
		t.Fatal(err)
	}
	lot.Leave(place)
	if again := lot.Enter(second); again != place {
		t.Fatalf("place %d, not %d again", again, place)
	}
	a.Write([]byte("x")) // what it was armed for before means nobody
	if err := lot.Arm(place, raw); err != nil {
		t.Fatal(err)
	}
	<-second
	if len(first) > 0 || len(second) > 0 {
		t.Errorf("%d and %d more were woken", len(first), len(second))
	}
	d.Close()
	if err := lot.Arm(place, raw); !errors.Is(err, net.ErrClosed) {
		t.Errorf("arming a closed connection: %v", err)
	}
}

type waking chan struct{}

func (w waking) Wake() { w <- struct{}{} }

// A connection that waits in the lot gets its options when it is known to last.
func TestOptionsComeLater(t *testing.T) {
	noDelay := func(c *socket.Conn) (value int) {
		raw, _ := c.SyscallConn()
		raw.Control(func(fd uintptr) { value, _ = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_NODELAY) })
		return value
	}
	for name, last := range map[string]func(d, a *socket.Conn){
		"when it is said": func(d, _ *socket.Conn) { d.Settle() },
		"with Go's poller": func(d, a *socket.Conn) {
			raw, _ := d.SyscallConn()
			woken := false
			raw.Read(func(uintptr) bool {
				if !woken {
					a.Write([]byte("x"))
				}
				defer func() { woken = true }()
				return woken
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, a := lotPair(t)
			if noDelay(d) != 0 || d.TellsRest() {
				t.Error("it has them already")
			}
			last(d, a)
			if noDelay(d) != 1 || !d.TellsRest() {
				t.Error("it has none")
			}
		})
	}
}
