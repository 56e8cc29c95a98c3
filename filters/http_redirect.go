package filters

import (
	"net/url"
	"strconv"
	"strings"

	"framegate/engine"
)

func init() {
	register[httpRedirect](Kind{
		Type: "http-redirect", Family: Answers, Aliases: []string{"HTTPRedirectFilter"}, Hooks: engine.OnHTTP, Ends: true, Closing: true,
		Writes: []string{"http.response.status"},
	})
}

// Sends the client elsewhere, with a Location header, and ends the policy. A
// browser's WebSocket does not follow redirects; other clients may. It fails with 400
// where what selectors yield can be read in two ways. As Axway's HTTP Redirect, whose
// default is 301: browsers keep that for good.
//
//	filters:
//	  - type: http-redirect
//	    location: 'https://login.example.test/start?next=${http.request.uri}'
type httpRedirect struct {
	// Location is where to: a path, /login, or a whole URL. Scheme and host are written out, so that no request can say who
	// the client is sent to. Selectors are encoded as in connect-to-url: each yields one segment of the path or one value of
	// the query; directly after the host or the question mark it stands for a whole path or query that is encoded already.
	Location engine.Selector `yaml:"location" required:"true"`

	// Status is 301 or 308 (for good), 302 or 307 (this time), or 303 (go there with GET). With 307 and 308 the method stays.
	Status string `yaml:"status" default:"302" oneof:"301 302 303 307 308"`

	status int
	base   string // scheme and host; empty for a path
	target engine.Selector
}

func (f *httpRedirect) Prepare(*Env) (err error) {
	if f.status, err = strconv.Atoi(f.Status); err != nil {
		f.status = 302
	}
	text := f.Location.Text()
	scheme, rest, whole := strings.Cut(text, "://")
	if !whole || strings.HasPrefix(text, "/") || strings.HasPrefix(text, "${") {
		if !strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "${") || strings.HasPrefix(text, "//") {
			return wrong("location", "write a path such as /login, or a whole URL such as https://login.example.test/", "%q is neither a path nor a URL", text)
		}
		f.target, err = newTarget("location", text)
		return err
	}
	authority, target := cutAuthority(rest)
	u, err := url.Parse(scheme + "://" + authority)
	switch {
	case strings.Contains(scheme+authority, "${"):
		return wrong("location", "write scheme and host out; what differs may stand in the path and the query", "a selector cannot say which host the client is sent to")
	case err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "ws" && u.Scheme != "wss":
		return wrong("location", "write a URL such as https://login.example.test/", "%q is no URL of a host", text)
	}
	f.base = u.Scheme + "://" + u.Host
	f.target, err = newTarget("location", target)
	return err
}

func (f *httpRedirect) Run(m *engine.Message) (bool, error) {
	target, err := targetFor(f.target, m)
	if err != nil || target == "" {
		return false, err
	}
	answer := engine.Answer{Status: f.status}
	if err := answer.Headers.Set("Location", f.base+target); err != nil {
		return false, err
	}
	*m.Answer = answer
	return true, nil
}
