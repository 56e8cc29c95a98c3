package engine

import (
	"fmt"
	"iter"
	"time"

	"framegate/engine/wire"
)

// ReadOnly aborts a policy that writes to an attribute which only the engine
// sets; websock.context is one.
type ReadOnly struct{ Name string }

func (e *ReadOnly) Error() string { return fmt.Sprintf("attribute %s is read-only", e.Name) }

// Get returns the value of an attribute; a missing Value when it is not set.
func (m *Message) Get(a Attr) Value {
	switch a.kind {
	case ordinary:
		return m.attrs.get(a.name)
	case contentBody:
		if m.Answer != nil {
			return textView(m.Body())
		}
		return textOf(m.Op, m.body)
	case sessionID:
		return StringValue(m.Session.ID)
	case sessionVar:
		return m.Session.Var(a.key)
	case upgradeMember:
		return m.Session.upgrade.get(*a.inner)
	case upgradeContext:
		return m.Session.upgrade.value()
	}
	if a.kind.ofIdentity() {
		return m.identityValue(a)
	}
	if m.Request != nil && a.kind <= responseStatus {
		return m.httpValue(a)
	}
	if a.kind >= circuitName {
		return m.run.value(a.kind)
	}
	return m.sessionValue(a)
}

// identityValue is what a filter has set or else, while the session is open, what it knows of its client.
func (m *Message) identityValue(a Attr) Value {
	if v := m.attrs.get(a.name); !v.IsMissing() || m.Hook&OnHTTP != 0 {
		return v
	}
	return m.Session.identityValue(a.kind)
}

func (m *Message) httpValue(a Attr) Value {
	if a.kind == responseStatus {
		if m.Answer.Status == 0 {
			return Value{}
		}
		return IntValue(int64(m.Answer.Status))
	}
	return m.Request.value(a)
}

// value is what the request itself knows of an attribute.
func (r *Request) value(a Attr) Value {
	switch a.kind {
	case httpHeaders:
		return HeadersValue(r.Headers)
	case httpHeader:
		if r.Headers.Has(a.key) {
			return StringValue(r.Headers.Get(a.key))
		}
	case queryParam:
		if text, ok := r.QueryValue(a.key); ok {
			return StringValue(text)
		}
	case destinationHost, destinationPort, destinationProtocol:
		return r.Destination.value(a.kind)
	case pathParam:
		return r.pathParam(a.key)
	case httpPath:
		return r.pathValue()
	case requestURI:
		return StringValue(r.URI)
	case requestPath:
		return StringValue(r.Path)
	case requestQuery:
		return StringValue(r.Query)
	case requestVerb:
		return StringValue(r.Method)
	case requestHost:
		return StringValue(r.Host)
	case requestClient:
		return StringValue(r.Client.Addr().String())
	case requestCert, requestSubject:
		return r.clientCertificate(a.kind)
	}
	return Value{}
}

// sessionValue is what the session knows of an attribute.
func (m *Message) sessionValue(a Attr) Value {
	s := m.Session
	switch a.kind {
	case requestClient:
		return StringValue(s.Client.Addr().String())
	case wsPath:
		return StringValue(s.Path)
	case wsPort:
		return StringValue(s.Port)
	case frameOrigin:
		if m.Hook&OnFrame != 0 {
			return StringValue(m.from.String())
		}
	case contentType:
		if m.Hook&OnFrame != 0 {
			return StringValue(m.contentType())
		}
	case frameOpcode:
		if m.Hook&OnFrame != 0 {
			return StringValue(m.Op.String())
		}
	case frameLength:
		return IntValue(int64(len(m.body)))
	case frameFragments:
		return IntValue(int64(m.fragments))
	case frameSeq:
		return IntValue(m.seq)
	case wsSubprotocol:
		return StringValue(s.Subprotocol)
	case wsOpened:
		return StringValue(s.Opened.Format(time.RFC3339Nano))
	case wsDuration:
		return StringValue(m.Now().Sub(s.Opened).Round(time.Millisecond).String())
	}
	if m.Hook == OnClose {
		switch a.kind {
		case closeCode:
			return IntValue(int64(m.closing.Code))
		case closeReason:
			return StringValue(m.closing.Reason)
		case closeBy:
			return StringValue(m.closing.By)
		}
	}
	return s.counterValue(a.kind)
}

// contentType is the media type of content.body, which frames do not carry: that
// of the websocket for text, and bytes for binary messages.
func (m *Message) contentType() string {
	if m.Op != wire.Text {
		return "application/octet-stream"
	}
	return m.Session.Websocket().ContentType
}

// Set sets an attribute to a copy of v. Setting an attribute of the engine that
// filters may not write returns [ReadOnly]; content.body, http.response.status
// and websock.session.* are writable.
func (m *Message) Set(a Attr, v Value) error {
	switch {
	case a.kind == ordinary, a.kind.ofIdentity():
		v = v.keep()
		if m.run.following {
			m.note(a.Name(), m.attrs.get(a.name), v)
		}
		m.attrs.set(a.name, v)
	case a.kind == contentBody:
		m.SetBody(v.AppendTo(nil))
	case a.kind == sessionVar:
		return m.Session.SetVar(a.key, v.keep())
	case a.kind == responseStatus:
		if m.Answer == nil {
			return &ReadOnly{a.Name()}
		}
		m.Answer.Status = int(v.Int())
	case a.kind >= destinationHost && a.kind <= destinationProtocol:
		if m.Answer == nil {
			return &ReadOnly{a.Name()}
		}
		m.note(a.Name(), m.Request.value(a), v)
		return m.Request.setDestination(a, v)
	default:
		return &ReadOnly{a.Name()}
	}
	return nil
}

// Attributes are the attributes that filters and scripts have set, in the order
// in which they were set first.
func (m *Message) Attributes() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		for _, a := range m.attrs {
			if !yield(a.name.Value(), a.value) {
				return
			}
		}
	}
}

// Remove removes an attribute that a filter has set.
func (m *Message) Remove(a Attr) error {
	switch {
	case a.kind == ordinary, a.kind.ofIdentity():
		if before := m.attrs.get(a.name); m.run.following && !before.IsMissing() {
			m.note(a.Name(), before, Value{})
		}
		m.attrs.remove(a.name)
	case a.kind == sessionVar:
		return m.Session.SetVar(a.key, Value{})
	default:
		return &ReadOnly{a.Name()}
	}
	return nil
}

// upgradeState is websock.context: the attributes of the upgrade and its header
// set, as the upgrade policy left them. Nothing can change it.
type upgradeState struct {
	request *Request
	attrs   attrs
}

// get returns an attribute of the upgrade.
func (u *upgradeState) get(a Attr) Value {
	switch {
	case u == nil || u.request == nil:
		return Value{}
	case a.kind == ordinary, a.kind.ofIdentity():
		return u.attrs.get(a.name)
	}
	return u.request.value(a)
}

// value is websock.context itself, as a tree of what it holds.
func (u *upgradeState) value() Value {
	if u == nil || u.request == nil {
		return Value{}
	}
	tree := make(map[string]any, len(u.attrs)+1)
	for _, a := range u.attrs {
		tree[a.name.Value()] = a.value.Any()
	}
	return TreeValue(tree)
}
