package engine

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// PathPattern is the path of a websocket or a route as authors write it:
// /chat, or with a parameter for a whole segment, /rooms/{id}. A parameter takes
// any segment that is not empty.
type PathPattern string

// parameter is the name in a segment in braces.
func parameter(segment string) (name string, ok bool) {
	if len(segment) < 2 || segment[0] != '{' || segment[len(segment)-1] != '}' {
		return "", false
	}
	return segment[1 : len(segment)-1], true
}

// nextSegment cuts the first segment off a path that begins with a slash; last
// tells that nothing follows it.
func nextSegment(path string) (segment, rest string, last bool) {
	if end := strings.IndexByte(path[1:], '/'); end >= 0 {
		return path[1 : 1+end], path[1+end:], false
	}
	return path[1:], "", true
}

// Matches tells whether a request's path is one that the pattern is about: all
// of it when exact, else the path or one below it. Segments are compared as they
// came, without decoding.
func (p PathPattern) Matches(path string, exact bool) bool {
	if !strings.HasPrefix(path, "/") || !strings.HasPrefix(string(p), "/") {
		return string(p) == path
	}
	for rest := string(p); ; {
		want, after, last := nextSegment(rest)
		got, below, end := nextSegment(path)
		_, any := parameter(want)
		switch {
		case last && want == "" && !exact:
			return true
		case any && got == "", !any && want != got:
			return false
		case last:
			return end || !exact
		case end:
			return false
		}
		rest, path = after, below
	}
}

// MorePrecise tells whether the pattern goes before another one that matches
// the same path: the one with more segments, else the one that has a literal where
// the other has a parameter, in the first segment in which they differ.
func (p PathPattern) MorePrecise(than PathPattern) bool {
	if mine, other := strings.Count(string(p), "/"), strings.Count(string(than), "/"); mine != other {
		return mine > other
	}
	a, b := strings.Split(string(p), "/"), strings.Split(string(than), "/")
	for i := range a {
		if x, y := precision(a[i]), precision(b[i]); x != y {
			return x > y
		}
	}
	return false
}

// precision orders the segments that may match the same one: a literal, a
// parameter, and the nothing behind a slash at the end.
func precision(segment string) int {
	switch _, any := parameter(segment); {
	case any:
		return 1
	case segment == "":
		return 0
	}
	return 2
}

// Shape is the pattern without the names of its parameters: two patterns of
// one shape match the same paths.
func (p PathPattern) Shape() string {
	segments := strings.Split(string(p), "/")
	for i, segment := range segments {
		if _, any := parameter(segment); any {
			segments[i] = "{}"
		}
	}
	return strings.Join(segments, "/")
}

// Parameters are the values that a path has for the parameters, in their order,
// percent-decoded once. The path must match.
func (p PathPattern) Parameters(path string) []Field {
	if !strings.Contains(string(p), "{") {
		return nil
	}
	var found []Field
	for rest, last, end := string(p), false, false; !last && !end; {
		var want, got string
		want, rest, last = nextSegment(rest)
		got, path, end = nextSegment(path)
		if name, any := parameter(want); any {
			found = append(found, Field{name, decodedSegment(got)})
		}
	}
	return found
}

// Names are the names of the parameters, in their order.
func (p PathPattern) Names() []string {
	var names []string
	for segment := range strings.SplitSeq(string(p), "/") {
		if name, any := parameter(segment); any {
			names = append(names, name)
		}
	}
	return names
}

// decodedSegment decodes a segment of a path that has been checked before.
func decodedSegment(segment string) string {
	if decoded, err := url.PathUnescape(segment); err == nil {
		return decoded
	}
	return segment
}

// Check tells why the pattern cannot be used: braces that do not hold a whole
// segment, a name that no selector could name, or one name twice.
func (p PathPattern) Check() error {
	seen := make(map[string]bool)
	for segment := range strings.SplitSeq(string(p), "/") {
		name, any := parameter(segment)
		switch {
		case !any && strings.ContainsAny(segment, "{}"):
			return fmt.Errorf("a parameter is a whole segment of the path, and %q is more than one or less", segment)
		case !any:
			continue
		case name == "":
			return errors.New("a parameter in the path has no name")
		case strings.IndexFunc(name, func(r rune) bool { return r > 127 || !isNameByte(byte(r)) || r == '.' || r == '@' }) >= 0:
			return fmt.Errorf("the name of parameter %q has more than letters, digits, - and _", name)
		case seen[name]:
			return fmt.Errorf("two parameters of the path are called %q", name)
		}
		seen[name] = true
	}
	return nil
}

// pathValue is http.path: the segments of the path by their number from 0, and the
// parameters by their name.
func (r *Request) pathValue() Value {
	if !strings.HasPrefix(r.Path, "/") {
		return Value{}
	}
	tree := make(map[string]any)
	for i, segment := range strings.Split(r.Path[1:], "/") {
		tree[fmt.Sprint(i)] = decodedSegment(segment)
	}
	for _, p := range r.PathParams {
		tree[p.Name] = p.Value
	}
	return TreeValue(tree)
}

// pathParam is params.path.NAME.
func (r *Request) pathParam(name string) Value {
	for _, p := range r.PathParams {
		if p.Name == name {
			return StringValue(p.Value)
		}
	}
	return Value{}
}
