package filters

import (
	"maps"
	"slices"
	"strings"

	"framegate/engine"
	"framegate/engine/wire"
)

func init() {
	register[threateningContent](Kind{Type: "threatening-content", Family: Access, Hooks: engine.OnHTTP | engine.OnFrame, Reads: []string{"content.body"}})
}

// Passes when nothing in the message looks like an attack: neither in its body, nor in the
// headers and the target of a request. A refused upgrade gets 400. As in Axway's
// Threatening Content filter. The reason and the trail name the list that matched, never what it matched.
//
// Each text is looked at as it is and with its percent-encoding decoded once. Binary messages are looked at
// as bytes, but for control characters. The time grows with the length of the text and with nothing else: all the
// built-in lists together look through some 40 MB in a second.
//
// The lists stop the clumsy and the automatic. They are no substitute for a back end that takes no
// text for code, and may stop harmless text that looks the part; see which with a failure arrow and
// log-message before letting them refuse.
//
//	filters:
//	  - type: threatening-content
//	    sets: [sql-injection, cross-site-scripting]
//	    patterns: {drop-box: '(?i)\bdropbox\.exe\b'}
type threateningContent struct {
	// Sets are the built-in lists that are used. None given, and no patterns: all of them.
	Sets []string `yaml:"sets" oneof:"sql-injection cross-site-scripting path-traversal command-injection xml-entity lookup-injection server-side-include crlf-injection control-characters"`

	// Patterns are lists of one's own: a name, and a regular expression (RE2); (?i) in front ignores the case.
	Patterns map[string]pattern `yaml:"patterns"`

	// Body has the body looked at: of messages, and of requests on routes.
	Body bool `yaml:"body" default:"true"`

	// Headers has the values of the request's headers looked at.
	Headers bool `yaml:"headers" default:"true"`

	// Query has the path and the query of the request's target looked at.
	Query bool `yaml:"query" default:"true"`

	// ExceptHeaders are the names of headers that are not looked at.
	ExceptHeaders []string `yaml:"exceptHeaders"`

	threats []threat
}

func (f *threateningContent) Prepare(env *Env) error {
	for i, name := range f.ExceptHeaders {
		if err := checkToken(indexed("exceptHeaders", i), name); err != nil {
			return err
		}
	}
	sets := f.Sets
	if len(sets) == 0 && len(f.Patterns) == 0 {
		sets = slices.Sorted(maps.Keys(threatLists))
	}
	for i, name := range sets {
		if slices.Contains(sets[:i], name) {
			return wrong(indexed("sets", i), "keep one of them", "%s is listed twice", name)
		}
		f.threats = append(f.threats, builtInThreat(name))
	}
	for _, name := range slices.Sorted(maps.Keys(f.Patterns)) {
		if threatLists[name] != nil {
			return wrong("patterns."+name, "choose another name, or list it in sets", "%s is the name of a built-in list", name)
		}
		f.threats = append(f.threats, threat{name: name, own: f.Patterns[name].Regexp})
	}
	if !f.Body && !f.Headers && !f.Query {
		return wrong("body", "let one of body, headers and query be true", "nothing is looked at")
	}
	if frames := engine.OnFrame; !f.Body && env.Hooks != 0 && env.Hooks&^frames == 0 {
		return wrong("body", "leave it out", "messages have a body only, and it is not looked at")
	}
	return nil
}

func (f *threateningContent) Run(m *engine.Message) (bool, error) {
	if m.Hook&engine.OnHTTP != 0 && f.requestThreatens(m) {
		return false, nil
	}
	if f.Body && m.Hook != engine.OnUpgrade && f.threatens(m, m.Body(), "body", "") {
		return false, nil
	}
	return true, nil
}

// requestThreatens looks at target and headers.
func (f *threateningContent) requestThreatens(m *engine.Message) bool {
	q := m.Request
	if f.Query && (f.threatens(m, []byte(q.Path), "path", "") || f.threatens(m, []byte(q.Query), "query", "")) {
		return true
	}
	if !f.Headers {
		return false
	}
	for name, value := range q.Headers.All() {
		is := func(except string) bool { return strings.EqualFold(except, name) }
		if !slices.ContainsFunc(f.ExceptHeaders, is) && f.threatens(m, []byte(value), "header", name) {
			return true
		}
	}
	return false
}

// threatens looks for the first list that a part of the message matches, and fails with its name.
func (f *threateningContent) threatens(m *engine.Message, content []byte, part, name string) bool {
	t := f.find(content, part == "body" && m.Op == wire.Binary)
	if decoded, encoded := unescapeOnce(content, part == "query"); t == nil && encoded {
		t = f.find(decoded, part == "body" && m.Op == wire.Binary)
	}
	switch {
	case t == nil:
		return false
	case name != "":
		m.Fail(400, "%s %s looks like a threat: %s", part, name, t.name)
	default:
		m.Fail(400, "the %s looks like a threat: %s", part, t.name)
	}
	return true
}

// find returns the first list that matches, or nil.
func (f *threateningContent) find(content []byte, binary bool) *threat {
	if len(content) == 0 {
		return nil
	}
	buffer := flats.Get().(*[]byte)
	defer flats.Put(buffer)
	*buffer = flatten((*buffer)[:0], content)
	for i := range f.threats {
		if t := &f.threats[i]; !(t.control && binary) && t.finds(content, *buffer) {
			return t
		}
	}
	return nil
}
