package engine

import (
	"fmt"
	"log/slog"
	"time"
)

// Result is how a filter ended.
type Result uint8

// The results.
const (
	Passed Result = iota
	Failed
	Aborted
)

var resultNames = [...]string{"pass", "fail", "abort"}

// String is the result's word in trails.
func (r Result) String() string { return resultNames[r] }

// MarshalText writes the word.
func (r Result) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Step is one filter that a policy run went through.
type Step struct {
	Policy  string   `json:"policy"`
	Filter  string   `json:"filter"`
	Type    string   `json:"type"`
	Depth   int      `json:"depth,omitempty"` // 1 in a called policy, 2 in one called from there…
	Result  Result   `json:"result"`
	Arrow   string   `json:"arrow"` // "success → headers", "end: pass", "fault → refuse"
	Reason  string   `json:"reason,omitempty"`
	Micros  float64  `json:"us,omitempty"` // how long it took, called policies included; 0 when nobody measured
	Log     []string `json:"log,omitempty"`
	Changes []Change `json:"changes,omitempty"`
}

// Change is an attribute that a filter changed; Before or After is missing when
// it was added or removed. Long values are cut.
type Change struct {
	Name   string `json:"name"`
	Before Value  `json:"before"`
	After  Value  `json:"after"`
}

// step is a Step as it is kept while the policy runs: pointers and numbers only.
type step struct {
	policy *Policy
	node   int32
	next   int32 // where the run went: a node, endPass, endFail or endAbort
	depth  int32
	result Result
	reason string
	took   time.Duration
}

// line is a log line or a change, and the step that it belongs to.
type line struct {
	step   int
	text   string
	change *Change
}

// run is the state of a policy run over a message: where it is, why it failed,
// and its trail. Its slices are used again by the next run.
type run struct {
	following bool // somebody wants times and changes
	current   int  // the step that is running
	explained bool // the running filter called Fail, or a filter that it called failed
	steps     []step
	lines     []line
	count     int  // filters run, over all called policies
	named     bool // the reason names the filter that failed
	depth     int32
	status    int // of the refusal that the last failed filter wants
	headers   Headers
	reason    string
	fault     error // the abort that a fault handler is dealing with
	policy    *Policy
	settled   *bool // how the run is to end, whatever its arrows say
}

func (r *run) reset() {
	r.steps, r.lines = r.steps[:0], r.lines[:0]
	r.count, r.depth, r.status, r.reason, r.fault, r.policy, r.settled = 0, 0, 0, "", nil, nil, nil
	if r.headers.Len() > 0 {
		r.headers = Headers{}
	}
}

// emptied is a run with the room of r.
func (r *run) emptied() run {
	clear(r.steps[:cap(r.steps)])
	clear(r.lines[:cap(r.lines)])
	return run{steps: r.steps[:0], lines: r.lines[:0]}
}

// maxLines bounds the log lines of one run; a script that logs in a loop loses the rest.
const maxLines = 200

func (r *run) logf(level slog.Level, format string, args ...any) {
	if len(r.lines) >= maxLines {
		return
	}
	text := fmt.Sprintf(format, args...)
	if level != slog.LevelInfo {
		text = level.String() + " " + text
	}
	r.lines = append(r.lines, line{step: r.current, text: text})
}

// payloadNames are the attributes that hold the payload, or parts of it.
var payloadNames = map[string]bool{"content.body": true, "deleted.json.node.list": true, "json.errors": true}

// note records a change of an attribute for the trail; of a secret, and of a payload where the log keeps none, only that it changed.
func (m *Message) note(name string, before, after Value) {
	if !m.run.following || len(m.run.lines) >= maxLines {
		return
	}
	if SecretName(name) || m.private && payloadNames[name] {
		before, after = before.redacted(), after.redacted()
	}
	m.run.lines = append(m.run.lines, line{step: m.run.current, change: &Change{name, before.cut(), after.cut()}})
}

// redacted stands in the place of a value that is there.
func (v Value) redacted() Value {
	if v.IsMissing() {
		return v
	}
	return StringValue("[redacted]")
}

// longValue is where values are cut in trails, in bytes.
const longValue = 1024

// cut copies a value, at most 1 KiB of it.
func (v Value) cut() Value {
	if (v.kind == String || v.kind == Bytes) && len(v.str) > longValue {
		v.str = v.str[:longValue]
	}
	return v.keep()
}

// value is an attribute of the run itself.
func (r *run) value(kind attrKind) Value {
	switch {
	case kind == circuitName && r.policy != nil:
		return StringValue(r.policy.Name)
	case kind == circuitReason && r.reason != "":
		return StringValue(r.reason)
	case kind == circuitException && r.fault != nil:
		return StringValue(r.fault.Error())
	case kind == circuitPath:
		names := ""
		for _, s := range r.steps {
			names += "/" + s.policy.Nodes[s.node].Name
		}
		return StringValue(names)
	}
	return Value{}
}

// Trail is the record of the filters that the policy run went through, with log
// lines and changes beside the filter that made them.
func (m *Message) Trail() []Step {
	r := &m.run
	steps := make([]Step, len(r.steps))
	for i, s := range r.steps {
		node := &s.policy.Nodes[s.node]
		steps[i] = Step{
			Policy: s.policy.Name, Filter: node.Name, Type: node.Type, Depth: int(s.depth), Result: s.result,
			Arrow: s.policy.arrow(s), Reason: s.reason, Micros: float64(s.took.Nanoseconds()) / 1000,
		}
	}
	for _, l := range r.lines {
		if l.step >= len(steps) {
			continue
		}
		if l.change != nil {
			steps[l.step].Changes = append(steps[l.step].Changes, *l.change)
			continue
		}
		steps[l.step].Log = append(steps[l.step].Log, l.text)
	}
	return steps
}
