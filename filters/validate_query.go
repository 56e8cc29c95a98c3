package filters

import (
	"net/url"
	"strings"

	"framegate/engine"
)

func init() {
	register[validateQuery](Kind{Type: "validate-query", Family: Access, Hooks: engine.OnHTTP, Reads: []string{"http.querystring"}})
}

// Passes when every query parameter that it names is as it should be, and no
// parameter at all looks like a threat. A refused upgrade gets 400; the reason names the
// parameter, never its value. As in Axway's Validate Query String filter: all rules must hold,
// and the threats are looked for last.
//
// Names and values are compared percent-decoded; a query that cannot be decoded fails.
//
//	filters:
//	  - type: validate-query
//	    parameters:
//	      room: {required: true, once: true, match: '^[a-z0-9-]{1,40}$'}
//	      mode: {in: [read, write]}
//	    onlyKnown: true
type validateQuery struct {
	// Parameters has a rule for each parameter's name; the case of names counts. Where a parameter stands
	// several times, each of its values must obey the rule.
	Parameters map[string]valueRule `yaml:"parameters"`

	// OnlyKnown makes the filter fail when there is a parameter without a rule.
	OnlyKnown bool `yaml:"onlyKnown"`

	// Threats are regular expressions (RE2) that no name and no value of any parameter may match.
	Threats []pattern `yaml:"threats"`

	rules []namedRule
}

func (f *validateQuery) Prepare(*Env) (err error) {
	if len(f.Parameters) == 0 && len(f.Threats) == 0 && !f.OnlyKnown {
		return wrong("parameters", "write a rule such as parameters: {room: {required: true}}, or onlyKnown: true for no parameters at all", "there are no rules, so that every request passes")
	}
	f.rules, err = namedRules("parameters", f.Parameters)
	return err
}

func (f *validateQuery) Run(m *engine.Message) (bool, error) {
	pairs, ok := decodedQuery(m.Request.Query)
	if !ok {
		m.Fail(400, "the query is not in percent-encoding")
		return false, nil
	}
	for i := range f.rules {
		if why := f.rules[i].check(pairs.values(f.rules[i].name)); why != "" {
			m.Fail(400, "parameter %s %s", f.rules[i].name, why)
			return false, nil
		}
	}
	for _, pair := range pairs {
		if _, known := f.Parameters[pair.name]; f.OnlyKnown && !known {
			m.Fail(400, "there is a parameter that nobody knows")
			return false, nil
		}
		for _, text := range []string{pair.name, pair.value} {
			if threat, found := threatIn(f.Threats, text); found {
				m.Fail(400, "the query looks like a threat: it matches %s", threat)
				return false, nil
			}
		}
	}
	return true, nil
}

// queryPairs are the parameters of a query, decoded, in their order.
type queryPairs []struct{ name, value string }

func decodedQuery(query string) (pairs queryPairs, ok bool) {
	for text := range strings.SplitSeq(query, "&") {
		if text == "" {
			continue
		}
		name, value, _ := strings.Cut(text, "=")
		name, errName := url.QueryUnescape(name)
		value, errValue := url.QueryUnescape(value)
		if errName != nil || errValue != nil {
			return nil, false
		}
		pairs = append(pairs, struct{ name, value string }{name, value})
	}
	return pairs, true
}

// values gives the values of a name.
func (q queryPairs) values(name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, pair := range q {
			if pair.name == name && !yield(pair.value) {
				return
			}
		}
	}
}
