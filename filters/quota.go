package filters

import (
	"errors"
	"fmt"
	"time"

	"framegate/engine"
)

func init() {
	register[quota](Kind{
		Type: "quota", Family: Limits, Hooks: engine.OnHTTP | engine.OnFrame, Persists: true,
		Writes: []string{"quota.used", "quota.left", "quota.reset", "quota.warning", "limit.wait"},
	})
}

// Passes until a quota of upgrades, requests, messages, bytes or cost is used up:
// so much in an hour, day, week or month of the calendar, or in any span of time,
// for each key. A refused upgrade gets 429 with Retry-After; what happens to a message
// of a session that is open already, over says, or the failure arrow.
//
// Counts outlive a restart: they are kept in memory and written to the gateway's
// state file (see state in gateway.yaml) within a second, so that a process that is
// killed forgets at most its last second. With state: memory they end with the process.
// They hold over reloads, a changed allow included; a new counter, per, every or zone starts
// anew. They are exact however much comes at once; what is refused counts for
// nothing. One key takes about 400 bytes of state.size, and up to 3 KiB more with every;
// when it is full, new keys abort.
//
// It sets quota.used, quota.left, quota.reset (the seconds until it begins anew, or until all of
// it is back with every), quota.warning (true once warnAt is reached), and limit.wait on
// what it refuses: the seconds until it would pass, -1 for never.
//
//	filters:
//	  - type: quota
//	    key: ${websock.context.authentication.subject.id}
//	    allow: '${websock.context.authentication.subject.attributes["daily"] ?: "5000"}'
//	    per: day
//	    zone: Europe/Berlin
//	    warnAt: 80
//	    over: reply
//	    body: '{"error":"nothing left for today","seconds":${limit.wait}}'
type quota struct {
	counted `yaml:",inline"`

	// Allow is how much may pass: a number, a size such as 10MiB with count: bytes, or a selector
	// that gives one, such as the plan's in the record of an API key. The text unlimited lets everything
	// pass, uncounted. Anything else aborts.
	Allow engine.Selector `yaml:"allow" required:"true"`

	// Per is the period of the calendar in which that much may pass; at its end the count begins
	// anew. A week begins on Monday.
	Per string `yaml:"per" oneof:"hour day week month"`

	// Zone is the time zone in which periods begin, by its name: Europe/Berlin, UTC.
	Zone string `yaml:"zone" default:"UTC"`

	// Every is a span of time, in place of per: never more than allow pass in any span as long. Above
	// an allowance of 64 it may be a 64th of that time too strict.
	Every engine.Duration `yaml:"every" max:"366d"`

	// Counter is the name of the count: filters with the same one, and the same per or every, count
	// together, in all policies; that is how a quota counts upgrades and messages in both directions. Without
	// it each filter counts for itself, under the names of its policy and its own: renaming them starts anew.
	Counter string `yaml:"counter"`

	// WarnAt is at how many percent of allow quota.warning becomes true, and a line is logged, once a
	// period; 0 for never.
	WarnAt int `yaml:"warnAt" min:"0" max:"100"`

	// Over is what happens to a message once the quota is used up. The filter fails, and beyond that
	// fail leaves everything to the failure arrow or to onFrameFault; reply answers the sender with body,
	// drop drops the message without a word, close closes the session with code. What is answered or
	// dropped is not passed on, and the session goes on, unless the failure arrow leads to a filter
	// that decides otherwise. Upgrades and requests are refused with 429 whatever it says.
	Over string `yaml:"over" default:"fail" oneof:"fail reply drop close"`

	overrun `yaml:",inline"`

	state   engine.State
	bucket  string
	span    string // for reasons
	ends    func(time.Time) time.Time
	literal quantity // what allow says, where it says it in plain text; 0: it does not
}

// The attributes that quota sets.
var (
	quotaUsed    = engine.AttrOf("quota.used")
	quotaLeft    = engine.AttrOf("quota.left")
	quotaReset   = engine.AttrOf("quota.reset")
	quotaWarning = engine.AttrOf("quota.warning")
)

// unlimited is what allow says of whom no quota is for.
const unlimited = "unlimited"

// leastSpan is the shortest quota; less is throttling's.
const leastSpan = time.Minute

func (f *quota) Prepare(env *Env) error {
	if err := f.counted.prepare(env); err != nil {
		return err
	}
	if err := f.overrun.prepare(env, f.Over); err != nil {
		return err
	}
	if err := f.prepareAllow(); err != nil {
		return err
	}
	f.state = env.State
	switch {
	case f.Per == "" && f.Every == 0:
		return wrong("per", "write per: day for days of the calendar, or every: 24h for any 24 hours", "no time is given")
	case f.Per != "" && f.Every != 0:
		return wrong("every", "leave out one of the two", "per is given too")
	case f.Every != 0 && time.Duration(f.Every) < leastSpan:
		return wrong("every", "write 1m or more, or use throttling", "%s is no time for a quota", f.Every)
	case f.Every != 0:
		f.span = "in " + f.Every.String()
		f.bucket = "quota " + counterName(f.Counter, env) + " " + f.span
		return nil
	}
	return f.prepareCalendar(env)
}

func (f *quota) prepareAllow() error {
	text, plain := f.Allow.Literal()
	if !plain || text == unlimited {
		return nil
	}
	if err := f.literal.UnmarshalText([]byte(text)); err != nil {
		return wrong("allow", "write a number, a size such as 10MiB, or a selector", "%w", err)
	}
	if f.literal < 1 || f.literal > maxQuantity {
		return wrong("allow", "write 1 or more, up to 1000000000000000; to refuse everything use false-filter", "%s lets nothing pass, or is more than can be counted", text)
	}
	return nil
}

func (f *quota) prepareCalendar(env *Env) error {
	zone, err := time.LoadLocation(f.Zone)
	if err != nil {
		return wrong("zone", "write a name such as Europe/Berlin or UTC", "there is no time zone %q", f.Zone)
	}
	ends := calendarEnds[f.Per]
	f.ends = func(now time.Time) time.Time { return ends(now.In(zone)) }
	f.span = spans[f.Per]
	f.bucket = "quota " + counterName(f.Counter, env) + " " + f.Per + " " + zone.String()
	return nil
}

// spans are the periods of the calendar in words.
var spans = map[string]string{"hour": "an hour", "day": "a day", "week": "a week", "month": "a month"}

// errNoState aborts a quota outside of a gateway.
var errNoState = errors.New("there is no state to count in")

func (f *quota) Run(m *engine.Message) (bool, error) {
	if f.state == nil {
		return false, errNoState
	}
	limit, err := f.limit(m)
	if err != nil || limit < 0 {
		return err == nil, err
	}
	var space [longKey]byte
	key, err := f.append(space[:0], m)
	if err != nil {
		return false, err
	}
	n, err := f.amount(m)
	if err != nil {
		return false, err
	}
	taken, err := f.state.Take(f.bucket, f.remember(m, shortKey(key)), n, engine.Allowance{Limit: limit, Every: time.Duration(f.Every), Ends: f.ends})
	if err != nil {
		return false, fmt.Errorf("count: %w", err)
	}
	if err := f.tell(m, taken, n, limit); err != nil {
		return false, err
	}
	if !taken.OK {
		return false, f.refuse(m, taken.Wait, fmt.Sprintf("quota of %d%s %s is used up", limit, unitOf(f.Count), f.span))
	}
	return true, nil
}

// remember makes a string of the key. A session's frames commonly have one and
// the same, so that it is made once.
func (f *quota) remember(m *engine.Message, key []byte) string {
	if m.Hook&engine.OnFrame == 0 {
		return string(key)
	}
	last, _ := m.Local(f).(*string)
	if last == nil || *last != string(key) {
		text := string(key)
		last = &text
		m.SetLocal(f, last)
	}
	return *last
}

// limit is how much may pass for this message; below 0 for no limit.
func (f *quota) limit(m *engine.Message) (int64, error) {
	if f.literal > 0 {
		return int64(f.literal), nil
	}
	value, err := f.Allow.Value(m)
	if err != nil {
		return 0, fmt.Errorf("allow: %w", err)
	}
	if value.Kind() == engine.String {
		text := value.String()
		if text == unlimited {
			return -1, nil
		}
		var size quantity
		if size.UnmarshalText([]byte(text)) == nil && size <= maxQuantity {
			return int64(size), nil
		}
	}
	limit, err := countOf(value)
	if err != nil {
		return 0, fmt.Errorf("allow: %w", err)
	}
	return limit, nil
}

// tell sets the attributes, and logs when the soft limit is reached by this message.
func (f *quota) tell(m *engine.Message, t engine.Taken, n, limit int64) error {
	warn := f.WarnAt > 0 && atLeastPercent(t.Used, limit, f.WarnAt)
	if warn && t.OK && n > 0 && !atLeastPercent(t.Used-n, limit, f.WarnAt) {
		m.Logger().Warn("quota is nearly used up", "counter", f.bucket, "subject", m.Session.Subject, "used", t.Used, "allow", limit)
	}
	return errors.Join(
		m.Set(quotaUsed, engine.IntValue(t.Used)),
		m.Set(quotaLeft, engine.IntValue(max(0, limit-t.Used))),
		m.Set(quotaReset, engine.IntValue(wholeSeconds(t.Anew))),
		m.Set(quotaWarning, engine.BoolValue(warn)),
	)
}

// atLeastPercent tells whether used is so many percent of limit; both are at most maxQuantity.
func atLeastPercent(used, limit int64, percent int) bool {
	return used*100 >= limit*int64(percent)
}
