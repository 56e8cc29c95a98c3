package filters

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"framegate/engine"
)

func TestAddHTTPHeader(t *testing.T) {
	cases := []struct {
		name     string
		settings func(f *addHTTPHeader)
		want     []string // values of X-Tenant in the request
	}{
		{"replaces what the client sent", nil, []string{"blue"}},
		{"adds one more", func(f *addHTTPHeader) { f.Overwrite = false }, []string{"spoofed", "twice", "blue"}},
		{"encodes", func(f *addHTTPHeader) { f.Base64 = true }, []string{"Ymx1ZQ=="}},
		{"reads selectors", func(f *addHTTPHeader) { f.Value = sel("${params.query.t}/${http.request.clientaddr}") }, []string{"red/192.0.2.7"}},
		{"changes the answer only", func(f *addHTTPHeader) { f.To = "answer" }, []string{"spoofed", "twice"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := upgrade("/chat?t=red", "x-tenant: spoofed", "Origin: http://a", "X-TENANT: twice")
			f := build(t, nil, func(f *addHTTPHeader) {
				f.Header, f.Value = "X-Tenant", sel("blue")
				if c.settings != nil {
					c.settings(f)
				}
			})
			passes(t, f, m)
			if got := slices.Collect(m.Request.Headers.Values("X-Tenant")); !slices.Equal(got, c.want) {
				t.Errorf("the request has %q, want %q", got, c.want)
			}
			if got := m.Answer.Headers.Get("X-Tenant"); (got == "blue") != (f.To == "answer") {
				t.Errorf("the answer has %q", got)
			}
		})
	}
}

func TestNoValueBecomesAHeaderOfItsOwn(t *testing.T) {
	m := upgrade("/chat?t=a%0d%0aX-Admin:%20yes")
	f := build(t, nil, func(f *addHTTPHeader) { f.Header, f.Value = "X-Tenant", sel("${params.query.t}") })
	aborts(t, f, m, "control character")
	if m.Request.Headers.Len() != 0 {
		t.Errorf("the request has headers: %s", m.Request.Headers.AppendTo(nil))
	}
}

func TestHeadersThatPoliciesMustNotTouch(t *testing.T) {
	for _, name := range []string{"Connection", "upgrade", "Host", "Sec-WebSocket-Key", "sec-websocket-protocol", "Content-Length", "", "a b", "a:b", "a\r\nb"} {
		_, err := try(nil, func(f *addHTTPHeader) { f.Header, f.Value = name, sel("x") })
		refused(t, err, "header")
		_, err = try(nil, func(f *removeHTTPHeader) { f.Header = name })
		refused(t, err, "header")
	}
}

func TestRemoveHTTPHeader(t *testing.T) {
	f := build(t, nil, func(f *removeHTTPHeader) { f.Header, f.Required = "Cookie", true })
	m := upgrade("/", "cookie: a=1", "Origin: http://a", "COOKIE: b=2")
	passes(t, f, m)
	if got := string(m.Request.Headers.AppendTo(nil)); got != "Origin: http://a\r\n" {
		t.Errorf("left %q", got)
	}
	fails(t, f, m, 400)
	f.Required = false
	passes(t, f, m)

	m.Answer.Headers.Set("Server", "x")
	passes(t, build(t, nil, func(f *removeHTTPHeader) { f.Header, f.From = "server", "answer" }), m)
	if m.Answer.Headers.Len() != 0 {
		t.Error("the answer still has its header")
	}
}

func TestValidateHTTPHeaders(t *testing.T) {
	f := build(t, nil, func(f *validateHTTPHeaders) {
		f.Headers = map[string]valueRule{
			"X-Device-Id": {Required: true, Match: expr(`^[a-z0-9-]{8,64}$`)},
			"User-Agent":  {MaxLength: 10},
		}
		f.Threats = []pattern{expr(`(?i)<script`)}
	})
	good := "X-Device-Id: device-0001"
	passes(t, f, upgrade("/", good))
	passes(t, f, upgrade("/", "x-device-id: device-0001", "User-Agent: 0123456789"))
	for name, lines := range map[string][]string{
		"missing":                     {},
		"does not match":              {"X-Device-Id: DEVICE-0001"},
		"one of two does not match":   {good, "x-device-id: short"},
		"empty":                       {"X-Device-Id: "},
		"too long":                    {good, "User-Agent: 01234567890"},
		"a threat in another header":  {good, "Referer: http://a/<SCRIPT>"},
		"a threat in a second header": {good, "Accept: x", "Accept: <script>"},
	} {
		t.Run(name, func(t *testing.T) {
			m := upgrade("/", lines...)
			fails(t, f, m, 400)
			if _, _, reason := m.Refusal(); strings.Contains(reason, "SCRIPT>") || strings.Contains(reason, "DEVICE-0001") {
				t.Errorf("the reason shows the value: %s", reason)
			}
		})
	}
	_, err := try[validateHTTPHeaders](nil, nil)
	refused(t, err, "headers")
	_, err = try(nil, func(f *validateHTTPHeaders) { f.Headers = map[string]valueRule{"a b": {}} })
	refused(t, err, "headers.a b")
	_, err = try(nil, func(f *validateHTTPHeaders) { f.Headers = map[string]valueRule{"X-A": {}, "x-a": {}} })
	refused(t, err, "headers.x-a")
}

func TestIPAddress(t *testing.T) {
	cases := []struct {
		allow, deny []string
		client      string
		pass        bool
	}{
		{[]string{"192.0.2.0/24"}, nil, "192.0.2.7:1", true},
		{[]string{"192.0.2.0/24"}, nil, "192.0.3.7:1", false},
		{[]string{"192.0.2.0/24"}, nil, "[::ffff:192.0.2.7]:1", true},
		{[]string{"::ffff:192.0.2.7"}, nil, "192.0.2.7:1", true},
		{[]string{"192.0.2.0/24"}, nil, "[2001:db8::1]:1", false},
		{[]string{"2001:db8::/32", "::1"}, nil, "[2001:db8:1::1]:1", true},
		{[]string{"fe80::/10"}, nil, "[fe80::1%eth0]:1", true},
		{[]string{"0.0.0.0/0"}, nil, "[::1]:1", false},
		{nil, []string{"192.0.2.7"}, "192.0.2.7:1", false},
		{nil, []string{"192.0.2.7"}, "192.0.2.8:1", true},
		{[]string{"192.0.2.0/24"}, []string{"192.0.2.7"}, "192.0.2.7:1", false},
		{[]string{"192.0.2.7"}, []string{"192.0.2.0/24"}, "192.0.2.7:1", false},
	}
	for _, c := range cases {
		f := build(t, nil, func(f *ipAddress) { f.Allow, f.Deny = networks(c.allow...), networks(c.deny...) })
		m := from(c.client)
		if !c.pass {
			fails(t, f, m, 403)
			continue
		}
		passes(t, f, m)
	}
	_, err := try[ipAddress](nil, nil)
	refused(t, err, "allow")
	fails(t, build(t, nil, func(f *ipAddress) { f.Allow = networks("10.0.0.0/8") }), frame("x"), 403)
}

func TestSetMessageAndReflectAnswerAnUpgrade(t *testing.T) {
	m := upgrade("/chat")
	passes(t, build(t, nil, func(f *setMessage) {
		f.Body, f.ContentType, f.Status = sel(`{"path":"${http.request.path}"}`), sel("application/json"), 503
	}), m)
	if m.Answer.Status != 503 || string(m.Answer.Body) != `{"path":"/chat"}` || m.Answer.Headers.Get("content-type") != "application/json" {
		t.Errorf("the answer is %d %q %q", m.Answer.Status, m.Answer.Body, m.Answer.Headers.Get("content-type"))
	}
	passes(t, build[reflectMessage](t, nil, nil), m)
	if m.Answer.Status != 503 {
		t.Errorf("reflect changed the status to %d", m.Answer.Status)
	}
	passes(t, build(t, nil, func(f *reflectMessage) { f.Status = 202 }), m)
	if m.Answer.Status != 202 {
		t.Errorf("the status is %d", m.Answer.Status)
	}

	plain := upgrade("/chat")
	passes(t, build(t, nil, func(f *setMessage) { f.Body = sel("hello") }), plain)
	if plain.Answer.Status != 0 {
		t.Error("a body alone answers the upgrade")
	}
	passes(t, build[reflectMessage](t, nil, nil), plain)
	if plain.Answer.Status != 200 || string(plain.Answer.Body) != "hello" {
		t.Errorf("the answer is %d %q", plain.Answer.Status, plain.Answer.Body)
	}
	for _, status := range []int{-1, 1, 101, 199, 600} {
		_, err := try(nil, func(f *reflectMessage) { f.Status = status })
		refused(t, err, "status")
	}
	aborts(t, build(t, nil, func(f *setMessage) { f.Body, f.ContentType = sel(""), sel("a\x00b") }), plain, "contentType")
}

// afterFailure is an upgrade whose policy has failed in a filter and goes to a fault handler.
func afterFailure(t *testing.T, failing, handler engine.Filter) *engine.Message {
	t.Helper()
	p := &engine.Policy{Name: "admit", Fault: 1, Nodes: []engine.Node{
		{Name: "first", Type: "test", Filter: failing, Success: engine.EndPass, Failure: engine.EndFail},
		{Name: "refuse", Type: "json-error", Filter: handler, Success: engine.EndPass, Failure: engine.EndFail},
	}}
	m := upgrade("/chat")
	if out := p.Top(m, nil); out.Result == engine.Passed {
		t.Fatal("the policy passed")
	}
	return m
}

func TestJSONError(t *testing.T) {
	store := withStore("users", nil)
	basic := build(t, store, func(f *httpBasic) { f.Store = "users" })
	broken := build(t, nil, func(f *abort) { f.Reason = sel("the <b>database</b> at 10.0.0.1 is away") })
	cases := []struct {
		name     string
		failing  engine.Filter
		settings func(f *jsonError)
		status   int
		body     string // without the id
	}{
		{"a failure", &falseFilter{}, nil, 403, `{"error":"forbidden"}`},
		{"a failure that has a status", basic, nil, 401, `{"error":"unauthorized"}`},
		{"an abort", broken, nil, 500, `{"error":"internal server error"}`},
		{"its own status", broken, func(f *jsonError) { f.Status = 503 }, 503, `{"error":"service unavailable"}`},
		{"its own text", broken, func(f *jsonError) { f.Error = sel("no way to ${http.request.path}") }, 500, `{"error":"no way to /chat"}`},
		{"the reason", &falseFilter{}, func(f *jsonError) { f.ShowReason = true }, 403, `{"error":"forbidden","reason":"filter \"first\" failed: the policy says no"}`},
		{"the filters", &falseFilter{}, func(f *jsonError) { f.ShowFilters = true }, 403, `{"error":"forbidden","filters":[{"policy":"admit","filter":"first","result":"fail"}]}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := afterFailure(t, c.failing, build(t, nil, c.settings))
			got := strings.Replace(string(m.Answer.Body), `,"id":"`+m.Session.ID+`"`, "", 1)
			if m.Answer.Status != c.status || got != c.body+"\n" {
				t.Errorf("answered %d %s, want %d %s", m.Answer.Status, m.Answer.Body, c.status, c.body)
			}
			if !strings.Contains(string(m.Answer.Body), m.Session.ID) {
				t.Error("the answer has no id")
			}
			if m.Answer.Headers.Get("Content-Type") != "application/json" {
				t.Error("the answer is not application/json")
			}
			if challenge := m.Answer.Headers.Get("WWW-Authenticate"); (challenge != "") != (c.failing == engine.Filter(basic)) {
				t.Errorf("WWW-Authenticate is %q", challenge)
			}
		})
	}
	m := afterFailure(t, broken, build(t, nil, func(f *jsonError) { f.ShowReason = true }))
	if strings.Contains(string(m.Answer.Body), "<b>") || !json.Valid(m.Answer.Body) {
		t.Errorf("markup in the answer: %s", m.Answer.Body)
	}
	_, err := try(nil, func(f *jsonError) { f.Status = 200 })
	refused(t, err, "status")
}

func TestAPolicyThatCannotResolveASelectorNamesTheField(t *testing.T) {
	var missing *engine.MissingAttribute
	for field, f := range map[string]engine.Filter{
		"value":  build(t, nil, func(f *addHTTPHeader) { f.Header, f.Value = "X-A", sel("${nothing}") }),
		"body":   build(t, nil, func(f *setMessage) { f.Body = sel("${nothing}") }),
		"reason": build(t, nil, func(f *closeWebsocket) { f.Reason = sel("${nothing}") }),
		"text":   build(t, nil, func(f *trace) { f.Text = sel("${nothing}") }),
		"error":  build(t, nil, func(f *jsonError) { f.Error = sel("${nothing}") }),
		"key":    build(t, nil, func(f *throttling) { f.Key = sel("${nothing}") }),
	} {
		_, err := f.Run(upgrade("/"))
		if !errors.As(err, &missing) || !strings.HasPrefix(err.Error(), field+": ") {
			t.Errorf("%s: %v", field, err)
		}
	}
}
