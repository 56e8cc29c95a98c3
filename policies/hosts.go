package policies

import (
	"framegate/remotehosts"
)

// loadHosts makes the set of remote hosts; those whose definition is as it was
// stay the same objects.
func (c *compiler) loadHosts() {
	var defs []remotehosts.Definition
	for _, name := range names(c.config.RemoteHosts) {
		def := *c.config.RemoteHosts[name]
		if def.Dev == "echo" {
			def.StandIn = c.options.StandIn
		}
		defs = append(defs, def)
	}
	var old *remotehosts.Set
	if c.old != nil {
		old = c.old.hosts
	}
	set, problems := remotehosts.NewSet(defs, c.reader.files, old)
	for _, p := range problems {
		at := c.things["remote host"][p.Host].at(p.Field)
		what := p.Err.Error()
		if p.Field != "" {
			what = "\"" + p.Field + "\": " + what
		}
		c.errorf(at, p.Hint, "remote host %q: %s", p.Host, what)
	}
	c.hosts = set
}
