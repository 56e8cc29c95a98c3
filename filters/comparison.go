package filters

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"framegate/engine"
)

// comparison is what compare-attribute and switch hold a value against.
type comparison struct {
	// Op says how the value is compared with the text in with: the whole of it (is, is-not), a
	// part (contains, does-not-contain, starts-with, ends-with), by a regular expression (matches,
	// does-not-match; RE2, anywhere in the value unless anchored), or as numbers (at-least, at-most).
	Op string `yaml:"op" default:"is" oneof:"is is-not contains does-not-contain starts-with ends-with matches does-not-match at-least at-most"`

	// With is what the value is compared with. A regular expression must not have selectors in it.
	With engine.Selector `yaml:"with"`

	// IgnoreCase takes upper and lower case as the same.
	IgnoreCase bool `yaml:"ignoreCase"`

	op      string // without its "not"
	negated bool
	re      *regexp.Regexp // of matches, and of everything literal that ignores case
	number  float64        // of at-least and at-most
	literal bool
}

// negations has the operators that are the opposite of another.
var negations = map[string]string{"is-not": "is", "does-not-contain": "contains", "does-not-match": "matches"}

// anchored is the regular expression for a literal comparison that ignores case.
var anchored = map[string]string{"is": `^%s$`, "contains": `%s`, "starts-with": `^%s`, "ends-with": `%s$`}

// prepare compiles the comparison; path is its place in YAML with a dot at the end.
func (c *comparison) prepare(path string) (err error) {
	c.op = c.Op
	if op, ok := negations[c.Op]; ok {
		c.op, c.negated = op, true
	}
	var with string
	with, c.literal = c.With.Literal()
	switch {
	case c.With.IsZero() && c.op != "is":
		return wrong(path+"with", "write what to look for", "%s needs something to compare with", c.Op)
	case c.op == "at-least" || c.op == "at-most":
		return c.prepareNumber(path, with)
	case c.op == "matches":
		return c.prepareMatch(path, with)
	case c.IgnoreCase && c.literal:
		c.re, err = regexp.Compile(`(?is)` + fmt.Sprintf(anchored[c.op], regexp.QuoteMeta(with)))
	}
	return err
}

func (c *comparison) prepareNumber(path, with string) (err error) {
	switch {
	case c.IgnoreCase:
		return wrong(path+"ignoreCase", "leave it out", "numbers have no case")
	case !c.literal:
		return nil
	}
	if c.number, err = strconv.ParseFloat(with, 64); err != nil {
		return wrong(path+"with", "write a number such as 100", "%s compares numbers, and %q is none", c.Op, with)
	}
	return nil
}

func (c *comparison) prepareMatch(path, with string) (err error) {
	if !c.literal {
		return wrong(path+"with", "write the expression out; for a text from the message use is or contains", "a regular expression cannot have ${…} in it")
	}
	if c.IgnoreCase {
		with = "(?i)" + with
	}
	if c.re, err = regexp.Compile(with); err != nil {
		return wrong(path+"with", "the syntax is RE2: no look-ahead, no back references", "regular expression: %w", err)
	}
	return nil
}

// holds tells whether the value compares as it should.
func (c *comparison) holds(m *engine.Message, value engine.Value) (bool, error) {
	if c.op == "at-least" || c.op == "at-most" {
		return c.numberHolds(m, value)
	}
	text := value.String()
	if c.re != nil {
		return c.re.MatchString(text) != c.negated, nil
	}
	with, err := c.With.String(m)
	if err != nil {
		return false, fmt.Errorf("with: %w", err)
	}
	if c.IgnoreCase {
		text, with = strings.ToLower(text), strings.ToLower(with)
	}
	return compareTexts(c.op, text, with) != c.negated, nil
}

func compareTexts(op, text, with string) bool {
	switch op {
	case "contains":
		return strings.Contains(text, with)
	case "starts-with":
		return strings.HasPrefix(text, with)
	case "ends-with":
		return strings.HasSuffix(text, with)
	}
	return text == with
}

func (c *comparison) numberHolds(m *engine.Message, value engine.Value) (bool, error) {
	n, err := numberOf(value)
	if err != nil {
		return false, err
	}
	limit := c.number
	if !c.literal {
		with, err := c.With.Value(m)
		if err != nil {
			return false, fmt.Errorf("with: %w", err)
		}
		if limit, err = numberOf(with); err != nil {
			return false, fmt.Errorf("with: %w", err)
		}
	}
	if c.op == "at-least" {
		return n >= limit, nil
	}
	return n <= limit, nil
}

// numberOf reads a value as a number. What is none aborts: it can be neither
// more nor less than another.
func numberOf(v engine.Value) (float64, error) {
	if v.Kind() == engine.Int {
		return float64(v.Int()), nil
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(v.String()), 64)
	if err != nil || n != n {
		return 0, fmt.Errorf("%q is not a number", cutText(v.String(), 40))
	}
	return n, nil
}
