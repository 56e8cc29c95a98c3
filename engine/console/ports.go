package console

import (
	"errors"

	"github.com/valyala/fasthttp"

	"framegate/engine"
)

// Port is a port as it is configured, and where it listens by now.
type Port struct {
	Name        string   `json:"name"`
	Addresses   []string `json:"addresses"`
	TLS         []string `json:"tls,omitempty"` // those of the addresses that speak TLS
	Disabled    bool     `json:"disabled,omitempty"`
	Switched    bool     `json:"switched,omitempty"` // enabled or disabled by hand, against the configuration
	Missing     string   `json:"missing,omitempty"`  // the remote host that is down, and without which the port does not listen
	Connections int      `json:"connections"`        // open now, sessions among them
	Sessions    int      `json:"sessions"`           // open now
	Websockets  []string `json:"websockets"`         // their paths
	Routes      []string `json:"routes,omitempty"`   // their paths
}

// Ports is what GET /api/v1/ports says.
type Ports struct {
	Ports []Port `json:"ports"`
}

// getPorts is GET /api/v1/ports.
func (c *Console) getPorts(ctx *fasthttp.RequestCtx, _ string) error {
	if err := known(ctx); err != nil {
		return err
	}
	return answer(ctx, fasthttp.StatusOK, Ports{portsOf(c.gateway.Snapshot(), c.gateway.Ports())})
}

func portsOf(snapshot *engine.Snapshot, infos []engine.PortInfo) []Port {
	ports := make([]Port, 0, len(infos))
	for _, info := range infos {
		ports = append(ports, portOf(snapshot, info))
	}
	return ports
}

func portOf(snapshot *engine.Snapshot, info engine.PortInfo) Port {
	port := Port{
		Name: info.Name, Addresses: []string{}, Disabled: !info.Enabled, Switched: info.Switched, Missing: info.Missing,
		Connections: info.Connections, Sessions: info.Sessions, Websockets: []string{},
	}
	for _, a := range info.Addresses {
		port.Addresses = append(port.Addresses, a.Address)
		if a.TLS {
			port.TLS = append(port.TLS, a.Address)
		}
	}
	if p := snapshot.Ports[info.Name]; p != nil {
		for _, w := range p.Websockets {
			port.Websockets = append(port.Websockets, w.Path)
		}
		for _, r := range p.Routes {
			port.Routes = append(port.Routes, r.Path)
		}
	}
	return port
}

// switchBody is the body of a switch: either enabled, or reset.
type switchBody struct {
	Enabled  *bool  `json:"enabled"`
	Reset    bool   `json:"reset"`    // be what the configuration says again
	Sessions string `json:"sessions"` // of a port that is disabled: "keep", the default, or "drain"
}

// switchPort is POST /api/v1/ports/NAME: it enables or disables a port until the
// gateway ends or its configuration says something new, and answers with the port.
func (c *Console) switchPort(ctx *fasthttp.RequestCtx, name string) error {
	if err := known(ctx); err != nil {
		return err
	}
	var b switchBody
	if err := body(ctx, &b); err != nil {
		return err
	}
	switch {
	case (b.Enabled != nil) == b.Reset:
		return refuse(fasthttp.StatusBadRequest, `give either "enabled" or "reset": true`)
	case b.Sessions != "" && b.Sessions != "keep" && b.Sessions != "drain":
		return refuse(fasthttp.StatusBadRequest, `sessions must be "keep" or "drain", not %q`, b.Sessions)
	}
	var err error
	if b.Reset {
		err = c.gateway.ResetPort(name, b.Sessions == "drain")
	} else {
		err = c.gateway.SwitchPort(name, *b.Enabled, b.Sessions == "drain")
	}
	switch {
	case errors.Is(err, engine.ErrNoPort):
		return refuse(fasthttp.StatusNotFound, "%v", err)
	case err != nil:
		return refuse(fasthttp.StatusConflict, "%v", err)
	}
	for _, info := range c.gateway.Ports() {
		if info.Name == name {
			return answer(ctx, fasthttp.StatusOK, portOf(c.gateway.Snapshot(), info))
		}
	}
	return refuse(fasthttp.StatusNotFound, "port %q: %v", name, engine.ErrNoPort) // a reload came between
}

// probe is GET /health and /ready, which tell nothing but that: they need no
// token, and whoever watches over the gateway may call it by any name.
func (c *Console) probe(ctx *fasthttp.RequestCtx, path string) {
	if !ctx.IsGet() && !ctx.IsHead() {
		c.fail(ctx, &refusal{fasthttp.StatusMethodNotAllowed, path + " takes GET and HEAD", "GET, HEAD"})
		return
	}
	a := c.gateway.Health()
	if path == "/ready" {
		a = c.gateway.Ready()
	}
	ctx.SetStatusCode(a.Status)
	ctx.SetContentType("application/json")
	ctx.SetBody(a.Body)
}
