package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fasthttp/websocket"

	"framegate/engine"
)

// rules are policies, and what a client gets whose upgrade runs them: 101, or a
// status and what its answer has in it. Those that the policies call stand below.
var rules = []struct {
	name, policy string
	status       int
	answer       string // in the body or a header
	outcome      string // in the reason that the traffic log has
}{
	{"no success arrow passes", `[{type: true-filter}, {type: connect-to-url, url: ws://echo/}]`, 101, "", ""},
	{"no failure arrow fails", `[{name: gate, type: false-filter}, {type: connect-to-url, url: ws://echo/}]`, 403, `"error":"forbidden"`, `filter "gate" failed`},
	{"an abort is a 500", `[{type: abort, reason: lost}]`, 500, `"error":"internal server error"`, `aborted: lost`},
	{"a true filter ends a failure path", `[{type: false-filter, failure: end, success: pass}, {name: end, type: true-filter}, {type: connect-to-url, url: ws://echo/}]`, 101, "", ""},
	{"a false filter ends a success path", `[{type: true-filter}, {type: false-filter}, {type: connect-to-url, url: ws://echo/}]`, 403, "", "false-filter"},
	{"a shortcut gives the result of its policy", `[{type: policy-shortcut, policy: fails, failure: other, success: pass}, {name: other, type: connect-to-url, url: ws://echo/}]`, 101, "", ""},
	{"a chain stops at the first failing link", `[{type: policy-chain, policies: [passes, fails, aborts]}, {type: connect-to-url, url: ws://echo/}]`, 403, "", ""},
	{"a chain of links that pass goes on", `[{type: policy-chain, policies: [passes, {policy: fails, enabled: false}]}, {type: connect-to-url, url: ws://echo/}]`, 101, "", ""},
	{"a switch without a case that holds: true", `[{type: switch, value: a, cases: [{with: b, policy: aborts}], default: pass}, {type: connect-to-url, url: ws://echo/}]`, 101, "", ""},
	{"a switch without a case that holds: false", `[{type: switch, value: a, cases: [{with: b, policy: aborts}], default: fail}, {type: connect-to-url, url: ws://echo/}]`, 403, "", "no case holds"},
	{"a switch without a case that holds: a policy", `[{type: switch, value: a, cases: [{with: b, policy: aborts}], default: passes}, {type: connect-to-url, url: ws://echo/}]`, 101, "", ""},
	{"a switch gives the result of its policy", `[{type: switch, value: a, cases: [{with: a, policy: fails}]}, {type: connect-to-url, url: ws://echo/}]`, 403, "", ""},
	{"an abort in a called policy is the caller's", `[{type: policy, policy: aborts, failure: never}, {type: connect-to-url, url: ws://echo/}, {name: never, type: http-status, status: 299}]`, 500, "", "aborted: called"},
	{"after its fault handler a called policy has failed", `[{type: policy, policy: mends, failure: never, success: pass}, {name: never, type: http-status, status: 299}]`, 299, "", ""},
	{"a policy that passes without connecting", `[{type: true-filter}]`, 500, `"error"`, "policy passed without connecting"},
	{"reflect answers", `[{type: set-message, body: all well, status: 200}, {type: reflect}]`, 200, "all well", ""},
	{"set-message with a status answers", `[{type: set-message, body: closed, status: 503}]`, 503, "closed", ""},
	{"a round of arrows is a loop", `[{name: a, type: true-filter, success: a, failure: connect-to-url}, {type: connect-to-url, url: ws://echo/}]`, 500, "", "loop"},
	{"a missing attribute aborts", `[{type: set-attribute, attribute: a.b, value: '${none.such}'}, {type: connect-to-url, url: ws://echo/}]`, 500, "", `"none.such" is not set`},
	{"a host's own answer goes to the client", `[{type: connect-to-url, url: 'ws://echo/?mode=refuse&status=418&body=teapot'}]`, 418, "teapot", "answered 418"},
	{"no host: 502", `[{type: connect-to-url, url: ws://127.0.0.1:1/}]`, 502, "", "connection refused"},
	{"an address that may not: 403", `[{type: ip-address, deny: [127.0.0.0/8]}, {type: connect-to-url, url: ws://echo/}]`, 403, "", ""},
	{"a header that is missing: 400", `[{type: validate-http-headers, headers: {X-Device: {required: true}}}, {type: connect-to-url, url: ws://echo/}]`, 400, "", ""},
	{"a password that is missing: 401", `[{type: http-basic, store: users, realm: chat}, {type: connect-to-url, url: ws://echo/}]`, 401, `Basic realm="chat"`, ""},
	{"a key that is missing: 401", `[{type: api-key, store: users, header: X-Key}, {type: connect-to-url, url: ws://echo/}]`, 401, "", ""},
	{"too many: 429", `[{type: policy, policy: limited}, {name: again, type: policy, policy: limited}, {type: connect-to-url, url: ws://echo/}]`, 429, "Retry-After", ""},
}

// called are the policies that the rules call, and those with fault handlers.
const called = `
  passes: {filters: [{type: true-filter}]}
  fails: {filters: [{type: false-filter}]}
  aborts: {filters: [{type: abort, reason: called}]}
  limited: {filters: [{type: throttling, key: all, allow: 1, every: 1h}]}
  mends: {fault: mend, filters: [{type: abort, success: pass}, {name: mend, type: true-filter}]}
  Main Policy:
    fault: Fault Circuit
    filters:
      - {name: Check, type: policy, policy: '${WHAT}', success: pass}
      - name: Fault Circuit
        type: set-message
        status: 501
        json: {policy: '${circuit.name}', path: '${circuit.path}', reason: '${circuit.failure.reason}', exception: '${circuit.exception ?: "none"}'}
`

func TestAxway6EveryRuleOfHowPoliciesEnd(t *testing.T) {
	text := "version: 1\nports:\n  traffic:\n    listen: 127.0.0.1:0\n    websockets:\n"
	policies := "policies:\n"
	for i, rule := range rules {
		name := "rule-" + string(rune('a'+i))
		text += "      - {path: /" + name + ", onUpgrade: " + name + "}\n"
		policies += "  " + name + ": {filters: " + rule.policy + "}\n"
	}
	for _, what := range []string{"fails", "aborts"} {
		text += "      - {path: /main-" + what + ", onUpgrade: main-" + what + "}\n"
		main := called[strings.Index(called, "  Main Policy:"):]
		policies += strings.NewReplacer("Main Policy", "main-"+what, "${WHAT}", what).Replace(main)
	}
	policies += called[:strings.Index(called, "  Main Policy:")]
	g := newAxway(t, text+policies+"remoteHosts: {echo: {host: 127.0.0.1, addresses: [BACKEND]}}\nstores: {users: {records: {}}}\n")
	for i, rule := range rules {
		t.Run(rule.name, func(t *testing.T) {
			c, answer := g.dial("/rule-" + string(rune('a'+i)))
			if answer.StatusCode != rule.status || (c != nil) != (rule.status == 101) {
				t.Fatalf("answered %s, want %d", answer.Status, rule.status)
			}
			if c != nil {
				exchange(t, c, websocket.TextMessage, "hello", "hello")
				return
			}
			if text := whole(t, answer.Body); !strings.Contains(text+headerText(answer.Header), rule.answer) {
				t.Errorf("answered %q %s, want %s", answer.Header, text, rule.answer)
			}
			records, _ := g.Journal().Read(0, 1000)
			last := records[len(records)-1]
			if !strings.Contains(last.Reason, rule.outcome) || last.Status != rule.status || last.Outcome != "refused" {
				t.Errorf("recorded as %d %s, because %q; want %q", last.Status, last.Outcome, last.Reason, rule.outcome)
			}
		})
	}
	for what, exception := range map[string]string{"fails": "none", "aborts": `filter "abort" of policy "aborts" aborted: called`} {
		_, answer := g.dial("/main-" + what)
		var said map[string]string
		if err := json.Unmarshal([]byte(whole(t, answer.Body)), &said); err != nil || answer.StatusCode != 501 {
			t.Fatal(answer.Status, err)
		}
		if said["policy"] != "main-"+what || said["exception"] != exception || !strings.HasPrefix(said["path"], "/Check/") || !strings.Contains(said["reason"], "filter") {
			t.Errorf("the fault handler knew %q", said)
		}
		records, _ := g.Journal().Read(0, 1000)
		if last := records[len(records)-1]; last.Outcome != "refused" || last.Reason == "" {
			t.Errorf("the record does not stay failed: %+v", last)
		}
	}
	if _, answer := g.dial("/nowhere"); answer.StatusCode != 404 {
		t.Errorf("no path: %s", answer.Status)
	}
	if _, answer := g.dial("/rule-a", "Origin", "https://evil.test"); answer.StatusCode != 403 {
		t.Errorf("a foreign origin: %s", answer.Status)
	}
}

// Messages: what a policy's end means for the session, by default and as it is set.
func TestAxway6EveryRuleOfHowMessagePoliciesEnd(t *testing.T) {
	g := newAxway(t, `
version: 1
ports:
  traffic:
    listen: 127.0.0.1:0
    websockets:
      - {path: /default, onUpgrade: up, onClientFrame: client}
      - {path: /drop, onUpgrade: up, onClientFrame: client, onFrameFault: {fail: drop, abort: drop}}
      - {path: /forward, onUpgrade: up, onClientFrame: client, onFrameFault: {fail: forward, abort: forward}}
policies:
  up: {filters: [{type: connect-to-url, url: ws://BACKEND/}]}
  client: {filters: [{type: switch, value: '${content.body}', cases: [{with: fail, policy: fails}, {with: abort, policy: aborts}], default: pass}]}
  fails: {filters: [{type: false-filter}]}
  aborts: {filters: [{type: abort}]}
`)
	for text, code := range map[string]int{"fail": 1008, "abort": 1011} {
		c := g.opens("/default")
		exchange(t, c, websocket.TextMessage, "", "") // an empty message is a message
		if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, code) {
			t.Errorf("%s: %v, want %d", text, err, code)
		}
		c = g.opens("/drop")
		if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
			t.Fatal(err)
		}
		exchange(t, c, websocket.TextMessage, "next", "next")
		exchange(t, g.opens("/forward"), websocket.TextMessage, text, text)
	}
}

// The execution path of a run: policy and filter, how each ended, the arrow that
// was taken, and the filters of a called policy one level below.
func TestAxway7TheExecutionPathNestsAndShowsTheArrows(t *testing.T) {
	g := newAxway(t, `
version: 1
ports: {traffic: {listen: 127.0.0.1:0, websockets: [{path: /, onUpgrade: Main}]}}
policies:
  Main:
    filters:
      - {name: Check, type: policy, policy: Inner, failure: Connect, success: pass}
      - {name: Connect, type: connect-to-url, url: ws://BACKEND/}
  Inner: {filters: [{name: Mark, type: set-attribute, attribute: a.b, value: x}, {name: Gate, type: false-filter}]}
`)
	g.opens("/")
	records, _ := g.Journal().Read(0, 10)
	text, err := json.Marshal(records[0].Trail)
	if err != nil {
		t.Fatal(err)
	}
	var path []struct {
		Policy, Filter, Type, Result, Arrow string
		Depth                               int
		Us                                  float64
		Changes                             []struct{ Name string }
	}
	if err := json.Unmarshal(text, &path); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, step := range path {
		line := strings.Repeat("  ", step.Depth) + strings.Join([]string{step.Policy, step.Filter, step.Type, step.Result, step.Arrow}, " | ")
		for _, change := range step.Changes {
			line += " | " + change.Name
		}
		if lines = append(lines, line); step.Us <= 0 {
			t.Errorf("%s has no time", step.Filter)
		}
	}
	want := strings.Join([]string{
		"Main | Check | policy | fail | failure → Connect",
		"  Inner | Mark | set-attribute | pass | success → Gate | a.b",
		"  Inner | Gate | false-filter | fail | end: fail",
		"Main | Connect | connect-to-url | pass | end: pass",
	}, "\n")
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("the path is\n%s\nwant\n%s", got, want)
	}
	if trail := engine.NewMessage(engine.OnUpgrade, &engine.Request{Headers: &engine.Headers{}}, 0, nil).Trail(); len(trail) != 0 {
		t.Errorf("the path of what has not run is %v", trail)
	}
}

// What check must find, and the gateway among testdata/broken and testdata/warned that has it.
func TestAxway8WhatCheckFinds(t *testing.T) {
	for what, golden := range map[string]string{
		"dangling-success":                 "leads to",
		"unreachable-filter":               "never reached",
		"no-filters":                       "has no filters", // there is no `start:` that could be missing
		"filter-in-wrong-hook":             "makes no sense in",
		"../warned/attribute-nobody-sets":  "is not set in",
		"unknown-remote-host":              "no remote host",
		"two-websockets-one-path":          "two websockets with the path",
		"missing-environment-variable":     "environment",
		"script-syntax":                    ".js:",
		"path-parameters-match-the-same":   "matches what",
		"call-of-an-unknown-host":          "is no remote host",
		"../warned/path-parameter-unknown": "params.path.id",
	} {
		text, err := os.ReadFile(filepath.Join("../../policies/testdata/broken", what, "problems.golden"))
		if err != nil || !strings.Contains(string(text), golden) {
			t.Errorf("%s: %v, does not say %q:\n%s", what, err, golden, text)
		}
		_, _, code := cli(t, "check", filepath.Join("../../policies/testdata/broken", what))
		if want := 1; strings.HasPrefix(what, "..") == (code == want) {
			t.Errorf("check of %s exits with %d", what, code)
		}
	}
}

func whole(t *testing.T, r io.Reader) string {
	t.Helper()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func headerText(h map[string][]string) (text string) {
	for name, values := range h {
		text += name + ": " + strings.Join(values, ", ") + "\n"
	}
	return text
}
