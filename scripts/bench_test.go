package scripts

import (
	"testing"

	"framegate/engine"
	"framegate/engine/wire"
)

const order = `{"type":"order","card":"4111111111111111","items":[{"sku":"a1","qty":2},{"sku":"b2","qty":1}],"note":"leave at the door"}`

func bench(b *testing.B, text string) {
	p, err := library(b).Compile(nil, inline(text))
	if err != nil {
		b.Fatal(err)
	}
	m := engine.NewMessage(engine.OnClientFrame, request("X-Device-Id: d1\r\n"), wire.Text, nil)
	m.Follow(false)
	body := []byte(order)
	b.ReportAllocs()
	for b.Loop() {
		m.Receive(wire.Text, body)
		if _, err := p.Run(m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEmpty(b *testing.B) { bench(b, "export function invoke() { return true }") }

func BenchmarkEmptyOwnCopy(b *testing.B) {
	bench(b, "let n = 0; export function invoke() { n = 1; return true }")
}

func BenchmarkWordSearch(b *testing.B) {
	bench(b, `export function invoke(msg) { return !msg.body.includes("forbidden") }`)
}

func BenchmarkWordSearchOwnCopy(b *testing.B) {
	bench(b, `let n = 0; export function invoke(msg) { n = 1; return !msg.body.includes("forbidden") }`)
}

func BenchmarkJSONParse(b *testing.B) {
	bench(b, `let n = 0; export function invoke(msg) { n = JSON.parse(msg.body); return true }`)
}

func BenchmarkJSON(b *testing.B) {
	bench(b, `let n = 0; export function invoke(msg) {
		const m = JSON.parse(msg.body);
		m.device = msg.context.headers.get("X-Device-Id");
		msg.body = JSON.stringify(m);
		n = 1;
		return true;
	}`)
}

func BenchmarkJSONPooled(b *testing.B) {
	bench(b, `export function invoke(msg) {
		const m = JSON.parse(msg.body);
		m.device = msg.context.headers.get("X-Device-Id");
		msg.body = JSON.stringify(m);
		return true;
	}`)
}

func BenchmarkLoad(b *testing.B) {
	p, err := library(b).Compile(nil, inline(`let n = 0; export function invoke(msg) { n = JSON.parse(msg.body); return true }`))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.load(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoadFrozen(b *testing.B) {
	p, err := library(b).Compile(nil, inline(`export function invoke(msg) { return msg.body === "" }`))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.load(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkJSONEdit is the script of examples/bench that adds a field.
func BenchmarkJSONEdit(b *testing.B) {
	bench(b, `export function invoke(msg) {
		const m = JSON.parse(msg.body);
		m.seen = true;
		msg.body = JSON.stringify(m);
		return true;
	}`)
}
