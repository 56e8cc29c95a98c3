package filters

import (
	"encoding/base64"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
)

// valueRule says what a named value must be like: a header, a parameter, an attribute.
type valueRule struct {
	// Required makes the filter fail when it is not there.
	Required bool `yaml:"required"`

	// Match is a regular expression (RE2) that the value must match; anchor it with ^ and $
	// where the whole value is meant.
	Match pattern `yaml:"match"`

	// In lists the values that are allowed; their case counts.
	In []string `yaml:"in"`

	// MinLength is the least bytes that the value must have.
	MinLength int `yaml:"minLength" min:"0"`

	// MaxLength is the most bytes that the value may have; 0 for no limit.
	MaxLength int `yaml:"maxLength" min:"0"`

	// Base64 means that the value is base64 (with or without padding), and that the rest of the rule is
	// about what it stands for.
	Base64 bool `yaml:"base64"`

	// Once makes the filter fail when it stands there more than once; else every one must obey the rule.
	Once bool `yaml:"once"`
}

func (r *valueRule) prepare(path string) error {
	if r.MaxLength > 0 && r.MinLength > r.MaxLength {
		return wrong(path+"minLength", "write a smaller one, or a larger maxLength", "no value has at least %d and at most %d bytes", r.MinLength, r.MaxLength)
	}
	return nil
}

// check says what is wrong with the values of a name, or nothing. It shows none of them.
func (r *valueRule) check(values iter.Seq[string]) string {
	count := 0
	for value := range values {
		if count++; count > 1 && r.Once {
			return "is there more than once"
		}
		if why := r.checkOne(value); why != "" {
			return why
		}
	}
	if r.Required && count == 0 {
		return "is missing"
	}
	return ""
}

func (r *valueRule) checkOne(value string) string {
	if r.Base64 {
		raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(value, "="))
		if err != nil {
			return "is not base64"
		}
		value = string(raw)
	}
	switch {
	case len(value) < r.MinLength:
		return fmt.Sprintf("is shorter than %d bytes", r.MinLength)
	case r.MaxLength > 0 && len(value) > r.MaxLength:
		return fmt.Sprintf("is longer than %d bytes", r.MaxLength)
	case r.Match.given() && !r.Match.MatchString(value):
		return fmt.Sprintf("does not match %s", r.Match)
	case len(r.In) > 0 && !slices.Contains(r.In, value):
		return "is none of the values allowed"
	}
	return ""
}

// namedRule is the rule for the values of a name.
type namedRule struct {
	name string
	valueRule
}

// namedRules prepares the rules of a field, in the order of their names.
func namedRules(field string, rules map[string]valueRule) ([]namedRule, error) {
	named := make([]namedRule, 0, len(rules))
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		rule := namedRule{name, rules[name]}
		if err := rule.prepare(field + "." + name + "."); err != nil {
			return nil, err
		}
		named = append(named, rule)
	}
	return named, nil
}

// threatIn finds the first of the expressions that a value matches.
func threatIn(threats []pattern, value string) (threat pattern, found bool) {
	for _, threat := range threats {
		if threat.MatchString(value) {
			return threat, true
		}
	}
	return pattern{}, false
}
