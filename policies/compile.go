package policies

import (
	"context"
	"io"

	"framegate/engine"
	"framegate/filters"
	"framegate/remotehosts"
)

// compiler makes a snapshot of a decoded configuration.
type compiler struct {
	*report
	ctx     context.Context
	config  *Config
	reader  *reader
	options Options
	old     *origin
	singles map[string]*located
	things  map[string]map[string]*located

	hosts       *remotehosts.Set
	keySets     *filters.KeySets
	live        *filters.LiveStores
	stores      map[string]*engine.Store
	storeHashes map[string]string
	policies    map[string]*engine.Policy
	facts       map[string]*facts // of policies, by name
	listening   map[string]string // address → who
	closers     []io.Closer
	settings    map[filterKey]inherited
	caches      map[string]*engine.Cache
	silences    map[string]*Step // see silent
}

// facts is what checks and hashes need to know of a policy beyond its graph.
type facts struct {
	hooks  engine.Hook            // in which the policy runs
	usedAt map[engine.Hook]place  // where each hook was named
	calls  map[string]*Step       // policies that it calls, and the filter that does
	steps  map[*Step]*preparation // what the filters asked for while they were prepared
	hash   string
}

func newCompiler(ctx context.Context, m *merger, r *reader, options Options, old *origin) *compiler {
	var keySets *filters.KeySets
	live := &filters.LiveStores{}
	if old != nil {
		keySets, live = old.keySets, old.live
	}
	return &compiler{
		live:    live,
		keySets: filters.NewKeySets(keySets),
		report:  m.report, ctx: ctx, config: m.config, reader: r, options: options, old: old, singles: m.singles, things: m.things,
		stores: make(map[string]*engine.Store), storeHashes: make(map[string]string), policies: make(map[string]*engine.Policy),
		facts: make(map[string]*facts), listening: make(map[string]string), settings: make(map[filterKey]inherited), silences: make(map[string]*Step),
		caches: make(map[string]*engine.Cache),
	}
}

// snapshot compiles everything. Policies exist before their nodes do, so that
// they can call each other whatever their order.
func (c *compiler) snapshot() *engine.Snapshot {
	out := &engine.Snapshot{
		Ports: make(map[string]*engine.Port), Policies: c.policies, ShowReason: c.config.ShowReason,
		Console: c.console(), Journal: c.config.TrafficLog.Records, Buffered: int64(c.config.Limits.Buffered),
		Shutdown: engine.Shutdown(c.config.Shutdown),
	}
	c.boundScripts()
	c.loadStores()
	c.loadHosts()
	for _, name := range names(c.config.Policies) {
		c.policies[name] = &engine.Policy{Name: name, Fault: -1, At: c.config.Policies[name].place.position()}
		c.facts[name] = &facts{usedAt: make(map[engine.Hook]place), calls: make(map[string]*Step), steps: make(map[*Step]*preparation)}
	}
	for _, name := range names(c.config.Policies) {
		c.policies[name].Nodes, c.policies[name].Fault = c.graph(c.config.Policies[name])
	}
	for _, name := range names(c.config.Ports) {
		out.Ports[name] = c.port(name, c.config.Ports[name])
	}
	out.FaultHandler = c.faultHandler()
	c.spreadHooks()
	for _, name := range names(c.config.Policies) {
		c.prepare(c.config.Policies[name])
	}
	c.check()
	c.markEarly(out)
	c.hashAll(out)
	out.State = c.state()
	out.Revision = c.reader.files.hash()
	out.Starters, out.RemoteHosts = []engine.Starter{c.hosts, c.live.Serving(c.stores)}, c.hosts.State
	out.Closers = append(c.closers, c.hosts)
	out.Origin = &origin{c.config, c.hosts, c.keySets, c.live, c.settings, c.caches}
	return out
}

func (c *compiler) faultHandler() *engine.Policy {
	ref := c.config.FaultHandler
	if ref.Name == "" {
		return nil
	}
	p, ok := c.policies[ref.Name]
	if !ok && (len(c.policies) > 0 || !c.broken()) {
		c.errorf(ref.place, didYouMean(ref.Name, names(c.config.Policies), "policies"), "faultHandler: there is no policy %q", ref.Name)
	}
	return p
}

// boundScripts takes over the author's bounds of scripts.
func (c *compiler) boundScripts() {
	if own := &c.config.Scripts; c.options.Scripts != nil {
		c.options.Scripts = c.options.Scripts.Within(own.limits())
	}
}
