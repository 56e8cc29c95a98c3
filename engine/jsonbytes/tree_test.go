package jsonbytes

import (
	"bytes"
	"encoding/json"
)

// tree is a document as a tree that keeps the order of members, and members that stand twice: the plain way to do what this
// package does on bytes. An edit first marks the places, then the document is written.
type tree struct {
	kind  byte // '{', '[', or 0 for a scalar
	names []string
	items []*tree
	raw   string

	hit      bool
	add      string // a member to be added, "" for none
	appended bool
	insert   int // an index, or -1
}

func parseTree(doc []byte) *tree {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	return readTree(d)
}

func readTree(d *json.Decoder) *tree {
	t, err := d.Token()
	if err != nil {
		panic(err)
	}
	delim, ok := t.(json.Delim)
	if !ok {
		raw, _ := json.Marshal(t)
		return &tree{raw: string(raw), insert: -1}
	}
	v := &tree{kind: byte(delim), insert: -1}
	for d.More() {
		if delim == '{' {
			name, _ := d.Token()
			v.names = append(v.names, name.(string))
		}
		v.items = append(v.items, readTree(d))
	}
	d.Token()
	return v
}

// fits tells whether a step leads to an item.
func (t *tree) fits(s segment, i int) bool {
	switch s.kind {
	case token:
		return t.kind == '{' && t.names[i] == s.name || t.kind == '[' && s.index == i
	case member:
		return t.kind == '{' && t.names[i] == s.name
	case element:
		return t.kind == '[' && s.index == i
	case anyElement:
		return t.kind == '['
	}
	return s.kind == anything
}

// mark marks the places of an edit.
func (t *tree) mark(segments []segment, op Op) {
	if len(segments) == 0 {
		t.hit = true
		return
	}
	s, last := segments[0], len(segments) == 1
	if s.kind == anyDepth {
		t.mark(segments[1:], op)
		for _, item := range t.items {
			item.mark(segments, op)
		}
		return
	}
	missing := true
	for i, item := range t.items {
		if t.fits(s, i) {
			missing = false
			if !last || op != Insert {
				item.mark(segments[1:], op)
			}
		}
	}
	if last {
		t.markNew(s, op, missing)
	}
}

func (t *tree) markNew(s segment, op Op, missing bool) {
	index := s.index
	if s.kind == theEnd {
		index = len(t.items)
	}
	place := t.kind == '[' && (s.kind == token || s.kind == element || s.kind == theEnd)
	switch {
	case op == Insert && place && index >= 0 && index <= len(t.items):
		t.insert = index
	case op != Set && op != Add:
	case t.kind == '{' && s.kind <= member && missing:
		t.add = s.name
	case place && index == len(t.items):
		t.appended = true
	}
}

// write is the document after the edit.
func (t *tree) write(op Op, value string) string {
	if t.hit && op != Add && op != Remove && !(op == Hide && t.raw == "null") {
		return value
	}
	if t.kind == 0 {
		return t.raw
	}
	var items []string
	for i, item := range t.items {
		if t.insert == i {
			items = append(items, value)
		}
		if item.hit && op == Remove {
			continue
		}
		text := item.write(op, value)
		if t.kind == '{' {
			text = quote(t.names[i]) + ":" + text
		}
		items = append(items, text)
	}
	switch {
	case t.add != "":
		items = append(items, quote(t.add)+":"+value)
	case t.appended, t.insert >= 0 && t.insert == len(t.items):
		items = append(items, value)
	}
	out := string(t.kind)
	for i, item := range items {
		if i > 0 {
			out += ","
		}
		out += item
	}
	return out + string(t.kind+2)
}

func quote(s string) string {
	raw, _ := json.Marshal(s)
	return string(raw)
}

// plain is a document as a tree writes it.
func plain(doc []byte) string { return parseTree(doc).write(lookUp, "") }
