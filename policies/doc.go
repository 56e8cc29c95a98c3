// Package policies reads what authors write, checks it and compiles it to an
// [engine.Snapshot].
//
// A gateway is a directory: gateway.yaml, and beside it policies/*.yaml,
// remotehosts/*.yaml, stores/*.yaml and apis/*.yaml. Any top-level key may stand
// in any of them. [Load] reads them all, in four steps that each report every
// problem they find, as [engine.Problem] with the place, the source line and
// what to write instead:
//
//	read     files to YAML nodes: syntax, duplicate keys, aliases, {{values}}
//	decode   nodes to structs, strictly, by the tags of the structs
//	compile  lists of filters and arrows to graphs; stores, ports, remote hosts
//	check    what only the whole shows: hooks, attributes, loops
//
// A configuration with a problem that is more than a warning is never served.
package policies
