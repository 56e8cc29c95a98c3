package filters

import (
	"mime"
	"slices"
	"strings"

	"framegate/engine"
)

func init() {
	register[contentType](Kind{Type: "content-type", Family: Access, Hooks: engine.OnHTTP | engine.OnFrame, Reads: []string{"content.type"}})
}

// Passes when the content is of a type that is on the allow list and not on the deny
// list. A refused request gets 415.
//
// A request's type is its Content-Type header. Messages carry none: a text is of the websocket's
// contentType (application/json), and a binary message is application/octet-stream, so that allow:
// [application/json] lets no binary message through.
//
//	filters:
//	  - type: content-type
//	    allow: [application/json, 'application/*+json', 'text/*']
type contentType struct {
	// Allow lists media types without parameters. A * stands for any characters of a type or subtype.
	Allow []string `yaml:"allow"`

	// Deny lists media types that fail even where allow has them.
	Deny []string `yaml:"deny"`

	// Required makes the filter fail for a request without a Content-Type, as those without a body have none.
	Required bool `yaml:"required"`

	allow, deny []mediaRange
}

// mediaRange is a type and a subtype, either of which may have a * in it.
type mediaRange struct{ head, tail []string }

func (f *contentType) Prepare(*Env) (err error) {
	if len(f.Allow) == 0 && len(f.Deny) == 0 {
		return wrong("allow", "write allow: [application/json]", "neither allow nor deny is given")
	}
	if f.allow, err = mediaRanges("allow", f.Allow); err != nil {
		return err
	}
	f.deny, err = mediaRanges("deny", f.Deny)
	return err
}

func mediaRanges(field string, texts []string) ([]mediaRange, error) {
	types := make([]mediaRange, len(texts))
	for i, text := range texts {
		head, tail, ok := strings.Cut(strings.ToLower(text), "/")
		plain := strings.NewReplacer("*", "x").Replace(text)
		if parsed, params, err := mime.ParseMediaType(plain); !ok || err != nil || len(params) > 0 || !strings.EqualFold(parsed, plain) {
			return nil, wrong(indexed(field, i), "write a type and a subtype, such as application/json or text/*", "%q is not a media type", text)
		}
		types[i] = mediaRange{strings.Split(head, "*"), strings.Split(tail, "*")}
	}
	return types, nil
}

func (f *contentType) Run(m *engine.Message) (bool, error) {
	header, ok := f.given(m)
	if !ok {
		m.Fail(415, "there is more than one Content-Type")
		return false, nil
	}
	if header == "" {
		if f.Required {
			m.Fail(415, "there is no Content-Type")
		}
		return !f.Required, nil
	}
	given, _, err := mime.ParseMediaType(header)
	head, tail, slash := strings.Cut(given, "/")
	is := func(t mediaRange) bool { return starFits(t.head, head) && starFits(t.tail, tail) }
	switch {
	case err != nil || !slash:
		m.Fail(415, "the Content-Type is not a media type")
	case slices.ContainsFunc(f.deny, is), len(f.allow) > 0 && !slices.ContainsFunc(f.allow, is):
		m.Fail(415, "content of type %s is not allowed", cutText(given, 80))
	default:
		return true, nil
	}
	return false, nil
}

var contentTypeAttr = engine.AttrOf("content.type")

// given is the content's type; ok is false where a request names two.
func (f *contentType) given(m *engine.Message) (header string, ok bool) {
	if m.Hook&engine.OnFrame != 0 {
		return m.Get(contentTypeAttr).String(), true
	}
	count := 0
	for value := range m.Request.Headers.Values("Content-Type") {
		header, count = value, count+1
	}
	return header, count < 2
}

// starFits compares a text with the parts around stars.
func starFits(parts []string, text string) bool {
	if len(parts) == 1 {
		return text == parts[0]
	}
	rest, ok := strings.CutPrefix(text, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(rest, part)
		if !found {
			return false
		}
		rest = after
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}
