package scripts

import (
	"time"

	"framegate/engine"
)

// MaxSource is the most bytes that one source file or inline script may have, and a whole bundle may have 16 times as many.
const MaxSource = 1 << 20

// Source is a script as an author wrote it: a file in the gateway's directory, or text in a policy.
type Source struct {
	Name     string          // for messages; empty: File, or At.File
	File     string          // path in the gateway's directory, with slashes; empty: Text
	Text     string          // JavaScript written inline
	At       engine.Position // where the inline text begins
	Function string          // the function to call; empty: invoke
	Timeout  time.Duration   // of one call; 0: [Limits.Call]
	Shared   bool            // the author's word that nothing is kept between messages: copies come from a pool

	Store func(name string) (*engine.Store, error)  // finds a store; nil: there are none
	Call  func(name string) (*engine.Policy, error) // finds a policy for msg.call; nil: there are none
}

// name is what messages call the script.
func (s *Source) name() string {
	switch {
	case s.Name != "":
		return s.Name
	case s.File != "":
		return s.File
	case s.At.File != "":
		return s.At.File
	}
	return "script"
}

// function is the name of the function to call.
func (s *Source) function() string {
	if s.Function == "" {
		return "invoke"
	}
	return s.Function
}

// Error is what is wrong with a script, in the author's own lines: a module that cannot be found, a syntax error, or
// what a call threw. Its position is in the file the author wrote, whatever it was bundled or compiled to.
type Error struct {
	engine.Position
	What string // lowercase, one line
	Hint string // what to write instead; may be empty
	Err  error  // a [Bound], or what a host function returned; may be nil
}

// Error is "file:line:col: what".
func (e *Error) Error() string {
	if e.Position == (engine.Position{}) {
		return e.What
	}
	return e.Position.String() + ": " + e.What
}

// Unwrap returns what broke.
func (e *Error) Unwrap() error { return e.Err }

// Bound is an abort because a script crossed one of its [Limits]. Scripts cannot catch it, and the copy that crossed it
// is thrown away.
type Bound struct{ What string }

func (e *Bound) Error() string { return e.What }
