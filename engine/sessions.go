package engine

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"framegate/engine/wire"
)

// Sessions is the table of open sessions of a gateway.
type Sessions struct {
	mu    sync.RWMutex
	open  map[string]*Session
	count map[place]int
}

// place is what open sessions are counted by: for the limits of a websocket, or
// for a policy.
type place struct {
	websocket string // port and path
	client    netip.Addr
	subject   string
	counter   string // of [Message.Reserve]
	key       string
}

// ErrNoSession is returned for an id that no open session has.
var ErrNoSession = errors.New("no open session has this id")

func newSessions() *Sessions {
	return &Sessions{open: make(map[string]*Session), count: make(map[place]int)}
}

// Find returns the open session with an id.
func (t *Sessions) Find(id string) (*Session, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	s, ok := t.open[id]
	return s, ok
}

// Len is how many sessions are open.
func (t *Sessions) Len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.open)
}

// All lists the open sessions, in no order.
func (t *Sessions) All() []*Session {
	t.mu.RLock()
	defer t.mu.RUnlock()
	all := make([]*Session, 0, len(t.open))
	for _, s := range t.open {
		all = append(all, s)
	}
	return all
}

// Send sends a message to one peer of a session, as from the gateway itself:
// it runs no policy and waits for a message boundary.
func (t *Sessions) Send(id string, to Side, op wire.Op, body []byte) error {
	s, ok := t.Find(id)
	if !ok {
		return ErrNoSession
	}
	return s.Send(to, op, body)
}

// Send sends a message to one peer: it runs no policy and waits, in a queue of
// at most 1 MiB, for a message boundary. What RFC 6455 forbids is
// [ErrNotSendable]; a Close is sent by [Session.Stop] only.
func (s *Session) Send(to Side, op wire.Op, body []byte) error {
	if err := sendable(op, body); err != nil {
		return err
	}
	err := s.legs[to].inject(op, body)
	if log := s.Websocket().Log; err == nil && !log.Off && !log.NoFrames {
		s.pumps[to.Other()].record(Record{Op: op.String(), Size: int64(len(body)), Fragments: 1, Outcome: "sent", Injected: true, Before: log.head(body)})
	}
	return err
}

// ErrNotSendable is returned for a message that no peer may be sent: text that is
// not UTF-8 (RFC 6455 §8.1), a ping or pong of more than 125 bytes (§5.5), or
// anything but text, binary, ping and pong.
var ErrNotSendable = errors.New("only UTF-8 text, binary, and pings and pongs of at most 125 bytes can be sent")

// sendable checks a message that a policy, the console or REST wants to send.
func sendable(op wire.Op, body []byte) error {
	switch op {
	case wire.Text:
		if utf8.Valid(body) {
			return nil
		}
	case wire.Binary:
		return nil
	case wire.Ping, wire.Pong:
		if len(body) <= wire.MaxControl {
			return nil
		}
	}
	return ErrNotSendable
}

// Info is what lists of sessions show.
type Info struct {
	ID          string    `json:"id"`
	Port        string    `json:"port"`
	Path        string    `json:"path"`
	Client      string    `json:"client"`
	Subject     string    `json:"subject,omitempty"`
	Subprotocol string    `json:"subprotocol,omitempty"`
	Extensions  string    `json:"extensions,omitempty"`  // agreed end to end
	Compression string    `json:"compression,omitempty"` // whose messages the gateway itself inflates and deflates: "client", "host", "client, host"
	Host        string    `json:"host"`
	Address     string    `json:"address"`
	Opened      time.Time `json:"opened"`
	In          Traffic   `json:"in"`  // from the client
	Out         Traffic   `json:"out"` // from the host
	Closing     bool      `json:"closing,omitempty"`
}

// Info describes the session as it is now.
func (s *Session) Info() Info {
	return Info{
		ID: s.ID, Port: s.Port, Path: s.Path, Client: clientText(s.Client), Subject: s.Subject(), Subprotocol: s.Subprotocol,
		Extensions: s.Extensions, Compression: s.compression(), Host: s.Host, Address: s.Address, Opened: s.Opened,
		In: s.traffic(ClientSide), Out: s.traffic(HostSide), Closing: s.isEnding(),
	}
}

// List describes the open sessions, oldest first.
func (t *Sessions) List() []Info {
	all := t.All()
	infos := make([]Info, len(all))
	for i, s := range all {
		infos[i] = s.Info()
	}
	slices.SortFunc(infos, func(a, b Info) int { return cmp.Or(a.Opened.Compare(b.Opened), cmp.Compare(a.ID, b.ID)) })
	return infos
}

// reserve counts the session in at a place, once.
func (s *Session) reserve(at place, limit int) (ok bool, open int) {
	table := s.gateway.sessions
	ok = slices.Contains(s.places, at)
	if !ok {
		if ok = table.reserve(at, limit); ok {
			s.places = append(s.places, at)
		}
	}
	return ok, table.counted(at)
}

// leavePlaces takes back what the session is counted by.
func (s *Session) leavePlaces() {
	for _, at := range s.places {
		s.gateway.sessions.release(at)
	}
	s.places = nil
}

// counted is how many sessions are counted at a place.
func (t *Sessions) counted(at place) int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.count[at]
}

// reserve counts a session in at a place, unless the limit (0: none) is reached.
func (t *Sessions) reserve(at place, limit int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if limit > 0 && t.count[at] >= limit {
		return false
	}
	t.count[at]++
	return true
}

// release takes back what reserve counted.
func (t *Sessions) release(at place) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count[at]--; t.count[at] <= 0 {
		delete(t.count, at)
	}
}

func (t *Sessions) add(s *Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open[s.ID] = s
}

func (t *Sessions) remove(s *Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, s.ID)
}
