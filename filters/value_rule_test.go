package filters

import "testing"

func TestValidateSettingsThatAreRefused(t *testing.T) {
	impossible := valueRule{MinLength: 3, MaxLength: 2}
	_, err := try(nil, func(f *validateQuery) {})
	refused(t, err, "parameters")
	_, err = try(nil, func(f *validateQuery) { f.Parameters = map[string]valueRule{"a": {}, "b": impossible} })
	refused(t, err, "parameters.b.minLength")
	_, err = try(nil, func(f *validateHTTPHeaders) { f.Headers = map[string]valueRule{"X-A": impossible} })
	refused(t, err, "headers.X-A.minLength")
	_, err = try(nil, func(f *validateSelector) {})
	refused(t, err, "rules")
	_, err = try(nil, func(f *validateSelector) {
		f.Rules = []selectorRule{{Value: sel("a")}, {Value: sel("b"), valueRule: impossible}}
	})
	refused(t, err, "rules.1.minLength")
}

func TestASelectorIntoNothingIsMissing(t *testing.T) {
	f := build(t, nil, func(f *validateSelector) { f.Rules = []selectorRule{{Value: sel("${content.body.x.y}")}} })
	passes(t, f, frame("{}"))
	f.Rules[0].Required = true
	fails(t, f, frame("{}"), 400)
}
