package filters

import (
	"encoding/base64"
	"fmt"

	"framegate/engine"
)

func init() {
	register[addHTTPHeader](Kind{Type: "add-http-header", Family: Transform, Hooks: engine.OnHTTP, Writes: []string{"http.headers"}})
}

// Adds a header to the request that the remote host gets, or to the answer that
// the client gets. What it adds to an upgrade request is also what frame policies
// read in websock.context. As in Axway's Add HTTP Header filter.
//
//	filters:
//	  - type: add-http-header
//	    header: X-Tenant
//	    value: ${authentication.subject.id}
type addHTTPHeader struct {
	// Header is the header's name; names are compared without case. Headers that belong to
	// one connection or to the handshake (Connection, Upgrade, Sec-WebSocket-Key…) are refused.
	Header string `yaml:"header" required:"true"`

	// Value is the header's value. A control character in it aborts the policy, so that no
	// value can become a line of its own.
	Value engine.Selector `yaml:"value" required:"true"`

	// To says which message gets the header: the request to the remote host, or the answer to the client.
	To string `yaml:"to" default:"request" oneof:"request answer"`

	// Overwrite replaces headers of this name that are there already, and in a request those whose names differ only in _ and -,
	// which many servers take for the same: a client cannot pass for somebody with an X_User of its own. False adds one more.
	Overwrite bool `yaml:"overwrite" default:"true"`

	// Base64 encodes the value (RFC 4648 §4).
	Base64 bool `yaml:"base64"`
}

func (f *addHTTPHeader) Prepare(*Env) error { return checkHeaderName(f.Header) }

func (f *addHTTPHeader) Run(m *engine.Message) (bool, error) {
	value, err := f.Value.String(m)
	if err != nil {
		return false, fmt.Errorf("value: %w", err)
	}
	if f.Base64 {
		value = base64.StdEncoding.EncodeToString([]byte(value))
	}
	headers := headersOf(m, f.To)
	put := headers.Add
	if f.Overwrite {
		put = headers.Set
		if f.To == "request" {
			removeTwins(headers, f.Header)
		}
	}
	if err := put(f.Header, value); err != nil {
		return false, fmt.Errorf("add to the %s: %w", f.To, err)
	}
	return true, nil
}
