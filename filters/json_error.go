package filters

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"framegate/engine"
)

func init() {
	register[jsonError](Kind{Type: "json-error", Family: Answers, Hooks: engine.OnHTTP, Ends: true, Writes: []string{"http.response.status", "content.body"}})
}

// Answers with an error as JSON: {"error":"forbidden","id":"…"}. The status and
// the headers are what the filter that failed wants: 401 with WWW-Authenticate, 429
// with Retry-After; after an abort 500. It is meant as a policy's fault handler, or
// for the end of a failure arrow. As in Axway's JSON Error filter, whose status is
// always 500.
//
// Nothing about the cause is told unless you ask for it: reasons name filters and
// policies. What Axway calls the stack trace is the reason of an abort.
//
//	filters:
//	  - name: refuse
//	    type: json-error
//	    showReason: true
type jsonError struct {
	// Status is the status of the answer, 400 to 599. Without it: the one that the failed filter
	// wants, 403 where it wants none, and 500 after an abort.
	Status int `yaml:"status"`

	// Error is the text under "error". Without it: the words of the status, such as "forbidden".
	Error engine.Selector `yaml:"error"`

	// ShowReason adds "reason": why the policy failed, with the names of its filters.
	ShowReason bool `yaml:"showReason"`

	// ShowFilters adds "filters": the filters that ran and how each ended.
	ShowFilters bool `yaml:"showFilters"`

	// ShowAttributes adds "attributes": what filters have set, secrets hidden, each cut to 1 KiB. For tests only.
	ShowAttributes bool `yaml:"showAttributes"`
}

func (f *jsonError) Prepare(*Env) error {
	if f.Status != 0 && (f.Status < 400 || f.Status > 599) {
		return wrong("status", "write a status from 400 to 599", "%d is not the status of an error", f.Status)
	}
	return nil
}

// errorBody is the JSON of the answer.
type errorBody struct {
	Error   string         `json:"error"`
	ID      string         `json:"id"`
	Reason  string         `json:"reason,omitempty"`
	Filters []errorFilters `json:"filters,omitempty"`

	Attributes map[string]string `json:"attributes,omitempty"`
}

// errorFilters is a filter that ran.
type errorFilters struct {
	Policy string        `json:"policy"`
	Filter string        `json:"filter"`
	Result engine.Result `json:"result"`
}

func (f *jsonError) Run(m *engine.Message) (bool, error) {
	status, headers, reason := m.Refusal()
	if f.Status != 0 {
		status = f.Status
	}
	body := errorBody{Error: strings.ToLower(http.StatusText(status)), ID: m.Session.ID}
	if !f.Error.IsZero() {
		text, err := f.Error.String(m)
		if err != nil {
			return false, fmt.Errorf("error: %w", err)
		}
		body.Error = text
	}
	if f.ShowReason {
		body.Reason = reason
	}
	if f.ShowFilters {
		body.Filters = filtersRun(m)
	}
	if f.ShowAttributes {
		body.Attributes = attributesSet(m)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return false, fmt.Errorf("write the error: %w", err)
	}
	*m.Answer = engine.Answer{Status: status, Headers: *headers.Clone(), Body: append(text, '\n')}
	if err := m.Answer.Headers.Set("Content-Type", "application/json"); err != nil {
		return false, fmt.Errorf("write the error: %w", err)
	}
	return true, nil
}

// attributesSet is what filters have set so far.
func attributesSet(m *engine.Message) map[string]string {
	set := make(map[string]string)
	for name, value := range m.Attributes() {
		set[name] = shown(name, value, traced)
	}
	return set
}

// filtersRun lists the filters before this one, in order.
func filtersRun(m *engine.Message) []errorFilters {
	trail := m.Trail()
	ran := make([]errorFilters, 0, len(trail))
	for _, step := range trail[:max(0, len(trail)-1)] {
		ran = append(ran, errorFilters{step.Policy, step.Filter, step.Result})
	}
	return ran
}
