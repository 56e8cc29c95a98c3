package scripts

import (
	"strings"
	"testing"
	"testing/fstest"

	"framegate/engine"
	"framegate/engine/wire"
)

func request(headers string) *engine.Request {
	h, err := wire.ParseHeaders([]byte(headers))
	if err != nil {
		panic(err)
	}
	return &engine.Request{Method: "GET", URI: "/chat?room=a%20b", Path: "/chat", Query: "room=a%20b", Host: "x.test", Headers: h}
}

func library(t testing.TB) *Library {
	l := NewLibrary(Limits{}, nil, nil)
	t.Cleanup(func() { l.Close() })
	return l
}

func inline(text string) Source {
	return Source{Text: text, At: engine.Position{File: "policies/x.yaml", Line: 7, Col: 9}}
}

func TestSmoke(t *testing.T) {
	l := library(t)
	p, err := l.Compile(nil, inline(`export function invoke(msg) {
  const m = JSON.parse(msg.body);
  m.device = msg.context.headers.get("X-Device-Id");
  msg.body = JSON.stringify(m);
  return true;
}`))
	if err != nil {
		t.Fatal(err)
	}
	t.Log(p.Poolable())
	t.Log(p.CopyBytes())
	m := engine.NewMessage(engine.OnClientFrame, request("X-Device-Id: d1\r\n"), wire.Text, []byte(`{"a":1}`))
	pass, err := p.Run(m)
	t.Log(pass, err, string(m.Body()))
	for _, text := range []string{"export function invoke(msg){ return 1 }", "function invoke(msg) {\n  throw new Error('x')\n}", "export function invoke(){\n for(;;){}\n}", "const x = 1", "export function invoke(msg) {\n return msg.context.put('x', 1) }",
		"export function invoke(msg) {\n if (\n }", "export async function invoke(msg) {\n await 1; return true }", "export function invoke(m) {\n  let x = /\\p{L}/u\nreturn true}",
		"export const invoke = (m) => m.body.includes('a')"} {
		p, err := l.Compile(fstest.MapFS{}, inline(text))
		if err != nil {
			t.Log("compile:", err)
			continue
		}
		ok, why := p.Poolable()
		size, _ := p.CopyBytes()
		pass, err := p.Run(m)
		t.Log(strings.Fields(text)[0:3], ok, why, size, pass, err)
	}
}
