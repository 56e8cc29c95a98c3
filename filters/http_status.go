package filters

import "framegate/engine"

func init() {
	register[httpStatus](Kind{
		Type: "http-status", Family: Answers, Aliases: []string{"HTTPStatusFilter"}, Hooks: engine.OnHTTP, Ends: true, Closing: true,
		Writes: []string{"http.response.status"},
	})
}

// Answers the request with a status and nothing else, in place of what may have
// been made for an answer before, and ends the policy. It always passes: a refusal
// is an answer like any other. As Axway's HTTP Status Code, whose default is 200,
// too; reflect answers with the body that set-message has made.
//
//	filters:
//	  - {type: http-status, status: 404}
type httpStatus struct {
	// Status is the status, 200 to 599.
	Status int `yaml:"status" default:"200" min:"200" max:"599"`
}

func (f *httpStatus) Run(m *engine.Message) (bool, error) {
	*m.Answer = engine.Answer{Status: f.Status}
	return true, nil
}
