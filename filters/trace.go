package filters

import (
	"fmt"
	"log/slog"

	"framegate/engine"
)

func init() {
	register[trace](Kind{Type: "trace", Family: Notes, Aliases: []string{"TraceFilter"}, Hooks: engine.OnAny})
}

// Writes a line to the trail of this run, for the console, tail and policy tests
// to show; it goes to no log file. Always passes. As in Axway's Trace filter, but
// only the attributes you name are written, not all of them.
//
// Attributes and headers that carry secrets (Authorization, Cookie, X-API-Key,
// and what is named password, secret, token…) are written as [redacted]. What you put
// into text yourself is written as it is.
//
//	filters:
//	  - type: trace
//	    text: upgrade to ${http.request.path}
//	    attributes: [http.headers, authentication.subject.id]
type trace struct {
	// Text is the line; each attribute and the body follow as lines of their own.
	Text engine.Selector `yaml:"text"`

	// Level marks the line.
	Level string `yaml:"level" default:"info" oneof:"debug info warn error"`

	// Attributes lists attributes to write, at most 1 KiB of each; one that is not set says so.
	Attributes []string `yaml:"attributes"`

	// Body writes content.body too, at most 1 KiB of it.
	Body bool `yaml:"body"`

	attrs []engine.Attr
	level slog.Level
}

// traced is the most bytes of a value that trace writes.
const traced = 1 << 10

func (f *trace) Prepare(*Env) error {
	if f.Text.IsZero() && len(f.Attributes) == 0 && !f.Body {
		return wrong("text", "write text, attributes or body: true", "there is nothing to trace")
	}
	f.attrs = f.attrs[:0]
	for i, name := range f.Attributes {
		if !dottedName(name) {
			return wrong(indexed("attributes", i), "write a dotted name such as http.headers, without ${…}", "%q is not the name of an attribute", name)
		}
		f.attrs = append(f.attrs, engine.AttrOf(name))
	}
	return logLevel(f.Level, &f.level)
}

// logLevel reads the word for a level.
func logLevel(word string, level *slog.Level) error {
	if err := level.UnmarshalText([]byte(word)); err != nil {
		return wrong("level", "write debug, info, warn or error", "%q is not a level", word)
	}
	return nil
}

func (f *trace) Run(m *engine.Message) (bool, error) {
	if !f.Text.IsZero() {
		text, err := f.Text.String(m)
		if err != nil {
			return false, fmt.Errorf("text: %w", err)
		}
		m.Logf(f.level, "%s", text)
	}
	for _, a := range f.attrs {
		v := m.Get(a)
		if v.IsMissing() {
			m.Logf(f.level, "%s is not set", a.Name())
			continue
		}
		m.Logf(f.level, "%s = %s", a.Name(), shown(a.Name(), v, traced))
	}
	if f.Body {
		m.Logf(f.level, "content.body = %s", cutLong(string(m.Body()), traced))
	}
	return true, nil
}
