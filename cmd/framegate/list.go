package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"framegate/engine"
	"framegate/filters"
)

type listCommand struct {
	What     string `arg:"" enum:"filters,attributes,policies,websockets" default:"filters" help:"What to list: ${enum} (${default})."`
	Markdown bool   `help:"Print the filters as a Markdown table of names."`
	Dir      string `arg:"" placeholder:"DIR" default:"." help:"The gateway's directory, for policies and websockets (${default})."`
}

func (listCommand) Help() string {
	return `
    framegate list filters
    framegate list attributes
    framegate list policies my-gateway
    framegate list websockets my-gateway`
}

// Run prints one line for each.
func (c *listCommand) Run(ctx context.Context, std stdio) error {
	if c.Markdown {
		return c.listMarkdown(std)
	}
	out := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	defer out.Flush()
	switch c.What {
	case "filters":
		return listFilters(out)
	case "attributes":
		return listAttributes(out)
	}
	snapshot, problems, end, err := loadOnce(ctx, c.Dir)
	defer end()
	if err != nil {
		writeProblems(std.err, problems)
		return err
	}
	if c.What == "policies" {
		for _, name := range slices.Sorted(maps.Keys(snapshot.Policies)) {
			p := snapshot.Policies[name]
			fmt.Fprintf(out, "%s\t%d filters\t%s\n", name, len(p.Nodes), p.At)
		}
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(snapshot.Ports)) {
		for _, w := range snapshot.Ports[name].Websockets {
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", name, w.Path, strings.TrimSpace(hooks(w)), w.At)
		}
		for _, r := range snapshot.Ports[name].Routes {
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", name, r.Path, answers(r), r.At)
		}
	}
	return nil
}

// listFilters prints the filter types by what they are for.
func listFilters(out *tabwriter.Writer) error {
	for i, family := range filters.Families() {
		if i > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "%s\n", family)
		for _, k := range filters.All() {
			if k.Family != family {
				continue
			}
			doc, err := k.Doc()
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "  %s\t%s\t%s\n", k.Type, hookWords(k.Hooks), doc.Summary)
		}
	}
	return nil
}

// hookWords says shortly where a filter makes sense.
func hookWords(h engine.Hook) string {
	var words []string
	for _, w := range []struct {
		hooks engine.Hook
		word  string
	}{{engine.OnUpgrade, "upgrade"}, {engine.OnRequest, "request"}, {engine.OnFrame, "frames"}, {engine.OnClose, "close"}} {
		if h&w.hooks != 0 {
			words = append(words, w.word)
		}
	}
	if len(words) == 4 {
		return "everywhere"
	}
	return strings.Join(words, ", ")
}

// listAttributes prints what messages have: attributes of the engine, and those that only filters set.
func listAttributes(out *tabwriter.Writer) error {
	texts := make(map[string]string)
	for _, name := range engine.EngineAttributes() {
		shown := name
		if strings.HasSuffix(name, ".") { // a family
			shown += "NAME"
		}
		texts[shown] = engine.AttributeText(name)
	}
	for _, k := range filters.All() {
		for _, name := range k.Writes {
			if texts[name] == "" && engine.AttributeText(name) == "" {
				texts[name] = "Set by " + strings.Join(filters.Setters(name), ", ") + "."
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		fmt.Fprintf(out, "%s\t%s\n", name, texts[name])
	}
	return nil
}

// listMarkdown prints one row for each family of filters.
func (c *listCommand) listMarkdown(std stdio) error {
	if c.What != "filters" {
		return usagef("--markdown is for filters")
	}
	fmt.Fprint(std.out, "| | |\n|---|---|\n")
	for _, family := range filters.Families() {
		fmt.Fprintf(std.out, "| %s | `%s` |\n", family, strings.Join(filters.OfFamily(family), "` `"))
	}
	return nil
}
