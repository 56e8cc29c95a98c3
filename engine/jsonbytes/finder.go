package jsonbytes

import "slices"

// Finder looks up the values of a number of paths in one pass over a document. It is safe for use by several goroutines.
type Finder struct {
	editor Editor
}

// NewFinder compiles paths.
func NewFinder(paths ...Path) (*Finder, error) {
	f := &Finder{editor: Editor{edits: make([]Edit, len(paths))}}
	for i, path := range paths {
		f.editor.edits[i] = Edit{Path: path, Op: lookUp}
	}
	return f, f.editor.matcher.compile(f.editor.edits)
}

// Find leaves what the paths name in [Pass.Found]: at most one value of a definite path, which of members that stand twice is
// in the last; of other paths all values. A value within another comes before it. The values are parts of the document.
func (f *Finder) Find(p *Pass, doc []byte) error {
	if err := f.editor.run(p, nil, doc); err != nil {
		p.Found = p.Found[:0]
		return err
	}
	p.Found = slices.DeleteFunc(p.Found, func(m Match) bool { return m.Path < 0 })
	return nil
}

// hitLookUp makes the place for a value that a path names. A definite path has one.
func (p *Pass) hitLookUp(path int, definite bool) {
	at := len(p.Found)
	if definite && p.placed[path] > 0 {
		at = p.placed[path] - 1
		p.Found[at].Path = path
	} else {
		p.Found = append(p.Found, Match{Path: path})
		p.placed[path] = at + 1
	}
	p.pending = append(p.pending, at)
}

// find goes over a value for which hitLookUp has made places.
func (p *Pass) find(lo int) bool {
	start, low, high := p.at, p.taken, len(p.pending)
	p.taken = high
	if !p.inside(lo) {
		return false
	}
	for _, at := range p.pending[low:high] {
		p.Found[at].Value = p.doc[start:p.at:p.at]
	}
	p.pending, p.taken = p.pending[:low], low
	return true
}

// forget voids what a definite path has found.
func (p *Pass) forget(path int) {
	if at := p.placed[path]; at > 0 {
		p.Found[at-1].Path = -1
	}
}

// Find returns the value that a definite path names, or the first of another; ok is false where there is none.
func Find(doc []byte, path Path) (value []byte, ok bool, err error) {
	f, err := NewFinder(path)
	if err != nil {
		return nil, false, err
	}
	var p Pass
	if err := f.Find(&p, doc); err != nil || len(p.Found) == 0 {
		return nil, false, err
	}
	return p.Found[0].Value, true, nil
}
