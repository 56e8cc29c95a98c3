package main

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"framegate/engine/wire"
)

// target is the URL of a WebSocket as a person types it: ws, wss, or http and https, which mean the same.
type target struct{ url *url.URL }

// UnmarshalText reads the argument of a command.
func (t *target) UnmarshalText(text []byte) error {
	u, err := url.Parse(string(text))
	if err != nil || u.Host == "" {
		return fmt.Errorf("%q is not a WebSocket URL; want one like ws://127.0.0.1:8080/chat", text)
	}
	switch u.Scheme {
	case "http":
		u.Scheme = "ws"
	case "https":
		u.Scheme = "wss"
	case "ws", "wss":
	default:
		return fmt.Errorf("%q has the scheme %s; want ws, wss, http or https", text, u.Scheme)
	}
	if u.User != nil {
		return fmt.Errorf("%q holds a user; send it as -H 'Authorization: Basic ...'", u.Redacted())
	}
	if u.Fragment != "" { // RFC 6455 §3: "Fragment identifiers are meaningless in the context of WebSocket URIs"
		return fmt.Errorf("%q holds a fragment (#%s), which a WebSocket URL must not", text, u.Fragment)
	}
	t.url = u
	return nil
}

func (t target) String() string { return t.url.String() }

// address is what is dialled: host and port, the scheme's own port where none is given.
func (t target) address() string {
	if port := t.url.Port(); port != "" {
		return net.JoinHostPort(t.url.Hostname(), port)
	}
	if t.url.Scheme == "wss" {
		return net.JoinHostPort(t.url.Hostname(), "443")
	}
	return net.JoinHostPort(t.url.Hostname(), "80")
}

// header is one more header line of the upgrade request.
type header struct{ name, value string }

// UnmarshalText reads "Name: value".
func (h *header) UnmarshalText(text []byte) error {
	name, value, found := strings.Cut(string(text), ":")
	if !found {
		return fmt.Errorf("%q is not a header; want 'Name: value'", text)
	}
	if err := new(wire.Headers).Add(name, value); err != nil {
		return err
	}
	if slices.Contains(handshakeHeaders, strings.ToLower(name)) {
		return fmt.Errorf("the header %s belongs to the handshake itself; the subprotocol is set with --subprotocol", name)
	}
	*h = header{name, strings.TrimSpace(value)}
	return nil
}

// handshakeHeaders are made by whoever upgrades, RFC 6455 §4.1.
var handshakeHeaders = []string{"connection", "upgrade", "sec-websocket-key", "sec-websocket-version", "sec-websocket-protocol",
	"sec-websocket-extensions", "content-length", "transfer-encoding"}
