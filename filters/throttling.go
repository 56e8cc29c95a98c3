package filters

import (
	"fmt"
	"strconv"
	"time"

	"framegate/engine"
)

func init() {
	register[throttling](Kind{Type: "throttling", Aliases: []string{"MaximumNumberMsgsFilter"}, Hooks: engine.OnHTTP | engine.OnFrame})
}

// Passes as long as there are not too many: upgrades, requests or messages, counted
// for each key, such as the client's address. A refused upgrade gets 429 with
// Retry-After; what happens to a message that is too many, its failure arrow says:
// reply-frame, drop-frame, close-websocket. As in Axway's Throttling filter.
//
// All sessions count together, over all ports and over reloads, as long as the
// filter's settings stay the same. Counts are kept in this process.
//
//	filters:
//	  - type: throttling
//	    key: ${authentication.subject.id}
//	    allow: 100
//	    every: 1m
//	    algorithm: token-bucket
//	    burst: 10
type throttling struct {
	// Key is what is counted apart: everything with the same text counts together.
	Key engine.Selector `yaml:"key" default:"${http.request.clientaddr}"`

	// Allow is how many may pass in the time that every says.
	Allow int `yaml:"allow" default:"1" min:"1" max:"1000000000"`

	// Every is the time in which that many may pass.
	Every engine.Duration `yaml:"every" default:"1s" min:"1ms" max:"366d"`

	// Algorithm says how it is counted. With floating-window never more than allow pass in any
	// span of time as long as every; above 64 it may be a 64th of that time too strict. With
	// token-bucket they pass evenly, one each every/allow, and up to burst at once after a pause.
	Algorithm string `yaml:"algorithm" default:"floating-window" oneof:"floating-window token-bucket"`

	// Burst is how many may pass at once with token-bucket; 0 for as many as allow says.
	Burst int `yaml:"burst" min:"0" max:"1000000000"`

	// Keys is how many keys are counted at once; past it the ones that were not seen for longest
	// are forgotten, and start anew. One takes about 200 bytes, and up to 3 KiB with floating-window.
	Keys int `yaml:"keys" default:"100000" min:"1" max:"10000000"`

	byAddress bool // the key is the default: read without making a text of it
	limiter   *limiter
	reason    string
}

func (f *throttling) Prepare(*Env) error {
	switch {
	case f.Allow < 1:
		return wrong("allow", "write 1 or more; to refuse everything use false-filter", "%d would let nothing pass", f.Allow)
	case f.Every <= 0:
		return wrong("every", "write a time such as 1s", "no time is given")
	case f.Algorithm != "token-bucket" && f.Burst != 0:
		return wrong("burst", "write algorithm: token-bucket beside it, or leave it out", "a floating window has no burst")
	case f.Algorithm == "token-bucket" && int64(f.Every) < int64(f.Allow):
		return wrong("allow", "allow less", "more than one each nanosecond")
	}
	r := rate{allow: f.Allow, every: time.Duration(f.Every)}
	if f.Algorithm == "token-bucket" {
		r.burst = f.Burst
		if r.burst == 0 {
			r.burst = f.Allow
		}
		if token := int64(r.every) / int64(r.allow); token > maxNanoseconds/int64(r.burst) {
			return wrong("burst", "write a smaller one", "%d would take more than a hundred years to refill", r.burst)
		}
	}
	f.byAddress = f.Key.Text() == "${http.request.clientaddr}"
	f.limiter = newLimiter(r, f.Keys)
	f.reason = fmt.Sprintf("more than %d in %s", f.Allow, f.Every)
	return nil
}

// maxNanoseconds is a hundred years, well inside what an int64 holds beside the present time.
const maxNanoseconds = int64(100 * 365 * 24 * time.Hour)

// Inherit goes on with the counts of the filter before the reload. Both filters
// share them while sessions of the old snapshot are still open.
func (f *throttling) Inherit(old engine.Filter) {
	if before, ok := old.(*throttling); ok && before.limiter != nil && before.limiter.rate == f.limiter.rate {
		f.limiter = before.limiter
	}
}

func (f *throttling) Run(m *engine.Message) (bool, error) {
	var space [128]byte
	key, err := f.key(space[:0], m)
	if err != nil {
		return false, fmt.Errorf("key: %w", err)
	}
	ok, wait := f.limiter.take(key, m.Now())
	if ok {
		return true, nil
	}
	m.Fail(429, "%s", f.reason)
	seconds := (wait + time.Second - 1) / time.Second
	return false, m.Challenge("Retry-After", strconv.FormatInt(int64(seconds), 10))
}

// key appends what the message is counted under.
func (f *throttling) key(dst []byte, m *engine.Message) ([]byte, error) {
	if f.byAddress {
		return clientAddr(m).AppendTo(dst), nil
	}
	if text, ok := f.Key.Literal(); ok {
		return append(dst, text...), nil
	}
	return f.Key.Append(dst, m)
}
