package filters

import (
	"testing"
	"time"

	"framegate/engine"
	"framegate/engine/state"
)

// metered is a quota on a clock that can be turned.
func metered(t *testing.T, settings func(f *quota)) (*quota, *clock) {
	t.Helper()
	c := newClock()
	env := &Env{Policy: "p", Filter: "quota", State: state.NewMemory(1<<20, c.now)}
	return build(t, env, settings), c
}

func TestPeriodsOfTheCalendarEnd(t *testing.T) {
	for _, c := range []struct{ per, zone, at, want string }{
		{"hour", "UTC", "2026-03-04T05:06:07Z", "2026-03-04T06:00:00Z"},
		{"hour", "Asia/Kolkata", "2026-03-04T05:36:07+05:30", "2026-03-04T06:00:00+05:30"},
		{"hour", "Europe/Berlin", "2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+01:00"}, // the hour comes twice
		{"hour", "Europe/Berlin", "2026-10-25T02:30:00+01:00", "2026-10-25T03:00:00+01:00"},
		{"day", "UTC", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"},
		{"day", "UTC", "2026-03-04T00:00:00Z", "2026-03-05T00:00:00Z"},
		{"day", "Europe/Berlin", "2026-03-29T01:00:00+01:00", "2026-03-30T00:00:00+02:00"}, // of 23 hours
		{"day", "America/Los_Angeles", "2026-03-05T01:00:00Z", "2026-03-05T08:00:00Z"},
		{"day", "America/Sao_Paulo", "2018-11-03T22:00:00-03:00", "2018-11-04T01:00:00-02:00"}, // there was no midnight
		{"day", "America/Sao_Paulo", "2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"},
		{"week", "UTC", "2026-03-04T05:06:07Z", "2026-03-09T00:00:00Z"}, // a Wednesday
		{"week", "UTC", "2026-03-08T23:59:59Z", "2026-03-09T00:00:00Z"}, // a Sunday
		{"week", "UTC", "2026-03-09T00:00:00Z", "2026-03-16T00:00:00Z"},
		{"month", "UTC", "2026-01-31T05:06:07Z", "2026-02-01T00:00:00Z"},
		{"month", "Asia/Tokyo", "2026-12-31T23:00:00+09:00", "2027-01-01T00:00:00+09:00"},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		at, _ := time.Parse(time.RFC3339, c.at)
		want, _ := time.Parse(time.RFC3339, c.want)
		if got := calendarEnds[c.per](at.In(zone)); !got.Equal(want) {
			t.Errorf("%s in %s at %s ends at %s, want %s", c.per, c.zone, c.at, got.Format(time.RFC3339), c.want)
		}
	}
}

// Whatever the zone and the time, a period ends later, and not much later than it is long.
func TestEveryPeriodOfTheCalendarEnds(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo", "Pacific/Apia"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for per, longest := range map[string]time.Duration{"hour": time.Hour, "day": 25 * time.Hour, "week": 169 * time.Hour, "month": 745 * time.Hour} {
			at := time.Date(2010, 1, 1, 0, 17, 0, 0, zone)
			for range 5000 {
				if left := calendarEnds[per](at).Sub(at); left <= 0 || left > longest {
					t.Fatalf("%s: %s at %s has %s left", name, per, at, left)
				}
				at = at.Add(7*time.Hour + 13*time.Minute)
			}
		}
	}
}

func TestAQuotaCountsAndSaysSo(t *testing.T) {
	f, c := metered(t, func(f *quota) { f.Allow, f.Per, f.WarnAt, f.Key = sel("5"), "day", 80, sel("all") })
	m := frame("x")
	m.SetClock(c.now)
	for used, want := range []string{"1 4 75355 false", "2 3 75355 false", "3 2 75355 false", "4 1 75355 true", "5 0 75355 true"} {
		passes(t, f, m)
		got := attribute(m, "quota.used") + " " + attribute(m, "quota.left") + " " + attribute(m, "quota.reset") + " " + attribute(m, "quota.warning")
		if got != want {
			t.Errorf("after %d: %s, want %s", used+1, got, want)
		}
	}
	fails(t, f, m, 429)
	if _, _, reason := m.Refusal(); reason != "quota of 5 a day is used up" || attribute(m, "limit.wait") != "75355" || attribute(m, "quota.used") != "5" {
		t.Errorf("%s, wait %s", reason, attribute(m, "limit.wait"))
	}
	c.turn(75355*time.Second - 1)
	fails(t, f, m, 429)
	c.turn(1)
	passes(t, f, m)
}

func TestAQuotaOverASpanOfTime(t *testing.T) {
	f, c := metered(t, func(f *quota) { f.Allow, f.Every, f.Key = sel("2"), engine.Duration(time.Hour), sel("all") })
	m := frame("x")
	passes(t, f, m)
	c.turn(30 * time.Minute)
	passes(t, f, m)
	c.turn(30*time.Minute - 1)
	fails(t, f, m, 429)
	c.turn(1)
	passes(t, f, m)
	fails(t, f, m, 429)
	if _, _, reason := m.Refusal(); reason != "quota of 2 in 1h0m0s is used up" {
		t.Error(reason)
	}
}

func TestHowMuchAQuotaAllowsMayBeThePlans(t *testing.T) {
	f, _ := metered(t, func(f *quota) { f.Allow, f.Per, f.Key = sel("${plan.allow}"), "month", sel("all") })
	plan := func(allow engine.Value) *engine.Message {
		m := frame("x")
		if err := m.Set(engine.AttrOf("plan.allow"), allow); err != nil {
			t.Fatal(err)
		}
		return m
	}
	passes(t, f, plan(engine.IntValue(1)))
	fails(t, f, plan(engine.StringValue("1")), 429)
	passes(t, f, plan(engine.StringValue("2")))
	passes(t, f, plan(engine.FloatValue(3)))
	fails(t, f, plan(engine.IntValue(0)), 429)
	fails(t, f, plan(engine.IntValue(3)), 429)
	passes(t, f, plan(engine.StringValue("1KiB")))
	for range 10 {
		passes(t, f, plan(engine.StringValue("unlimited")))
	}
	m := plan(engine.IntValue(5))
	passes(t, f, m)
	if attribute(m, "quota.used") != "5" {
		t.Errorf("%s used: what was unlimited counts", attribute(m, "quota.used"))
	}
	for _, broken := range []engine.Value{engine.StringValue("gold"), engine.IntValue(-1), engine.BoolValue(true)} {
		aborts(t, f, plan(broken), "allow: ")
	}
	aborts(t, f, frame("x"), "plan.allow")
}

func TestAQuotaOfBytesAndOfCost(t *testing.T) {
	bytes, _ := metered(t, func(f *quota) { f.Allow, f.Per, f.Count = sel("1KiB"), "hour", "bytes" })
	passes(t, bytes, frame(string(make([]byte, 1000))))
	fails(t, bytes, frame(string(make([]byte, 25))), 429)
	passes(t, bytes, frame(string(make([]byte, 24))))
	never := frame(string(make([]byte, 1025)))
	fails(t, bytes, never, 429)
	if _, _, reason := never.Refusal(); reason != "quota of 1024 bytes an hour is used up" || attribute(never, "limit.wait") != "-1" {
		t.Error(reason, attribute(never, "limit.wait"))
	}
	cost, _ := metered(t, func(f *quota) { f.Allow, f.Per, f.Cost = sel("10"), "hour", sel("${message.cost}") })
	passes(t, cost, costly(engine.IntValue(9)))
	fails(t, cost, costly(engine.IntValue(2)), 429)
	passes(t, cost, costly(engine.IntValue(1)))
	aborts(t, cost, costly(engine.IntValue(-1)), "cost: ")
}

func TestCountersAreSharedByNameOnly(t *testing.T) {
	c := newClock()
	shared := state.NewMemory(1<<20, c.now)
	quotaIn := func(policy string, settings func(f *quota)) *quota {
		return build(t, &Env{Policy: policy, Filter: "quota", State: shared}, func(f *quota) {
			f.Allow, f.Per, f.Key = sel("2"), "day", sel("all")
			settings(f)
		})
	}
	a := quotaIn("a", func(f *quota) { f.Counter = "plan" })
	b := quotaIn("b", func(f *quota) { f.Counter = "plan" })
	passes(t, a, upgrade("/"))
	passes(t, b, frame("x"))
	fails(t, a, frame("x"), 429)
	for name, own := range map[string]*quota{
		"another period": quotaIn("b", func(f *quota) { f.Counter, f.Per = "plan", "week" }),
		"another zone":   quotaIn("b", func(f *quota) { f.Counter, f.Zone = "plan", "Asia/Tokyo" }),
		"no name":        quotaIn("a", func(*quota) {}),
		"no name either": quotaIn("b", func(*quota) {}),
	} {
		if got := tries(t, own, frame("x"), 5); got != 2 {
			t.Errorf("%s: %d passed", name, got)
		}
	}
}

func TestAQuotaThatCannotCountAborts(t *testing.T) {
	full := build(t, &Env{State: state.NewMemory(10, newClock().now)}, func(f *quota) { f.Allow, f.Per = sel("2"), "day" })
	aborts(t, full, frame("x"), "holds as many bytes as it may")
	none := build(t, &Env{}, func(f *quota) { f.Allow, f.Per = sel("2"), "day" })
	aborts(t, none, frame("x"), "no state")
}

func TestQuotaSettingsThatAreRefused(t *testing.T) {
	onUpgrade := &Env{Hooks: engine.OnUpgrade}
	for _, c := range []struct {
		field    string
		env      *Env
		settings func(f *quota)
	}{
		{"per", nil, func(f *quota) { f.Per = "" }},
		{"every", nil, func(f *quota) { f.Every = second }},
		{"every", nil, func(f *quota) { f.Per, f.Every = "", second }},
		{"zone", nil, func(f *quota) { f.Zone = "Berlin" }},
		{"allow", nil, func(f *quota) { f.Allow = sel("0") }},
		{"allow", nil, func(f *quota) { f.Allow = sel("some") }},
		{"allow", nil, func(f *quota) { f.Allow = sel("9999999999999999") }},
		{"count", onUpgrade, func(f *quota) { f.Count = "bytes" }},
		{"over", onUpgrade, func(f *quota) { f.Over = "close" }},
		{"body", nil, func(f *quota) { f.Body = sel("no") }},
	} {
		_, err := try(c.env, func(f *quota) {
			f.Allow, f.Per = sel("5"), "day"
			c.settings(f)
		})
		refused(t, err, c.field)
	}
}
