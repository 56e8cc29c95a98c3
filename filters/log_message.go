package filters

import (
	"context"
	"fmt"
	"log/slog"

	"framegate/engine"
)

func init() { register[logMessage](Kind{Type: "log-message", Family: Notes, Hooks: engine.OnAny}) }

// Writes a line to the gateway's log, with the session's id, the policy and the
// filter. Always passes. As in Axway's Log Message Payload filter, but the payload
// is written only when you ask for it.
//
// The body of a message is hostile text: the log escapes line breaks and control
// characters in it. What you put into format yourself is written as it is; keep
// secrets out of it.
//
// Axway's Alert filter, one line for so many in a time, is throttling before it:
// where its success leads here, at most `allow` lines are written in the time `every`;
// where its failure does, what is more than that is told. Count for each client with
// its key.
//
//	filters:
//	  - type: log-message
//	    format: 'upgrade by ${authentication.subject.id ?: "nobody"}'
//	    level: warn
type logMessage struct {
	// Format is the line's message.
	Format engine.Selector `yaml:"format" default:"message"`

	// Level is the line's level; the log may be set to keep only the higher ones.
	Level string `yaml:"level" default:"info" oneof:"debug info warn error"`

	// Body adds content.body and its length.
	Body bool `yaml:"body"`

	// MaxBody is the most bytes of the body that are written.
	MaxBody engine.Size `yaml:"maxBody" default:"1KiB"`

	level          slog.Level
	policy, filter string
}

func (f *logMessage) Prepare(env *Env) error {
	f.policy, f.filter = env.Policy, env.Filter
	if f.Body && f.MaxBody == 0 {
		return wrong("maxBody", "write a size such as 1KiB, or leave body out", "nothing of the body would be written")
	}
	return logLevel(f.Level, &f.level)
}

func (f *logMessage) Run(m *engine.Message) (bool, error) {
	log := m.Logger()
	if !log.Enabled(context.Background(), f.level) {
		return true, nil
	}
	text, err := f.Format.String(m)
	if err != nil {
		return false, fmt.Errorf("format: %w", err)
	}
	fields := []slog.Attr{slog.String("policy", f.policy), slog.String("filter", f.filter)}
	if f.Body {
		body := m.Body()
		fields = append(fields, slog.Int("length", len(body)), slog.String("body", cutLong(string(body), int(f.MaxBody))))
	}
	log.LogAttrs(context.Background(), f.level, text, fields...)
	return true, nil
}
