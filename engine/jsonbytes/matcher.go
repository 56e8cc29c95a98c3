package jsonbytes

import "fmt"

// matcher is the paths of all edits, step by step, one after the other.
type matcher struct {
	nodes   []node
	starts  []int32 // the first node of each path; -1 - edit for the whole document
	deep    bool    // some path has **: states may come up twice
	inserts bool    // some edit inserts
	// definite tells, for each path that is looked up, whether it has one value at most.
	definite []bool
}

// node is one step of one path.
type node struct {
	segment
	edit    int
	last    bool
	adds    bool // last, and puts a value where none is
	inserts bool // last, and inserts
	resets  bool // of a definite path that is looked up: a second member of the name makes what was in the first void
}

// state is a step that is to be taken next, from the container that is being read.
type state struct {
	node int32
	seen bool // a member of the name was there
}

func (m *matcher) compile(edits []Edit) error {
	for i := range edits {
		segments := edits[i].Path.segments
		definite := edits[i].Op == lookUp && edits[i].Path.Definite()
		m.definite = append(m.definite, definite)
		op := edits[i].Op
		if op == Append {
			segments = append(segments[:len(segments):len(segments)], segment{kind: theEnd})
		}
		if len(segments) == 0 {
			m.starts = append(m.starts, int32(-1-i))
			continue
		}
		m.starts = append(m.starts, int32(len(m.nodes)))
		for j, s := range segments {
			last := j == len(segments)-1
			m.nodes = append(m.nodes, node{
				segment: s, edit: i, last: last,
				adds: last && (op == Set || op == Add || op == Append), inserts: last && op == Insert, resets: definite,
			})
			m.deep = m.deep || s.kind == anyDepth
		}
		m.inserts = m.inserts || op == Insert
	}
	if len(m.nodes) > maxSegments {
		return fmt.Errorf("the paths have more than %d steps together", maxSegments)
	}
	return nil
}

// root gives the states of the whole document, and its own edit.
func (p *Pass) root() (edit int) {
	edit = -1
	for _, n := range p.e.matcher.starts {
		if n < 0 {
			edit = p.hit(int(-1-n), edit)
			continue
		}
		p.reach(0, n)
	}
	return edit
}

// reach adds a step to the states from lo on. Where it is **, what follows may also come at once.
func (p *Pass) reach(lo int, n int32) {
	m := &p.e.matcher
	for {
		if m.deep {
			for _, s := range p.states[lo:] {
				if s.node == n {
					return
				}
			}
		}
		p.states = append(p.states, state{node: n})
		if m.nodes[n].kind != anyDepth {
			return
		}
		n++
	}
}

// member takes the states of an object, from lo to hi, to its member: it leaves the states of the member's value behind them,
// and returns the value's own edit, -1 for none.
func (p *Pass) member(lo, hi int, name []byte) (edit int) {
	edit = -1
	for i := lo; i < hi; i++ {
		n := &p.e.matcher.nodes[p.states[i].node]
		switch n.kind {
		case token, member:
			if string(name) != n.name {
				continue
			}
			p.states[i].seen = true
			if n.resets {
				p.forget(n.edit)
			}
		case anyDepth:
			p.reach(hi, p.states[i].node)
			continue
		case anything:
		default:
			continue
		}
		edit = p.take(hi, p.states[i].node, n, edit)
	}
	return edit
}

// element is member for the element of a list.
func (p *Pass) element(lo, hi, index int) (edit int) {
	edit = -1
	for i := lo; i < hi; i++ {
		n := &p.e.matcher.nodes[p.states[i].node]
		switch n.kind {
		case token, element:
			if n.index != index {
				continue
			}
		case anyDepth:
			p.reach(hi, p.states[i].node)
			continue
		case anything, anyElement:
		default:
			continue
		}
		edit = p.take(hi, p.states[i].node, n, edit)
	}
	return edit
}

// take takes a step that fits. Of several edits of one value the last counts, but for Remove, which counts before all others.
func (p *Pass) take(lo int, at int32, n *node, edit int) int {
	if !n.last {
		p.reach(lo, at+1)
		return edit
	}
	if n.inserts {
		return edit
	}
	return p.hit(n.edit, edit)
}

// hit counts an edit of a value, and returns which edit of the value counts by now.
func (p *Pass) hit(edit, before int) int {
	p.Hits[edit]++
	if p.e.edits[edit].Op == lookUp {
		p.hitLookUp(edit, p.e.matcher.definite[edit])
	}
	if before >= 0 && p.e.edits[before].Op == Remove {
		return before
	}
	return edit
}
