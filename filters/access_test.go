package filters

import (
	"strings"
	"testing"
	"time"

	"framegate/engine"
)

// request is a plain HTTP request on a route.
func request(method, target string, lines ...string) *engine.Message {
	m := upgrade(target, lines...)
	m.Request.Method = method
	return engine.NewMessage(engine.OnRequest, m.Request, 0, nil)
}

func TestHTTPMethod(t *testing.T) {
	f := build(t, nil, func(f *httpMethod) { f.Allow = []string{"GET", "POST", "PURGE"} })
	for method, ok := range map[string]bool{"GET": true, "POST": true, "PURGE": true, "HEAD": false, "get": false, "DELETE": false, "": false} {
		m := request(method, "/")
		if ok {
			passes(t, f, m)
			continue
		}
		fails(t, f, m, 405)
		if _, headers, _ := m.Refusal(); headers.Get("Allow") != "GET, POST, PURGE" {
			t.Errorf("%s: Allow is %q", method, headers.Get("Allow"))
		}
	}
	passes(t, f, upgrade("/"))
	for field, allow := range map[string][]string{"allow": nil, "allow.1": {"GET", "post"}, "allow.0": {"G T"}} {
		_, err := try(nil, func(f *httpMethod) { f.Allow = allow })
		refused(t, err, field)
	}
}

func TestContentTypeOfRequests(t *testing.T) {
	f := build(t, nil, func(f *contentType) {
		f.Allow, f.Deny = []string{"application/json", "application/*+json", "Text/*", "*/x-*-y*z"}, []string{"text/html"}
	})
	for header, ok := range map[string]bool{
		"application/json": true, "Application/JSON; charset=utf-8": true, "application/problem+json": true, "text/plain": true, "image/x-1-y-z": true,
		"text/html": false, "application/xml": false, "application/jsonx": false, "application/+jso": false, "application": false, "a b": false, "text/plain; =": false,
		"image/x-y": false, "image/x--yz": true,
	} {
		if m := request("POST", "/", "Content-Type: "+header); ok {
			passes(t, f, m)
		} else {
			fails(t, f, m, 415)
		}
		if t.Failed() {
			t.Fatal(header)
		}
	}
	passes(t, f, request("GET", "/"))
	fails(t, f, request("POST", "/", "Content-Type: text/plain", "Content-Type: text/html"), 415)
	f = build(t, nil, func(f *contentType) { f.Deny, f.Required = []string{"text/html"}, true })
	fails(t, f, request("GET", "/"), 415)
	passes(t, f, request("GET", "/", "Content-Type: image/png"))
	for field, settings := range map[string]func(f *contentType){
		"allow":   func(f *contentType) {},
		"allow.1": func(f *contentType) { f.Allow = []string{"a/b", "json"} },
		"deny.0":  func(f *contentType) { f.Deny = []string{"text/html; charset=utf-8"} },
		"deny.1":  func(f *contentType) { f.Deny = []string{"a/b", "text/"} },
	} {
		_, err := try(nil, settings)
		refused(t, err, field)
	}
}

// window makes the filter from fields "name: value".
func window(t *testing.T, settings func(f *timeWindow)) *timeWindow {
	t.Helper()
	return build(t, nil, settings)
}

func days(texts ...string) []calendarDay {
	list := make([]calendarDay, len(texts))
	for i, text := range texts {
		if err := list[i].UnmarshalText([]byte(text)); err != nil {
			panic(err)
		}
	}
	return list
}

func clockAt(text string) (c clockTime) {
	if err := c.UnmarshalText([]byte(text)); err != nil {
		panic(err)
	}
	return c
}

func TestTimeWindow(t *testing.T) {
	office := func(f *timeWindow) {
		f.Days, f.From, f.To = []string{"mon", "tue", "wed", "thu", "fri"}, clockAt("09:00"), clockAt("17:00")
	}
	night := func(f *timeWindow) { f.Days, f.From, f.To = []string{"fri"}, clockAt("22:00"), clockAt("06:00") }
	for _, c := range []struct {
		what     string
		settings func(f *timeWindow)
		open     []string
		closed   []string
	}{
		{"all day", func(f *timeWindow) {}, []string{"2026-01-01T00:00:00Z", "2026-07-01T23:59:59Z"}, nil},
		{"office hours", office, []string{"2026-11-20T09:00:00Z", "2026-11-20T16:59:59Z", "2026-11-20T10:00:00-05:00"},
			[]string{"2026-11-20T08:59:59Z", "2026-11-20T17:00:00Z", "2026-11-21T12:00:00Z", "2026-11-20T13:00:00-05:00"}},
		{"over midnight", night, []string{"2026-11-20T22:00:00Z", "2026-11-21T00:00:00Z", "2026-11-21T05:59:59Z"},
			[]string{"2026-11-20T05:00:00Z", "2026-11-20T21:59:59Z", "2026-11-21T06:00:00Z", "2026-11-21T22:30:00Z"}},
		{"a zone", func(f *timeWindow) { office(f); f.Zone = "America/New_York" },
			[]string{"2026-11-20T14:00:00Z", "2026-07-17T13:00:00Z"}, []string{"2026-11-20T13:59:59Z", "2026-07-17T12:59:59Z", "2026-11-20T22:00:00Z"}},
		{"dates", func(f *timeWindow) { f.NotBefore, f.NotAfter = days("2026-11-10")[0], days("2026-11-12")[0] },
			[]string{"2026-11-10T00:00:00Z", "2026-11-12T23:59:59Z"}, []string{"2026-11-09T23:59:59Z", "2026-11-13T00:00:00Z"}},
		{"dates of windows over midnight", func(f *timeWindow) { night(f); f.Days = nil; f.NotAfter = days("2026-11-12")[0] },
			[]string{"2026-11-13T05:00:00Z"}, []string{"2026-11-13T22:00:00Z"}},
		{"except", func(f *timeWindow) { office(f); f.Except = days("2026-12-24", "2026-12-25") },
			[]string{"2026-12-23T12:00:00Z"}, []string{"2026-12-24T12:00:00Z", "2026-12-25T12:00:00Z"}},
		{"a missing hour", func(f *timeWindow) { f.From, f.To, f.Zone = clockAt("02:30"), clockAt("04:00"), "Europe/Berlin" },
			[]string{"2026-03-29T01:30:00Z"}, []string{"2026-03-29T00:29:00Z", "2026-03-29T02:00:00Z"}},
	} {
		f := window(t, c.settings)
		for _, list := range []struct {
			open bool
			at   []string
		}{{true, c.open}, {false, c.closed}} {
			for _, text := range list.at {
				at, err := time.Parse(time.RFC3339, text)
				if err != nil {
					t.Fatal(err)
				}
				m := upgrade("/")
				m.SetClock(func() time.Time { return at })
				if list.open {
					passes(t, f, m)
				} else {
					fails(t, f, m, 403)
				}
				if t.Failed() {
					t.Fatalf("%s at %s", c.what, text)
				}
			}
		}
	}
}

func TestTimeWindowsThatTouchEndTogether(t *testing.T) {
	for _, c := range []struct {
		settings func(f *timeWindow)
		at, last string
	}{
		{func(f *timeWindow) { f.From, f.To = clockAt("09:00"), clockAt("17:00") }, "2026-11-20T12:00:00Z", "2026-11-20T17:00:00Z"},
		{func(f *timeWindow) { f.Days = []string{"mon", "tue", "wed"} }, "2026-11-16T12:00:00Z", "2026-11-19T00:00:00Z"},
		{func(f *timeWindow) {}, "2026-11-16T12:00:00Z", ""},
		{func(f *timeWindow) { f.NotAfter = days("2026-12-31")[0] }, "2026-11-16T12:00:00Z", "2027-01-01T00:00:00Z"},
	} {
		f := window(t, c.settings)
		at, _ := time.Parse(time.RFC3339, c.at)
		end, open := f.open(at)
		last, ends := f.last(end)
		if !open || ends != (c.last != "") || ends && last.UTC().Format(time.RFC3339) != c.last {
			t.Errorf("at %s: open %v until %s, ends %v; want %s", c.at, open, last, ends, c.last)
		}
	}
}

func TestTimeWindowSettingsThatAreRefused(t *testing.T) {
	for field, settings := range map[string]func(f *timeWindow){
		"zone":     func(f *timeWindow) { f.Zone = "Berlin" },
		"to":       func(f *timeWindow) { f.From, f.To = clockAt("09:00"), clockAt("09:00") },
		"from":     func(f *timeWindow) { f.From, f.To = clockAt("24:00"), clockAt("09:00") },
		"notAfter": func(f *timeWindow) { f.NotBefore, f.NotAfter = days("2026-02-02")[0], days("2026-02-01")[0] },
	} {
		_, err := try(nil, settings)
		refused(t, err, field)
	}
	_, err := try(&Env{Hooks: engine.OnClientFrame}, func(f *timeWindow) { f.CloseAtEnd = true })
	refused(t, err, "closeAtEnd")
	for _, text := range []string{"9:00", "25:00", "24:01", "09:60", "", "nine", "09:00:00:00"} {
		var c clockTime
		if err := c.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("time %q is %d", text, c)
		}
	}
	var d calendarDay
	if err := d.UnmarshalText([]byte("2026-02-30")); err == nil || !strings.Contains(err.Error(), "2026-12-24") {
		t.Errorf("the 30th of February: %v", err)
	}
}
