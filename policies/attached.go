package policies

import (
	"slices"

	"framegate/engine"
)

// attached is a path of a port, a websocket or a route, with the policies that
// its hooks name; the one that answers the request comes first.
type attached struct {
	path  engine.PathPattern
	hooks []hooked
}

// hooked is a policy that a hook names.
type hooked struct {
	hook engine.Hook
	ref  reference
}

// attached lists the websockets and the routes of the port.
func (p *Port) attached() []attached {
	var all []attached
	add := func(path string, hooks ...hooked) {
		hooks = slices.DeleteFunc(hooks, func(h hooked) bool { return h.ref.Name == "" })
		all = append(all, attached{engine.PathPattern(path), hooks})
	}
	for _, w := range p.Websockets {
		if w != nil {
			add(w.Path, hooked{engine.OnUpgrade, w.OnUpgrade}, hooked{engine.OnClientFrame, w.OnClientFrame},
				hooked{engine.OnServerFrame, w.OnServerFrame}, hooked{engine.OnClose, w.OnClose})
		}
	}
	for _, r := range p.Routes {
		if r != nil {
			add(r.Path, hooked{engine.OnRequest, r.OnRequest})
		}
	}
	return all
}
