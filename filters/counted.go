package filters

import (
	"fmt"
	"net/netip"

	"framegate/engine"
)

// clientKey is under what throttling, concurrent and quota count.
type clientKey struct {
	// Key is what is counted apart: everything with the same text counts together. A text without
	// selectors counts everything together.
	Key engine.Selector `yaml:"key" default:"${http.request.clientaddr}"`

	// IPv6Prefix groups clients with IPv6 addresses where the key is the client's address: one
	// network has so many bits in common, and one customer commonly has a /64, more addresses than
	// could ever be counted one by one. 128 counts each address apart.
	IPv6Prefix int `yaml:"ipv6Prefix" default:"64" min:"16" max:"128"`
}

// append appends the key of the message to dst.
func (c *clientKey) append(dst []byte, m *engine.Message) ([]byte, error) {
	if c.Key.Text() == "${http.request.clientaddr}" { // read without making a text of it
		return clientNetwork(m, c.IPv6Prefix).AppendTo(dst), nil
	}
	if text, ok := c.Key.Literal(); ok {
		return append(dst, text...), nil
	}
	dst, err := c.Key.Append(dst, m)
	if err != nil {
		return dst, fmt.Errorf("key: %w", err)
	}
	return dst, nil
}

// counted is what throttling and quota count, and under which key.
type counted struct {
	clientKey `yaml:",inline"`

	// Count says what is counted: messages (an upgrade or a request is one too), connections
	// (upgrades and requests only: messages pass uncounted), or bytes of messages (upgrades and
	// requests pass uncounted). With bytes, allow may be a size: 10MiB.
	Count string `yaml:"count" default:"messages" oneof:"messages connections bytes"`

	// Cost is how much one message counts instead of 1: a number of 0 or more, rounded up, such as
	// ${message.cost}, which the filter cost sets, or an attribute that a script sets. What is no
	// number aborts. A message that costs nothing passes uncounted.
	Cost engine.Selector `yaml:"cost"`
}

func (c *counted) prepare(env *Env) error {
	switch {
	case !c.Cost.IsZero() && c.Count == "bytes":
		return wrong("cost", "leave out count: bytes, or cost", "bytes cost what they are")
	case c.Count == "bytes" && env.Hooks != 0 && env.Hooks&engine.OnFrame == 0:
		return wrong("count", "use the policy in onClientFrame or onServerFrame, or write count: connections", "bytes are those of messages, and this policy runs in %s only", env.Hooks)
	case c.Count == "connections" && env.Hooks != 0 && env.Hooks&engine.OnHTTP == 0:
		return wrong("count", "use the policy in onUpgrade, or write count: messages", "connections are upgrades and requests, and this policy runs in %s only", env.Hooks)
	}
	if text, ok := c.Cost.Literal(); ok && text != "" {
		if _, err := countOf(engine.StringValue(text)); err != nil {
			return wrong("cost", "write a selector such as ${message.cost}, or a number", "%w", err)
		}
	}
	return nil
}

// amount is how much the message counts.
func (c *counted) amount(m *engine.Message) (int64, error) {
	onFrame := m.Hook&engine.OnFrame != 0
	switch {
	case c.Count == "connections" && onFrame, c.Count == "bytes" && !onFrame:
		return 0, nil
	case c.Count == "bytes":
		return int64(len(m.Body())), nil
	case c.Cost.IsZero():
		return 1, nil
	}
	cost, err := c.Cost.Value(m)
	if err != nil {
		return 0, fmt.Errorf("cost: %w", err)
	}
	n, err := countOf(cost)
	if err != nil {
		return 0, fmt.Errorf("cost: %w", err)
	}
	return n, nil
}

// unitOf is a unit in a reason, after a number.
func unitOf(count string) string {
	if count == "bytes" {
		return " bytes"
	}
	return ""
}

// clientNetwork is the client's address; of an IPv6 address only so many bits.
func clientNetwork(m *engine.Message, ipv6Prefix int) netip.Addr {
	addr := clientAddr(m)
	if !addr.Is6() {
		return addr
	}
	network, err := addr.Prefix(ipv6Prefix)
	if err != nil {
		return addr
	}
	return network.Addr()
}
