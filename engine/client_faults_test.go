package engine

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"framegate/engine/wire"
)

// Whatever a client does at whatever stage of its handshake, its connection ends
// and gives its place back; of a host that was dialled for it nothing is left, and
// the record says that the client was gone.
func TestFaultsOfTheClientAtEveryStageOfItsHandshake(t *testing.T) {
	const hello = "\x16\x03\x01\x00\xff\x01" // the beginning of a ClientHello
	half := upgradeRequest("/")[:60]
	faults := map[string]func(c *net.TCPConn){
		"stall":      func(*net.TCPConn) {},
		"half-close": func(c *net.TCPConn) { c.CloseWrite() },
		"RST":        func(c *net.TCPConn) { c.SetLinger(0); c.Close() },
		"garbage":    func(c *net.TCPConn) { c.Write([]byte("\x00\xff\r\n\r\n\r\n")) },
	}
	for _, at := range []struct {
		name   string
		secure bool
		sends  string
		answer map[string]string // the beginning of what the client gets, by fault; nothing otherwise
	}{
		{"before its request", false, "", map[string]string{"garbage": "HTTP/1.1 400 "}},
		{"inside its request", false, half, map[string]string{"stall": "HTTP/1.1 408 ", "garbage": "HTTP/1.1 400 ", "half-close": "HTTP/1.1 400 "}},
		{"before its TLS", true, "", nil},
		{"inside its TLS", true, hello, nil},
	} {
		for name, strike := range faults {
			t.Run(at.name+"/"+name, func(t *testing.T) {
				s := snapshotOf(&Websocket{Path: "/", Upgrade: policyOf("admit", dial{"127.0.0.1:1"})})
				s.Ports["public"].Limits.Handshake = 300 * time.Millisecond
				if at.secure {
					s.Ports["public"].TLS = &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}
				}
				r := start(t, s)
				conn, err := net.Dial("tcp", r.address)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				io.WriteString(conn, at.sends)
				state := r.state("public")
				eventually(t, "it is accepted", func() bool { return state.connections() == 1 })
				strike(conn.(*net.TCPConn))
				conn.SetReadDeadline(time.Now().Add(15 * time.Second))
				got, _ := io.ReadAll(conn)
				if want := at.answer[name]; !strings.HasPrefix(string(got), want) || want == "" && !at.secure && len(got) > 0 {
					t.Errorf("the client got %q, want %q", got, want)
				}
				eventually(t, "its place is given back", func() bool { return state.connections() == 0 })
				if at.secure {
					state.mu.Lock()
					if n := state.notices[refusedTLS]; n == nil || n.last.IsZero() {
						t.Error("the log does not say that the TLS handshake failed")
					}
					state.mu.Unlock()
				}
			})
		}
	}
	for _, name := range []string{"half-close", "RST"} {
		t.Run("while its policy runs/"+name, func(t *testing.T) {
			host := newWSHost(t)
			running, goOn := make(chan struct{}), make(chan struct{})
			r := start(t, snapshotOf(&Websocket{Path: "/", Upgrade: policyOf("admit", dial{host.address}, filterFunc(func(*Message) (bool, error) {
				close(running)
				<-goOn
				return true, nil
			}))}))
			arrived := host.expect("/")
			conn, err := net.Dial("tcp", r.address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			io.WriteString(conn, upgradeRequest("/"))
			<-running
			faults[name](conn.(*net.TCPConn))
			close(goOn)
			h := <-arrived
			defer h.Close()
			h.SetReadDeadline(time.Now().Add(15 * time.Second))
			o := h.echo()
			if c := r.gone(); c.By != "client" || c.Code != wire.CloseAbnormal || o.err == nil && o.close != closeBody(wire.CloseGoingAway, "client lost") {
				t.Errorf("the host saw %+v; recorded as %+v", o, c)
			}
		})
	}
}
