package scripts

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	esbuild "github.com/evanw/esbuild/pkg/api"
	"github.com/google/go-cmp/cmp"

	"framegate/engine"
	"framegate/engine/wire"
)

// declared reads the members of an interface of framegate.d.ts.
func declared(t *testing.T, name string) []string {
	t.Helper()
	_, rest, ok := bytes.Cut(Types, []byte("\ninterface "+name+" {\n"))
	if !ok {
		t.Fatalf("framegate.d.ts has no interface %s", name)
	}
	body, _, _ := bytes.Cut(rest, []byte("\n}"))
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^  (?:readonly )?(\w+)\??[(:<]`).FindAllSubmatch(body, -1) {
		names = append(names, string(m[1]))
	}
	sort.Strings(names)
	return names
}

// members walks a real object: a view's values and methods, or all that an object and its prototype have.
func members(t *testing.T, p *Program, m *engine.Message) []string {
	t.Helper()
	run(t, p, m)
	var names []string
	if err := json.Unmarshal(m.Body(), &names); err != nil {
		t.Fatal(err)
	}
	sort.Strings(names)
	return slices.Compact(names)
}

func methodNames[V any](methods map[string]V) (names []string) {
	for name := range methods {
		names = append(names, name)
	}
	return names
}

func TestTypesSayWhatObjectsHave(t *testing.T) {
	l := NewLibrary(Limits{Call: patience}, memory{}, nil)
	defer l.Close()
	for name, expression := range map[string]string{
		"Console": "console", "Stores": "stores", "State": "state", "Crypto": "crypto", "TextEncoder": "new TextEncoder()",
		"TextDecoder": "new TextDecoder()", "URL": "new URL('ws://a.test/')",
	} {
		p := compiled(t, l, `export function invoke(msg) {
			const o = `+expression+`, p = Object.getPrototypeOf(o);
			const names = Object.getOwnPropertyNames(o);
			if (p !== Object.prototype) names.push(...Object.getOwnPropertyNames(p).filter((n) => n !== "constructor"));
			msg.body = JSON.stringify(names);
			return true;
		}`)
		if diff := cmp.Diff(members(t, p, textMessage("")), declared(t, name)); diff != "" {
			t.Errorf("%s has (-) and framegate.d.ts says (+):\n%s", name, diff)
		}
	}
	for name, view := range map[string][]string{
		"URLSearchParams": methodNames(paramMethods(&params{})),
		"HeaderSet":       methodNames(headerMethods),
		"UpgradeContext":  append(methodNames(contextMethods), viewKeys(t, "msg.context", engine.OnClientFrame)...),
		"Message":         append(methodNames(messageMethods), viewKeys(t, "msg", engine.OnClientFrame)...),
		"HTTPRequest":     viewKeys(t, "msg.request", engine.OnUpgrade),
		"Query":           methodNames(queryMethods),
		"Session":         viewKeys(t, "msg.session", engine.OnUpgrade),
	} {
		sort.Strings(view)
		if diff := cmp.Diff(view, declared(t, name)); diff != "" {
			t.Errorf("%s has (-) and framegate.d.ts says (+):\n%s", name, diff)
		}
	}
	var globals []string
	for _, m := range regexp.MustCompile(`(?m)^declare (?:const|function) (\w+)`).FindAllSubmatch(Types, -1) {
		globals = append(globals, string(m[1]))
	}
	sort.Strings(globals)
	var ours []string
	for name := range bindings {
		if !strings.Contains("JSON BigInt Function encodeURI encodeURIComponent decodeURI decodeURIComponent escape unescape", name) {
			ours = append(ours, name)
		}
	}
	sort.Strings(ours)
	if diff := cmp.Diff(ours, globals); diff != "" {
		t.Errorf("scripts find (-) and framegate.d.ts says (+):\n%s", diff)
	}
}

// The types are TypeScript that a compiler reads.
func TestTypesAreTypeScript(t *testing.T) {
	result := esbuild.Transform(string(Types), esbuild.TransformOptions{Loader: esbuild.LoaderTS, Sourcefile: "framegate.d.ts"})
	for _, m := range result.Errors {
		t.Errorf("%d: %s", m.Location.Line, m.Text)
	}
}

// viewKeys asks a real object for its values.
func viewKeys(t *testing.T, expression string, hook engine.Hook) []string {
	p := compiled(t, library(t), "export function invoke(msg) { msg.session.vars.keys = JSON.stringify(Object.keys("+expression+")); return true }")
	m := engine.NewMessage(hook, request("A: b\r\n"), wire.Text, nil)
	run(t, p, m)
	var names []string
	if err := json.Unmarshal([]byte(m.Session.Var("keys").String()), &names); err != nil {
		t.Fatal(err)
	}
	return names
}
