package jsonbytes

import (
	"errors"
	"strings"
	"testing"
)

// edited does edits of a document, given as path, operation, value.
func edited(t *testing.T, doc string, edits ...Edit) (string, *Pass) {
	t.Helper()
	e, err := NewEditor(edits...)
	if err != nil {
		t.Fatal(err)
	}
	var p Pass
	out, changed, err := e.Append(&p, nil, []byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	if !changed {
		return doc, &p
	}
	return string(out), &p
}

func change(path string, op Op, value string) Edit {
	e := Edit{Path: mustPath(path), Op: op}
	if value != "" {
		e.Value = []byte(value)
	}
	return e
}

func TestOneEditLeavesTheRestAsItIs(t *testing.T) {
	for _, c := range []struct {
		doc  string
		edit Edit
		want string
	}{
		{`{"a":1}`, change("/b", Set, `"x"`), `{"a":1,"b":"x"}`},
		{`{"a":1.0e0}`, change("/a", Set, `2`), `{"a":2}`},
		{`{}`, change("/b", Set, `2`), `{"b":2}`},
		{`{ }`, change("/b", Set, `2`), `{"b":2 }`},
		{"{\n  \"a\": 1.50\n}", change("/b", Set, `2`), "{\n  \"a\": 1.50,\n  \"b\":2\n}"},
		{"{" + strings.Repeat(" ", 65) + `"a":1}`, change("/b", Set, `2`), "{" + strings.Repeat(" ", 65) + `"a":1,"b":2}`},
		{`{"a":1}`, change("/a", Add, `2`), `{"a":1}`},
		{`{"b":1}`, change("/a", Add, `2`), `{"b":1,"a":2}`},
		{`{"b":1}`, change("/a", Replace, `2`), `{"b":1}`},
		{`{"a":[1, 2]}`, change("/a/-", Set, `3`), `{"a":[1, 2,3]}`},
		{`{"a":[ 1, 2 ]}`, change("/a", Append, `3`), `{"a":[ 1, 2, 3 ]}`},
		{`{"a":{}}`, change("/a", Append, `3`), `{"a":{}}`},
		{`[]`, change("", Append, `3`), `[3]`},
		{`[ ]`, change("/0", Insert, `3`), `[3 ]`},
		{`[1,2]`, change("/0", Insert, `0`), `[0,1,2]`},
		{`[ 1, 2]`, change("/0", Insert, `0`), `[ 0, 1, 2]`},
		{`[1,2]`, change("$[1]", Insert, `0`), `[1,0,2]`},
		{`[1,2]`, change("/2", Insert, `3`), `[1,2,3]`},
		{`[1,2]`, change("/3", Insert, `3`), `[1,2]`},
		{`[1,2]`, change("/2", Set, `3`), `[1,2,3]`},
		{`[1,2]`, change("/1", Set, `3`), `[1,3]`},
		{`[1,2]`, change("/1", Add, `3`), `[1,2]`},
		{`{"a":1, "b":2, "c":3}`, change("/a", Remove, ""), `{"b":2, "c":3}`},
		{`{"a":1, "b":2, "c":3}`, change("/b", Remove, ""), `{"a":1, "c":3}`},
		{`{"a":1, "b":2, "c":3}`, change("/c", Remove, ""), `{"a":1, "b":2}`},
		{`{ "a":1 }`, change("/a", Remove, ""), `{  }`},
		{`[ 1, 2, 3 ]`, change("*", Remove, ""), `[  ]`},
		{`{"a":1,"b":{"a":2,"c":[{"a":3}]}}`, change("**.a", Remove, ""), `{"b":{"c":[{}]}}`},
		{`{"a":1,"b":{"a":2,"c":[{"a":3}]}}`, change("$..c[*].a", Set, "0"), `{"a":1,"b":{"a":2,"c":[{"a":0}]}}`},
		{`{"items":[{"x":1},{"x":2},[3]]}`, change("$.items[*].y", Set, "0"), `{"items":[{"x":1,"y":0},{"x":2,"y":0},[3]]}`},
		{`{"pass\u0077ord":"x","pa\/ss":1}`, change("/password", Remove, ""), `{"pa\/ss":1}`},
		{`{"pa\/ss":1}`, change("/pa~1ss", Set, "2"), `{"pa\/ss":2}`},
		{`{"a":1,"b":2,"a":3}`, change("/a", Remove, ""), `{"b":2}`},
		{`{"a":1,"b":2,"a":3}`, change("/a", Set, "0"), `{"a":0,"b":2,"a":0}`},
		{` 1 `, change("", Set, `{"a":1}`), ` {"a":1} `},
		{`{"":{"":1}}`, change("/", Set, `0`), `{"":0}`},
		{`{"0":1}`, change("/0", Set, `2`), `{"0":2}`},
		{`{"0":1}`, change("$[0]", Set, `2`), `{"0":1}`},
		{`[1]`, change("$['0']", Set, `2`), `[1]`},
		{`{"é":1}`, change("/é", Set, `2`), `{"é":2}`},
		{`{"a":1}`, change(`$['x"y']`, Set, `2`), `{"a":1,"x\"y":2}`},
		{`{"a":1}`, change("/a", Set, "1"), `{"a":1}`},
	} {
		got, p := edited(t, c.doc, c.edit)
		if got != c.want {
			t.Errorf("%s, op %d of %s: %s, want %s", c.doc, c.edit.Op, c.edit.Path, got, c.want)
		}
		if changed := got != c.doc; changed && p.Hits[0] == 0 {
			t.Errorf("%s, op %d of %s: changed without a hit", c.doc, c.edit.Op, c.edit.Path)
		}
	}
}

func TestSeveralEditsInOnePass(t *testing.T) {
	got, p := edited(t, `{"user":{"name":"Ann","password":"x"},"card":"4111","items":[1,2],"trace":{"a":{"password":[1]}}}`,
		change("**.password", Remove, ""), change("/seen", Set, "true"), change("/items/0", Insert, "0"), change("/items", Append, "3"),
		change("/nothing/here", Set, "1"), change("/user/name", Replace, `"Bob"`), change("/trace/b", Add, "1"), change("/items/1", Remove, ""))
	want := `{"user":{"name":"Bob"},"card":"4111","items":[0,1,3],"trace":{"a":{},"b":1},"seen":true}`
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for i, hits := range []int{2, 1, 1, 1, 0, 1, 1, 1} {
		if p.Hits[i] != hits {
			t.Errorf("edit %d has %d hits, want %d", i, p.Hits[i], hits)
		}
	}
	var removed []string
	for _, r := range p.Removed {
		removed = append(removed, string(r))
	}
	if text := strings.Join(removed, " "); text != `"x" 2 [1]` {
		t.Errorf("removed %s", text)
	}
	if got, _ := edited(t, `{"a":[1]}`, change("/a/0", Insert, "0"), change("/a/0", Remove, ""), change("/a/0", Insert, "9")); got != `{"a":[0,9]}` {
		t.Errorf("inserted and removed at one place: %s", got)
	}
	if got, _ := edited(t, `{}`, change("/a", Set, "1"), change("$.a", Set, "2")); got != `{"a":2}` {
		t.Errorf("the last of two edits of a place counts: %s", got)
	}
}

func TestValuesOfAPass(t *testing.T) {
	e, err := NewEditor(change("/a", Set, ""), change("/b", Set, "1"))
	if err != nil {
		t.Fatal(err)
	}
	p := Pass{Values: [][]byte{[]byte("2")}}
	out, changed, err := e.Append(&p, []byte(">"), []byte(`{"c":0}`))
	if string(out) != `>{"c":0,"a":2,"b":1}` || !changed || err != nil {
		t.Errorf("%s, %v, %v", out, changed, err)
	}
	p.Release()
	if p.doc != nil || len(p.Values) != 0 {
		t.Error("something is kept")
	}
}

func TestMask(t *testing.T) {
	for _, c := range []struct {
		mask        Mask
		value, want string
	}{
		{Mask{Text: "***"}, `"secret"`, `"***"`},
		{Mask{Text: "***"}, `""`, `"***"`},
		{Mask{Text: "***"}, `4111111111111111`, `"***"`},
		{Mask{Text: "***"}, `-1.5e3`, `"***"`},
		{Mask{Text: "***"}, `true`, `"***"`},
		{Mask{Text: "***"}, `null`, `null`},
		{Mask{Text: "***"}, `{"a":[1]}`, `"***"`},
		{Mask{Text: "***", Last: 4}, `[1,2,3,4,5,6]`, `"***"`},
		{Mask{Text: "***", Last: 4}, `"4111111111111234"`, `"***1234"`},
		{Mask{Text: "***", Last: 4}, `4111111111111234`, `"***1234"`},
		{Mask{Text: "***", Last: 4}, `"1234"`, `"***"`},
		{Mask{Text: "***", First: 2, Last: 2}, `"abcdef"`, `"ab***ef"`},
		{Mask{Text: "***", First: 2, Last: 2}, `"abcd"`, `"***"`},
		{Mask{Text: "*", Each: true, Last: 4}, `"4111111111111234"`, `"************1234"`},
		{Mask{Text: "*", Each: true}, `"é\u00e9\ud83d\ude00\n"`, `"****"`},
		{Mask{Text: "-", First: 1, Last: 1}, `"\u0022x\n\\"`, `"\"-\\"`},
		{Mask{Text: "-", First: 1, Last: 2}, `"日本語です"`, `"日-です"`},
		{Mask{Text: `"\`}, `"x"`, `"\"\\"`},
	} {
		got, _ := edited(t, `{"v":`+c.value+`}`, Edit{Path: mustPath("/v"), Op: Hide, Mask: &c.mask})
		if got != `{"v":`+c.want+`}` {
			t.Errorf("%+v of %s: %s, want %s", c.mask, c.value, got, c.want)
		}
	}
}

func TestFind(t *testing.T) {
	for _, c := range []struct{ doc, path, want string }{
		{`{"a":{"b":[1,{"c":"x"}]}}`, "/a/b/1/c", `"x"`},
		{`{"a":{"b":[1,{"c":"x"}]}}`, "$.a.b[1]['c']", `"x"`},
		{`{"a":1,"a":2}`, "/a", `2`},
		{`{"a":{"b":1},"a":{}}`, "/a/b", ``},
		{`{"a":{"b":1},"a":{"b":2},"a":{"b":3}}`, "/a/b", `3`},
		{`{"a":1}`, "", `{"a":1}`},
		{` [1, 2] `, "$", `[1, 2]`},
		{`[1,2]`, "/-", ``},
		{`[1,2]`, "/01", ``},
		{`{"a":{"a":{"b":1}},"b":[2]}`, "**.b", `1 [2]`},
		{`{"a":{"a":1}}`, "**.a", `{"a":1} 1`},
		{`{"a":[1,[2]]}`, "**.*", `[1,[2]] 1 [2] 2`},
		{`{"a":[1,[2]]}`, "$.*[*]", `1 [2]`},
		{`{"a":1,"a":2}`, "*", `1 2`},
	} {
		f, err := NewFinder(mustPath(c.path))
		if err != nil {
			t.Fatal(err)
		}
		var p Pass
		if err := f.Find(&p, []byte(c.doc)); err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, m := range p.Found {
			found = append(found, string(m.Value))
		}
		if got := strings.Join(found, " "); got != c.want {
			t.Errorf("%s in %s: %s, want %s", c.path, c.doc, got, c.want)
		}
	}
	f, err := NewFinder(mustPath("/a/b"), mustPath("/c"), mustPath("**.b"), mustPath("/a/b"))
	if err != nil {
		t.Fatal(err)
	}
	var p Pass
	if err := f.Find(&p, []byte(`{"a":{"b":1},"c":0,"a":{"b":2},"c":3}`)); err != nil {
		t.Fatal(err)
	}
	got := map[int]string{}
	for _, m := range p.Found {
		got[m.Path] += string(m.Value)
	}
	if got[0] != "2" || got[1] != "3" || got[2] != "12" || got[3] != "2" {
		t.Errorf("several paths: %v", got)
	}
	if _, _, err := Find([]byte(`{"a":1} x`), mustPath("/a")); err == nil {
		t.Error("found something in what is no JSON")
	}
	if v, ok, err := Find([]byte(`{"a":1}`), mustPath("/a")); string(v) != "1" || !ok || err != nil {
		t.Errorf("%s %v %v", v, ok, err)
	}
}

func TestWhatMakesNoSenseIsRefused(t *testing.T) {
	for _, path := range []string{"/~2", "/a~", "a/b", "a b", "$.", "a..", "[", "[x]", "[-1]", "[01]", "['a", "a]", "**", "$.a.**", "$..", "$a[", "a.'b'", "[1]x"} {
		if p, err := ParsePath(path); err == nil {
			t.Errorf("%q was taken: %+v", path, p)
		}
	}
	for _, e := range []Edit{change("", Remove, ""), change("/a", Insert, "1"), change("**.a", Insert, "1"), change("/a", Set, "{"), {Path: mustPath("/a"), Op: Hide}, change(strings.Repeat("/a", maxSegments+1), Remove, "")} {
		if _, err := NewEditor(e); err == nil {
			t.Errorf("%v of %.20s was taken", e.Op, e.Path)
		}
	}
}

func TestErrorsSayWhere(t *testing.T) {
	for doc, want := range map[string]string{
		`{"a":1,}`: "no JSON: unexpected character at byte 7", `[1`: "no JSON: unexpected end at byte 2", "\"a\nb\"": "no JSON: a control character in a string at byte 2",
		strings.Repeat("[", 600): "no JSON: nested too deep at byte 512", "\"a\xff\"": "no JSON: a string that is not UTF-8 at byte 1",
	} {
		err := Check([]byte(doc))
		if syntax, ok := errors.AsType[*SyntaxError](err); !ok || syntax.Error() != want {
			t.Errorf("%.20q: %v, want %s", doc, err, want)
		}
	}
	if _, err := Decode([]byte(`[1,2,3]`), 3); err == nil || err.Error() != "no JSON: too many values at byte 5" {
		t.Errorf("more values than the limit: %v", err)
	}
}

// What repeats members must not cost more than its length, nor be remembered.
func TestHostileDocumentsCostTheirLength(t *testing.T) {
	doc := []byte("[" + strings.Repeat(`{"a":{"a":1},"a":`, 500) + "1" + strings.Repeat("}", 500) + "]")
	flat := []byte("{" + strings.Repeat(`"a":1,`, 100_000) + `"a":2}`)
	finder, err := NewFinder(mustPath("/a"), mustPath("/0/a/a"))
	if err != nil {
		t.Fatal(err)
	}
	var p Pass
	for range 3 {
		if err := finder.Find(&p, flat); err != nil || len(p.Found) != 1 || string(p.Found[0].Value) != "2" {
			t.Fatalf("%d found, %v", len(p.Found), err)
		}
	}
	every, err := NewEditor(change("**.a.**.a.**.a", Remove, ""), change("**.x.**.a.**.y", Remove, ""))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := every.Append(&p, nil, doc); err != nil {
		t.Fatal(err)
	}
	if cap(p.states) > 20_000 {
		t.Errorf("%d states", cap(p.states))
	}
	p.Release()
	if cap(p.Removed) > keptItems || cap(p.states) > keptItems {
		t.Error("a pass keeps what an unusual document needed")
	}
}

func TestNothingIsAllocatedPerDocument(t *testing.T) {
	e, err := NewEditor(change("/seen", Set, "true"), change("**.password", Remove, ""), Edit{Path: mustPath("/card"), Op: Hide, Mask: &Mask{Text: "***", Last: 4}})
	if err != nil {
		t.Fatal(err)
	}
	doc, out := []byte(order), make([]byte, 0, 1024)
	var p Pass
	run := func() {
		if _, changed, err := e.Append(&p, out, doc); !changed || err != nil {
			t.Fatal(changed, err)
		}
	}
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%.1f allocations", n)
	}
}

const order = `{"type":"order","card":"4111111111111111","items":[{"sku":"a1","qty":2},{"sku":"b2","qty":1}],"note":"leave at the door"}`

func benchmark(b *testing.B, doc string, edits ...Edit) {
	e, err := NewEditor(edits...)
	if err != nil {
		b.Fatal(err)
	}
	raw, out := []byte(doc), make([]byte, 0, len(doc)+1024)
	var p Pass
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := e.Append(&p, out, raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAdd(b *testing.B)    { benchmark(b, order, change("/seen", Set, "true")) }
func BenchmarkRemove(b *testing.B) { benchmark(b, order, change("/card", Remove, "")) }
func BenchmarkMaskAnyDepth(b *testing.B) {
	benchmark(b, order, Edit{Path: mustPath("**.card"), Op: Hide, Mask: &Mask{Text: "***", Last: 4}}, Edit{Path: mustPath("**.password"), Op: Hide, Mask: &Mask{Text: "***"}})
}

func BenchmarkCheck(b *testing.B) {
	for name, doc := range map[string]string{"140B": order, "64KiB": "[" + strings.Repeat(order+",", 540) + "1]", "text64KiB": `"` + strings.Repeat("lorem ipsum ", 5400) + `"`} {
		b.Run(name, func(b *testing.B) {
			raw := []byte(doc)
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				if err := Check(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
