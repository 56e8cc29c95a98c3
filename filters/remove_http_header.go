package filters

import "framegate/engine"

func init() {
	register[removeHTTPHeader](Kind{Type: "remove-http-header", Family: Transform, Hooks: engine.OnHTTP, Writes: []string{"http.headers"}})
}

// Removes all headers of a name from the request that the remote host gets, or
// from the answer that the client gets. Frame policies no longer see a removed
// request header in websock.context. As in Axway's Remove HTTP Header filter, but
// a header that must be there and is not fails instead of aborting.
//
//	filters:
//	  - type: remove-http-header
//	    header: Cookie
type removeHTTPHeader struct {
	// Header is the header's name; names are compared without case.
	Header string `yaml:"header" required:"true"`

	// From says which message loses the header: the request to the remote host, or the answer to the client.
	From string `yaml:"from" default:"request" oneof:"request answer"`

	// Required makes the filter fail, with 400 for an upgrade, when there is no such header.
	Required bool `yaml:"required"`
}

func (f *removeHTTPHeader) Prepare(*Env) error { return checkHeaderName(f.Header) }

func (f *removeHTTPHeader) Run(m *engine.Message) (bool, error) {
	headers := headersOf(m, f.From)
	if f.Required && !headers.Has(f.Header) {
		m.Fail(400, "the %s has no header %s", f.From, f.Header)
		return false, nil
	}
	headers.Del(f.Header)
	return true, nil
}
