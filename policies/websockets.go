package policies

import (
	"strings"

	"framegate/engine"
)

// websocket compiles a websocket of a port.
func (c *compiler) websocket(name string, port *Port, w *Websocket) *engine.Websocket {
	out := &engine.Websocket{
		Port: name, Path: w.Path, Exact: w.Match == "exact", Hosts: w.Host, Disabled: !w.Enabled,
		Upgrade: c.hook(w.OnUpgrade, engine.OnUpgrade), ClientFrame: c.hook(w.OnClientFrame, engine.OnClientFrame),
		ServerFrame: c.hook(w.OnServerFrame, engine.OnServerFrame), Closed: c.hook(w.OnClose, engine.OnClose),
		Origins: w.Origins, Subprotocols: w.Subprotocols, NeedSub: w.SubprotocolRequired, ContentType: w.ContentType,
		Limits: engine.Limits{
			Message: int64(w.Limits.Message), MessageTime: w.Limits.MessageTime,
			Total: w.Limits.Total, PerClient: w.Limits.PerClient, PerSubject: w.Limits.PerSubject,
		},
		Idle: port.IdleTimeout, Expire: w.Expire, Ping: engine.Ping{Every: w.Ping.Every, Timeout: w.Ping.Timeout},
		OnFail: engine.FrameFault(w.OnFrameFault.Fail), OnAbort: engine.FrameFault(w.OnFrameFault.Abort),
		OnChange:    map[string]engine.ChangeRule{"pin": engine.Pin, "migrate": engine.Migrate, "drain": engine.Drain}[w.OnChange],
		KeepRemoved: w.OnRemove == "keep", MessageMode: w.Mode == "message", Compression: c.compression(w),
		Log: c.logRules(w.Log), At: w.place.position(),
	}
	if w.IdleTimeout != nil {
		out.Idle = *w.IdleTimeout
	}
	c.checkPath(&w.located, w.Path)
	c.checkHosts(&w.located, w.Host)
	c.checkOrigins(w)
	c.checkSubprotocols(w)
	return out
}

// hook finds the policy of a hook; nil where none is named.
func (c *compiler) hook(ref reference, hook engine.Hook) *engine.Policy {
	if ref.Name == "" {
		return nil
	}
	p, ok := c.policies[ref.Name]
	if !ok && (len(c.policies) > 0 || !c.broken()) {
		c.errorf(ref.place, c.didYouMean(ref.Name, names(c.config.Policies), "policies"), "%s: there is no policy %q", hook, ref.Name)
	}
	return p
}

// logRules is what the traffic log keeps: the websocket's word, else the gateway's, else that of the command.
func (c *compiler) logRules(own WebsocketLog) engine.LogRules {
	all := c.config.TrafficLog
	rules := engine.LogRules{Payload: c.options.Payloads, Trails: c.options.Trails}
	for _, enabled := range []*bool{all.Enabled, own.Enabled} {
		if enabled != nil {
			rules.Off = !*enabled
		}
	}
	for _, frames := range []*bool{all.Frames, own.Frames} {
		if frames != nil {
			rules.NoFrames = !*frames
		}
	}
	for _, size := range []*engine.Size{all.Payloads, own.Payloads} {
		if size != nil {
			rules.Payload = int(*size)
		}
	}
	for _, trails := range []*int{all.Trails, own.Trails} {
		if trails != nil {
			rules.Trails = *trails
		}
	}
	return rules
}

func (c *compiler) checkPath(l *located, path string) {
	switch {
	case path == "":
	case !strings.HasPrefix(path, "/"):
		c.errorf(l.at("path"), "write `path: /"+path+"`", "path %q does not begin with a slash", path)
	case strings.ContainsAny(path, "?#"):
		c.errorf(l.at("path"), "write the path alone; filters read the query as ${params.query.NAME}", "path %q has more than a path in it", path)
	case strings.ContainsAny(path, "* "):
		c.errorf(l.at("path"), "write the fixed beginning of the path: with `match: longest` all that lies below it is served too; {name} stands for one segment", "path %q has a pattern in it", path)
	default:
		if err := engine.PathPattern(path).Check(); err != nil {
			c.errorf(l.at("path"), "write a name of its own in braces for a whole segment, such as /rooms/{room}", "path %q: %v", path, err)
		}
	}
}

// checkOrigins finds origins that no browser sends (RFC 6454 §6.2).
func (c *compiler) checkOrigins(w *Websocket) {
	for i, origin := range w.Origins {
		if hint, err := engine.CheckOrigin(origin); err != nil {
			c.errorf(w.item("origins", i), hint, "%v", err)
		}
	}
}

// checkSubprotocols finds names that cannot stand in the header (RFC 6455 §4.1: tokens).
func (c *compiler) checkSubprotocols(w *Websocket) {
	for i, name := range w.Subprotocols {
		if name == "" || strings.ContainsAny(name, " \t\",;:()<>@\\/[]?={}") || printable(name) != name {
			c.errorf(w.item("subprotocols", i), "write a name such as chat.v1; several make a list", "%q is no name for a subprotocol", name)
		}
	}
	if w.SubprotocolRequired && len(w.Subprotocols) == 0 {
		c.errorf(w.at("subprotocolRequired"), "add `subprotocols: [chat.v1]`", "subprotocolRequired without subprotocols refuses every client")
	}
}
