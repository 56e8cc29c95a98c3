package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"framegate/engine/wire"
)

// Session is one WebSocket through the gateway: two peers and a policy each way.
type Session struct {
	ID          string // unguessable: 128 random bits
	Port        string
	Path        string // of the request, without the query
	Client      netip.AddrPort
	Opened      time.Time
	Subprotocol string
	Extensions  string // agreed end to end, in raw mode only
	Host        string // the remote host's name
	Address     string // the address that was dialled

	gateway   *Gateway
	snapshot  *Snapshot // that the session holds
	websocket atomic.Pointer[Websocket]
	upgrade   *upgradeState
	release   func()  // gives the connection back to the remote host's count; may be nil
	places    []place // where the session counts against limits
	legs      [2]leg
	pumps     [2]pump
	running   atomic.Int32 // pumps that have not ended
	halted    atomic.Bool  // pumps end at once

	standing atomic.Pointer[standing] // who the client is; nil: nobody has said
	expiry   atomic.Pointer[expiry]   // nil: none
	sweep    sweepState

	locals [3]map[any]any // by side, and the upgrade and close policies; see Message.Local

	mu       sync.Mutex
	vars     map[string]Value
	reloaded *reloaded          // nil: no reload has concerned the session
	ending   *ending            // nil while nothing has ended the session
	context  *cancelableContext // nil: nobody has asked for it
}

// ending is why a session ends, and since when.
type ending struct {
	Cause
	since     time.Time
	cancelled bool // the context has ended, or will be when it is made
}

// cancelableContext is a context and what ends it.
type cancelableContext struct {
	context.Context
	cancel context.CancelCauseFunc
}

// Cause is why a session ended: who, with which close code and reason.
type Cause struct {
	By     string // "client", "host", "policy", "idle timeout", "expiry", "shutdown", …
	Code   uint16 // the close code as it was received or sent; 1005 for none, 1006 for a lost connection
	Reason string
	Err    error // what broke, if something did
}

// Error says it in one line.
func (c Cause) Error() string {
	text := fmt.Sprintf("session closed by %s: %d %s", c.By, c.Code, wire.CodeText(c.Code))
	if c.Reason != "" {
		text += fmt.Sprintf(" (%s)", c.Reason)
	}
	if c.Err != nil {
		text += ": " + c.Err.Error()
	}
	return text
}

// Unwrap returns what broke.
func (c Cause) Unwrap() error { return c.Err }

// newSessionID makes an id that nobody can guess.
func newSessionID() string { return rand.Text() }

// limits of session.vars
const (
	maxVars     = 256
	maxVarBytes = 64 << 10
)

// ErrVars is returned when session.vars would grow past 256 values or a value past 64 KiB.
var ErrVars = errors.New("session.vars holds at most 256 values of 64 KiB each")

// Var returns a value that a policy or script keeps for the session; it is the
// attribute websock.session.NAME.
func (s *Session) Var(name string) Value {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.vars[name]
}

// SetVar keeps a value for the rest of the session; a missing value removes it.
func (s *Session) SetVar(name string, v Value) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v.IsMissing() {
		delete(s.vars, name)
		return nil
	}
	if _, known := s.vars[name]; !known && len(s.vars) >= maxVars || len(v.str) > maxVarBytes {
		return ErrVars
	}
	if s.vars == nil {
		s.vars = make(map[string]Value)
	}
	s.vars[name] = v
	return nil
}

// Vars returns a copy of all values of the session.
func (s *Session) Vars() map[string]Value {
	s.mu.Lock()
	defer s.mu.Unlock()
	vars := make(map[string]Value, len(s.vars))
	for name, v := range s.vars {
		vars[name] = v
	}
	return vars
}

// Context ends, with the [Cause], when the session is stopped or has ended. After
// a peer's Close it goes on until the answers to what came before are through.
func (s *Session) Context() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.context == nil {
		ctx, cancel := context.WithCancelCause(context.Background())
		s.context = &cancelableContext{ctx, cancel}
		if s.ending != nil && s.ending.cancelled {
			cancel(s.ending.Cause)
		}
	}
	return s.context.Context
}

// expiry is when a session ends, and with which close code.
type expiry struct {
	at   time.Time
	code uint16
}

// ExpireAt closes the session at a time, with the code; a zero time takes the
// expiry away. The sweep looks once a second. It is apart from the expiry of the
// client's [Identity]: the earlier one ends the session.
func (s *Session) ExpireAt(t time.Time, code uint16) {
	if t.IsZero() {
		s.expiry.Store(nil)
		return
	}
	s.expiry.Store(&expiry{t, code})
}

// EndBy is [Session.ExpireAt], unless the session is to end earlier anyway.
func (s *Session) EndBy(t time.Time, code uint16) {
	for {
		before := s.expiry.Load()
		if before != nil && !t.Before(before.at) || s.expiry.CompareAndSwap(before, &expiry{t, code}) {
			return
		}
	}
}

// Websocket is what the session runs by now; a reload with onChange: migrate
// changes it.
func (s *Session) Websocket() *Websocket { return s.websocket.Load() }
