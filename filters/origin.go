package filters

import (
	"slices"

	"framegate/engine"
)

func init() {
	register[origin](Kind{Type: "origin", Family: Access, Hooks: engine.OnHTTP, Reads: []string{"http.headers"}})
}

// Passes when the page that a browser makes the request for is of an origin that may
// (RFC 6454, RFC 6455 §10.2). A refused upgrade gets 403. Browsers send cookies along for
// any page, so that without this check any page can act for its visitors.
//
// A websocket's own origins are checked before its policies; this filter is for
// routes, for what depends on who the client is, and where a failure arrow shall decide.
// Origins are compared whole: https://app.example.test is not the beginning of another.
//
//	filters:
//	  - type: origin
//	    allow: ['https://app.example.test', 'https://*.apps.example.test', 'http://127.0.0.1:*']
type origin struct {
	// Allow lists origins as browsers write them: scheme, host, and the port where it is not the scheme's own. In
	// place of a host's first label may stand a *, which is one label, and in place of the port. A * alone is any
	// origin but null; null, which sandboxed pages and local files send, must be named.
	Allow []string `yaml:"allow"`

	// SameHost allows the scheme and host that the request itself asks for.
	SameHost bool `yaml:"sameHost"`

	// Required makes the filter fail for a request without an Origin header: that of a client that is no browser,
	// or a browser's plain GET or HEAD of its own page.
	Required bool `yaml:"required"`
}

func (f *origin) Prepare(*Env) error {
	if len(f.Allow) == 0 && !f.SameHost {
		return wrong("allow", "write allow: ['https://app.example.test'], or sameHost: true", "no origin is allowed")
	}
	for i, allowed := range f.Allow {
		if hint, err := engine.CheckOrigin(allowed); err != nil {
			return wrong(indexed("allow", i), hint, "%w", err)
		}
	}
	return nil
}

func (f *origin) Run(m *engine.Message) (bool, error) {
	given := slices.Collect(m.Request.Headers.Values("Origin"))
	switch {
	case len(given) == 0 && f.Required:
		m.Fail(403, "there is no Origin header")
		return false, nil
	case len(given) == 0:
		return true, nil
	case len(given) > 1: // RFC 6454 §7.3: "user agents MUST NOT include more than one Origin header field"
		m.Fail(403, "there is more than one Origin header")
		return false, nil
	case f.SameHost && m.Request.FromSameHost(), anyOrigin(f.Allow, given[0]):
		return true, nil
	}
	m.Fail(403, "origin %q is not allowed", cutText(given[0], 200))
	return false, nil
}
