package console

import (
	"strings"
	"time"
	"unicode/utf8"

	"framegate/engine"
	"framegate/engine/wire"
)

// Record is a record of the traffic log as REST, the stream and exports give
// it: an [engine.Record] whose payloads are text where they are text, and whose
// close code comes with its meaning.
type Record struct {
	Seq     uint64    `json:"seq"`  // counts up over the whole gateway
	Kind    string    `json:"kind"` // "upgrade", "frame", "close" or "request"
	At      time.Time `json:"at"`
	Session string    `json:"session"`
	Port    string    `json:"port,omitempty"`
	Path    string    `json:"path"`
	Client  string    `json:"client,omitempty"` // address; of upgrades and closes
	Subject string    `json:"subject,omitempty"`

	Method  string         `json:"method,omitempty"` // of a request
	Status  int            `json:"status,omitempty"` // of the answer: to an upgrade 101, or why not
	Host    string         `json:"host,omitempty"`   // the remote host, and the address dialled
	Headers []engine.Field `json:"headers,omitempty"`

	Dir        string   `json:"dir,omitempty"`        // who sent it: "client" or "host"
	Op         string   `json:"op,omitempty"`         // "text", "binary", "ping" or "pong"
	Size       int64    `json:"size"`                 // payload bytes, inflated where they came compressed
	Compressed int64    `json:"compressed,omitempty"` // payload bytes on the wire, where the message was compressed
	Fragments  int      `json:"fragments,omitempty"`
	Injected   bool     `json:"injected,omitempty"` // the gateway sent it: a policy, the console or REST
	Outcome    string   `json:"outcome,omitempty"`  // see [Outcomes]
	Before     *Payload `json:"before,omitempty"`   // as it came; missing when payloads are not logged
	After      *Payload `json:"after,omitempty"`    // as it went on, when a policy changed it; of a request, the answer's body

	Code     uint16          `json:"code,omitempty"`
	CodeText string          `json:"codeText,omitempty"`   // what the close code means
	By       string          `json:"by,omitempty"`         // who ended it: "client", "host", "policy", "idle timeout"…
	Millis   float64         `json:"durationMs,omitempty"` // how long an upgrade took or a session lasted
	In       *engine.Traffic `json:"in,omitempty"`         // of the whole session, from the client
	Out      *engine.Traffic `json:"out,omitempty"`        // of the whole session, from the host

	Policy string `json:"policy,omitempty"`
	Reason string `json:"reason,omitempty"` // why it was refused, failed or closed
	Trail  []Step `json:"trail,omitempty"`
}

// Payload is what the log kept of a message: its beginning, as Text or as
// Base64.
type Payload struct {
	Size      int64  `json:"size"` // of the whole payload, in bytes
	Text      string `json:"text,omitempty"`
	Base64    []byte `json:"base64,omitempty"`
	Truncated bool   `json:"truncated,omitempty"` // there is more than the log kept
}

// Step is one filter that a policy run went through.
type Step struct {
	Policy  string   `json:"policy"`
	Filter  string   `json:"filter"`
	Type    string   `json:"type"`
	Depth   int      `json:"depth,omitempty"` // 1 in a called policy, 2 in one called from there…
	Result  string   `json:"result"`          // "pass", "fail" or "abort"
	Arrow   string   `json:"arrow"`           // "success → headers", "end: pass", …
	Reason  string   `json:"reason,omitempty"`
	Micros  float64  `json:"us,omitempty"` // how long it took, called policies included; 0: not measured
	Log     []string `json:"log,omitempty"`
	Changes []Change `json:"changes,omitempty"`
}

// Change is an attribute that a filter changed. Before or After is null when it
// was added or removed; bytes are base64.
type Change struct {
	Name   string `json:"name"`
	Before any    `json:"before"`
	After  any    `json:"after"`
}

// recordOf makes the view of a record.
func recordOf(r *engine.Record) Record {
	v := Record{
		Seq: r.Seq, Kind: r.Kind.String(), At: r.At.UTC(), Session: r.Session, Port: r.Port, Path: r.Path, Client: r.Client, Subject: r.Subject,
		Method: r.Method, Status: r.Status, Host: r.Host, Headers: r.Headers,
		Dir: r.Dir, Op: r.Op, Size: r.Size, Compressed: r.Compressed, Fragments: r.Fragments, Injected: r.Injected, Outcome: r.Outcome,
		By: r.By, Millis: float64(r.Duration.Microseconds()) / 1000,
		Policy: r.Policy, Reason: r.Reason, Trail: trailOf(r.Trail),
	}
	if len(r.Before) > 0 {
		v.Before = payloadOf(r.Op, r.Before, r.Size)
	}
	if len(r.After) > 0 || r.AfterSize > 0 || r.Outcome == "changed" {
		v.After = payloadOf(r.Op, r.After, r.AfterSize)
	}
	if r.Kind == engine.CloseRecord {
		v.Code, v.CodeText, v.In, v.Out = r.Code, wire.CodeText(r.Code), &r.In, &r.Out
	}
	return v
}

// payloadOf shows the first bytes of a payload of size bytes. A character that
// the log cut in two is left out.
func payloadOf(op string, head []byte, size int64) *Payload {
	p := &Payload{Size: size, Truncated: int64(len(head)) < size}
	text := head
	if p.Truncated {
		text = wholeRunes(head)
	}
	if op != wire.Binary.String() && utf8.Valid(text) {
		p.Text = string(text)
	} else {
		p.Base64 = head
	}
	return p
}

// wholeRunes drops the begin of a character from the end of text.
func wholeRunes(text []byte) []byte {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if tail := text[len(text)-n:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return text[:len(text)-n]
			}
			break
		}
	}
	return text
}

func trailOf(steps []engine.Step) []Step {
	var trail []Step
	for _, s := range steps {
		step := Step{
			Policy: s.Policy, Filter: s.Filter, Type: s.Type, Depth: s.Depth, Result: s.Result.String(),
			Arrow: s.Arrow, Reason: s.Reason, Micros: s.Micros, Log: make([]string, len(s.Log)),
		}
		for i, line := range s.Log {
			step.Log[i] = strings.ToValidUTF8(line, "\uFFFD")
		}
		for _, c := range s.Changes {
			step.Changes = append(step.Changes, Change{Name: c.Name, Before: c.Before, After: c.After})
		}
		trail = append(trail, step)
	}
	return trail
}
