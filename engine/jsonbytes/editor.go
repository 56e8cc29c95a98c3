package jsonbytes

import (
	"errors"
	"fmt"
)

// Op is what an [Edit] does at the places that its path names.
type Op uint8

// The operations. Places that are not there are not made, but for the last step of a path that Set and Add are given:
// a member of an object, and the place behind the last element of a list.
const (
	Set     Op = iota // put the value there, whether something is there or not
	Add               // put the value there where nothing is; what is there stays
	Replace           // put the value where something is
	Insert            // put the value in front of an element, or behind the last
	Append            // put the value behind the last element of the list that the path names
	Remove            // take out the member or element
	Hide              // put the mask in the place of the value; see [Mask]

	lookUp // note where the values are
)

// Edit is one change of a document.
type Edit struct {
	Path  Path
	Op    Op
	Value []byte // JSON, for the operations that put a value; see also [Pass.Values]
	Mask  *Mask  // for Hide
}

// Editor does a number of edits in one pass over a document. All paths are about the document as it came: an edit does not
// see what another has made. It is safe for use by several goroutines.
type Editor struct {
	edits   []Edit
	matcher matcher
	growth  int // bytes that a document is likely to grow by
}

// maxSegments bounds an editor's paths together, in steps.
const maxSegments = 4096

// NewEditor compiles edits. It fails where an operation and its path do not fit, and where a value is no JSON.
func NewEditor(edits ...Edit) (*Editor, error) {
	e := &Editor{edits: edits}
	for i := range edits {
		if err := edits[i].check(); err != nil {
			return nil, fmt.Errorf("path %q: %w", edits[i].Path.text, err)
		}
		e.growth += len(edits[i].Value) + len(edits[i].Path.text) + 4
	}
	return e, e.matcher.compile(edits)
}

func (d *Edit) check() error {
	switch d.Op {
	case Insert:
		if !d.Path.Element() {
			return errors.New("only an element of a list has a place to insert at, such as /items/0")
		}
	case Remove:
		if d.Path.IsRoot() {
			return errors.New("the whole document cannot be removed")
		}
	case Hide:
		if d.Mask == nil {
			return errors.New("no mask is given")
		}
	}
	if d.Value == nil {
		return nil
	}
	return Check(d.Value)
}

// Growth is how many bytes longer than the document the result is likely to be at most, values of a pass aside.
func (e *Editor) Growth() int { return e.growth }

// Pass is one use of an [Editor] or [Finder] after the other: its fields are made anew by each, its memory is used again. The
// zero Pass is ready. It belongs to one goroutine at a time.
type Pass struct {
	scanner

	// Values are values for this document only, by the number of the edit, in place of [Edit.Value] where not nil. They must
	// be JSON.
	Values [][]byte
	// Hits is how many places each edit has found.
	Hits []int
	// Removed is what was taken out, in its order. It is part of the document.
	Removed [][]byte
	// Found is what a Finder has found, in the document's order.
	Found []Match

	e      *Editor
	out    []byte
	copied int     // the document up to here is in out, or left out of it
	states []state // of the containers around what is being read, innermost last
	text   []byte  // of a name or string with escapes

	placed  []int // for each path its place in Found plus one, 0 for none
	pending []int // places in Found whose value is being read
	taken   int   // how many of them belong to values further out
}

// keptItems is the most that a pass keeps of a list between documents.
const keptItems = 1024

// Release lets go of the document, and of memory that only an unusual one needs, so that the pass can be kept.
func (p *Pass) Release() {
	p.doc, p.e = nil, nil
	clear(p.Removed)
	clear(p.Found)
	clear(p.Values)
	p.Removed, p.Found, p.Values = trim(p.Removed), trim(p.Found), trim(p.Values)
	p.states, p.text, p.pending = trim(p.states), trim(p.text), trim(p.pending)
}

func trim[T any](list []T) []T {
	if cap(list) > keptItems {
		return nil
	}
	return list[:0]
}

// Match is a value that a path names.
type Match struct {
	Path  int // the number of the path
	Value []byte
}

// Append appends the edited document to dst. changed is false where no edit made a difference: then nothing was appended.
// It fails with a [SyntaxError] on a document that is no JSON; what dst has then is of no use.
func (e *Editor) Append(p *Pass, dst, doc []byte) (out []byte, changed bool, err error) {
	before := len(dst)
	if err := e.run(p, dst, doc); err != nil {
		return dst, false, err
	}
	if out = p.out; p.copied == 0 && len(out) == before {
		p.out = nil
		return out, false, nil
	}
	out = append(out, doc[p.copied:]...)
	p.out = nil
	return out, true, nil
}

// run goes over the document.
func (e *Editor) run(p *Pass, dst, doc []byte) error {
	p.scanner = scanner{doc: doc}
	p.e, p.out, p.copied = e, dst, 0
	p.states, p.Removed, p.Found, p.pending, p.taken = p.states[:0], p.Removed[:0], p.Found[:0], p.pending[:0], 0
	p.Hits = zeros(p.Hits, len(e.edits))
	p.placed = zeros(p.placed, len(e.edits))

	p.space()
	edit := p.root()
	if !p.value(0, edit) || !p.end() {
		p.out = nil
		return p.err()
	}
	return nil
}

// zeros is a list of n zeros, in the memory of another.
func zeros(list []int, n int) []int {
	if cap(list) < n {
		return make([]int, n)
	}
	list = list[:n]
	clear(list)
	return list
}

// flush copies the document up to a place.
func (p *Pass) flush(to int) {
	if to > p.copied {
		p.out = append(p.out, p.doc[p.copied:to]...)
		p.copied = to
	}
}

// value goes over the value at the scanner, whose own edit is given (-1: none); the states from lo on are for what is in it.
func (p *Pass) value(lo, edit int) bool {
	if edit < 0 || p.e.edits[edit].Op == Add {
		return p.inside(lo)
	}
	if p.e.edits[edit].Op == lookUp {
		return p.find(lo)
	}
	start := p.at
	if !p.skip() {
		return false
	}
	p.put(edit, start)
	return true
}

// inside goes over a value that stays.
func (p *Pass) inside(lo int) bool {
	if lo == len(p.states) {
		return p.skip()
	}
	switch p.peek() {
	case '{':
		return p.object(lo)
	case '[':
		return p.list(lo)
	}
	return p.skip()
}

// put writes what belongs in the place of the value from start to the scanner.
func (p *Pass) put(edit, start int) {
	old := p.doc[start:p.at]
	d := &p.e.edits[edit]
	if d.Op == Hide {
		if string(old) != "null" {
			p.flush(start)
			p.out = d.Mask.append(p, old)
			p.copied = p.at
		}
		return
	}
	if v := p.given(edit); string(v) != string(old) {
		p.flush(start)
		p.out = append(p.out, v...)
		p.copied = p.at
	}
}

// given is the value that an edit puts.
func (p *Pass) given(edit int) []byte {
	if edit < len(p.Values) && p.Values[edit] != nil {
		return p.Values[edit]
	}
	return p.e.edits[edit].Value
}
