package filters

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"framegate/engine"
	"framegate/engine/jsonbytes"
)

// jsonTemplate makes JSON for a message: text that is the same for all, and selectors in between whose text stands in strings.
// What a message holds can so never become anything but the text of a string.
type jsonTemplate struct {
	parts []jsonPart
	raw   *engine.Selector // instead: a selector whose text is JSON itself
}

// jsonPart is literal JSON, then the text of a selector inside of a string.
type jsonPart struct {
	literal []byte
	text    *engine.Selector
}

// newJSONTemplate compiles a value of YAML. Texts in it may have selectors.
func newJSONTemplate(value any) (*jsonTemplate, error) {
	t := &jsonTemplate{parts: make([]jsonPart, 1)}
	return t, t.add(value)
}

// literal appends text that is the same for all messages.
func (t *jsonTemplate) literal(text []byte) {
	last := &t.parts[len(t.parts)-1]
	last.literal = append(last.literal, text...)
}

func (t *jsonTemplate) add(value any) error {
	switch v := value.(type) {
	case string:
		return t.addText(v)
	case []any:
		for i, item := range v {
			t.literal([]byte{"[,"[min(i, 1)]})
			if err := t.add(item); err != nil {
				return err
			}
		}
		if len(v) == 0 {
			t.literal([]byte{'['})
		}
		t.literal([]byte{']'})
		return nil
	case map[string]any:
		return t.addMap(v)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("a value that JSON does not have: %w", err)
	}
	t.literal(text)
	return nil
}

func (t *jsonTemplate) addMap(v map[string]any) error {
	t.literal([]byte{'{'})
	for i, key := range slices.Sorted(maps.Keys(v)) {
		if i > 0 {
			t.literal([]byte{','})
		}
		t.literal(append(jsonbytes.AppendString(nil, key), ':'))
		if err := t.add(v[key]); err != nil {
			return err
		}
	}
	t.literal([]byte{'}'})
	return nil
}

func (t *jsonTemplate) addText(text string) error {
	s, err := engine.ParseSelector(text)
	if err != nil {
		return err
	}
	if same, ok := s.Literal(); ok {
		t.literal(jsonbytes.AppendString(nil, same))
		return nil
	}
	s = s.Literals(func(text string) string { return string(jsonbytes.AppendEscaped(nil, text)) })
	t.literal([]byte{'"'})
	t.parts[len(t.parts)-1].text = &s
	t.parts = append(t.parts, jsonPart{literal: []byte{'"'}})
	return nil
}

// fixed is the JSON where no message makes a difference.
func (t *jsonTemplate) fixed() ([]byte, bool) {
	if t.raw == nil && len(t.parts) == 1 {
		return t.parts[0].literal, true
	}
	return nil, false
}

// attributes lists the attributes that must be set.
func (t *jsonTemplate) attributes() []string {
	var names []string
	for _, p := range t.parts {
		if p.text != nil {
			names = append(names, p.text.Attributes()...)
		}
	}
	return names
}

// append appends the JSON for a message.
func (t *jsonTemplate) append(dst []byte, m *engine.Message) ([]byte, error) {
	if t.raw != nil {
		return t.appendRaw(dst, m)
	}
	for _, p := range t.parts {
		dst = append(dst, p.literal...)
		if p.text == nil {
			continue
		}
		var err error
		if dst, err = p.text.AppendWith(dst, m, jsonbytes.AppendEscaped[string]); err != nil {
			return dst, fmt.Errorf("value: %w", err)
		}
	}
	return dst, nil
}

// appendRaw appends what a selector gives, which must be JSON.
func (t *jsonTemplate) appendRaw(dst []byte, m *engine.Message) ([]byte, error) {
	start := len(dst)
	dst, err := t.raw.Append(dst, m)
	if err == nil {
		err = jsonbytes.Check(dst[start:])
	}
	if err != nil {
		return dst, fmt.Errorf("json: %w", err)
	}
	return dst, nil
}
