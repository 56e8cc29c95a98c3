package engine

import (
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"framegate/engine/wire"
)

// parked counts the pumps of all sessions that have no goroutine.
func parked(g *Gateway) (n int) {
	for _, s := range g.Sessions().All() {
		for i := range s.pumps {
			if s.pumps[i].parked.Load() {
				n++
			}
		}
	}
	return n
}

func TestIdleSessionsHaveNoGoroutine(t *testing.T) {
	modes(t, func(t *testing.T, w *Websocket) {
		const sessions = 50
		host := newEchoHost(t)
		w.Upgrade = policyOf("admit", dial{host.address})
		r := start(t, snapshotOf(w))
		var clients []*websocket.Conn
		for range sessions {
			clients = append(clients, r.dial("/"))
		}
		eventually(t, "sessions are born parked", func() bool { return parked(r.Gateway) == 2*sessions })
		eventually(t, "only the host keeps goroutines", func() bool { return runtime.NumGoroutine() < 3*sessions })

		for i, c := range clients { // bytes wake them
			echo(t, c, websocket.TextMessage, fmt.Sprint("message ", i))
		}
		eventually(t, "silence parks them again", func() bool { return parked(r.Gateway) == 2*sessions })
		echo(t, clients[0], websocket.BinaryMessage, "and they wake once more")
	})
}

func TestParkedSessionsEnd(t *testing.T) {
	host := newEchoHost(t)
	r := start(t, snapshotOf(&Websocket{Path: "/", Upgrade: policyOf("admit", dial{host.address})}))
	for name, c := range map[string]struct {
		end  func(s *Session, client *websocket.Conn)
		code int // that the client gets; 0: it is gone
	}{
		"by the gateway": {func(s *Session, _ *websocket.Conn) { s.Stop(Cause{By: "test", Code: 4000, Reason: "enough"}) }, 4000},
		"by a client's close": {func(_ *Session, c *websocket.Conn) {
			c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(4001, "bye"))
		}, 4001},
		"by a client that is gone": {func(_ *Session, c *websocket.Conn) { c.Close() }, 0},
		"by a host that is gone": {func(s *Session, _ *websocket.Conn) {
			s.legs[HostSide].conn.(interface{ CloseRead() error }).CloseRead()
		}, 1014},
	} {
		t.Run(name, func(t *testing.T) {
			client := r.dial("/")
			eventually(t, "parked", func() bool { return parked(r.Gateway) == 2 })
			c.end(r.Sessions().All()[0], client)
			if c.code != 0 {
				if _, _, err := client.ReadMessage(); err == nil || !strings.Contains(err.Error(), fmt.Sprint(c.code)) {
					t.Errorf("the client got %v, want %d", err, c.code)
				}
			}
			client.Close()
			eventually(t, "the session has left", func() bool { return r.Sessions().Len() == 0 && host.open.Load() == 0 })
		})
	}
}

// Messages that come just when a pump goes to be parked are neither lost nor late.
func TestNoMessageIsLostWhileParking(t *testing.T) {
	host := newEchoHost(t)
	r := start(t, snapshotOf(&Websocket{Path: "/", Upgrade: policyOf("admit", dial{host.address})}))
	var all sync.WaitGroup
	for range 100 {
		c := r.dial("/")
		all.Go(func() {
			for i := range 4 {
				text := fmt.Sprint("message ", i)
				if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
					t.Error(err)
					return
				}
				if _, p, err := c.ReadMessage(); err != nil || string(p) != text {
					t.Errorf("sent %q, got %q, %v", text, p, err)
					return
				}
				<-time.After(parkAfter - 5*time.Millisecond + rand.N(10*time.Millisecond))
			}
		})
	}
	all.Wait()
}

// A client's TLS connection waits in the same way, also when only a part of a
// record has come.
func TestIdleSessionsOverTLSHaveNoGoroutine(t *testing.T) {
	modes(t, func(t *testing.T, w *Websocket) {
		host := newEchoHost(t)
		w.Upgrade = policyOf("admit", dial{host.address})
		s := snapshotOf(w)
		s.Ports["public"].TLS = &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}
		r := start(t, s)
		dialer := websocket.Dialer{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
		var clients []*websocket.Conn
		for range 20 {
			c, _, err := dialer.Dial("wss://"+r.address+"/", nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			c.SetReadDeadline(time.Now().Add(10 * time.Second))
			clients = append(clients, c)
		}
		for round := range 3 {
			eventually(t, "all are parked", func() bool { return parked(r.Gateway) == 2*len(clients) })
			for i, c := range clients {
				echo(t, c, websocket.TextMessage, fmt.Sprint("message ", i, " of round ", round))
				echo(t, c, websocket.BinaryMessage, strings.Repeat("x", 100_000)) // several records
			}
		}
		slow := clients[0].NetConn().(*tls.Conn)
		eventually(t, "all are parked", func() bool { return parked(r.Gateway) == 2*len(clients) })
		frame := wire.AppendFrame(nil, wire.Header{Fin: true, Op: wire.Text, Masked: true}, []byte("in two records"))
		for _, part := range [][]byte{frame[:3], frame[3:]} {
			if _, err := slow.Write(part); err != nil {
				t.Fatal(err)
			}
		}
		if _, p, err := clients[0].ReadMessage(); err != nil || string(p) != "in two records" {
			t.Errorf("got %q, %v", p, err)
		}
		eventually(t, "all are parked", func() bool { return parked(r.Gateway) == 2*len(clients) })
		for _, session := range r.Sessions().All() {
			session.Stop(Cause{By: "test", Code: 4000, Reason: "enough"})
		}
		for _, c := range clients {
			if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, 4000) {
				t.Errorf("the client got %v", err)
			}
			c.Close()
		}
		eventually(t, "the sessions have left", func() bool { return r.Sessions().Len() == 0 && host.open.Load() == 0 })
	})
}
