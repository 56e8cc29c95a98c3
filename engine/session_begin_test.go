package engine

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"framegate/engine/wire"
)

// through starts a gateway in front of a host that the test plays.
func through(t *testing.T, w *Websocket) (*running, *wsHost) {
	t.Helper()
	host := newWSHost(t)
	if w.Upgrade == nil {
		w.Upgrade = policyOf("admit", dial{host.address})
	}
	return start(t, snapshotOf(w)), host
}

// eventually waits until something has become true.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(15 * time.Second); !is(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not within 15s: %s", what)
		}
	}
}

// only is the only open session.
func (r *running) only() *Session {
	r.t.Helper()
	eventually(r.t, "one session is open", func() bool { return r.Sessions().Len() == 1 })
	return r.Sessions().All()[0]
}

// gone waits until one more close is recorded and no session is open, and
// returns the record of the last close. A session that has not begun is not open
// either.
func (r *running) gone() Record {
	r.t.Helper()
	var closes []Record
	eventually(r.t, "all sessions have ended", func() bool {
		closes = closes[:0]
		records, _ := r.Journal().Read(0, DefaultJournal)
		for i := range records {
			if records[i].Kind == CloseRecord {
				closes = append(closes, records[i])
			}
		}
		return len(closes) > r.closes && r.Sessions().Len() == 0
	})
	r.closes = len(closes)
	return closes[len(closes)-1]
}

// gets receives one message or control frame and compares it.
func (p *wsPeer) gets(t testing.TB, op byte, body string) {
	t.Helper()
	ev, err := p.receive()
	if want := (wsEvent{op, body}); err != nil || ev != want {
		t.Fatalf("got %v, %v; want %v", ev, err, want)
	}
}

// getsClose receives a Close.
func (p *wsPeer) getsClose(t testing.TB, code uint16, reason string) {
	t.Helper()
	p.gets(t, opClose, closeBody(code, reason))
}

// getsEnd receives the end of the connection, between two frames.
func (p *wsPeer) getsEnd(t testing.TB) {
	t.Helper()
	if ev, err := p.receive(); err != io.EOF {
		t.Fatalf("got %v, %v; want the end of the connection", ev, err)
	}
}

// reset ends the connection with a RST.
func (p *wsPeer) reset() {
	p.Conn.(*net.TCPConn).SetLinger(0)
	p.Close()
}

func TestFramesThatComeWithTheHosts101(t *testing.T) {
	long := strings.Repeat("x", 3*smallBuffer)
	modes(t, func(t *testing.T, w *Websocket) {
		r, host := through(t, w)
		var server wsPeer
		host.answer = func(q *http.Request, accept string) string {
			return plain101(q, accept) + string(server.frame(final|opText, "first")) + string(server.frame(final|opPing, "p")) +
				string(server.frame(final|opBinary, long)) + string(server.frame(final|opText, "half")[:4])
		}
		client, h := pair(t, r.address, host, "/")
		client.gets(t, opText, "first")
		client.gets(t, opPing, "p")
		client.gets(t, opBinary, long)
		io.WriteString(h, "lf")
		client.gets(t, opText, "half")
	})
}

func TestFramesThatComeWithTheClientsRequest(t *testing.T) {
	long := strings.Repeat("x", 3*smallBuffer)
	modes(t, func(t *testing.T, w *Websocket) {
		r, host := through(t, w)
		arrived := host.expect("/")
		frames := &wsPeer{client: true}
		client := connect(t, r.address, "/", string(frames.frame(final|opText, "first"))+string(frames.frame(final|opPing, "p"))+string(frames.frame(final|opBinary, long)))
		h := <-arrived
		defer h.Close()
		h.gets(t, opText, "first")
		h.gets(t, opPing, "p")
		h.gets(t, opBinary, long)
		client.send(opText, "second")
		h.gets(t, opText, "second")
	})
}

// The upgrade policy has dialled the host when its client goes away: the host's
// connection is closed, its place is given back, and nothing is left.
func TestClientGoesAwayWhileItsUpgradePolicyRuns(t *testing.T) {
	host := newWSHost(t)
	dialled, goOn := make(chan struct{}), make(chan struct{})
	var released atomic.Int32
	admit := policyOf("admit", dial{host.address}, filterFunc(func(m *Message) (bool, error) {
		m.upstream.Release = func() { released.Add(1) }
		dialled <- struct{}{}
		<-goOn
		return true, nil
	}))
	r := start(t, snapshotOf(&Websocket{Path: "/", Upgrade: admit, Limits: Limits{Total: 1}}))
	for i := range 20 {
		before := openFiles(t)
		arrived := host.expect("/")
		conn, err := net.Dial("tcp", r.address)
		if err != nil {
			t.Fatal(err)
		}
		client := &wsPeer{Conn: conn}
		io.WriteString(conn, upgradeRequest("/"))
		<-dialled
		if i%2 == 0 {
			client.reset()
		} else {
			client.Close()
		}
		goOn <- struct{}{}
		h := <-arrived
		h.SetReadDeadline(time.Now().Add(15 * time.Second))
		if o := h.echo(); errors.Is(o.err, os.ErrDeadlineExceeded) || o.err == nil && o.close != closeBody(wire.CloseGoingAway, "client lost") {
			t.Fatalf("the host saw %+v", o)
		}
		eventually(t, "the host's place is given back", func() bool { return released.Load() == int32(i+1) })
		eventually(t, "all sockets are closed", func() bool { return openFiles(t) <= before })
	}
	r.gone()
}

// openFiles counts the file descriptors of the process.
func openFiles(t *testing.T) int {
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc/self/fd:", err)
	}
	return len(files)
}

// RFC 9110 §7.6.1 lets a client list "close" beside "Upgrade"; the session is
// one all the same, and the library below must not close it.
func TestClientAsksForCloseBesideUpgrade(t *testing.T) {
	r, host := through(t, &Websocket{Path: "/"})
	arrived := host.expect("/")
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, strings.Replace(upgradeRequest("/"), "Connection: Upgrade", "Connection: Upgrade, close", 1))
	h := <-arrived
	defer h.Close()
	h.send(opText, "hello")
	got := make([]byte, 4096)
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	for n := 0; !strings.HasSuffix(string(got[:n]), "\x81\x05hello"); {
		k, err := conn.Read(got[n:])
		if n += k; err != nil {
			t.Fatalf("got %q, then %v", got[:n], err)
		}
	}
}
