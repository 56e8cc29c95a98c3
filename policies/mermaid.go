package policies

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"framegate/engine"
)

// Uses lists where a snapshot's ports use a policy, such as
// "public /chat onUpgrade", and "faultHandler" for the gateway's.
func Uses(s *engine.Snapshot, p *engine.Policy) []string {
	var uses []string
	for _, name := range slices.Sorted(maps.Keys(s.Ports)) {
		for _, w := range s.Ports[name].Websockets {
			for i, used := range []*engine.Policy{w.Upgrade, w.ClientFrame, w.ServerFrame, w.Closed} {
				if used == p {
					uses = append(uses, fmt.Sprintf("%s %s %s", name, w.Path, engine.Hook(1<<i)))
				}
			}
		}
		for _, r := range s.Ports[name].Routes {
			if r.Request == p {
				uses = append(uses, fmt.Sprintf("%s %s %s", name, r.Path, engine.OnRequest))
			}
		}
	}
	if s.FaultHandler == p {
		uses = append(uses, "faultHandler")
	}
	return uses
}

// Mermaid draws a policy as a Mermaid flowchart: where it is used, its filters
// with name and type, success and failure arrows, the fault handler, the ends.
func Mermaid(p *engine.Policy, uses []string) string {
	var b strings.Builder
	b.WriteString("flowchart TD\n")
	if len(p.Nodes) == 0 {
		return b.String()
	}
	for i, use := range uses {
		fmt.Fprintf(&b, "  use%d([\"%s\"]) --> n0\n", i, mermaidText(use))
	}
	for i := range p.Nodes {
		n := &p.Nodes[i]
		label := mermaidText(n.Name)
		if n.Name != n.Type {
			label += "<br/><i>" + mermaidText(n.Type) + "</i>"
		}
		fmt.Fprintf(&b, "  n%d[\"%s\"]\n", i, label)
	}
	for i := range p.Nodes {
		fmt.Fprintf(&b, "  n%d -->|success| %s\n", i, mermaidEnd(p.Nodes[i].Success))
		fmt.Fprintf(&b, "  n%d -.->|failure| %s\n", i, mermaidEnd(p.Nodes[i].Failure))
	}
	if p.Fault >= 0 {
		fmt.Fprintf(&b, "  fault{{\"abort, or failure at top level\"}} ==>|fault| n%d\n", p.Fault)
	}
	b.WriteString("  pass((\"pass\"))\n  fail((\"fail\"))\n")
	return b.String()
}

func mermaidEnd(i int) string {
	switch i {
	case engine.EndPass:
		return "pass"
	case engine.EndFail:
		return "fail"
	}
	return fmt.Sprintf("n%d", i)
}

// mermaidText writes a text so that nothing in it is Mermaid's or HTML's.
func mermaidText(text string) string {
	return strings.NewReplacer("#", "#35;", `"`, "#quot;", "<", "#lt;", ">", "#gt;", "&", "#amp;", "`", "#96;").Replace(printable(text))
}
