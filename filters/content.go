package filters

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"framegate/engine"
	"framegate/engine/wire"
)

// content is a payload or body that a filter makes: of text, or of JSON in YAML's own form.
type content struct {
	// Body is the content as text. What selectors yield goes in as it is: for JSON write json in place of it, where nothing
	// that a message holds can be more than a text.
	Body engine.Selector `yaml:"body"`

	// JSON is the content as a map, list or text of YAML, which is made JSON: {error: too fast, seq: '${websock.frame.seq}'}.
	// Every ${…} stands within a text of it and is escaped there.
	JSON any `yaml:"json"`

	template *jsonTemplate
	literal  []byte // nil: it differs from message to message
}

// prepare compiles the content; it must be given when needed.
func (c *content) prepare(needed bool) (err error) {
	c.literal, c.template = nil, nil
	switch {
	case c.JSON != nil && c.Body.Written():
		return wrong("json", "keep one of them", "the content is given twice, as body and as json")
	case c.JSON != nil:
		if c.template, err = newJSONTemplate(c.JSON); err != nil {
			return wrong("json", "for ${ itself write $${", "%w", err)
		}
		if text, fixed := c.template.fixed(); fixed {
			c.literal = text
		}
		return nil
	case !c.Body.Written() && needed:
		return wrong("body", "add `body: text`, or `json: {error: too fast}`", "there is no content")
	}
	if text, ok := c.Body.Literal(); ok {
		c.literal = []byte(text)
	}
	return nil
}

// Reads names the attributes in json, for the check of what is read and never set.
func (c *content) Reads() map[string][]string {
	if c.template == nil {
		return nil
	}
	return map[string][]string{"json": c.template.attributes()}
}

// errNotText aborts a policy whose selector would make a text message that is
// not UTF-8 (RFC 6455 §5.6: "The 'Payload data' is text data encoded as UTF-8").
var errNotText = errors.New("body: a text message must be UTF-8, and the selector gave other bytes")

// bytes is the content for this message, as it can stand in a message of that
// kind. It must not be changed.
func (c *content) bytes(m *engine.Message, op wire.Op) ([]byte, error) {
	switch {
	case c.literal != nil:
		return c.literal, nil
	case c.template != nil:
		text, err := c.template.append(nil, m)
		if err != nil {
			return nil, fmt.Errorf("json: %w", err)
		}
		return text, nil
	}
	return bodyOf(c.Body, nil, op, m)
}

// bodyOf is a payload that a filter makes: the selector's text for this message,
// or its literal text where it has one. It must not be changed.
func bodyOf(s engine.Selector, literal []byte, op wire.Op, m *engine.Message) ([]byte, error) {
	if literal != nil {
		return literal, nil
	}
	body, err := s.Append(nil, m)
	switch {
	case err != nil:
		return nil, fmt.Errorf("body: %w", err)
	case op == wire.Text && !utf8.Valid(body):
		return nil, errNotText
	}
	return body, nil
}
