package jsonbytes

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

var documents = []string{
	`{"a":1,"b":[1,2,{"a":"x"}],"c":{"a":null}}`, "{ \"a\" : 1 ,\n\t\"b\" : 2 }", `[]`, `{}`, ` [ ] `, `{ }`, `[1]`, `"a"`, `null`, `-0`, `1e5`, `1E-5`, `0.10`,
	`{"a":1,"a":{"a":2},"a":[]}`, `{"\u0061":1,"a\u0000":2}`, `"\ud83d\ude00\ud800x\\\"\/\b\f\n\r\t"`, `[[[[[1],2],3],4],5]`, `{"a":{"a":{"a":{"a":1}}}}`,
	`[1,2`, `{"a":}`, `{"a"}`, `{a:1}`, `[1,]`, `{"a":1,}`, `01`, `1.`, `.5`, `+1`, `-`, `1e`, `tru`, `nulll`, `"a`, `"\x"`, `"\u12g4"`, "\"\n\"", "\"\xff\"", "\"caf\xc3\xa9, and more than eight bytes\"",
	`1 2`, `[1 2]`, `{"a" 1}`, `[}`, `{]`, `,`, ``, "\ufeff1", `{"abcdefgh":"a longer text, without anything special in it","ijklmnop":"\\"}`, "[1\x00]", `{"":{"":""}}`,
	strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth), strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1),
}

// valid is what encoding/json takes, of UTF-8 and no deeper than we do.
func valid(doc []byte) bool {
	if !json.Valid(doc) || !utf8.Valid(doc) {
		return false
	}
	depth, inside := 0, false
	for i := 0; i < len(doc); i++ {
		switch {
		case inside && doc[i] == '\\':
			i++
		case doc[i] == '"':
			inside = !inside
		case inside:
		case doc[i] == '[' || doc[i] == '{':
			if depth++; depth > MaxDepth {
				return false
			}
		case doc[i] == ']' || doc[i] == '}':
			depth--
		}
	}
	return true
}

func FuzzCheck(f *testing.F) {
	for _, doc := range documents {
		f.Add([]byte(doc))
	}
	every, err := NewEditor(Edit{Path: mustPath("**.*"), Op: Add, Value: []byte("0")})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		want := valid(doc)
		err := Check(doc)
		if (err == nil) != want {
			t.Fatalf("%q: %v, and encoding/json has %v", doc, err, want)
		}
		var p Pass
		if _, changed, again := every.Append(&p, nil, doc); (again == nil) != want || changed {
			t.Fatalf("%q: walking over everything: %v, changed %v; checking %v", doc, again, changed, err)
		}
		tree, decoded := Decode(doc, len(doc)+1)
		if (decoded == nil) != want {
			t.Fatalf("%q: decoding: %v; checking: %v", doc, decoded, err)
		}
		if want {
			d := json.NewDecoder(bytes.NewReader(doc))
			d.UseNumber()
			var theirs any
			d.Decode(&theirs)
			a, _ := json.Marshal(tree)
			b, _ := json.Marshal(theirs)
			if !bytes.Equal(a, b) {
				t.Fatalf("%q: decoded %s, encoding/json has %s", doc, a, b)
			}
		}
	})
}

// FuzzEdit compares one edit on the bytes with the same on a tree.
func FuzzEdit(f *testing.F) {
	for _, path := range []string{"/a", "/b/0", "/b/-", "$.a", "**.a", "*", "[*]", "[0]", "$", "", "**.*", "**[0]", "$..a.b", "*.a", "/a/a", "**.a.a", "**.a.**.a", "/b/2/new", "$['a']"} {
		for i, doc := range documents[:18] {
			f.Add([]byte(doc), path, uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, doc []byte, text string, op uint8) {
		path, err := ParsePath(text)
		if err != nil || !utf8.ValidString(text) || len(doc) > 2000 || len(text) > 40 || strings.Contains(strings.ToLower(string(doc)), `\ud`) {
			t.Skip()
		}
		edit := Edit{Path: path, Op: Op(op % uint8(Hide+1)), Value: []byte(`{"new":[]}`), Mask: &Mask{Text: "***"}}
		e, err := NewEditor(edit)
		if err != nil || edit.Op == Append || len(path.segments) > 0 && path.segments[len(path.segments)-1].name == "" && edit.Op <= Add && path.Member() {
			t.Skip()
		}
		var p Pass
		out, changed, err := e.Append(&p, []byte("before"), doc)
		if (err == nil) != valid(doc) {
			t.Fatalf("%q, %q: %v", doc, text, err)
		}
		if err != nil {
			return
		}
		value := string(edit.Value)
		if edit.Op == Hide {
			value = `"***"`
		}
		tree := parseTree(doc)
		tree.mark(path.segments, edit.Op)
		want := tree.write(edit.Op, value)
		got := doc
		if changed {
			got = out[len("before"):]
		}
		if Check(got) != nil {
			t.Fatalf("%q, op %d of %q made %q", doc, edit.Op, text, got)
		}
		if plain(got) != want {
			t.Fatalf("%q, op %d of %q made %q, and on a tree %q", doc, edit.Op, text, got, want)
		}
		if !changed && (string(out) != "before" || want != plain(doc)) {
			t.Fatalf("%q: unchanged but %q", doc, out)
		}
	})
}

func FuzzPath(f *testing.F) {
	for _, path := range []string{"/a~1b", "$.a[0]['x y'].*", "**.a", "$..[0]", "a..b", "~", "/~2", "[", "['a", "$", "a b", "[01]"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePath(text)
		if err == nil && p.String() != text {
			t.Errorf("%q became %q", text, p)
		}
	})
}

func mustPath(text string) Path {
	p, err := ParsePath(text)
	if err != nil {
		panic(err)
	}
	return p
}
