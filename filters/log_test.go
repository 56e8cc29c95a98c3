package filters

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"framegate/engine"
)

func TestTraceWritesToTheTrailAndHidesSecrets(t *testing.T) {
	f := build(t, nil, func(f *trace) {
		f.Text, f.Level = sel("upgrade to ${http.request.path}"), "warn"
		f.Attributes = []string{"http.headers", "http.header.Authorization", "login", "client.token", "nothing"}
	})
	m := upgrade("/chat", "Authorization: Basic c2VjcmV0", "X-Api-Key: s3cret", "Cookie: s=s3cret", "X-Visible: here")
	for name, v := range map[string]engine.Value{
		"login":        engine.TreeValue(map[string]any{"name": "ann", "password": "s3cret", "deep": []any{map[string]any{"apiKey": "s3cret"}}}),
		"client.token": engine.StringValue("s3cret"),
	} {
		if err := m.Set(engine.AttrOf(name), v); err != nil {
			t.Fatal(err)
		}
	}
	runs("trace", f).Top(m, nil)
	log := strings.Join(m.Trail()[0].Log, "\n")
	for _, want := range []string{"WARN upgrade to /chat", "X-Visible: here", "http.header.Authorization = [redacted]", `"name":"ann"`, "client.token = [redacted]", "nothing is not set"} {
		if !strings.Contains(log, want) {
			t.Errorf("%q is missing in:\n%s", want, log)
		}
	}
	for _, secret := range []string{"c2VjcmV0", "s3cret"} {
		if strings.Contains(log, secret) {
			t.Errorf("the trail shows %q:\n%s", secret, log)
		}
	}
}

func TestTraceCutsLongBodies(t *testing.T) {
	m := frame(strings.Repeat("é", 5000))
	runs("trace", build(t, nil, func(f *trace) { f.Body = true })).Top(m, nil)
	if line := m.Trail()[0].Log[0]; len(line) > traced+40 || !strings.HasSuffix(line, "é…") {
		t.Errorf("%d bytes: …%q", len(line), line[len(line)-10:])
	}
	_, err := try[trace](nil, nil)
	refused(t, err, "text")
	_, err = try(nil, func(f *trace) { f.Attributes = []string{"a", "${b}"} })
	refused(t, err, "attributes.1")
	_, err = try(nil, func(f *trace) { f.Body, f.Level = true, "loud" })
	refused(t, err, "level")
}

func TestLogMessage(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, nil))
	env := &Env{Policy: "admit", Filter: "note"}
	m := frame("evil\n{\"level\":\"ERROR\"}\x1b[31m" + strings.Repeat("x", 2000))
	m.SetLogger(log)

	passes(t, build(t, env, func(f *logMessage) { f.Format, f.Level = sel("quiet"), "debug" }), m)
	passes(t, build(t, env, func(f *logMessage) { f.Format = sel("from ${http.request.clientaddr}") }), m)
	passes(t, build(t, env, func(f *logMessage) { f.Level, f.Body, f.MaxBody = "error", true, 30 }), m)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines:\n%s", len(lines), out.String())
	}
	for i, want := range []map[string]any{
		{"level": "INFO", "msg": "from 192.0.2.7", "policy": "admit", "filter": "note"},
		{"level": "ERROR", "msg": "message", "length": float64(len(m.Body())), "body": "evil\n{\"level\":\"ERROR\"}\x1b[31mxxx…"},
	} {
		var got map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
			t.Fatal(err)
		}
		for key, value := range want {
			if got[key] != value {
				t.Errorf("line %d: %s is %q, want %q", i, key, got[key], value)
			}
		}
	}
	if strings.Contains(lines[0], "evil") {
		t.Error("the body was logged though nobody asked")
	}
	_, err := try(env, func(f *logMessage) { f.Body, f.MaxBody = true, 0 })
	refused(t, err, "maxBody")
}
