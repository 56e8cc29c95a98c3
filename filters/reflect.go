package filters

import "framegate/engine"

func init() {
	register[reflectMessage](Kind{Type: "reflect", Family: Answers, Aliases: []string{"Reflector"}, Hooks: engine.OnHTTP, Ends: true, Closing: true, Writes: []string{"http.response.status"}})
}

// Answers the HTTP request with the message as the filters before have left it:
// content.body, and the headers that they added to the answer. On a route where no
// filter has set a body, that is the request's own, with its content type. In an
// upgrade policy it is a plain HTTP answer instead of a session. As in Axway's
// Reflect Message filter.
//
//	filters:
//	  - type: set-message
//	    contentType: text/plain
//	    body: the gateway is up
//	  - type: reflect
type reflectMessage struct {
	// Status is the status of the answer, 200 to 599. Without it: what set-message or
	// http.response.status has set, else 200.
	Status int `yaml:"status"`
}

func (f *reflectMessage) Prepare(*Env) error { return checkStatus(f.Status) }

func (f *reflectMessage) Run(m *engine.Message) (bool, error) {
	switch {
	case f.Status != 0:
		m.Answer.Status = f.Status
	case m.Answer.Status == 0:
		m.Answer.Status = 200
	}
	m.Answer.FromHost = false
	if m.Hook == engine.OnRequest && !m.Changed() && m.Answer.Stream == nil {
		return true, echo(m)
	}
	return true, nil
}

// echo makes the request's body that of the answer.
func echo(m *engine.Message) error {
	body := m.Body()
	if len(body) == 0 {
		return nil
	}
	m.SetBody(body)
	if contentType := m.Request.Headers.Get("Content-Type"); contentType != "" && !m.Answer.Headers.Has("Content-Type") {
		return m.Answer.Headers.Set("Content-Type", contentType)
	}
	return nil
}
