package engine

import (
	"bufio"
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"framegate/engine/wire"
)

// rsv1 marks a compressed message.
const rsv1 byte = 0x40

// peerDeflate is a peer's own permessage-deflate, by the standard library.
type peerDeflate struct {
	byItself bool // every message that it sends
	out      bytes.Buffer
	w        *flate.Writer
	window   []byte // what it has received
}

func newPeerDeflate(byItself bool) *peerDeflate {
	d := &peerDeflate{byItself: byItself}
	d.w, _ = flate.NewWriter(&d.out, flate.BestSpeed)
	return d
}

func (d *peerDeflate) pack(body string) string {
	d.out.Reset()
	if d.byItself {
		d.w.Reset(&d.out)
	}
	io.WriteString(d.w, body)
	d.w.Flush()
	return strings.TrimSuffix(d.out.String(), "\x00\x00\xff\xff")
}

// unpack inflates the message in p.body, where it is compressed.
func (p *wsPeer) unpack() error {
	if !p.packed {
		return nil
	}
	in := io.MultiReader(bytes.NewReader(p.body), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff"))
	body, err := io.ReadAll(flate.NewReaderDict(in, p.deflate.window))
	switch {
	case err != nil:
		return &peerViolation{wire.CloseInvalidPayload, "invalid deflate data: " + err.Error()}
	case p.op == opText && !utf8.Valid(body):
		return &peerViolation{wire.CloseInvalidPayload, "text is not UTF-8"}
	}
	window := append(p.deflate.window, body...)
	p.deflate.window = window[max(0, len(window)-wire.MaxContext):]
	p.body = body
	return nil
}

// say sends a message, compressed where that is agreed, in fragments of so many
// bytes (0: in one frame).
func (p *wsPeer) say(op byte, body string, fragment int) error {
	first := op
	if p.deflate != nil {
		first, body = op|rsv1, p.deflate.pack(body)
	}
	if fragment == 0 {
		fragment = len(body)
	}
	var out []byte
	for fragment > 0 && len(body) > fragment {
		out = append(out, p.frame(first, body[:fragment])...)
		first, body = opContinuation, body[fragment:]
	}
	_, err := p.Write(append(out, p.frame(final|first, body)...))
	return err
}

// compressed opens a session in which the client has made an offer and the host
// gives an answer beside what it was asked for; "-" is none. Both ends know what
// was agreed, and the client's 101 is given back.
func compressed(t testing.TB, address string, host *wsHost, path, offer, answer string) (client, server *wsPeer, agreed string) {
	t.Helper()
	arrived := host.expect(path)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	request := upgradeRequest(path + "?answer=" + url.QueryEscape(answer))
	if offer != "-" {
		request = strings.TrimSuffix(request, "\r\n") + "Sec-WebSocket-Extensions: " + offer + "\r\n\r\n"
	}
	io.WriteString(conn, request)
	client = &wsPeer{Conn: conn, r: bufio.NewReader(conn), client: true}
	conn.SetReadDeadline(time.Now().Add(60 * time.Second))
	response, err := http.ReadResponse(client.r, nil)
	if err != nil || response.StatusCode != 101 {
		t.Fatalf("upgrade: %v %v", response, err)
	}
	server = <-arrived
	t.Cleanup(func() { server.Close() })
	server.SetReadDeadline(time.Now().Add(60 * time.Second))
	if agreed = strings.Join(response.Header["Sec-Websocket-Extensions"], ", "); agreed != "" {
		client.deflate = newPeerDeflate(strings.Contains(agreed, "client_no_context_takeover"))
	}
	return client, server, agreed
}

// deflateAnswer is the 101 of a host that accepts compression as the query says.
func deflateAnswer(q *http.Request, accept string) string {
	answer := q.URL.Query().Get("answer")
	offer := strings.Join(q.Header["Sec-Websocket-Extensions"], ", ")
	if answer == "-" || offer == "" {
		return plain101(q, accept)
	}
	if strings.Contains(offer, "server_no_context_takeover") {
		answer += "; server_no_context_takeover"
	}
	return strings.TrimSuffix(plain101(q, accept), "\r\n") + "Sec-WebSocket-Extensions: " + wire.DeflateName + answer + "\r\n\r\n"
}

// deflateCase is a case of sections 12 and 13 of the suite.
type deflateCase struct {
	number string
	offer  string // of a client that plays the case
	answer string // of a host that plays it
	op     byte
	data   string
	size   int // of the messages; the suite sends a thousand, here are some
	cut    int // into fragments of so many bytes
}

// deflateSizes are the sizes and fragments of each group.
var deflateSizes = [][2]int{
	{16}, {64}, {256}, {1 << 10}, {4 << 10}, {8 << 10}, {16 << 10}, {32 << 10}, {64 << 10}, {128 << 10},
	{8 << 10, 256}, {16 << 10, 256}, {32 << 10, 256}, {64 << 10, 256}, {128 << 10, 256}, {128 << 10, 1 << 10}, {128 << 10, 4 << 10}, {128 << 10, 32 << 10},
}

const anyOffer = "permessage-deflate; client_no_context_takeover; client_max_window_bits"

// deflateCases are §12, by kinds of data, and §13, by what is agreed.
func deflateCases() (cases []deflateCase) {
	json, prose := jsonData(), strings.Repeat("It was said before, and it will be said again, as things are. ", 2500)
	noise := noiseData()
	for i, kind := range []struct {
		op   byte
		data string
	}{{opText, json}, {opBinary, noise}, {opText, prose}, {opText, prose[:5000] + strings.Repeat("κόσμε ", 20000)}, {opBinary, json}} {
		for j, size := range deflateSizes {
			cases = append(cases, deflateCase{fmt.Sprintf("12.%d.%d", i+1, j+1), anyOffer, "", kind.op, kind.data, size[0], size[1]})
		}
	}
	const nine, fifteen = "_max_window_bits=9", "_max_window_bits=15"
	const server, client, alone = "; server", "; client", "_no_context_takeover"
	for i, terms := range []struct{ offer, answer string }{
		{anyOffer, ""},
		{anyOffer + server + alone, client + alone},
		{anyOffer + server + nine, client + nine},
		{anyOffer + server + fifteen, client + fifteen},
		{anyOffer + server + alone + server + nine, client + alone + client + nine},
		{anyOffer + server + alone + server + fifteen, client + alone + client + fifteen},
		{anyOffer + server + alone + server + nine + ", " + anyOffer + server + alone + ", " + anyOffer, "-"},
	} {
		for j, size := range deflateSizes {
			cases = append(cases, deflateCase{fmt.Sprintf("13.%d.%d", i+1, j+1), terms.offer, terms.answer, opText, json, size[0], size[1]})
		}
	}
	return cases
}

func jsonData() string {
	var b strings.Builder
	for i := 0; b.Len() < 140<<10; i++ {
		fmt.Fprintf(&b, `{"id":%d,"name":"näme %d","tags":["a","b%d"],"active":%v},`, i*7919, i%97, i%13, i%3 == 0)
	}
	return b.String()
}

func noiseData() string {
	p, x := make([]byte, 140<<10), uint32(1)
	for i := range p {
		x = x*1664525 + 1013904223
		p[i] = byte(x >> 24)
	}
	return string(p)
}

// message is the n-th message of the case.
func (c *deflateCase) message(n int) string {
	from := n * 37
	for !utf8.RuneStart(c.data[from]) {
		from++
	}
	to := from + c.size
	for c.op == opText && !utf8.RuneStart(c.data[to]) {
		to--
	}
	return c.data[from:to]
}

// TestDeflateConformance plays sections 12 and 13 of the Autobahn test suite as
// TestConformance plays the others: on either leg, with a correct peer that
// compresses too, or not, on the other.
func TestDeflateConformance(t *testing.T) {
	cases := deflateCases()
	count := newTally()
	for _, mode := range []struct {
		name string
		own  Compression
	}{
		{"by default", Compression{Client: true, Host: true, MinSize: 128, Context: 2 << 10}},
		{"with all contexts", Compression{Client: true, Host: true, Context: 32 << 10, PeerContext: 32 << 10}},
		{"without contexts", Compression{Client: true, Host: true}},
		{"the other leg plain", Compression{Client: true, Host: true, Context: 1 << 10}},
	} {
		host := newWSHost(t)
		host.answer = deflateAnswer
		r := start(t, snapshotOf(&Websocket{
			Path: "/", Upgrade: policyOf("admit", dial{host.address}), MessageMode: true, Compression: mode.own, Log: LogRules{Off: true},
		}))
		for _, leg := range []string{"client leg", "host leg"} {
			t.Run(leg+"/"+mode.name, func(t *testing.T) {
				for i, c := range cases {
					if (mode.name != "by default" && i%4 != 0) || racing && i%5 != 0 {
						continue // one of four, and under the race detector one of five, so that every group is there
					}
					t.Run(c.number, func(t *testing.T) {
						t.Parallel()
						t.Cleanup(func() { count.add(c.number, leg+", "+mode.name, t.Failed()) })
						c.play(t, r, host, leg == "client leg", mode.name == "the other leg plain")
					})
				}
			})
		}
	}
	count.log(t)
}

// play has the fuzzing peer send messages, and looks at what comes back.
func (c *deflateCase) play(t *testing.T, r *running, host *wsHost, clientPlays, otherPlain bool) {
	offer, answer := c.offer, c.answer
	if clientPlays && otherPlain {
		answer = "-"
	} else if otherPlain {
		offer = "-"
	}
	path := fmt.Sprintf("/%v/%s", clientPlays, c.number)
	client, server, _ := compressed(t, r.address, host, path, offer, answer)
	if answer != "-" {
		server.deflate = newPeerDeflate(r.terms().PeerContext == 0)
	}
	fuzzer, other := server, client
	if clientPlays {
		fuzzer, other = client, server
	}
	seen := make(chan outcome, 1)
	go func() { seen <- other.echo() }()
	messages := 4
	if c.size > 8<<10 {
		messages = 2
	}
	for n := range messages {
		want := wsEvent{c.op, c.message(n)}
		sent := make(chan error, 1)
		go func() { sent <- fuzzer.say(c.op, want.body, c.cut) }()
		if ev, err := fuzzer.receive(); err != nil || ev != want {
			t.Fatalf("message %d came back as %v, %v", n, ev, err)
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
	fuzzer.sendClose(wire.CloseNormal, "")
	fuzzer.getsClose(t, wire.CloseNormal, "")
	fuzzer.leave()
	fuzzer.Close()
	if o := <-seen; o.err != nil || o.close != closeBody(wire.CloseNormal, "") {
		t.Errorf("the correct peer saw %+v", o)
	}
}

// terms is what the gateway under test wants of compression.
func (r *running) terms() wire.DeflateTerms {
	return r.Snapshot().Ports["public"].Websockets[0].Compression.terms()
}
