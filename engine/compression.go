package engine

import (
	"strings"
	"unicode/utf8"

	"framegate/engine/wire"
)

// Compression says with whom, and how, messages are compressed where they end at the gateway: permessage-deflate, RFC 7692, in
// message mode. In raw mode it is for the peers to agree on, end to end. Its zero value compresses nothing.
type Compression struct {
	Client, Host bool // with whom it is agreed, if the peer can
	MinSize      int  // shorter messages go on uncompressed
	Context      int  // see [wire.DeflateTerms]; bytes held per peer that gets compressed messages
	PeerContext  int  // see [wire.DeflateTerms]; bytes held per peer that sends them
}

func (c *Compression) terms() wire.DeflateTerms {
	return wire.DeflateTerms{Context: c.Context, PeerContext: c.PeerContext}
}

// deflating is what one direction knows of compression: how the peer that it comes from compresses, and how messages go on to
// the other. Only the direction's own pump uses it, so what others send to the peer ([Session.Send]) goes uncompressed, which
// RFC 7692 §6 leaves to the sender for each message.
type deflating struct {
	inflates, deflates bool // the peer that it comes from compresses; the one that it goes to may be sent compressed messages
	in                 wire.Inflater
	out                wire.Deflater
	same               bool // what the one compressed the other can read as it is

	packed []byte // the message at hand as it came, compressed; nil: it came uncompressed
	asIs   bool   // it may go on in that form
}

// agreeDeflate prepares both directions for what was agreed with each peer, nil for nothing.
func (s *Session) agreeDeflate(client, host *wire.Deflate, own *Compression) {
	if client == nil && host == nil {
		return
	}
	for side, legs := range [2][2]*wire.Deflate{{client, host}, {host, client}} {
		d := &deflating{}
		if src := legs[0]; src != nil {
			d.inflates, d.in.Side = true, src[side]
		}
		if dst := legs[1]; dst != nil {
			d.deflates, d.out.Side, d.out.Context = true, dst[side], own.Context
		}
		d.same = d.inflates && d.deflates && d.in.Side.NoContext && d.in.Side.Bits <= d.out.Side.Bits
		s.pumps[side].deflate = d
	}
}

// compression says, for [Info], with whom messages are compressed.
func (s *Session) compression() string {
	d := s.pumps[ClientSide].deflate
	switch {
	case d == nil:
		return ""
	case d.inflates && d.deflates:
		return "client, host"
	case d.inflates:
		return "client"
	}
	return "host"
}

// maxMessage is how long a message may be, inflated.
func (w *Websocket) maxMessage() int64 {
	if w.Limits.Message == 0 {
		return wire.DefaultMaxMessage
	}
	return w.Limits.Message
}

// packedLimit is how long the frames of a message may be together. What cannot be compressed becomes longer by some bytes for
// every block of DEFLATE.
func (p *pump) packedLimit() int64 {
	limit := p.rules.maxMessage()
	if p.deflate == nil || !p.deflate.inflates || limit < 0 {
		return limit
	}
	return limit + limit>>8 + 64
}

// deliverPlain inflates a message that came compressed, before its policy sees it.
func (p *pump) deliverPlain(ev *wire.Event) error {
	d, limit := p.deflate, p.rules.maxMessage()
	if ev.Rsv == 0 {
		if d.packed = nil; limit >= 0 && int64(len(ev.Payload)) > limit {
			return wire.ErrTooBig
		}
		return p.decide(ev)
	}
	b := takeBuffer(false)
	defer func() {
		d.packed = nil
		giveBuffer(b)
	}()
	plain, final, err := d.in.Append(b.b[:0], ev.Payload, limit)
	b.b = plain
	switch {
	case err != nil:
		return err
	case ev.Op == wire.Text && !utf8.Valid(plain):
		return wire.ErrUTF8
	}
	// Not every receiver reads on behind a block that says it is the last: what the policy has seen goes on, nothing else.
	d.packed, d.asIs = ev.Payload, d.same && !final
	ev.Payload = plain
	return p.decide(ev)
}

// forward passes a message on that its policy let through.
func (p *pump) forward(m *Message, ev *wire.Event) error {
	if p.deflate == nil {
		return p.put(m.Op, m.body)
	}
	if d := p.deflate; d.packed != nil && d.asIs && !m.changed && m.Op == ev.Op {
		d.out.Remember(m.body)
		return p.putFrame(m.Op, wire.Rsv1, d.packed)
	}
	return p.putPacked(m.Op, m.body)
}

// putPacked is put, compressed where that is agreed and makes the message shorter.
func (p *pump) putPacked(op wire.Op, payload []byte) error {
	d := p.deflate
	if d == nil || !d.deflates || op.IsControl() || len(payload) < max(p.rules.Compression.MinSize, 1) {
		return p.put(op, payload)
	}
	b := takeBuffer(len(payload) > smallBuffer)
	defer func() { giveBuffer(b) }()
	packed, ok := d.out.Append(b.b[:0], payload)
	b.b = packed
	if !ok {
		return p.put(op, payload)
	}
	return p.putFrame(op, wire.Rsv1, packed)
}

// recordPassed records a message that went on in raw mode. One that is compressed is inflated as far as it can be: what refers
// to messages before it cannot, nor what lies behind the bytes that the log keeps.
func (p *pump) recordPassed(ev *wire.FollowEvent) {
	r := Record{Op: ev.Op.String(), Size: ev.Length, Fragments: ev.Fragments, Outcome: "relayed", Before: p.follow.Head}
	if ev.Rsv&wire.Rsv1 == 0 || !isDeflate(p.s.Extensions) {
		p.record(r)
		return
	}
	r.Compressed = ev.Length
	if len(r.Before) == 0 {
		p.record(r)
		return
	}
	b := takeBuffer(false)
	out, more := wire.InflateHead(b.b[:0], r.Before, int64(len(r.Before)) == ev.Length, int64(min(p.rules.Log.Payload, maxHead)))
	b.b, r.Before, r.Size = out, out, int64(len(out))
	if more {
		r.Size = max(ev.Length, r.Size+1)
	}
	p.record(r)
	giveBuffer(b)
}

// isDeflate tells whether peers agreed on permessage-deflate and nothing else.
func isDeflate(extensions string) bool {
	name, _, _ := strings.Cut(extensions, ";")
	return strings.TrimSpace(name) == wire.DeflateName && !strings.Contains(extensions, ",")
}
