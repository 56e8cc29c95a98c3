package filters

import (
	"fmt"
	"regexp"
)

// pattern is a regular expression in Go's syntax (RE2): its time grows with the
// length of the input and nothing else, so no input can hang it. It matches
// anywhere in a value unless it is anchored with ^ and $.
type pattern struct{ *regexp.Regexp }

// UnmarshalText compiles the expression.
func (p *pattern) UnmarshalText(text []byte) error {
	re, err := regexp.Compile(string(text))
	if err != nil {
		return fmt.Errorf("regular expression: %w", err)
	}
	p.Regexp = re
	return nil
}

// given tells whether the field was written.
func (p pattern) given() bool { return p.Regexp != nil }
