package engine

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"framegate/engine/wire"
)

// TestConformance plays the fuzzing peer of the Autobahn test suite, sections
// 1–7, 9 and 10 (crossbario/autobahn-testsuite, the numbers are its own),
// against the gateway: as a client before it, with a correct echoing host
// behind; and as a host behind it, with a correct echoing client in front.
//
// What Autobahn calls NON-STRICT is a failure here: the gateway promises that a
// violation does not swallow the answers still on their way back, and that it
// notices invalid text with the byte that makes it so.
func TestConformance(t *testing.T) {
	cases := conformanceCases()
	count := newTally()
	for _, mode := range []struct {
		name string
		w    Websocket
		tls  bool
	}{
		{"raw", Websocket{}, false},
		{"raw unlogged", Websocket{Log: LogRules{Off: true}}, false}, // the follower's fast walk
		{"message", Websocket{MessageMode: true}, false},
		{"raw over TLS", Websocket{}, true},
		{"message over TLS", Websocket{MessageMode: true}, true},
	} {
		w := mode.w
		w.Path, w.Limits.Message = "/", 16<<20
		host := newWSHost(t)
		w.Upgrade = policyOf("admit", dial{host.address})
		s := snapshotOf(&w)
		if mode.tls {
			s.Ports["public"].TLS = &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}
			w.Upgrade = policyOf("admit", dial{host.address}, opaque{})
		}
		r := start(t, s)
		for _, leg := range []string{"client leg", "host leg"} {
			t.Run(leg+"/"+mode.name, func(t *testing.T) {
				for _, c := range cases {
					if mode.tls && strings.HasPrefix(c.number, "9.") {
						continue // sizes and counts cost time and show nothing more over TLS
					}
					t.Run(c.number, func(t *testing.T) {
						t.Parallel()
						t.Cleanup(func() { count.add(c.number, leg+", "+mode.name, t.Failed()) })
						client, server := open(t, r.address, mode.tls, host, fmt.Sprintf("/%s/%s", strings.Fields(leg)[0], c.number))
						d := &drive{t: t, c: c, message: w.MessageMode, fuzzer: client}
						other := server
						if leg == "host leg" {
							d.fuzzer, other = server, client
						}
						d.run(other)
					})
				}
			})
		}
	}
	count.log(t)
}

// open opens a session through the gateway, perhaps over TLS.
func open(t *testing.T, address string, secure bool, host *wsHost, path string) (client, server *wsPeer) {
	if !secure {
		return pair(t, address, host, path)
	}
	arrived := host.expect(path)
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	client = upgrade(t, conn, path, "")
	server = <-arrived
	t.Cleanup(func() { server.Close() })
	server.SetReadDeadline(time.Now().Add(30 * time.Second))
	return client, server
}

// opaque hides that a remote host's connection is TCP, as one over TLS does: it
// is read in the ordinary way.
type opaque struct{}

func (opaque) Run(m *Message) (bool, error) {
	m.upstream.Conn = struct{ *net.TCPConn }{m.upstream.Conn.(*net.TCPConn)}
	return true, nil
}

// selfSigned makes a certificate for the tests' port.
func selfSigned(t *testing.T) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// conformanceCase is a case of the suite as bytes: what the fuzzing peer sends
// and what it must get back.
type conformanceCase struct {
	number string
	send   []piece
	chop   int       // how the bytes are cut: 0 not at all, wholeFrames, or so many bytes a write
	want   []wsEvent // the echoes and pongs, in order; nothing else may come
	closed uint16    // the code of the Close that must come then; 1005: an empty one
	by     ender
	utf8   bool // the violation is in the text: in raw mode the correct peer finds it
}

// wholeFrames cuts the bytes between frames.
const wholeFrames = -1

// ender says who closes.
type ender int

const (
	fuzzerCloses ender = iota // with code 1000, after the last answer
	caseCloses                // a Close is among what the case sends
	peerFails                 // the peer fails the connection
)

// piece is a frame, or a part of one, that the fuzzing peer sends.
type piece struct {
	first  byte   // FIN, RSV and opcode
	body   string // the payload
	length int    // 0, or the announced length of a frame of which only a part is sent
	from   int    // more than 0: no header, but the payload of the frame before from here on
	then   pause
}

// pause is what the fuzzing peer does before the next piece.
type pause int

const (
	goOn     pause = iota
	quiet          // see that nothing comes back
	answered       // wait until something comes back
	noMore         // the connection must be failed now: what follows is not sent
)

func (s piece) after(p pause) piece {
	s.then = p
	return s
}

// quietTime is how long nothing must come back where the suite waits 1 s.
const quietTime = 50 * time.Millisecond

// drive runs one case.
type drive struct {
	t       *testing.T
	c       conformanceCase
	message bool
	fuzzer  *wsPeer
	got     []wsEvent
}

func (d *drive) run(other *wsPeer) {
	seen := make(chan outcome, 1)
	go func() { seen <- other.echo() }()
	writing := make(chan struct{})
	if d.staged() {
		d.send()
		close(writing)
	} else { // big messages come back while they are still being sent
		go func() {
			defer close(writing)
			d.send()
		}()
	}
	d.receive()
	d.fuzzer.leave()
	<-writing
	d.fuzzer.Close()
	d.checkOther(<-seen)
}

// staged tells whether the case looks at what comes back before it has sent all.
func (d *drive) staged() bool {
	for _, s := range d.c.send {
		if s.then != goOn {
			return true
		}
	}
	return false
}

// send sends the bytes of the case. Errors of writing are not looked at: a peer
// that fails the connection need not read on, and what it said is checked.
func (d *drive) send() {
	var out []byte
	for _, s := range d.c.send {
		if s.from == 0 {
			out = d.fuzzer.appendHead(out, s.first, max(s.length, len(s.body)))
		}
		out = d.fuzzer.appendBody(out, s.body, s.from)
		if s.then == goOn && d.c.chop != wholeFrames {
			continue
		}
		d.write(out)
		out = out[:0]
		if s.then == noMore || !d.pause(s.then) {
			return
		}
	}
	d.write(out)
}

func (d *drive) write(p []byte) {
	size := d.c.chop
	if size <= 0 {
		size = len(p)
	}
	for len(p) > 0 {
		n := min(size, len(p))
		if _, err := d.fuzzer.Write(p[:n]); err != nil {
			return
		}
		p = p[n:]
	}
}

// pause reports whether the case goes on.
func (d *drive) pause(p pause) bool {
	switch p {
	case quiet:
		d.fuzzer.SetReadDeadline(time.Now().Add(quietTime))
		if b, err := d.fuzzer.r.Peek(1); !errors.Is(err, os.ErrDeadlineExceeded) {
			d.t.Errorf("something came back before the violation: %x %v", b, err)
			return false
		}
		d.fuzzer.SetReadDeadline(time.Now().Add(30 * time.Second))
	case answered:
		ev, err := d.fuzzer.receive()
		d.got = append(d.got, ev)
		return err == nil
	}
	return true
}

// receive reads until the other side's Close, and after it to the end.
func (d *drive) receive() {
	if d.c.by == fuzzerCloses && len(d.got) == len(d.c.want) {
		d.fuzzer.sendClose(wire.CloseNormal, "")
	}
	for {
		ev, err := d.fuzzer.receive()
		if err != nil {
			d.t.Errorf("got %v, then %v instead of a Close %d", d.got, err, d.c.closed)
			return
		}
		if ev.op == opClose {
			d.checkClose(ev.body)
			break
		}
		d.got = append(d.got, ev)
		if d.c.by == fuzzerCloses && len(d.got) == len(d.c.want) {
			d.fuzzer.sendClose(wire.CloseNormal, "")
		}
	}
	if fmt.Sprint(d.got) != fmt.Sprint(d.c.want) || len(d.got) != len(d.c.want) {
		d.t.Errorf("got %v\nwant %v", d.got, d.c.want)
		return
	}
	for i := range d.got {
		if d.got[i] != d.c.want[i] {
			d.t.Errorf("answer %d differs: %v, want %v", i, d.got[i], d.c.want[i])
		}
	}
}

// checkClose checks the Close that came, and answers it where the case has not
// sent one.
func (d *drive) checkClose(body string) {
	code := wire.CloseNoStatus
	if len(body) >= 2 {
		code = uint16(body[0])<<8 | uint16(body[1])
	}
	if code != d.c.closed {
		d.t.Errorf("closed with %d %q, want %d", code, body[min(2, len(body)):], d.c.closed)
	}
	if d.c.by == caseCloses && code == d.sentCode() && body != d.sentClose() {
		d.t.Errorf("the Close came back as %q, sent %q", body, d.sentClose())
	}
	if d.c.by == peerFails {
		d.fuzzer.send(opClose, body)
	}
	if ev, err := d.fuzzer.receive(); !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		d.t.Errorf("after the Close: %v %v, want the end of the connection", ev, err)
	}
}

// sentClose is the payload of the first Close that the case sends.
func (d *drive) sentClose() string {
	for _, s := range d.c.send {
		if s.first&0xF == opClose {
			return s.body
		}
	}
	return ""
}

func (d *drive) sentCode() uint16 {
	body := d.sentClose()
	if len(body) < 2 {
		return wire.CloseNoStatus
	}
	return uint16(body[0])<<8 | uint16(body[1])
}

// checkOther checks what the correct peer has seen: nothing but correct frames,
// and the right Close.
func (d *drive) checkOther(o outcome) {
	lost := closeBody(wire.CloseGoingAway, "client lost")
	if !d.fuzzer.client {
		lost = closeBody(wire.CloseBadGateway, "host lost")
	}
	var violation *peerViolation
	switch {
	case d.c.utf8 && !d.message: // the peer found it
		if !errors.As(o.err, &violation) || violation.code != d.c.closed {
			d.t.Errorf("the correct peer saw %+v, want invalid text", o)
		}
	case o.err != nil:
		d.t.Errorf("the correct peer saw: %v", o.err)
	case d.c.by == fuzzerCloses:
		if o.close != closeBody(wire.CloseNormal, "") {
			d.t.Errorf("the correct peer was closed with %q", o.close)
		}
	case d.failed():
		if o.close != lost {
			d.t.Errorf("the correct peer was closed with %q, want %q", o.close, lost)
		}
	case o.close != d.sentClose():
		d.t.Errorf("the correct peer was closed with %q, the case sent %q", o.close, d.sentClose())
	}
}

// failed tells whether the gateway itself fails the connection.
func (d *drive) failed() bool {
	return d.c.by == peerFails || d.c.closed != d.sentCode()
}

// tally counts cases by section, leg and mode.
type tally struct {
	mu     sync.Mutex
	counts map[string]map[string]*[2]int
	order  []string
}

func newTally() *tally { return &tally{counts: make(map[string]map[string]*[2]int)} }

func (c *tally) add(number, where string, failed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	section, _, _ := strings.Cut(number, ".")
	if c.counts[where] == nil {
		c.counts[where] = make(map[string]*[2]int)
		c.order = append(c.order, where)
	}
	if c.counts[where][section] == nil {
		c.counts[where][section] = new([2]int)
	}
	if failed {
		c.counts[where][section][1]++
	} else {
		c.counts[where][section][0]++
	}
}

func (c *tally) log(t *testing.T) {
	var all [2]int
	for _, where := range c.order {
		line := fmt.Sprintf("%-29s", where)
		for _, section := range []string{"1", "2", "3", "4", "5", "6", "7", "9", "10"} {
			if n := c.counts[where][section]; n != nil {
				line += fmt.Sprintf("  §%s %d/%d", section, n[0], n[0]+n[1])
				all[0] += n[0]
				all[1] += n[1]
			}
		}
		t.Log(line)
	}
	t.Logf("%d cases passed, %d failed", all[0], all[1])
}
