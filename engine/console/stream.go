package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// The live stream: server-sent events (WHATWG HTML §9.2). A record is a message
// event whose id is its sequence number, so that a browser resumes by itself;
// "gateway" comes first and says which run of the gateway counts so; "lost"
// says how many records fell out of the journal before this reader took them.

// Hello is the data of the event "gateway".
type Hello struct {
	Instance string `json:"instance"` // another one than before: sequence numbers began again
}

// Lost is the data of the event "lost".
type Lost struct {
	Lost uint64 `json:"lost"` // records, whatever they were
}

// subscription is what a reader asked for.
type subscription struct {
	filter filter
	after  uint64        // the last one that the reader has
	last   int           // how many that are there already come first
	seen   atomic.Uint64 // the last one that was written, or looked at and not wanted
}

// getStream is GET /api/v1/stream: what comes from now on, or after=SEQ, or
// first the last=N that are there already. Last-Event-ID, which browsers send
// when they come back, goes before both.
func (c *Console) getStream(ctx *fasthttp.RequestCtx, _ string) error {
	q, err := c.readStreaming(ctx)
	if err != nil {
		return err
	}
	if len(c.streaming) == cap(c.streaming) {
		return refuse(fasthttp.StatusServiceUnavailable, "%d streams are open already", maxStreams)
	}
	head := streamHead(&ctx.Response.Header)
	ctx.HijackSetNoResponse(true)
	ctx.Hijack(func(hijacked net.Conn) {
		conn := hijacked.(interface{ UnsafeConn() net.Conn }).UnsafeConn() // what fasthttp wraps it in goes back to a pool on Close
		defer conn.Close()
		defer c.caught("stream")
		if c.begin() {
			defer c.live.Done()
			defer func() { <-c.streaming }()
			c.stream(conn, head, q)
		}
	})
	return nil
}

func (c *Console) readStreaming(ctx *fasthttp.RequestCtx) (*subscription, error) {
	if err := known(ctx, append([]string{"after", "last"}, filterNames...)...); err != nil {
		return nil, err
	}
	args := ctx.QueryArgs()
	f, err := newFilter(args)
	if err != nil {
		return nil, err
	}
	last, _, err := number(args, "last", 0)
	if err == nil && last > maxLimit {
		err = refuse(fasthttp.StatusBadRequest, "last must be at most %d", maxLimit)
	}
	if err != nil {
		return nil, err
	}
	newest := c.gateway.Journal().Last()
	after, given, err := number(args, "after", newest)
	if err != nil {
		return nil, err
	}
	if id, resumed := header(&ctx.Request.Header, "Last-Event-ID"); resumed {
		if after, err = strconv.ParseUint(id, 10, 64); err != nil {
			return nil, refuse(fasthttp.StatusBadRequest, "Last-Event-ID must be a number, not %q", id)
		}
		given = true
	}
	if given {
		last = 0
	}
	if after > newest { // of a gateway that ran before this one
		after = 0
	}
	q := &subscription{filter: f, after: after, last: int(last)}
	if last == 0 {
		q.seen.Store(after)
	}
	return q, nil
}

// streamHead is the head of the answer. It ends with the connection.
func streamHead(h *fasthttp.ResponseHeader) []byte {
	var head bytes.Buffer
	head.WriteString("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Accel-Buffering: no\r\nConnection: close\r\n")
	for name, value := range h.All() {
		if string(name) != fasthttp.HeaderContentType {
			fmt.Fprintf(&head, "%s: %s\r\n", name, value)
		}
	}
	head.WriteString("\r\n")
	return head.Bytes()
}

// begin takes a place for a stream, unless the console is ending or full.
func (c *Console) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending.Err() != nil {
		return false
	}
	select {
	case c.streaming <- struct{}{}:
		c.live.Add(1)
		return true
	default:
		return false
	}
}

// stream writes events until the reader goes away, stalls, or the console ends.
func (c *Console) stream(conn net.Conn, head []byte, q *subscription) {
	ctx, cancel := context.WithCancel(c.ending)
	var readers sync.WaitGroup
	defer readers.Wait()
	defer cancel()
	context.AfterFunc(ctx, func() { conn.Close() })
	readers.Go(func() { // who listens says nothing more; what comes is the end of the connection
		defer cancel()
		io.Copy(io.Discard, conn)
	})
	events := make(chan event)
	readers.Go(func() {
		defer cancel()
		defer c.caught("stream")
		c.follow(ctx, q, events)
	})
	w := eventWriter{conn: conn, buf: head, seen: &q.seen}
	w.append("gateway", q.seen.Load(), Hello{c.instance})
	w.write(ctx, events, c.heartbeat)
}

// event is a record that a reader wants, or how many were lost.
type event struct {
	record *Record
	lost   uint64
	seq    uint64 // how far the reader is with it
}

// follow gives the wanted records to the writer until ctx ends. While the
// writer waits for its reader, nothing is read from the journal.
func (c *Console) follow(ctx context.Context, q *subscription, events chan<- event) {
	give := func(e event) bool {
		select {
		case events <- e:
			q.seen.Store(e.seq)
			return true
		case <-ctx.Done():
			return false
		}
	}
	j := c.gateway.Journal()
	if q.last > 0 {
		page := lastFrames(j, &q.filter, q.last)
		for i := range page.Records {
			if !give(event{record: &page.Records[i], seq: page.Records[i].Seq}) {
				return
			}
		}
		q.after = page.Next
		q.seen.Store(page.Next)
	}
	for r, lost := range j.Follow(ctx, q.after) {
		if lost > 0 && !give(event{lost: lost, seq: r.Seq - 1}) {
			return
		}
		if !q.filter.match(&r) {
			q.seen.Store(r.Seq)
			continue
		}
		v := recordOf(&r)
		if !give(event{record: &v, seq: r.Seq}) {
			return
		}
	}
}

// eventWriter writes server-sent events to a connection.
type eventWriter struct {
	conn net.Conn
	buf  []byte
	seen *atomic.Uint64
}

// write writes events until ctx ends or the connection fails.
func (w *eventWriter) write(ctx context.Context, events <-chan event, every time.Duration) {
	quiet := time.NewTicker(every)
	defer quiet.Stop()
	for w.flush() == nil {
		select {
		case e := <-events:
			if e.lost > 0 {
				w.append("lost", e.seq, Lost{e.lost})
			} else {
				w.append("", e.seq, e.record)
			}
		case <-quiet.C: // a comment, and how far the reader is even when it wanted none of it
			w.buf = append(w.buf, ": alive\n"...)
			w.buf = append(w.appendID(w.seen.Load()), '\n')
		case <-ctx.Done():
			return
		}
	}
}

// append appends one event; JSON has no line breaks, so that it is one data line.
func (w *eventWriter) append(name string, id uint64, data any) {
	if name != "" {
		w.buf = append(append(append(w.buf, "event: "...), name...), '\n')
	}
	text, err := json.Marshal(data)
	if err != nil {
		text = []byte("null")
	}
	w.buf = append(append(append(w.appendID(id), "data: "...), text...), "\n\n"...)
}

// appendID appends what the reader sends as Last-Event-ID when it comes back; 0 is no id.
func (w *eventWriter) appendID(id uint64) []byte {
	if id == 0 {
		return w.buf
	}
	return append(strconv.AppendUint(append(w.buf, "id: "...), id, 10), '\n')
}

// flush writes what is there. A reader that takes nothing for 30 s is cut; it
// comes back with the id of what it got.
func (w *eventWriter) flush() error {
	w.conn.SetWriteDeadline(time.Now().Add(stalledAfter))
	_, err := w.conn.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}
