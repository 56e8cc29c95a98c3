package scripts

import (
	"io/fs"
	"log/slog"
	"sync"
	"time"
	"weak"

	"github.com/dlclark/regexp2/v2"

	"framegate/engine"
)

// Library compiles scripts and remembers what it compiled, by content, so that a script which a reload did not change
// keeps its copies. One library serves a gateway. It is safe for concurrent use.
type Library struct {
	limits Limits
	state  engine.State
	log    *slog.Logger
	dog    *watchdog
	now    func() time.Time // of the breaker; tests turn it
	known  *known
}

// known is what was compiled, by content and limits.
type known struct {
	mu    sync.Mutex
	codes map[codeKey]weak.Pointer[code]
}

type codeKey struct {
	content [32]byte
	limits  Limits
}

// NewLibrary makes a library. Scripts reach what outlives a session through state, which may be nil; log gets what the
// trail has no place for: a script that was stopped for its many errors. Close the library when nothing runs any more.
func NewLibrary(limits Limits, state engine.State, log *slog.Logger) *Library {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	boundBacktracking()
	return &Library{
		limits: limits.withDefaults(), state: state, log: log, dog: newWatchdog(), now: time.Now,
		known: &known{codes: make(map[codeKey]weak.Pointer[code])},
	}
}

// Within returns the library with other limits, for what is compiled from now
// on. Everything else is shared; only one of the two is to be closed.
func (l *Library) Within(limits Limits) *Library {
	other := *l
	other.limits = limits.withDefaults()
	return &other
}

// Close ends the library's goroutine. Programs of the library must not run afterwards.
func (l *Library) Close() error {
	l.dog.close()
	return nil
}

// Compile bundles, checks and loads a script: its top level runs once, within the bounds. The error is an [*Error].
func (l *Library) Compile(files fs.FS, src Source) (*Program, error) {
	bundle, err := bundleSource(files, &src)
	if err != nil {
		return nil, err
	}
	code, err := l.code(bundle, &src)
	if err != nil {
		return nil, err
	}
	p := &Program{code: code, library: l, store: src.Store, call: src.Call, limit: src.Timeout}
	if p.limit == 0 {
		p.limit = l.limits.Call
	}
	if code.facts.backtracks && p.limit >= gaveUp {
		return nil, &Error{
			Position: code.facts.backtracksAt, What: "a timeout of " + p.limit.String() + " is too long for a script with a regular expression that can backtrack",
			Hint: "write the expression without back-references and look-around, or a timeout below " + gaveUp.String(),
		}
	}
	if err := p.try(); err != nil {
		return nil, err
	}
	return p, nil
}

// code returns what is known of the bundle, compiling it where it is new.
func (l *Library) code(b *bundle, src *Source) (*code, error) {
	key := codeKey{b.key(src), l.limits}
	l.known.mu.Lock()
	defer l.known.mu.Unlock()
	if c := l.known.codes[key].Value(); c != nil {
		return c, nil
	}
	c, err := compile(b, src, l.limits)
	if err != nil {
		return nil, err
	}
	for old, pointer := range l.known.codes {
		if pointer.Value() == nil {
			delete(l.known.codes, old)
		}
	}
	l.known.codes[key] = weak.Make(c)
	return c, nil
}

// matchTimeout is when a regular expression that backtracks is given up. The expression then says "no match", so a call
// that took nearly this long has failed, whatever it returned.
const (
	matchTimeout = 250 * time.Millisecond
	gaveUp       = matchTimeout * 3 / 4 // the clock of the expressions is a coarse one
)

// boundBacktracking sets the timeout of the regular expressions that need backtracking; it is the engine's only switch.
var boundBacktracking = sync.OnceFunc(func() {
	regexp2.DefaultMatchTimeout = matchTimeout
	regexp2.SetTimeoutCheckPeriod(10 * time.Millisecond)
})
