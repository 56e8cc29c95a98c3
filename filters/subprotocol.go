package filters

import (
	"fmt"
	"slices"
	"strings"

	"framegate/engine"
)

// inSubprotocol is a key among the subprotocols that the client offers, the one
// header that a browser lets a page fill: the element after the one with this
// name ("api-key, KEY, chat.v1"), or the rest of one that begins with the name
// and a dot ("api-key.KEY, chat.v1").
type inSubprotocol string

const protocolHeader = "Sec-WebSocket-Protocol"

func (name inSubprotocol) find(q *engine.Request) (string, error) {
	var keys onlyOne
	name.split(q.Headers, func(key string) { keys.add(key) })
	return keys.get()
}

// remove takes the key and its name away from the request and from what the
// remote host is offered, so that neither can be chosen. A client that offered
// nothing else is answered with the name, where that is an element of its own:
// browsers give up on an answer without any of the subprotocols they asked for.
func (name inSubprotocol) remove(m *engine.Message) error {
	var keys []string
	kept, named := name.split(m.Request.Headers, func(key string) { keys = append(keys, key) })
	if len(keys) == 0 {
		return nil
	}
	if named {
		m.Offer.Marker = string(name)
	}
	m.Offer.Subprotocols = slices.DeleteFunc(slices.Clone(m.Offer.Subprotocols), func(offered string) bool { return !slices.Contains(kept, offered) })
	m.Request.Headers.Del(protocolHeader)
	if len(kept) == 0 {
		return nil
	}
	if err := m.Request.Headers.Set(protocolHeader, strings.Join(kept, ", ")); err != nil {
		return fmt.Errorf("take the key out of the subprotocols: %w", err)
	}
	return nil
}

// split gives yield every key, and returns the other elements and whether the
// name stood as an element of its own.
func (name inSubprotocol) split(headers *engine.Headers, yield func(key string)) (others []string, named bool) {
	next := false // the element is a key
	for element := range headers.Tokens(protocolHeader) {
		rest, dotted := strings.CutPrefix(element, string(name)+".")
		switch {
		case next:
			yield(element)
			next = false
		case element == string(name):
			next, named = true, true
		case dotted:
			yield(rest)
		default:
			others = append(others, element)
		}
	}
	return others, named
}
