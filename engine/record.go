package engine

import (
	"time"

	"framegate/engine/wire"
)

// RecordKind tells what a record is about.
type RecordKind uint8

// The kinds of records.
const (
	UpgradeRecord RecordKind = iota // an upgrade, with its answer
	FrameRecord                     // a data message, a ping or a pong
	CloseRecord                     // the end of a session
	RequestRecord                   // a plain HTTP request on a route, with its answer, at its end
)

var recordNames = [...]string{"upgrade", "frame", "close", "request"}

// String is the kind's word in the traffic log.
func (k RecordKind) String() string { return recordNames[k] }

// MarshalText writes the word.
func (k RecordKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Record is one line of the traffic log: what happened to an upgrade, a message
// or a session.
type Record struct {
	Seq     uint64     `json:"seq"` // counts up over the whole gateway
	Kind    RecordKind `json:"kind"`
	At      time.Time  `json:"at"`
	Session string     `json:"session"`
	Port    string     `json:"port"`
	Path    string     `json:"path"`
	Client  string     `json:"client"` // address of the client
	Subject string     `json:"subject,omitempty"`

	// Upgrades and requests. Of a request, Size and Before are the body as far as it was read, AfterSize and After that of the
	// answer as far as it was sent, and Duration is from the first byte to the last.
	Method  string  `json:"method,omitempty"` // of a request
	Status  int     `json:"status,omitempty"`
	Host    string  `json:"host,omitempty"`    // the remote host, and the address dialled
	Headers []Field `json:"headers,omitempty"` // of the request, redacted

	// Messages.
	Dir       string `json:"dir,omitempty"` // "client" or "host": who sent it
	Op        string `json:"op,omitempty"`  // "text", "binary", "ping", "pong"
	Size      int64  `json:"size"`          // payload bytes as they came
	Fragments int    `json:"fragments,omitempty"`
	// Compressed is the payload bytes as they came, where the message was compressed; Size is then what they were inflated to.
	// In raw mode, where nobody inflates more than the log keeps, Size may be less than that.
	Compressed int64  `json:"compressed,omitempty"`
	Injected   bool   `json:"injected,omitempty"` // sent by a policy, the console or REST
	Outcome    string `json:"outcome,omitempty"`  // "relayed", "changed", "dropped", "replied", "closed", "failed", "aborted", "refused"; of requests "answered", "proxied", "refused" or "cut"
	Before     []byte `json:"before,omitempty"`   // the first bytes as they came
	After      []byte `json:"after,omitempty"`    // the first bytes as they went on, when they changed
	AfterSize  int64  `json:"afterSize,omitempty"`

	// Closes.
	Code     uint16        `json:"code,omitempty"`
	By       string        `json:"by,omitempty"` // who ended it: "client", "host", "policy", "idle timeout"…
	Duration time.Duration `json:"duration,omitempty"`
	In       Traffic       `json:"in,omitzero"`  // from the client
	Out      Traffic       `json:"out,omitzero"` // from the host

	Policy string `json:"policy,omitempty"`
	Reason string `json:"reason,omitempty"`
	Trail  []Step `json:"trail,omitempty"`
}

// Field is one header line of a recorded request.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Traffic counts one direction of a session.
type Traffic struct {
	Messages int64 `json:"messages"`
	Bytes    int64 `json:"bytes"` // payload bytes of data messages
}

// LogRules says what the traffic log keeps of a websocket.
type LogRules struct {
	Off      bool // keep nothing
	NoFrames bool // keep upgrades and closes only
	Payload  int  // how many bytes of payloads are kept; 0: metadata only
	Trails   int  // keep times, log lines and changes of one message in N; 0: of none
}

// dirName is the word for a side in records.
func dirName(from Side) string {
	if from == wire.FromClient {
		return "client"
	}
	return "host"
}
