package engine

import (
	"errors"
	"fmt"
	"slices"
)

// content is what the message of a request on a route has beside its fields:
// content.body, which is the request's until a filter has set it or a remote host
// has answered.
type content struct {
	limit    int64 // bytes that a filter may read into memory
	changed  bool  // a filter has set content.body
	err      error // of reading a body; the filter that ran fails with it
	answered bool  // what could not be read was the host's
	streams  []*Body
	watch    func() // begins to watch whether the client goes away
	interim  func(status int, headers *Headers)
}

// body is content.body of a request on a route, read into memory.
func (m *Message) content() []byte {
	c := m.http
	if c.changed {
		return m.Answer.Body
	}
	body := m.Request.Body
	if m.Answer.Stream != nil {
		body = m.Answer.Stream
	}
	p, err := body.Bytes(c.limit)
	if err != nil {
		c.err, c.answered = err, m.Answer.Stream != nil
	}
	return p
}

// unread makes a filter fail, or abort, that wanted a body which could not be
// read.
func (m *Message) unread(pass bool, err error) (bool, error) {
	c := m.http
	if c == nil || c.err == nil {
		return pass, err
	}
	unread := c.err
	c.err = nil
	var timeout interface{ Timeout() bool }
	switch {
	case c.answered:
		m.Fail(502, "%v", unread)
	case errors.Is(unread, ErrBodyTooLong):
		m.Fail(413, "%v", unread)
	case errors.As(unread, &timeout) && timeout.Timeout():
		m.Fail(408, "%v", unread)
	default:
		return false, unread
	}
	return false, nil
}

// RequestBody is the body that a request on a route is sent on with: the one
// that a filter has set, else the client's, as it comes. Only one host can get a
// body that is not held in memory.
func (m *Message) RequestBody() *Body {
	if m.http != nil && m.http.changed {
		return BytesBody(m.Answer.Body)
	}
	return m.Request.Body
}

// Respond makes a remote host's answer that of the request. Headers that filters
// have given the answer before take the place of the host's. What streams is
// closed with the request.
func (m *Message) Respond(a *Answer) error {
	own := m.Answer.Headers
	if m.http.changed { // that was the request's, and so was its type
		own.Del("Content-Type")
	}
	*m.Answer, m.http.changed = *a, false
	m.http.streams = append(m.http.streams, a.Stream)
	var names []string
	for name, value := range own.All() {
		put := m.Answer.Headers.Add
		if !slices.Contains(names, name) {
			put, names = m.Answer.Headers.Set, append(names, name)
		}
		if err := put(name, value); err != nil {
			return fmt.Errorf("header of the answer: %w", err)
		}
	}
	return nil
}

// dropAnswer forgets the answer of a host.
func (m *Message) dropAnswer() {
	m.Answer.Stream.Close()
	*m.Answer, m.http.changed = Answer{}, true
}

// Interim sends an interim answer (RFC 9110 §15.2) of a remote host on to the
// client of a request on a route.
func (m *Message) Interim(status int, headers *Headers) {
	if m.http != nil && m.http.interim != nil {
		m.http.interim(status, headers)
	}
}

// closeStreams lets go of every answer that streamed.
func (m *Message) closeStreams() {
	for _, body := range m.http.streams {
		body.Close()
	}
}
