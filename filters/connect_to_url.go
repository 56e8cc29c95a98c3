package filters

import "framegate/engine"

func init() {
	register[connectToURL](Kind{
		Type: "connect-to-url", Family: Routing, Aliases: []string{"ConnectToURLFilter"},
		Hooks: engine.OnHTTP, Ends: true, Closing: true,
	})
}

// Opens a WebSocket at a remote host and ends the policy; the session starts
// with it. On a route it passes the plain HTTP request on. The client's headers go
// to the host as the policy has left them, and X-Forwarded-For, -Proto and -Host
// and traceparent with them. As Axway's Connect to URL.
//
// Which of the host's addresses is dialled is the remote host's balancing; when
// one fails, the next is tried, and the trail has a line for each. It fails when
// none can be reached or answers rightly (502), when there is no connection to
// spare or the circuit breaker is open (503), or when they take too long (504); and when the host answers
// the upgrade with anything but 101: then the client gets that answer, whole. A
// failure arrow may lead to another connect-to-url, to a second host.
//
// On a route it passes with the host's answer, whatever its status, which is
// http.response.status from then on; a success arrow may lead to filters that
// change the answer. Bodies go both ways as they come, server-sent events at once;
// only where a filter reads or sets content.body are they held in memory. Trailers
// are dropped, 100-continue and other interim answers passed on. When the client
// goes away, the request to the host is cancelled; when the host does in the middle
// of its answer, the client's connection is broken off. A request that an address
// may have seen is sent to another only if its method is idempotent and its body is
// there to be sent again.
//
// Axway's other settings of the filter are where they hold for all that connect:
// certificates, trust and TLS names (`tls`), the proxy (`proxy`), sticky sessions
// (`balancing: sticky`) and limits of connections with the remote host; headers in
// add-http-header and remove-http-header before it; idle timeouts with the
// websocket. Its "call policy on connection failure" is the failure arrow.
//
//	filters:
//	  - type: connect-to-url
//	    url: 'ws://127.0.0.1:9001/rooms/${http.header.X-Room ?: "lobby"}'
type connectToURL struct {
	// URL is where to connect to: ws:// and http:// mean the same, and so do wss:// and https://, which mean TLS. Its host is
	// the name of a remote host, else the host and port of one, else it is dialled as it stands.
	//
	// What a selector yields becomes one segment of the path or one value of the query: it is percent-encoded, and a value
	// that makes a dot segment (..) fails with 400. Directly after the host, or directly after the question mark, a selector
	// stands for a whole path or query that is encoded already: `ws://chat${http.request.uri}`,
	// `ws://chat/rooms?${http.querystring}`. In place of the host it must yield the name of a remote host, and fails otherwise.
	URL engine.Selector `yaml:"url" required:"true"`

	connecting `yaml:",inline"`

	to *destination
}

// Prepare finds the remote host, unless a selector yields its name.
func (f *connectToURL) Prepare(env *Env) (err error) {
	if f.to, err = newDestination(env.Hosts, "url", f.URL); err != nil {
		return err
	}
	return f.connecting.prepare(env)
}

// Run connects.
func (f *connectToURL) Run(m *engine.Message) (bool, error) {
	forgetRefusal(m)
	host, err := f.to.find(m)
	if err != nil || host == nil {
		return false, err
	}
	target, err := f.to.path(m)
	if err != nil || target == "" {
		return false, err
	}
	return f.connect(m, place{host, f.to.secure, target})
}
