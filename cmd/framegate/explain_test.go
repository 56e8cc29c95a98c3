package main

import (
	"strings"
	"testing"

	"framegate/engine"
	"framegate/filters"
	"framegate/policies"
)

func TestExplain(t *testing.T) {
	for _, test := range []struct {
		what string
		want []string
	}{
		{"api-key", []string{"AuthenticateAPIKeyFilter", "Used in", "Fields", "store  (text; required)", "Example", "type: api-key"}},
		{"port", []string{"A listener", "listen  (list of texts; required)", "tls", "websockets"}},
		{"filter", []string{"A filter of a policy", "success  (name)"}},
		{"gateway", []string{"faultHandler  (name)", "shutdown", "timeout  (duration; default 15s"}},
		{"selectors", []string{"There are no operators", `${chat.room ?: "lobby"}`}},
		{"websock.context", []string{"Writing to it aborts", "onClientFrame, onServerFrame, onClose"}},
		{"${http.header.User-Agent}", []string{"A header of the request", "onUpgrade"}},
		{"authentication.subject.id", []string{"Who the client is", "Set by", "http-basic"}},
	} {
		out, problems, code := cli(t, "explain", test.what)
		if code != exitDone {
			t.Errorf("explain %s: exit %d, %s", test.what, code, problems)
		}
		for _, want := range test.want {
			if !strings.Contains(out, want) {
				t.Errorf("explain %s does not say %q:\n%s", test.what, want, out)
			}
		}
	}
}

func TestExplainSaysWhatThereIs(t *testing.T) {
	out, _, code := cli(t, "explain")
	for _, k := range filters.All() {
		if !strings.Contains(out, k.Type) {
			t.Errorf("it leaves out %s", k.Type)
		}
	}
	for _, name := range policies.References() {
		if !strings.Contains(out, name) {
			t.Errorf("it leaves out %s", name)
		}
	}
	if code != exitDone {
		t.Errorf("exit %d", code)
	}
}

func TestExplainOfWhatThereIsNot(t *testing.T) {
	for what, want := range map[string]string{
		"api-kee":        `did you mean "api-key"?`,
		"remot-host":     `did you mean "remote-host"?`,
		"websock.contxt": `did you mean "websock.context"?`,
		"chat.room":      "set-attribute or a script",
		"zzzzzzzz":       "framegate explain shows what there is",
	} {
		if _, problems, code := cli(t, "explain", what); code != exitFailed || !strings.Contains(problems, want) {
			t.Errorf("explain %s: exit %d, %s", what, code, problems)
		}
	}
}

func TestListOfAttributesSaysWhatEachIs(t *testing.T) {
	out, _, _ := cli(t, "list", "attributes")
	for _, name := range engine.EngineAttributes() {
		if !strings.Contains(out, engine.AttributeText(name)) || !strings.Contains(out, name) {
			t.Errorf("it leaves out %s", name)
		}
	}
}
