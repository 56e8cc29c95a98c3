package engine

import (
	"slices"
	"strings"
	"time"
)

// Route is a path on a port that answers plain HTTP requests with a policy. A
// websocket may have the same path: which of them a request is for, its Upgrade
// header tells.
type Route struct {
	Port     string // the port's name
	Path     string
	Exact    bool     // match the path exactly, not by its longest segments
	Hosts    []string // see [HostRank]
	Methods  []string // empty: all but TRACE and CONNECT
	Disabled bool
	Request  *Policy // required
	Limits   RouteLimits
	Timeout  time.Duration // for the policy, until the head of the answer
	Active   time.Duration // how long the client may let a block wait: of its body, or one that it is sent
	Log      LogRules
	At       Position
}

// RouteLimits bounds the requests of a route.
type RouteLimits struct {
	Body     int64 // bytes of a request's body; 413 past it; 0: no limit
	Buffered int64 // bytes of a body that a filter may read into memory
}

// plainRoute finds the route for a request, and those that are as precise and
// take other methods.
func (p *Port) plainRoute(q *Request) (found *Route, all []*Route) {
	rank := 0
	for _, r := range p.Routes {
		if r.Disabled || !PathPattern(r.Path).Matches(q.Path, r.Exact) {
			continue
		}
		mine := HostRank(r.Hosts, q.Host)
		switch {
		case mine == 0 || mine < rank:
			continue
		case mine > rank, PathPattern(r.Path).MorePrecise(PathPattern(all[0].Path)):
			rank, all = mine, []*Route{r}
		case !PathPattern(all[0].Path).MorePrecise(PathPattern(r.Path)):
			all = append(all, r)
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	found = all[0]
	if i := slices.IndexFunc(all, func(r *Route) bool { return r.takes(q.Method) }); i >= 0 {
		found = all[i]
	}
	q.PathParams = PathPattern(found.Path).Parameters(q.Path)
	return found, all
}

// takes tells whether a route is for requests with a method. HEAD is GET without
// the body (RFC 9110 §9.3.2).
func (r *Route) takes(method string) bool {
	if len(r.Methods) == 0 {
		return method != "TRACE" && method != "CONNECT"
	}
	return slices.Contains(r.Methods, method) || method == "HEAD" && slices.Contains(r.Methods, "GET")
}

// allowed lists the methods that routes take, for the Allow header.
func allowed(routes []*Route) string {
	methods := []string{"OPTIONS"}
	for _, r := range routes {
		methods = append(methods, r.Methods...)
		switch {
		case len(r.Methods) == 0:
			methods = append(methods, "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
		case slices.Contains(r.Methods, "GET"):
			methods = append(methods, "HEAD")
		}
	}
	slices.Sort(methods)
	return strings.Join(slices.Compact(methods), ", ")
}

// nothing is the reason of a 404.
func (p *Port) nothing(q *Request) string {
	if route, _ := p.plainRoute(q); route != nil {
		return "no websocket at this path, which answers plain HTTP requests"
	}
	if len(p.Routes) > 0 {
		return "no websocket or route at this path"
	}
	return "no websocket at this path"
}
