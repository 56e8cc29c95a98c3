package filters

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"framegate/engine"
)

func init() {
	register[validateHTTPHeaders](Kind{Type: "validate-http-headers", Aliases: []string{"HttpHeaderAttrContentFilter"}, Hooks: engine.OnHTTP, Reads: []string{"http.headers"}})
}

// Passes when every header that it names is as it should be, and no header at
// all looks like a threat. A refused upgrade gets 400; the reason names the header,
// never its value. As in Axway's Validate HTTP Headers filter: all rules must hold,
// and the threats are looked for last.
//
//	filters:
//	  - type: validate-http-headers
//	    headers:
//	      X-Device-Id: {required: true, match: '^[a-z0-9-]{8,64}$'}
//	      User-Agent: {maxLength: 256}
//	    threats: ['(?i)<script', '\.\./']
type validateHTTPHeaders struct {
	// Headers has a rule for each header's name; names are compared without case. Where a
	// header stands several times, each of its values must obey the rule.
	Headers map[string]headerRule `yaml:"headers"`

	// Threats are regular expressions (RE2) that no value of any header may match.
	Threats []pattern `yaml:"threats"`

	rules []headerRule // in the order of their names
}

// headerRule says what a header must be like.
type headerRule struct {
	// Required makes the filter fail when there is no such header.
	Required bool `yaml:"required"`

	// Match is a regular expression (RE2) that the value must match; anchor it with ^ and $
	// where the whole value is meant.
	Match pattern `yaml:"match"`

	// MaxLength is the most bytes that the value may have; 0 for no limit but the port's.
	MaxLength int `yaml:"maxLength" min:"0"`

	name string
}

func (f *validateHTTPHeaders) Prepare(*Env) error {
	if len(f.Headers) == 0 && len(f.Threats) == 0 {
		return wrong("headers", "write a rule such as headers: {X-Device-Id: {required: true}}", "neither headers nor threats are given, so that every request passes")
	}
	f.rules = f.rules[:0]
	for name, rule := range f.Headers {
		if err := checkToken("headers."+name, name); err != nil {
			return err
		}
		rule.name = name
		f.rules = append(f.rules, rule)
	}
	slices.SortFunc(f.rules, func(a, b headerRule) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.name), strings.ToLower(b.name)), strings.Compare(a.name, b.name))
	})
	for i := 1; i < len(f.rules); i++ {
		if before := f.rules[i-1].name; strings.EqualFold(before, f.rules[i].name) {
			return wrong("headers."+f.rules[i].name, "keep one of them", "header %s has a rule as %s already: names are compared without case", f.rules[i].name, before)
		}
	}
	return nil
}

func (f *validateHTTPHeaders) Run(m *engine.Message) (bool, error) {
	headers := m.Request.Headers
	for i := range f.rules {
		if why := f.rules[i].check(headers); why != "" {
			m.Fail(400, "header %s %s", f.rules[i].name, why)
			return false, nil
		}
	}
	for name, value := range headers.All() {
		for _, threat := range f.Threats {
			if threat.MatchString(value) {
				m.Fail(400, "header %s looks like a threat: it matches %s", name, threat)
				return false, nil
			}
		}
	}
	return true, nil
}

// check says what is wrong with the header, or nothing.
func (r *headerRule) check(headers *engine.Headers) string {
	there := false
	for value := range headers.Values(r.name) {
		there = true
		switch {
		case r.MaxLength > 0 && len(value) > r.MaxLength:
			return fmt.Sprintf("is longer than %d bytes", r.MaxLength)
		case r.Match.given() && !r.Match.MatchString(value):
			return fmt.Sprintf("does not match %s", r.Match)
		}
	}
	if r.Required && !there {
		return "is missing"
	}
	return ""
}
