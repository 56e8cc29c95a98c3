package filters

import (
	"slices"
	"strings"

	"framegate/engine"
)

func init() {
	register[validateHTTPHeaders](Kind{Type: "validate-http-headers", Family: Access, Aliases: []string{"HttpHeaderAttrContentFilter"}, Hooks: engine.OnHTTP, Reads: []string{"http.headers"}})
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
	Headers map[string]valueRule `yaml:"headers"`

	// Threats are regular expressions (RE2) that no value of any header may match.
	Threats []pattern `yaml:"threats"`

	rules []namedRule
}

func (f *validateHTTPHeaders) Prepare(*Env) (err error) {
	if len(f.Headers) == 0 && len(f.Threats) == 0 {
		return wrong("headers", "write a rule such as headers: {X-Device-Id: {required: true}}", "neither headers nor threats are given, so that every request passes")
	}
	if f.rules, err = namedRules("headers", f.Headers); err != nil {
		return err
	}
	for i := range f.rules {
		name := f.rules[i].name
		if err := checkToken("headers."+name, name); err != nil {
			return err
		}
		twin := func(r namedRule) bool { return strings.EqualFold(r.name, name) }
		if first := slices.IndexFunc(f.rules, twin); first < i {
			return wrong("headers."+name, "keep one of them", "header %s has a rule as %s already: names are compared without case", name, f.rules[first].name)
		}
	}
	return nil
}

func (f *validateHTTPHeaders) Run(m *engine.Message) (bool, error) {
	headers := m.Request.Headers
	for i := range f.rules {
		if why := f.rules[i].check(headers.Values(f.rules[i].name)); why != "" {
			m.Fail(400, "header %s %s", f.rules[i].name, why)
			return false, nil
		}
	}
	for name, value := range headers.All() {
		if threat, found := threatIn(f.Threats, value); found {
			m.Fail(400, "header %s looks like a threat: it matches %s", name, threat)
			return false, nil
		}
	}
	return true, nil
}
