package wire

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Headers is an ordered list of HTTP header fields. Names keep the case and the order they came with and are compared without
// case (RFC 9110 §5.1). What cannot stand in a header never gets into one, so that no value can inject a line. The zero
// Headers is empty and ready; a nil *Headers can be read.
type Headers struct {
	fields []field
	size   int     // as AppendTo writes them
	packed *packed // the fields, where they are not in fields
}

type field struct{ name, value string }

func (f field) size() int { return len(f.name) + len(": ") + len(f.value) + len("\r\n") }

// MaxHeaders is the most bytes that a Headers can hold, as they would be written.
const MaxHeaders = 64 << 10

// What is wrong with a header block or field; errors of Headers wrap one of them.
var (
	ErrHeaderName     = errors.New("header name is not a token")
	ErrHeaderValue    = errors.New("header value with a control character")
	ErrHeaderLine     = errors.New("malformed header line")
	ErrHeadersTooLong = fmt.Errorf("headers longer than %d bytes", MaxHeaders)
)

// ParseHeaders parses a raw header block: lines that end with CRLF, and optionally the empty line that ends the block. It is
// strict: names are tokens with nothing before the colon, no obsolete line folding, no CR, LF or NUL on their own (RFC 9112
// §5.1, §5.2, §2.2).
func ParseHeaders(block []byte) (*Headers, error) {
	if len(block) > MaxHeaders+len("\r\n") {
		return nil, fmt.Errorf("parse headers: %w", ErrHeadersTooLong)
	}
	return ParseHeaderText(string(block))
}

// ParseHeaderText is [ParseHeaders] for a block that is a string, of which the fields are parts.
func ParseHeaderText(block string) (*Headers, error) {
	if len(block) > MaxHeaders+len("\r\n") {
		return nil, fmt.Errorf("parse headers: %w", ErrHeadersTooLong)
	}
	h := &Headers{fields: make([]field, 0, strings.Count(block, "\n"))}
	rest := block
	for line := 1; rest != "" && rest != "\r\n"; line++ {
		text, next, ok := strings.Cut(rest, "\r\n")
		if !ok {
			return nil, fmt.Errorf("parse headers: line %d: %w: no CRLF at its end", line, ErrHeaderLine)
		}
		if err := h.addLine(text); err != nil {
			return nil, fmt.Errorf("parse headers: line %d: %w", line, err)
		}
		rest = next
	}
	return h, nil
}

func (h *Headers) addLine(line string) error {
	name, value, ok := strings.Cut(line, ":")
	switch {
	case line == "":
		return fmt.Errorf("%w: text after the end of the block", ErrHeaderLine)
	case line[0] == ' ' || line[0] == '\t':
		return fmt.Errorf("%w: folded onto a second line", ErrHeaderLine)
	case !ok:
		return fmt.Errorf("%w: no colon", ErrHeaderLine)
	}
	return h.Add(name, value)
}

// Get is the value of the first field with this name, "" if there is none.
func (h *Headers) Get(name string) string {
	for value := range h.Values(name) {
		return value
	}
	return ""
}

// Has reports whether there is a field with this name.
func (h *Headers) Has(name string) bool {
	for range h.Values(name) {
		return true
	}
	return false
}

// Values is the values of all fields with this name, in order.
func (h *Headers) Values(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for n, v := range h.All() {
			if equalFold(n, name) && !yield(v) {
				return
			}
		}
	}
}

// All is all fields in order. The Headers must not be changed meanwhile.
func (h *Headers) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for i := range h.Len() {
			if f := h.at(i); !yield(f.name, f.value) {
				return
			}
		}
	}
}

// Len is the number of fields.
func (h *Headers) Len() int {
	switch {
	case h == nil:
		return 0
	case h.packed != nil:
		return h.packed.len()
	}
	return len(h.fields)
}

func (h *Headers) at(i int) field {
	if h.packed != nil {
		return h.packed.field(i)
	}
	return h.fields[i]
}

// Add adds a field at the end. Spaces and tabs around value are cut. Errors wrap [ErrHeaderName], [ErrHeaderValue] or
// [ErrHeadersTooLong], and leave the Headers as they were.
func (h *Headers) Add(name, value string) error {
	f, err := makeField(name, value)
	if err != nil {
		return err
	}
	if h.size+f.size() > MaxHeaders {
		return fmt.Errorf("header %s: %w", name, ErrHeadersTooLong)
	}
	h.unpack()
	h.fields = append(h.fields, f)
	h.size += f.size()
	return nil
}

// Set gives the first field with this name the value and removes the others; where there is none it adds one at the end. The
// field's place and the case of its name stay. Errors are those of [Headers.Add].
func (h *Headers) Set(name, value string) error {
	h.unpack()
	for i, old := range h.fields {
		if !equalFold(old.name, name) {
			continue
		}
		f, err := makeField(old.name, value)
		if err != nil {
			return err
		}
		if h.size-old.size()+f.size() > MaxHeaders {
			return fmt.Errorf("header %s: %w", name, ErrHeadersTooLong)
		}
		h.fields[i] = f
		h.size += f.size() - old.size()
		h.del(name, i+1)
		return nil
	}
	return h.Add(name, value)
}

// Del removes all fields with this name.
func (h *Headers) Del(name string) { h.del(name, 0) }

func (h *Headers) del(name string, from int) {
	h.unpack()
	kept := h.fields[:from]
	for _, f := range h.fields[from:] {
		if equalFold(f.name, name) {
			h.size -= f.size()
			continue
		}
		kept = append(kept, f)
	}
	clear(h.fields[len(kept):])
	h.fields = kept
}

// DelFunc removes the fields for whose names del is true.
func (h *Headers) DelFunc(del func(name string) bool) {
	h.unpack()
	h.fields = slices.DeleteFunc(h.fields, func(f field) bool {
		if !del(f.name) {
			return false
		}
		h.size -= f.size()
		return true
	})
}

// CopyFrom adds all fields of other.
func (h *Headers) CopyFrom(other *Headers) {
	h.unpack()
	for i := range other.Len() {
		f := other.at(i)
		h.fields = append(h.fields, f)
		h.size += f.size()
	}
}

// Size is how many bytes AppendTo appends.
func (h *Headers) Size() int {
	if h == nil {
		return 0
	}
	return h.size
}

// Grow makes room for so many more fields.
func (h *Headers) Grow(fields int) {
	h.unpack()
	h.fields = slices.Grow(h.fields, fields)
}

// Clone is a copy that can be changed on its own.
func (h *Headers) Clone() *Headers {
	if h == nil {
		return &Headers{}
	}
	return &Headers{fields: h.list(), size: h.size}
}

// AppendTo appends a line "Name: value\r\n" for each field to dst, without the empty line that ends a block.
func (h *Headers) AppendTo(dst []byte) []byte {
	if h.Len() == 0 {
		return dst
	}
	dst = slices.Grow(dst, h.size+len("\r\n"))
	for name, value := range h.All() {
		dst = append(append(dst, name...), ": "...)
		dst = append(append(dst, value...), "\r\n"...)
	}
	return dst
}

// Tokens is the elements of the comma-separated lists in all fields with this name, in order and without empty ones (RFC 9110
// §5.3, §5.6.1). A comma inside a quoted string separates nothing.
func (h *Headers) Tokens(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for list := range h.Values(name) {
			for list != "" {
				var element string
				element, list = cutElement(list)
				if element != "" && !yield(element) {
					return
				}
			}
		}
	}
}

// HasToken reports whether one of the elements of the lists named name is token, without regard to case.
func (h *Headers) HasToken(name, token string) bool {
	for t := range h.Tokens(name) {
		if equalFold(t, token) {
			return true
		}
	}
	return false
}

// cutElement cuts the first element off a comma-separated list.
func cutElement(list string) (element, rest string) {
	quoted := false
	for i := 0; i < len(list); i++ {
		switch {
		case list[i] == '"':
			quoted = !quoted
		case list[i] == '\\' && quoted:
			i++
		case list[i] == ',' && !quoted:
			return trimSpace(list[:i]), list[i+1:]
		}
	}
	return trimSpace(list), ""
}

func makeField(name, value string) (field, error) {
	if !isToken(name) {
		return field{}, fmt.Errorf("header %q: %w", name, ErrHeaderName)
	}
	value = trimSpace(value)
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7F {
			return field{}, fmt.Errorf("header %s: %w (%#02x)", name, ErrHeaderValue, c)
		}
	}
	return field{name, value}, nil
}

// trimSpace cuts optional whitespace, RFC 9110 §5.6.3.
func trimSpace(s string) string { return strings.Trim(s, " \t") }

// isToken reports whether s is a token, RFC 9110 §5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		if !isTokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isTokenByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c > ' ' && c < 0x7F && strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// equalFold compares without regard to the case of ASCII letters, and of no others.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
