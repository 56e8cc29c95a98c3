package filters

import (
	"fmt"
	"strconv"
	"time"

	"framegate/engine"
	"framegate/engine/meter"
)

func init() {
	register[throttling](Kind{
		Type: "throttling", Family: Limits, Aliases: []string{"MaximumNumberMsgsFilter"}, Hooks: engine.OnHTTP | engine.OnFrame, Writes: []string{"limit.wait"},
	})
}

// Passes as long as there are not too many: upgrades, requests, messages or bytes,
// counted for each key, such as the client's address. A refused upgrade gets 429
// with Retry-After; what happens to a message that is too many, over says, or the
// failure arrow. As in Axway's Throttling filter, which fails likewise.
//
// All sessions count together, over all ports and both directions that the policy
// is used in, and over reloads, as long as the filter's settings stay the same. Counts
// are kept in this process and are exact however much comes at once. What is refused
// counts for nothing. A limit per client is passed by with many clients: put one on
// everybody (key: everybody) beside it. Limits over hours and days that a restart must
// not reset are those of quota; how much may be open at once, those of concurrent.
//
// It sets limit.wait on what it refuses: the seconds until it would pass, -1 for never.
//
//	filters:
//	  - type: throttling
//	    key: ${websock.context.authentication.subject.id}
//	    limits:
//	      - {allow: 20, every: 1s}
//	      - {allow: 300, every: 1m}
//	    over: reply
//	    body: '{"error":"slow down","seconds":${limit.wait}}'
type throttling struct {
	counted `yaml:",inline"`

	// Allow is how much may pass in the time that every says.
	Allow quantity `yaml:"allow" default:"1" min:"1" max:"1000000000000"`

	// Every is the time in which that much may pass.
	Every engine.Duration `yaml:"every" default:"1s" min:"1ms" max:"366d"`

	// Limits are several limits of which each must hold, in place of allow and every: so many a
	// second, and so many an hour.
	Limits []throttlingLimit `yaml:"limits"`

	// Algorithm says how it is counted. With floating-window never more than allow pass in any
	// span of time as long as every; above 64 it may be a 64th of that time too strict. With
	// token-bucket they pass at the rate of allow in every, and as many as allow at once after a
	// pause. With smooth they pass evenly, one each every/allow.
	Algorithm string `yaml:"algorithm" default:"floating-window" oneof:"floating-window token-bucket smooth"`

	// Burst is how much may pass at once after a pause, with token-bucket and smooth. 0 is what
	// allow says with token-bucket, and 1 with smooth.
	Burst quantity `yaml:"burst" min:"0" max:"1000000000000"`

	// Over is what happens to a message that is too many. The filter fails, and beyond that fail
	// leaves everything to the failure arrow or to onFrameFault; reply answers the sender with body,
	// drop drops the message without a word, close closes the session with code. What is answered or
	// dropped is not passed on, and the session goes on, unless the failure arrow leads to a filter
	// that decides otherwise. With delay the message waits until it may pass, and whatever its sender
	// says after it; it fails when that would take longer than maxDelay. Upgrades and requests
	// are refused with 429 whatever it says.
	Over string `yaml:"over" default:"fail" oneof:"fail reply drop delay close"`

	overrun `yaml:",inline"`

	// MaxDelay is the longest that a message waits with over: delay.
	MaxDelay engine.Duration `yaml:"maxDelay" default:"10s" min:"1ms" max:"5m"`

	// Headers tells the client of an upgrade or a request how it stands, on the 101 or on the
	// refusal: X-Rate-Limit-Limit, X-Rate-Limit-Remaining and X-Rate-Limit-Reset, the seconds until
	// all of it may pass again. Of several limits, those of the tightest. Off by default, as in Axway.
	Headers bool `yaml:"headers"`

	// Keys is how many keys are counted at once; past it the ones that were not seen for longest
	// are forgotten, and start anew. One takes about 300 bytes, and up to 3 KiB more for each limit
	// with floating-window.
	Keys int `yaml:"keys" default:"100000" min:"1" max:"10000000"`

	limiter *limiter
	reasons []string // by rate
}

// throttlingLimit is one of several limits.
type throttlingLimit struct {
	// Allow is how much may pass in the time that every says.
	Allow quantity `yaml:"allow" required:"true" min:"1" max:"1000000000000"`

	// Every is the time in which that much may pass.
	Every engine.Duration `yaml:"every" required:"true" min:"1ms" max:"366d"`

	// Burst is how much may pass at once after a pause, as burst beside it.
	Burst quantity `yaml:"burst" min:"0" max:"1000000000000"`
}

func (f *throttling) Prepare(env *Env) error {
	if err := f.counted.prepare(env); err != nil {
		return err
	}
	if err := f.overrun.prepare(env, f.Over); err != nil {
		return err
	}
	limits, path := f.Limits, func(i int) string { return indexed("limits", i) + "." }
	if len(limits) == 0 {
		limits, path = []throttlingLimit{{f.Allow, f.Every, f.Burst}}, func(int) string { return "" }
	} else if f.Burst != 0 {
		return wrong("burst", "write it into each of the limits", "it belongs to allow and every, and limits are given in their place")
	}
	var rates []meter.Rate
	for i := range limits {
		rate, err := f.rate(&limits[i], path(i))
		if err != nil {
			return err
		}
		rates = append(rates, rate)
		f.reasons = append(f.reasons, fmt.Sprintf("more than %d%s in %s", rate.Allow, unitOf(f.Count), limits[i].Every))
	}
	f.limiter = newLimiter(f.Keys, rates...)
	return nil
}

// rate is one limit for the meter; path is its place in YAML with a dot at the end.
func (f *throttling) rate(l *throttlingLimit, path string) (meter.Rate, error) {
	r := meter.Rate{Allow: int64(l.Allow), Every: time.Duration(l.Every), Burst: int64(l.Burst)}
	switch {
	case r.Allow < 1:
		return r, wrong(path+"allow", "write 1 or more; to refuse everything use false-filter", "%d would let nothing pass", r.Allow)
	case r.Every <= 0:
		return r, wrong(path+"every", "write a time such as 1s", "no time is given")
	case f.Algorithm == "floating-window" && r.Burst != 0:
		return r, wrong(path+"burst", "write algorithm: token-bucket beside it, or leave it out", "a floating window has no burst")
	case f.Algorithm == "smooth" && r.Burst == 0 && (f.Count == "bytes" || !f.Cost.IsZero()):
		return r, wrong(path+"burst", "write burst: with the most that one message may have", "with smooth a burst of 1 would refuse every message that counts more")
	case f.Algorithm == "token-bucket" && r.Burst == 0:
		r.Burst = r.Allow
	case f.Algorithm == "smooth" && r.Burst == 0:
		r.Burst = 1
	}
	if r.Burst > 0 && !r.Fills() {
		return r, wrong(path+"burst", "write a smaller one", "%d would take more than a hundred years to refill", r.Burst)
	}
	return r, nil
}

// Inherit goes on with the counts of the filter before the reload. Both filters
// share them while sessions of the old snapshot are still open.
func (f *throttling) Inherit(old engine.Filter) {
	if before, ok := old.(*throttling); ok && before.limiter != nil && before.limiter.counts(f.limiter) {
		f.limiter = before.limiter
	}
}

func (f *throttling) Run(m *engine.Message) (bool, error) {
	var space [longKey]byte
	key, err := f.append(space[:0], m)
	if err != nil {
		return false, err
	}
	n, err := f.amount(m)
	if err != nil {
		return false, err
	}
	a := f.limiter.take(key, n, m.Now())
	if !a.OK && f.Over == "delay" && m.Hook&engine.OnFrame != 0 {
		if a, err = f.delay(m, key, n, a); err != nil {
			return false, err
		}
	}
	if !a.OK {
		err = f.refuse(m, a.Wait, f.reason(a, n))
	}
	if err == nil && f.Headers && m.Answer != nil {
		err = f.tell(m, a)
	}
	return a.OK, err
}

// reason says which limit the message is over.
func (f *throttling) reason(a allowance, n int64) string {
	if a.Wait == 0 {
		return fmt.Sprintf("%s, and this alone counts %d", f.reasons[a.rate], n)
	}
	return f.reasons[a.rate]
}

// delay waits until the message may pass, but not longer than it may.
func (f *throttling) delay(m *engine.Message, key []byte, n int64, a allowance) (allowance, error) {
	for left := time.Duration(f.MaxDelay); !a.OK && a.Wait > 0 && a.Wait <= left; {
		if err := m.Wait(a.Wait); err != nil {
			return a, err
		}
		left -= a.Wait
		a = f.limiter.take(key, n, m.Now())
	}
	return a, nil
}

// tell sets the headers of the answer.
func (f *throttling) tell(m *engine.Message, a allowance) error {
	for _, h := range [...]struct {
		name  string
		value int64
	}{
		{"X-Rate-Limit-Limit", f.limiter.rates[a.rate].Allow},
		{"X-Rate-Limit-Remaining", a.Left},
		{"X-Rate-Limit-Reset", wholeSeconds(a.Full)},
	} {
		if err := setHeader(m, a.OK, h.name, strconv.FormatInt(h.value, 10)); err != nil {
			return err
		}
	}
	return nil
}
