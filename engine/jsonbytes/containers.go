package jsonbytes

// Members and elements are written by where they stand: what separates an item from the one before it goes with the item, and
// the spaces in front of a container's first item go with whichever item comes first in the end.

// items is where the walk over a container is.
type items struct {
	lead  []byte // the spaces before the first item
	count int    // items that have been read
	kept  int    // items that have been written, added ones among them
	end   int    // behind the item before, or behind the opening bracket
}

// maxLead is the longest indentation that added items get as well, in bytes.
const maxLead = 64

// open goes into a container; false in more where it is empty.
func (p *Pass) open(it *items, closing byte) (more, ok bool) {
	if !p.enter() {
		return false, false
	}
	it.end = p.at
	p.space()
	if it.lead = p.doc[it.end:p.at]; len(it.lead) > maxLead {
		it.lead = nil
	}
	return p.peek() != closing, true
}

// next goes behind an item to the next; false in more where there is none.
func (p *Pass) next(it *items, closing byte) (more, ok bool) {
	it.count++
	it.end = p.at
	p.space()
	switch p.peek() {
	case closing:
		return false, true
	case ',':
		p.at++
		p.space()
		return true, true
	}
	return false, p.unexpected()
}

// close leaves a container.
func (p *Pass) close() bool {
	p.at++
	p.depth--
	return true
}

// keep prepares for the item that starts at a place to stay.
func (p *Pass) keep(it *items, start int) {
	switch {
	case it.kept == 0 && it.count > 0: // those before it are gone, and so is its comma
		p.copied = start
	case it.kept > 0 && it.count == 0: // something was inserted before the first
		p.out = append(append(p.out, ','), it.lead...)
		p.copied = start
	}
	it.kept++
}

// remove takes out the item from start to the scanner.
func (p *Pass) remove(it *items, start int) {
	switch {
	case it.count == 0:
		p.flush(start)
	case it.kept > 0:
		p.flush(it.end)
	}
	p.copied = p.at
}

// insert writes a value before the item at the scanner.
func (p *Pass) insert(it *items, v []byte) {
	switch {
	case it.count == 0 && it.kept == 0:
		p.flush(p.at)
	case it.kept > 0:
		p.flush(it.end)
		p.out = append(append(p.out, ','), it.lead...)
	}
	p.out = append(p.out, v...)
	it.kept++
}

// add begins another item behind the last.
func (p *Pass) add(it *items) {
	p.flush(it.end)
	if it.kept > 0 {
		p.out = append(append(p.out, ','), it.lead...)
	}
	it.kept++
}

// object goes over an object, with the states from lo on.
func (p *Pass) object(lo int) bool {
	var it items
	hi := len(p.states)
	more, ok := p.open(&it, '}')
	for more && ok {
		start := p.at
		if p.peek() != '"' {
			return p.unexpected()
		}
		escaped, ok := p.string()
		if !ok {
			return false
		}
		name := p.doc[start+1 : p.at-1]
		if escaped {
			p.text = AppendText(p.text[:0], p.doc[start:p.at])
			name = p.text
		}
		edit := p.member(lo, hi, name)
		if !p.colon() || !p.item(&it, start, hi, edit) {
			return false
		}
		p.states = p.states[:hi]
		if more, ok = p.next(&it, '}'); !ok {
			return false
		}
	}
	if !ok {
		return false
	}
	p.addMembers(&it, lo, hi)
	return p.close()
}

// item goes over a member's or element's value; the item starts at start.
func (p *Pass) item(it *items, start, lo, edit int) bool {
	if edit < 0 || p.e.edits[edit].Op != Remove {
		p.keep(it, start)
		return p.value(lo, edit)
	}
	from := p.at
	if !p.skip() {
		return false
	}
	p.Removed = append(p.Removed, p.doc[from:p.at])
	p.remove(it, start)
	return true
}

// addMembers adds what the edits want in an object and has not been there.
func (p *Pass) addMembers(it *items, lo, hi int) {
	for i, s := range p.states[lo:hi] {
		n := &p.e.matcher.nodes[s.node]
		if s.seen || !n.adds || n.kind > member || p.addedBy(p.states[lo+i+1:hi], n.name) {
			continue
		}
		p.add(it)
		p.out = AppendString(p.out, n.name)
		p.out = append(p.out, ':')
		p.out = append(p.out, p.given(n.edit)...)
		p.Hits[n.edit]++
	}
}

// addedBy tells whether one of the states adds a member of the name.
func (p *Pass) addedBy(states []state, name string) bool {
	for _, s := range states {
		if n := &p.e.matcher.nodes[s.node]; n.adds && n.kind <= member && n.name == name {
			return true
		}
	}
	return false
}

// list goes over a list, with the states from lo on.
func (p *Pass) list(lo int) bool {
	var it items
	hi := len(p.states)
	more, ok := p.open(&it, ']')
	for more && ok {
		if p.e.matcher.inserts {
			p.insertElements(&it, lo, hi)
		}
		if !p.item(&it, p.at, hi, p.element(lo, hi, it.count)) {
			return false
		}
		p.states = p.states[:hi]
		if more, ok = p.next(&it, ']'); !ok {
			return false
		}
	}
	if !ok {
		return false
	}
	p.addElements(&it, lo, hi)
	return p.close()
}

// insertElements inserts before the element that comes.
func (p *Pass) insertElements(it *items, lo, hi int) {
	for _, s := range p.states[lo:hi] {
		if n := &p.e.matcher.nodes[s.node]; n.inserts && n.index == it.count && (n.kind == token || n.kind == element) {
			p.insert(it, p.given(n.edit))
			p.Hits[n.edit]++
		}
	}
}

// addElements adds what belongs behind the last element.
func (p *Pass) addElements(it *items, lo, hi int) {
	for _, s := range p.states[lo:hi] {
		n := &p.e.matcher.nodes[s.node]
		behind := n.kind == theEnd || (n.kind == token || n.kind == element) && n.index == it.count
		if behind && (n.adds || n.inserts) {
			p.add(it)
			p.out = append(p.out, p.given(n.edit)...)
			p.Hits[n.edit]++
		}
	}
}
