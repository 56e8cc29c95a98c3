package filters

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"framegate/engine"
	"framegate/engine/wire"
)

func init() {
	register[replace](Kind{Type: "replace", Family: Transform, Aliases: []string{"string-replace", "StringReplaceFilter"}, Hooks: engine.OnAny})
}

// maxMatches bounds what one message can make replace do.
const maxMatches = 10_000

// Replaces what a regular expression matches, in content.body or another
// attribute. It passes whether something matched or not, unless mustMatch is set;
// a body in which nothing matches stays as it is, byte for byte. As in Axway's String
// Replace, which never fails either.
//
// It aborts when there are more than 10,000 matches, when the result is longer than
// atMost, when a text message would no longer be UTF-8, or when the attribute is not
// set. The expression's time grows with the length of the text for each match.
//
//	filters:
//	  - type: replace
//	    find: '\b(\d{4})-?\d{4}-?\d{4}-?(\d{4})\b'
//	    with: '$1-****-****-$2'
type replace struct {
	// Attribute is where to look.
	Attribute string `yaml:"attribute" default:"content.body"`

	// Find is the regular expression. (?i) at its beginning ignores case, (?s) lets . match line ends, (?m) makes ^ and $ match
	// at each line.
	Find pattern `yaml:"find" required:"true"`

	// With is what stands in place of a match: $1 or $name is a group of the expression, $0 the match, $$ a dollar sign. A name
	// is as long as letters, digits and _ go on. What a selector yields is taken as it is, dollar signs included.
	With engine.Selector `yaml:"with"`

	// First replaces the first match only.
	First bool `yaml:"first"`

	// MustMatch makes the filter fail where nothing matches.
	MustMatch bool `yaml:"mustMatch"`

	// AtMost is how long the result may be.
	AtMost engine.Size `yaml:"atMost" default:"1MiB" min:"1"`

	attr engine.Attr
}

func (f *replace) Prepare(*Env) (err error) {
	f.attr, err = settable("attribute", f.Attribute)
	return err
}

func (f *replace) Run(m *engine.Message) (bool, error) {
	value := m.Get(f.attr)
	if value.IsMissing() {
		return false, fmt.Errorf("attribute %s is not set", f.Attribute)
	}
	text := m.Body()
	if f.Attribute != "content.body" {
		text = value.AppendTo(nil)
	}
	most := maxMatches + 1
	if f.First {
		most = 1
	}
	matches := f.Find.FindAllSubmatchIndex(text, most)
	switch {
	case len(matches) > maxMatches:
		return false, fmt.Errorf("%s matches more than %d times", f.Attribute, maxMatches)
	case len(matches) == 0 && f.MustMatch:
		m.Fail(0, "nothing in %s matches", f.Attribute)
		return false, nil
	case len(matches) == 0:
		return true, nil
	}
	template, err := f.With.AppendWith(nil, m, withoutGroups)
	if err != nil {
		return false, fmt.Errorf("with: %w", err)
	}
	result, err := f.expand(text, template, matches)
	if err != nil {
		return false, err
	}
	return true, f.set(m, value, result)
}

// withoutGroups appends a value so that its dollar signs are no groups.
func withoutGroups(dst []byte, value string) []byte {
	return append(dst, bytes.ReplaceAll([]byte(value), []byte("$"), []byte("$$"))...)
}

// expand puts the template in place of each match.
func (f *replace) expand(text, template []byte, matches [][]int) ([]byte, error) {
	var result []byte
	at := 0
	for _, match := range matches {
		result = f.Find.Expand(append(result, text[at:match[0]]...), template, text, match)
		at = match[1]
		if len(result) > int(f.AtMost) {
			break
		}
	}
	result = append(result, text[at:]...)
	if len(result) > int(f.AtMost) {
		return nil, fmt.Errorf("%s would become longer than %s", f.Attribute, f.AtMost)
	}
	return result, nil
}

func (f *replace) set(m *engine.Message, before engine.Value, result []byte) error {
	if f.Attribute == "content.body" {
		if m.Answer == nil && m.Op == wire.Text && !utf8.Valid(result) {
			return errNotText
		}
		m.SetBody(result)
		return nil
	}
	value := engine.StringValue(string(result))
	if before.Kind() == engine.Bytes {
		value = engine.BytesValue(result)
	}
	if err := m.Set(f.attr, value); err != nil {
		return fmt.Errorf("set %s: %w", f.Attribute, err)
	}
	return nil
}
