package filters

import (
	"net/url"
	"strconv"
	"strings"

	"framegate/engine"
)

func init() {
	register[rewriteURL](Kind{Type: "rewrite-url", Family: Routing, Aliases: []string{"URLRewriteFilter"}, Hooks: engine.OnHTTP})
}

// Replaces the path and query that connection asks the host for. Filters after
// it read the new ones in http.request.uri, http.request.path, http.querystring and
// params.query; what the path's parameters were stays in params.path. As Axway's
// Rewrite URL.
//
// A whole URL says which host, too: connection and dynamic-router go by it, unless a
// router has chosen before. It fails with 400 where what selectors yield can be read
// in two ways, and with 502 where a selector in place of the host yields none.
//
//	filters:
//	  - {type: static-router, host: 127.0.0.1, port: 9001}
//	  - {type: rewrite-url, url: '/rooms/${http.header.X-Room ?: "lobby"}?client=${http.request.clientaddr}'}
//	  - type: connection
type rewriteURL struct {
	// URL is a path with or without a query, /rooms?limit=9, or a whole URL: ws://chat/rooms. Selectors are encoded as in
	// connect-to-url: each yields one segment of the path or one value of the query; at the very beginning, or directly after
	// the question mark, it stands for a whole path or query that is encoded already.
	URL engine.Selector `yaml:"url" required:"true"`

	target engine.Selector
	whole  *destination        // nil: a path alone
	fixed  *engine.Destination // of a whole URL with its host written out
}

// Prepare takes the URL apart.
func (f *rewriteURL) Prepare(env *Env) (err error) {
	text := f.URL.Text()
	if !strings.Contains(text, "://") || strings.HasPrefix(text, "/") || strings.HasPrefix(text, "${") {
		if !strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "${") {
			return wrong("url", "write /"+text+", or a whole URL with ws:// before it", "the path begins with no slash")
		}
		f.target, err = newTarget("url", text)
		return err
	}
	if f.whole, err = newDestination(env.Hosts, "url", f.URL); err != nil {
		return err
	}
	f.target = f.whole.target
	if f.whole.host == nil {
		return nil
	}
	u := url.URL{Host: f.whole.at}
	f.fixed = &engine.Destination{Protocol: f.whole.protocol(), Host: u.Hostname(), Written: true}
	f.fixed.Port, _ = strconv.Atoi(u.Port()) // checked when the host was found; none is 0
	return nil
}

// Generates tells that a whole URL is a destination.
func (f *rewriteURL) Generates() []string {
	if f.whole == nil {
		return nil
	}
	return []string{"http.destination.host"}
}

// Run rewrites the request.
func (f *rewriteURL) Run(m *engine.Message) (bool, error) {
	target, err := targetFor(f.target, m)
	if err != nil || target == "" {
		return false, err
	}
	if f.whole != nil && (m.Request.Destination == nil || !m.Request.Destination.Routed) {
		host, err := f.whole.find(m)
		if err != nil || host == nil {
			return false, err
		}
		m.Request.Destination = f.fixed
		if f.fixed == nil {
			m.Request.Destination = &engine.Destination{Protocol: f.whole.protocol(), Host: host.Definition().Name}
		}
	}
	m.Request.Retarget(target)
	return true, nil
}
