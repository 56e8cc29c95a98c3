package wire

import (
	"slices"
	"strings"
)

// packed is header fields that are kept for long: their names and values behind
// one another, and where each of them ends. A field costs 4 bytes beside its text;
// one of a Headers that is being worked on costs 32.
type packed struct {
	text string
	ends []uint16 // of names and values in turn; MaxHeaders is less than their range
}

// Pack makes the Headers as small as it can be. It reads as before; a change
// unpacks it.
func (h *Headers) Pack() {
	if h == nil || h.packed != nil || len(h.fields) == 0 {
		return
	}
	var text strings.Builder
	text.Grow(h.size - len(h.fields)*len(": \r\n"))
	ends := make([]uint16, 0, 2*len(h.fields))
	for _, f := range h.fields {
		for _, part := range [...]string{f.name, f.value} {
			text.WriteString(part)
			ends = append(ends, uint16(text.Len()))
		}
	}
	h.fields, h.packed = nil, &packed{text.String(), ends}
}

func (h *Headers) unpack() {
	if h.packed == nil {
		return
	}
	h.fields, h.packed = h.list(), nil
}

func (p *packed) len() int { return len(p.ends) / 2 }

func (p *packed) field(i int) field {
	start := uint16(0)
	if i > 0 {
		start = p.ends[2*i-1]
	}
	return field{p.text[start:p.ends[2*i]], p.text[p.ends[2*i]:p.ends[2*i+1]]}
}

// list is a copy of the fields as they are worked on.
func (h *Headers) list() []field {
	if h.packed == nil {
		return slices.Clone(h.fields)
	}
	fields := make([]field, h.packed.len())
	for i := range fields {
		fields[i] = h.packed.field(i)
	}
	return fields
}
