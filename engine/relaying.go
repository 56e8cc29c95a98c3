package engine

import (
	"sync"

	"framegate/engine/wire"
)

// relaying is what a pump needs while it has a goroutine, which one without does
// not hold: most sessions are idle most of the time.
type relaying struct {
	src, dst *leg
	rules    *Websocket            // what it runs by; compared with the session's before every chunk
	policy   *Policy               // of this direction; nil: relay untouched
	begun    []byte                // what came together with the handshake
	ready    func(fd uintptr) bool // of whom
	whom     *pump
	wakes    uint32 // how often there was something to read
	large    bool   // long messages pass: read into large buffers
	err      error

	message bool // the mode: message, or raw
	log     bool // records are wanted
	follow  wire.Follower
	reader  *wire.Reader // message mode only
	out     *buffer      // message mode: frames that go on when the input is drained
	msg     *Message     // of the policy
	keys    wire.Keys    // of what goes on to a host
	kept    int64        // bytes of the reader's buffer that the gateway has counted
	whole   int64        // messages that were whole when the one that is half received began
}

var relayings = sync.Pool{New: func() any { return &relaying{} }}

// begin gives the pump what it needs to relay by the rules it had.
func (p *pump) begin() {
	r := relayings.Get().(*relaying)
	if r.ready == nil {
		r.ready = func(fd uintptr) bool { return r.whom.readable(fd) }
	}
	p.relaying = r
	p.src, p.dst = &p.s.legs[p.from], &p.s.legs[p.from.Other()]
	p.whom = p
	p.use(p.runsBy.Load())
}

// rest gives back what begin took. The pump is between two messages, or at its end.
func (p *pump) rest() {
	r := p.relaying
	if r == nil {
		return
	}
	p.relaying = nil
	if r.out != nil {
		giveBuffer(r.out)
	}
	if r.reader != nil {
		*r.reader = wire.Reader{}
	}
	if r.msg != nil {
		r.msg.forget()
	}
	*r = relaying{ready: r.ready, follow: wire.Follower{Head: r.follow.Head[:0]}, reader: r.reader, msg: r.msg, keys: r.keys}
	relayings.Put(r)
}

// use makes the pump run by the rules: which policy, which mode, what to log.
func (p *pump) use(w *Websocket) {
	p.rules = w
	p.runsBy.Store(w)
	p.policy = w.ClientFrame
	if p.from == HostSide {
		p.policy = w.ServerFrame
	}
	p.log = !w.Log.Off && !w.Log.NoFrames
	p.message = (p.policy != nil || w.MessageMode || p.deflate != nil) && p.s.Extensions == ""
	if p.message {
		p.useReader()
	} else {
		p.useFollower()
	}
}

func (p *pump) useReader() {
	if p.reader == nil {
		p.reader = &wire.Reader{}
	}
	p.reader.CheckUTF8 = true
	p.reader.State.Side, p.reader.State.Rsv1 = p.from, p.deflate != nil && p.deflate.inflates
	p.reader.Limits = wire.Limits{MaxMessage: p.packedLimit()}
	if p.msg == nil {
		p.msg = &Message{}
	}
	if p.msg.Session == nil {
		p.msg.belongTo(p.s, p.from)
		p.msg.seq = p.messages.Load()
	}
}

func (p *pump) useFollower() {
	p.follow.State.Side, p.follow.State.AnyRsv = p.from, p.s.Extensions != ""
	p.follow.Limits = wire.Limits{MaxMessage: p.packedLimit()}
	head := 0
	if p.log {
		head = min(p.rules.Log.Payload, maxHead)
	}
	if cap(p.follow.Head) != head {
		p.follow.Head = nil
		if head > 0 {
			p.follow.Head = make([]byte, 0, head)
		}
	}
}

// maxHead bounds the payload bytes that the log keeps of one message.
const maxHead = 64 << 10
