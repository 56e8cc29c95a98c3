package filters

import (
	"slices"
	"strings"

	"framegate/engine"
)

func init() {
	register[httpMethod](Kind{Type: "http-method", Family: Access, Hooks: engine.OnHTTP, Reads: []string{"http.request.verb"}})
}

// Passes when the request's method is one of those listed. A refused request gets 405
// with the methods that may be used (RFC 9110 §15.5.6). An upgrade is always a GET.
//
//	filters:
//	  - type: http-method
//	    allow: [GET, HEAD, POST]
type httpMethod struct {
	// Allow lists the methods, in upper case as they are sent. GET does not stand for HEAD.
	Allow []string `yaml:"allow" required:"true"`

	allowed string
}

func (f *httpMethod) Prepare(*Env) error {
	if len(f.Allow) == 0 {
		return wrong("allow", "write allow: [GET, POST]", "no method is allowed")
	}
	for i, method := range f.Allow {
		switch {
		case checkToken("", method) != nil:
			return wrong(indexed("allow", i), "write a method such as GET", "%q is not the name of a method", method)
		case method != strings.ToUpper(method) && slices.Contains(usualMethods, strings.ToUpper(method)):
			return wrong(indexed("allow", i), "write "+strings.ToUpper(method), "methods are compared with their case (RFC 9110 §9.1), and %s is never sent like this", method)
		}
	}
	f.allowed = strings.Join(f.Allow, ", ")
	return nil
}

// usualMethods are those of RFC 9110 §9.3, and PATCH (RFC 5789).
var usualMethods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}

func (f *httpMethod) Run(m *engine.Message) (bool, error) {
	if slices.Contains(f.Allow, m.Request.Method) {
		return true, nil
	}
	m.Fail(405, "method %q is not allowed", cutText(m.Request.Method, 40))
	return false, m.Challenge("Allow", f.allowed)
}
