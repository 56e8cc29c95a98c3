package policies

import (
	"time"

	"framegate/engine"
)

// Route is a path on a port that answers plain HTTP requests with a policy: an
// answer of the gateway's own, or that of a remote host, to which connect-to-url
// passes the request on. A websocket may have the same path; the Upgrade header of
// a request tells which of them it is for.
//
//	routes:
//	  - path: /api
//	    methods: [GET, POST]
//	    onRequest: forward
//	    limits: {body: 10MiB}
type Route struct {
	// Path is the path of the URL, as it comes, beginning with a slash. A segment in braces stands for any one, as in the path of
	// a websocket.
	Path string `yaml:"path" required:"true"`
	// Match says whether longer paths belong to it too (by whole segments, the longest route wins), or only the path itself.
	Match string `yaml:"match" default:"longest" oneof:"longest exact"`
	// Host is the host name that the request must name, or a list of them; *.example.test stands for one label. The most precise
	// name goes before the most precise path. Without it every host is served.
	Host []string `yaml:"host"`
	// Methods are the methods that it takes; GET takes HEAD along. Another one is refused with 405, or goes to a route of the same
	// path that takes it. OPTIONS is answered with the list, unless it is in the list itself and so for the policy. Left out, the
	// route takes all but TRACE and CONNECT.
	Methods []string `yaml:"methods"`
	// Enabled makes the path be served.
	Enabled bool `yaml:"enabled" default:"true"`
	// OnRequest is the policy that runs on the request. It answers: with connect-to-url, or with reflect and what else answers.
	OnRequest reference `yaml:"onRequest" required:"true"`
	// Limits bounds the requests.
	Limits RouteLimits `yaml:"limits"`
	// Timeout bounds the policy, until the answer begins: 504 while a remote host is waited for. The answer's body may take
	// longer. 0 is no limit.
	Timeout time.Duration `yaml:"timeout" default:"30s" min:"0s"`
	// ActiveTimeout is how long the client may let the next block of its body wait (408), or not take the next of the answer.
	ActiveTimeout time.Duration `yaml:"activeTimeout" default:"30s" min:"1ms"`
	// Log says what the traffic log keeps of this route.
	Log RouteLog `yaml:"log"`

	located
}

// RouteLimits bounds the requests of a route.
type RouteLimits struct {
	// Body is how long the body of a request may be; 413 past it. It is passed on as it comes and never held as a whole. 0 is no limit.
	Body engine.Size `yaml:"body" default:"64MiB"`
	// Buffered is how much of a body, the request's or the answer's, is read into memory where a filter wants content.body. A
	// longer request is then refused with 413, and a longer answer with 502.
	Buffered engine.Size `yaml:"buffered" default:"1MiB" min:"1" max:"1GiB"`
}

// RouteLog says what the traffic log keeps of a route; what it does not say, the
// gateway's trafficLog does.
type RouteLog struct {
	// Enabled keeps records of requests.
	Enabled *bool `yaml:"enabled"`
	// Payloads is how much of each body is kept. Left out, it is nothing with framegate run and 10KiB with framegate dev.
	Payloads *engine.Size `yaml:"payloads"`
}
