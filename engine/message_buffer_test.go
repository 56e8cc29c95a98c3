package engine

import (
	"strings"
	"testing"

	"framegate/engine/wire"
)

// Bodies that filters make one after the other do not touch each other, and their buffers go back with the message.
func TestBodiesAreMadeInBuffersOfTheMessage(t *testing.T) {
	m := NewMessage(OnClientFrame, nil, wire.Text, []byte("0"))
	for _, size := range []int{1, smallBuffer, smallBuffer + 1, largeBuffer - 8} {
		m.Receive(wire.Text, []byte(strings.Repeat("x", size)))
		for range 3 {
			old := m.Body()
			made := append(m.Buffer(size+1), old...)
			m.SetBody(append(made, 'y'))
			if string(m.Body()) != string(old)+"y" {
				t.Fatalf("a body of %d bytes was spoilt by the next", len(old))
			}
		}
		if len(m.lent) == 0 {
			t.Errorf("bodies of %d bytes take no buffer that is shared", size)
		}
		m.giveBack()
		if len(m.lent) != 0 || m.body != nil {
			t.Error("a buffer, or a body in one, is kept")
		}
	}
	if m.Receive(wire.Text, nil); cap(m.Buffer(largeBuffer+1)) <= largeBuffer || len(m.lent) != 0 {
		t.Error("a long body is not made in memory of its own")
	}
	upgrade := NewMessage(OnUpgrade, &Request{Headers: &Headers{}}, 0, nil)
	upgrade.SetBody(append(upgrade.Buffer(1), 'x'))
	if len(upgrade.lent) != 0 {
		t.Error("the body of an answer, which outlives its policy, is in a shared buffer")
	}
}

// Where the traffic log keeps no payloads, the trail tells that the content changed, and not what it was.
func TestTrailsKeepNoPayloadWhereTheLogDoesNot(t *testing.T) {
	for private, want := range map[bool]string{false: "card 4111", true: "[redacted]"} {
		m := NewMessage(OnClientFrame, nil, wire.Text, []byte("card 4111"))
		m.private = private
		p := policyOf("p", filterFunc(func(m *Message) (bool, error) {
			m.SetBody([]byte("card ***"))
			return true, m.Set(AttrOf("deleted.json.node.list"), StringValue("card 4111"))
		}))
		p.Top(m, nil)
		changes := m.Trail()[0].Changes
		if len(changes) != 2 || changes[0].Before.String() != want || changes[1].After.String() != want {
			t.Errorf("private %v: %+v", private, changes)
		}
	}
}
