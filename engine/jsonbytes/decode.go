package jsonbytes

import "encoding/json"

// Decode makes a tree of a document as encoding/json does with UseNumber: nil, bool, [json.Number], string, []any and
// map[string]any. Of members that stand twice the last counts. A document of more values than the limit is
// refused, and costs no more than that many.
func Decode(doc []byte, limit int) (any, error) {
	d := decoder{scanner: scanner{doc: doc}, left: limit}
	d.space()
	v, ok := d.value()
	if !ok || !d.end() {
		return nil, d.err()
	}
	return v, nil
}

type decoder struct {
	scanner
	left int // values that may still come
	text []byte
}

func (d *decoder) value() (any, bool) {
	if d.left--; d.left < 0 {
		return nil, d.fail("too many values")
	}
	start := d.at
	switch b := d.peek(); b {
	case '{':
		return d.object()
	case '[':
		return d.list()
	case '"':
		return d.str()
	default:
		if !d.scalar(b) {
			return nil, false
		}
		switch b {
		case 't', 'f':
			return b == 't', true
		case 'n':
			return nil, true
		}
		return json.Number(d.doc[start:d.at]), true
	}
}

func (d *decoder) str() (string, bool) {
	start := d.at
	escaped, ok := d.string()
	switch {
	case !ok:
		return "", false
	case !escaped:
		return string(d.doc[start+1 : d.at-1]), true
	}
	d.text = AppendText(d.text[:0], d.doc[start:d.at])
	return string(d.text), true
}

func (d *decoder) object() (any, bool) {
	tree := make(map[string]any)
	more, ok := d.first('}')
	for more && ok {
		if d.peek() != '"' {
			return nil, d.unexpected()
		}
		name, ok := d.str()
		if !ok || !d.colon() {
			return nil, false
		}
		v, ok := d.value()
		if !ok {
			return nil, false
		}
		tree[name] = v
		if more, ok = d.more('}'); !ok {
			return nil, false
		}
	}
	d.depth--
	return tree, ok
}

func (d *decoder) list() (any, bool) {
	items := []any{}
	more, ok := d.first(']')
	for more && ok {
		v, ok := d.value()
		if !ok {
			return nil, false
		}
		items = append(items, v)
		if more, ok = d.more(']'); !ok {
			return nil, false
		}
	}
	d.depth--
	return items, ok
}

// first goes into a container, and behind it where it is empty.
func (d *decoder) first(closing byte) (more, ok bool) {
	if !d.enter() {
		return false, false
	}
	if d.space(); d.peek() == closing {
		d.at++
		return false, true
	}
	return true, true
}

// more goes behind an item, and behind the container where that was its last.
func (d *decoder) more(closing byte) (more, ok bool) {
	d.space()
	switch d.peek() {
	case closing:
		d.at++
		return false, true
	case ',':
		d.at++
		d.space()
		return true, true
	}
	return false, d.unexpected()
}
