package filters

import (
	"fmt"

	"framegate/engine"
	"framegate/engine/wire"
)

func init() {
	register[setMessage](Kind{Type: "set-message", Family: Transform, Aliases: []string{"ChangeMessageFilter"}, Hooks: engine.OnHTTP | engine.OnFrame, Writes: []string{"content.body"}})
}

// Replaces content.body. On a data message that is what goes on, in the kind it
// came in. On an HTTP request it is the body of the answer; with a status the
// policy answers the request itself instead of opening a session. As in Axway's Set
// Message filter. It aborts where a text message would not be UTF-8.
//
//	filters:
//	  - type: set-message
//	    status: 503
//	    json: {error: closed for the night, id: '${id}'}
type setMessage struct {
	content `yaml:",inline"`

	// ContentType is the Content-Type of an HTTP answer; data messages have none. Left out, it is application/json with json.
	ContentType engine.Selector `yaml:"contentType"`

	// Status is the status of an HTTP answer, 200 to 599; 0 leaves it as it is. Data messages have none.
	Status int `yaml:"status"`
}

func (f *setMessage) Prepare(env *Env) error {
	onlyFrames := env.Hooks != 0 && env.Hooks&engine.OnHTTP == 0
	switch {
	case onlyFrames && f.Status != 0:
		return wrong("status", "leave it out", "data messages have no status")
	case onlyFrames && !f.ContentType.IsZero():
		return wrong("contentType", "leave it out; the websocket's contentType says what its messages are", "data messages have no content type")
	}
	if err := checkStatus(f.Status); err != nil {
		return err
	}
	return f.content.prepare(true)
}

// Generates tells that the filter answers the request where it has a status.
func (f *setMessage) Generates() []string {
	if f.Status == 0 {
		return nil
	}
	return []string{"http.response.status"}
}

// checkStatus is the problem with the status of an answer; 0 is none given.
func checkStatus(status int) error {
	if status != 0 && (status < 200 || status > 599) {
		return wrong("status", "write a status from 200 to 599", "%d is not the status of an HTTP answer", status)
	}
	return nil
}

func (f *setMessage) Run(m *engine.Message) (bool, error) {
	op := m.Op
	if m.Answer != nil {
		op = wire.Binary // the bytes of an HTTP answer are in no charset of ours
	}
	body, err := f.bytes(m, op)
	if err != nil {
		return false, err
	}
	if m.Answer != nil {
		if err := f.setAnswer(m); err != nil {
			return false, err
		}
	}
	m.SetBody(body)
	return true, nil
}

func (f *setMessage) setAnswer(m *engine.Message) error {
	if f.Status != 0 {
		m.Answer.Status, m.Answer.FromHost = f.Status, false
	}
	contentType, err := "application/json", error(nil)
	switch {
	case !f.ContentType.IsZero():
		contentType, err = f.ContentType.String(m)
	case f.template == nil:
		return nil
	}
	if err == nil {
		err = m.Answer.Headers.Set("Content-Type", contentType)
	}
	if err != nil {
		return fmt.Errorf("contentType: %w", err)
	}
	return nil
}
