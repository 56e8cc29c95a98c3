package filters

import (
	"strings"
	"testing"
	"testing/fstest"

	"framegate/engine"
	"framegate/engine/jsonbytes"
	"framegate/engine/wire"
)

func paths(texts ...string) []jsonbytes.Path {
	list := make([]jsonbytes.Path, len(texts))
	for i, text := range texts {
		var err error
		if list[i], err = jsonbytes.ParsePath(text); err != nil {
			panic(err)
		}
	}
	return list
}

// becomes runs a filter that must pass and leave the content as wanted.
func becomes(t *testing.T, f engine.Filter, body, want string) *engine.Message {
	t.Helper()
	m := frame(body)
	passes(t, f, m)
	if string(m.Body()) != want {
		t.Errorf("%s became %s, want %s", body, m.Body(), want)
	}
	if m.Changed() != (body != want) {
		t.Errorf("%s: changed is %v", body, m.Changed())
	}
	return m
}

// Content that is no JSON aborts, unless onInvalid says otherwise, in every filter that reads JSON.
func TestContentThatIsNoJSON(t *testing.T) {
	env := &Env{}
	for name, make := range map[string]func(onInvalid string) engine.Filter{
		"json-add-node": func(o string) engine.Filter {
			return build(t, env, func(f *jsonAddNode) {
				f.Nodes, f.OnInvalid = []jsonNode{{Path: paths("/a")[0], Op: "set", Value: "x"}}, o
			})
		},
		"json-remove-node": func(o string) engine.Filter {
			return build(t, env, func(f *jsonRemoveNode) { f.Nodes, f.OnInvalid = paths("/a"), o })
		},
		"json-mask": func(o string) engine.Filter {
			return build(t, env, func(f *jsonMask) { f.Nodes, f.OnInvalid = paths("/a"), o })
		},
		"json-schema": func(o string) engine.Filter {
			return build(t, env, func(f *jsonSchema) { f.Schema, f.OnInvalid = map[string]any{}, o })
		},
		"jq": func(o string) engine.Filter {
			return build(t, env, func(f *jq) { f.Program, f.OnInvalid = ".a = 1", o })
		},
		"retrieve-from-json": func(o string) engine.Filter {
			return build(t, env, func(f *retrieveFromJSON) {
				f.Attributes, f.OnInvalid = map[string]jsonbytes.Path{"x": paths("/a")[0]}, o
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, body := range []string{"hello", "", `{"a":1} x`, `{"a":1,}`, "\xff", strings.Repeat("[", 2_400_000), strings.Repeat(`{"a":`, 600_000)} {
				aborts(t, make("abort"), frame(body), "content.body: no JSON")
				fails(t, make("fail"), frame(body), 400)
				m := frame(body)
				if passes(t, make("pass"), m); m.Changed() || string(m.Body()) != body {
					t.Error("what is no JSON was changed")
				}
			}
			aborts(t, make("abort"), binaryFrame("\x00\x01"), "no JSON")
			passes(t, make("abort"), binaryFrame(`{"a":2}`))
		})
	}
}

func TestJSONRemoveNode(t *testing.T) {
	f := build(t, nil, func(f *jsonRemoveNode) { f.Nodes = paths("/internal", "**.password", "$.items[*].cost") })
	m := becomes(t, f, `{"text": "hi", "internal": {"a": [1]}, "u": {"password": 1.50}, "items": [{"sku":"a","cost":3}, {"cost":4}], "pass\u0077ord":"x"}`,
		`{"text": "hi", "u": {}, "items": [{"sku":"a"}, {}]}`)
	if got := attribute(m, "deleted.json.node.list"); got != `[{"a":[1]},1.5,3,4,"x"]` {
		t.Errorf("deleted %s", got)
	}
	m = becomes(t, f, `{"text" : "hi"}`, `{"text" : "hi"}`)
	if !m.Get(deletedNodes).IsMissing() {
		t.Error("nothing was deleted, and the list is there")
	}
	strict := build(t, nil, func(f *jsonRemoveNode) { f.Nodes, f.OnMissing = paths("/a", "/b"), "fail" })
	becomes(t, strict, `{"a":1,"b":2}`, `{}`)
	m = frame(`{"a":1}`)
	fails(t, strict, m, 400)
	if _, _, reason := m.Refusal(); !strings.Contains(reason, "/b") || strings.Contains(reason, "/a,") || string(m.Body()) != `{}` {
		t.Errorf("%s: %s", reason, m.Body())
	}
	for _, nodes := range [][]jsonbytes.Path{nil, paths("/a", "/b", "/a"), paths("")} {
		_, err := try(nil, func(f *jsonRemoveNode) { f.Nodes = nodes })
		if err == nil || !strings.HasPrefix(err.Error(), "nodes") {
			t.Errorf("%v: %v", nodes, err)
		}
	}
}

func TestJSONAddNode(t *testing.T) {
	node := func(path, op string, value any) jsonNode {
		return jsonNode{Path: paths(path)[0], Op: op, Value: value}
	}
	raw := func(path, json string) jsonNode { return jsonNode{Path: paths(path)[0], Op: "set", JSON: sel(json)} }
	f := build(t, nil, func(f *jsonAddNode) {
		f.Nodes = []jsonNode{
			node("/device", "set", "d-1"), node("/meta", "add", map[string]any{"hops": 1, "via": []any{"framegate", true, nil}, "none": []any{}}), raw("/seq", "${websock.message.length}"),
			node("/tags", "append", "checked"), node("/tags/0", "insert", 0.5), node("/text", "replace", "${content.body}"), raw("/none", "null"),
		}
	})
	becomes(t, f, `{"text":"a\"b","tags":[ 1 ]}`,
		`{"text":"{\"text\":\"a\\\"b\",\"tags\":[ 1 ]}","tags":[ 0.5, 1, "checked" ],"device":"d-1","meta":{"hops":1,"none":[],"via":["framegate",true,null]},"seq":28,"none":null}`)

	hostile := build(t, nil, func(f *jsonAddNode) {
		f.Nodes = []jsonNode{node("/from", "set", map[string]any{"na\"me": `"${who}\`})}
	})
	for who, want := range map[string]string{`x","admin":true,"y":"`: `{"from":{"na\"me":"\"x\",\"admin\":true,\"y\":\"\\"}}`, "\n\xff日": `{"from":{"na\"me":"\"\n` + "\uFFFD" + `日\\"}}`} {
		m := withBytes(frame("{}"), "who", who)
		if passes(t, hostile, m); string(m.Body()) != want {
			t.Errorf("%q became %s", who, m.Body())
		}
	}
	aborts(t, hostile, frame("{}"), `"who" is not set`)

	check := build(t, nil, func(f *jsonAddNode) { f.Nodes = []jsonNode{raw("/x", "${who}")} })
	aborts(t, check, withBytes(frame("{}"), "who", `1,"admin":true`), "json: no JSON")
	becomes(t, build(t, nil, func(f *jsonAddNode) { f.Nodes = []jsonNode{raw("/x", "${content.body}")} }), `{"a":[1]}`, `{"a":[1],"x":{"a":[1]}}`)

	nowhere := []jsonNode{node("/a", "set", "1"), node("/b/c", "set", "1")}
	strict := build(t, nil, func(f *jsonAddNode) { f.Nodes = nowhere })
	m := frame(`{"z":0}`)
	fails(t, strict, m, 400)
	if _, _, reason := m.Refusal(); !strings.HasSuffix(reason, "at /b/c") || m.Changed() {
		t.Errorf("%s: %s", reason, m.Body())
	}
	becomes(t, build(t, nil, func(f *jsonAddNode) { f.Nodes, f.OnMissing = nowhere, "pass" }), `{}`, `{"a":"1"}`)
	becomes(t, build(t, nil, func(f *jsonAddNode) { f.Nodes = []jsonNode{node("/a", "add", "1")} }), `{"a":null}`, `{"a":null}`)

	for field, n := range map[string]jsonNode{
		"nodes.0.value": {Path: paths("/a")[0], Op: "set"}, "nodes.0.json": raw("/a", "{x}"), "nodes.0": node("/a", "insert", "1"),
	} {
		_, err := try(nil, func(f *jsonAddNode) { f.Nodes = []jsonNode{n} })
		refused(t, err, field)
	}
	both := node("/a", "set", "1")
	both.JSON = sel("1")
	_, err := try(nil, func(f *jsonAddNode) { f.Nodes = []jsonNode{both} })
	refused(t, err, "nodes.0.json")
	_, err = try(nil, func(f *jsonAddNode) { f.Nodes = []jsonNode{node("/a", "set", "${a")} })
	refused(t, err, "nodes.0.value")
	_, err = try(nil, func(f *jsonAddNode) { f.Nodes = nowhere[:0] })
	refused(t, err, "nodes")
}

func TestJSONMask(t *testing.T) {
	becomes(t, build(t, nil, func(f *jsonMask) { f.Nodes, f.KeepLast = paths("/card", "**.iban"), 4 }),
		`{"card":4111111111111234, "x":{"iban":"DE00\u0031234","y":1}}`, `{"card":"***1234", "x":{"iban":"***1234","y":1}}`)
	becomes(t, build(t, nil, func(f *jsonMask) {
		f.Nodes, f.EveryCharacter, f.Mask, f.KeepFirst = paths("/a"), true, "•", 1
	}), `{"a":"héé","b":1}`, `{"a":"h••","b":1}`)
	becomes(t, build(t, nil, func(f *jsonMask) { f.Nodes, f.JSON = paths("*"), "0" }), `[1,"a",{}]`, `[0,0,0]`)
	becomes(t, build(t, nil, func(f *jsonMask) { f.Nodes = paths("/a") }), `{"a":null}`, `{"a":null}`)
	fails(t, build(t, nil, func(f *jsonMask) { f.Nodes, f.OnMissing = paths("/a"), "fail" }), frame(`{}`), 400)

	for field, set := range map[string]func(*jsonMask){
		"keepFirst": func(f *jsonMask) { f.KeepFirst = -1 }, "keepLast": func(f *jsonMask) { f.KeepLast = -1 }, "mask": func(f *jsonMask) { f.EveryCharacter, f.Mask = true, "masked" },
		"json": func(f *jsonMask) { f.JSON = "nil" }, "nodes": func(f *jsonMask) { f.Nodes = nil },
	} {
		_, err := try(nil, func(f *jsonMask) { f.Nodes = paths("/a"); set(f) })
		refused(t, err, field)
	}
	_, err := try(nil, func(f *jsonMask) { f.Nodes, f.JSON, f.KeepLast = paths("/a"), "0", 4 })
	refused(t, err, "json")
}

func TestRetrieveFromJSON(t *testing.T) {
	f := build(t, nil, func(f *retrieveFromJSON) {
		f.Attributes = map[string]jsonbytes.Path{}
		for name, path := range map[string]string{
			"s": "/s", "n": "/n", "f": "/f", "b": "/b", "o": "/o", "l": "$.l", "all": "**.x", "none": "/none", "null": "/null", "last": "/last", "big": "/big",
		} {
			f.Attributes[name] = paths(path)[0]
		}
	})
	m := frame(`{"s":"a\u0062","n":12,"f":1.5,"b":true,"o":{"x":[1,"y"]},"l":[{"x":2}],"null":null,"last":1,"last":2,"big":123456789012345678901}`)
	passes(t, f, m)
	for name, want := range map[string]string{"s": "ab", "n": "12", "f": "1.5", "b": "true", "o": `{"x":[1,"y"]}`, "l": `[{"x":2}]`, "all": `[[1,"y"],2]`, "last": "2", "none": "", "null": "", "big": "1.2345678901234568e+20"} {
		if got := attribute(m, name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if kind := m.Get(engine.AttrOf("n")).Kind(); kind != engine.Int {
		t.Errorf("12 is of kind %d", kind)
	}
	if m.Changed() || len(f.Generates()) != 11 {
		t.Error("the message changed, or the attributes are not told")
	}
	strict := build(t, nil, func(f *retrieveFromJSON) {
		f.Attributes, f.OnMissing = map[string]jsonbytes.Path{"a": paths("/a")[0], "b": paths("/b")[0]}, "fail"
	})
	fails(t, strict, frame(`{"a":1,"b":null}`), 400)
	passes(t, strict, frame(`{"a":1,"b":0}`))
	if err := m.Set(engine.AttrOf("content.body"), engine.StringValue(`{"content":"new"}`)); err != nil {
		t.Fatal(err)
	}
	unwrap := build(t, nil, func(f *retrieveFromJSON) {
		f.Attributes = map[string]jsonbytes.Path{"content.body": paths("/content")[0]}
	})
	if passes(t, unwrap, m); string(m.Body()) != "new" {
		t.Errorf("content.body is %s", m.Body())
	}
	for _, name := range []string{"http.headers", "a b", "${a}"} {
		_, err := try(nil, func(f *retrieveFromJSON) { f.Attributes = map[string]jsonbytes.Path{name: paths("/a")[0]} })
		refused(t, err, "attributes")
	}
	_, err := try[retrieveFromJSON](nil, nil)
	refused(t, err, "attributes")
}

func TestJSONFiltersOnHTTPAnswers(t *testing.T) {
	m := upgrade("/")
	m.SetBody([]byte(`{"a":1,"b":2}`))
	passes(t, build(t, nil, func(f *jsonRemoveNode) { f.Nodes = paths("/a") }), m)
	passes(t, build(t, nil, func(f *jq) { f.Program = ".c = 3" }), m)
	if string(m.Answer.Body) != `{"b":2,"c":3}` {
		t.Errorf("the answer is %s", m.Answer.Body)
	}
}

func TestJQ(t *testing.T) {
	program := func(text string, settings ...func(*jq)) *jq {
		return build(t, nil, func(f *jq) {
			f.Program = text
			for _, set := range settings {
				set(f)
			}
		})
	}
	test := func(f *jq) { f.Test = true }
	becomes(t, program(`del(.x) | .n += 1 | .s |= ascii_upcase`), `{"x":1,"n":1.0,"s":"a","a":[1.50,true,null,{}]}`, `{"a":[1.50,true,null,{}],"n":2,"s":"A"}`)
	becomes(t, program(`.`), `{"a":100000000000000000000000}`, `{"a":100000000000000000000000}`)
	becomes(t, program(`[infinite, nan, 1e-7, 1e300 * 1e300, 3.0, "\u0000é"]`), `0`, "[1.7976931348623157e+308,null,1e-07,1.7976931348623157e+308,3,\"\\u0000é\"]")
	becomes(t, program(`.a[]`, func(f *jq) { f.Several = "first" }), `{"a":[1,2]}`, `1`)
	becomes(t, program(`.a[]`, func(f *jq) { f.Several = "list" }), `{"a":[1,2]}`, `[1,2]`)
	becomes(t, program(`env, $ENV`, func(f *jq) { f.Several = "list" }), `1`, `[{},{}]`)
	aborts(t, program(`.a[]`), frame(`{"a":[1,2]}`), "more than one output")
	fails(t, program(`select(.a)`), frame(`{"a":false}`), 400)
	fails(t, program(`halt`), frame(`1`), 400)
	aborts(t, program(`error("no good")`), frame(`1`), "no good")
	aborts(t, program(`error(null)`), frame(`1`), "program")
	aborts(t, program(`.a.b`), frame(`{"a":1}`), "program: expected an object")
	aborts(t, program(`range(1; infinite)`, func(f *jq) { f.Several = "list" }), frame(`1`), "outputs")
	aborts(t, program(`[range(infinite)] | 1`), frame(`1`), "took longer than 50ms")
	aborts(t, program(`reduce range(1000) as $i (0; [.])`), frame(`1`), "nested more than 512 deep")
	aborts(t, program(`reduce range(1000) as $i (0; [.])`, func(f *jq) { f.To = "x" }), frame(`1`), "nested more than 512 deep")

	passes(t, program(`.n > 3`, test), frame(`{"n":4}`))
	passes(t, program(`false, 0`, test), frame(`{}`))
	fails(t, program(`.n > 3`, test), frame(`{"n":3}`), 400)
	fails(t, program(`.n`, test), frame(`{}`), 400)
	fails(t, program(`empty`, test), frame(`{}`), 400)

	m := frame(`{"n":[1,2]}`)
	passes(t, program(`{sum: (.n|add), size: $size, by: $by}`, func(f *jq) {
		f.To, f.Variables = "order", map[string]engine.Selector{"by": sel("<${id}>"), "size": sel("${websock.message.length}")}
	}), m)
	if got := attribute(m, "order"); !strings.HasPrefix(got, `{"by":"`) || !strings.HasSuffix(got, `"size":11,"sum":3}`) || m.Changed() {
		t.Errorf("order is %s", got)
	}
	if passes(t, program(`.n|length`, func(f *jq) { f.To = "size" }), m); m.Get(engine.AttrOf("size")).Kind() != engine.Int {
		t.Error("a whole number is none any more")
	}

	for text, field := range map[string]string{"}": "program", ".a +": "program", "input": "program", `import "a" as a; 1`: "program", "$x": "program", "nosuch(1)": "program"} {
		_, err := try(nil, func(f *jq) { f.Program = text })
		refused(t, err, field)
	}
	for field, set := range map[string]func(*jq){"to": func(f *jq) { f.To = "http.headers" }, "several": func(f *jq) { f.Test, f.Several = true, "list" }} {
		_, err := try(nil, func(f *jq) { f.Program = "."; set(f) })
		refused(t, err, field)
	}
	_, err := try(nil, func(f *jq) { f.Program, f.To, f.Test = ".", "x", true })
	refused(t, err, "to")
	_, err = try(nil, func(f *jq) { f.Program, f.To = ".", "a b" })
	refused(t, err, "to")
}

func TestJSONSchema(t *testing.T) {
	files := fstest.MapFS{
		"schemas/chat.json":   {Data: []byte(`{"type":"object","required":["text"],"properties":{"text":{"$ref":"text.json#/$defs/text"},"user":{"$ref":"https://example.com/user.json"}}}`)},
		"schemas/text.json":   {Data: []byte(`{"$defs":{"text":{"type":"string","maxLength":4,"pattern":"^[a-z]*$"}}}`)},
		"schemas/user.json":   {Data: []byte(`{"$id":"https://example.com/user.json","type":"object","required":["id"]}`)},
		"schemas/broken.json": {Data: []byte("{\n  \"type\": }")},
		"schemas/out.json":    {Data: []byte(`{"$ref":"https://example.com/other.json"}`)},
		"schemas/up.json":     {Data: []byte(`{"$ref":"../../../../etc/passwd"}`)},
		"schemas/file.json":   {Data: []byte(`{"$ref":"file:///etc/passwd"}`)},
	}
	env := &Env{Files: files}
	f := build(t, env, func(f *jsonSchema) {
		f.File, f.Resources, f.MaxErrors = "schemas/chat.json", []string{"schemas/user.json"}, 2
	})
	passes(t, f, frame(`{"text":"abc","user":{"id":1}}`))
	m := frame(`{"text":"ABCDE","user":{}}`)
	fails(t, f, m, 400)
	errors := attribute(m, "json.errors")
	if strings.Count(errors, `"at"`) != 2 || !strings.Contains(errors, `"/text"`) || jsonbytes.Check([]byte(errors)) != nil {
		t.Errorf("json.errors is %s", errors)
	}
	m = frame(`{}`)
	fails(t, f, m, 400)
	if got := attribute(m, "json.errors"); got != `[{"at":"","error":"missing property 'text'","schema":"/required"}]` {
		t.Errorf("json.errors is %s", got)
	}
	m = frame(`{"text":"` + strings.Repeat("X", 5000) + `"}`)
	fails(t, f, m, 400)
	if got := attribute(m, "json.errors"); len(got) > 1000 {
		t.Errorf("json.errors repeats the content: %d bytes", len(got))
	}

	inline := func(schema map[string]any, set func(*jsonSchema)) *jsonSchema {
		return build(t, env, func(f *jsonSchema) {
			if f.Schema = schema; set != nil {
				set(f)
			}
		})
	}
	number := inline(map[string]any{"type": "integer", "multipleOf": 3, "minimum": 0}, nil)
	passes(t, number, frame("9"))
	passes(t, number, frame("9.0"))
	fails(t, number, frame("10"), 400)
	for _, hostile := range []string{"1e1000000000", "1e-1000000000", strings.Repeat("9", 2000), `[{"a":1e99999999999999999999}]`} {
		aborts(t, number, frame(hostile), "too long to count with")
	}
	aborts(t, number, frame("["+strings.Repeat("1,", 100_000)+"1]"), "too many values")

	exclusive := map[string]any{"maximum": 5, "exclusiveMaximum": true}
	fails(t, inline(exclusive, func(f *jsonSchema) { f.Draft = "4" }), frame("5"), 400)
	tuple := map[string]any{"prefixItems": []any{map[string]any{"type": "string"}}}
	passes(t, inline(tuple, func(f *jsonSchema) { f.Draft = "2019-09" }), frame("[1]"))
	fails(t, inline(tuple, nil), frame("[1]"), 400)
	email := map[string]any{"format": "email"}
	passes(t, inline(email, nil), frame(`"x"`))
	fails(t, inline(email, func(f *jsonSchema) { f.Formats = true }), frame(`"x"`), 400)
	fails(t, inline(map[string]any{"$schema": "http://json-schema.org/draft-07/schema#", "format": "email"}, nil), frame(`"x"`), 400)

	for _, c := range []struct {
		field, says string
		set         func(*jsonSchema)
	}{
		{"file", "no schema", func(f *jsonSchema) {}},
		{"schema", "either", func(f *jsonSchema) { f.File, f.Schema = "schemas/chat.json", map[string]any{} }},
		{"file", "nothing is fetched", func(f *jsonSchema) { f.File = "schemas/out.json" }},
		{"file", "nothing is fetched", func(f *jsonSchema) { f.File = "schemas/chat.json" }},
		{"file", "nothing is fetched", func(f *jsonSchema) { f.File = "schemas/file.json" }},
		{"file", "etc/passwd", func(f *jsonSchema) { f.File = "schemas/up.json" }},
		{"file", "schemas/broken.json:2:11", func(f *jsonSchema) { f.File = "schemas/broken.json" }},
		{"file", "does not exist", func(f *jsonSchema) { f.File = "schemas/nothing.json" }},
		{"schema", "not right at /type", func(f *jsonSchema) { f.Schema = map[string]any{"type": "text"} }},
		{"schema", "regex", func(f *jsonSchema) { f.Schema = map[string]any{"pattern": "(?=a)"} }},
		{"resources.0", "does not exist", func(f *jsonSchema) { f.Schema, f.Resources = true, []string{"nothing.json"} }},
		{"resources.0", "no $id", func(f *jsonSchema) { f.Schema, f.Resources = true, []string{"schemas/text.json"} }},
	} {
		_, err := try(env, c.set)
		refused(t, err, c.field)
		if err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v; want %s", err, c.says)
		}
	}
}

// The JSON filters of the data path use the message's buffers: see also TestNativeFiltersAllocateNothingPerMessage.
func TestABodyIsNotKeptInAnotherMessage(t *testing.T) {
	f := build(t, nil, func(f *jsonRemoveNode) { f.Nodes = paths("/a") })
	m := frame("")
	for _, body := range []string{`{"a":1,"b":1}`, `{"b":1}`, `{"a":1,"b":22}`} {
		m.Receive(wire.Text, []byte(body))
		passes(t, f, m)
		passes(t, f, m)
		if got := string(m.Body()); got != strings.Replace(body, `"a":1,`, "", 1) {
			t.Errorf("%s became %s", body, got)
		}
	}
}

func BenchmarkJSONAddNode(b *testing.B) {
	f := build(b, nil, func(f *jsonAddNode) {
		f.Nodes = []jsonNode{{Path: paths("/seen")[0], Op: "set", Value: true}}
	})
	body := []byte(`{"type":"order","card":"4111111111111111","items":[{"sku":"a1","qty":2},{"sku":"b2","qty":1}],"note":"leave at the door"}`)
	m := frame("")
	m.Follow(false)
	b.ReportAllocs()
	for b.Loop() {
		m.Receive(wire.Text, body)
		if pass, err := f.Run(m); !pass || err != nil {
			b.Fatal(err)
		}
	}
}
