package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"framegate/engine"
	"framegate/filters"
	"framegate/policies"
)

type explainCommand struct {
	What     string `arg:"" optional:"" placeholder:"WHAT" help:"A filter type, a part of a configuration, an attribute, or selectors. Without it: what there is."`
	Markdown bool   `help:"Print the keys as a Markdown table."`
}

func (explainCommand) Help() string {
	return `
The manual of a filter type, made from its own source: what it does, where it makes sense, its fields with defaults and
limits, the attributes it reads and sets, and an example. gateway, port, websocket, route, policy, filter, remote-host and store are
the manuals of those parts of a configuration, selectors that of ${…}, and the name of an attribute says what it is.

    framegate explain
    framegate explain api-key
    framegate explain port
    framegate explain websock.context`
}

// Run prints the manual.
func (c *explainCommand) Run(std stdio) error {
	if c.What == "" {
		return explainAll(std.out)
	}
	doc, ok, err := manualOf(c.What)
	switch {
	case err != nil:
		return err
	case ok && c.Markdown:
		_, err = io.WriteString(std.out, doc.Markdown())
		return err
	case ok:
		_, err = io.WriteString(std.out, doc.String())
		return err
	case c.Markdown:
		return usagef("--markdown is for %s", strings.Join(policies.References(), ", "))
	case strings.Contains(c.What, "."):
		return explainAttribute(std.out, c.What)
	}
	err = filters.Explain(std.out, c.What)
	var unknown *filters.UnknownType
	if errors.As(err, &unknown) {
		if ours, ok := filters.Called(unknown.Name); ok {
			return fmt.Errorf("%w: did you mean %q?", err, ours)
		}
		known := slices.Concat(unknown.Types, policies.References(), []string{"selectors", "attributes"})
		if near, ok := policies.Nearest(unknown.Name, known); ok {
			return fmt.Errorf("%w: did you mean %q?", err, near)
		}
		return fmt.Errorf("%w: framegate explain shows what there is", err)
	}
	return err
}

// manualOf is the manual of a part of the configuration, or of selectors.
func manualOf(what string) (doc *filters.Doc, ok bool, err error) {
	if what != "selectors" && what != "selector" {
		return policies.Reference(what)
	}
	comments, err := filters.ReadComments(engine.Source)
	if err != nil {
		return nil, true, fmt.Errorf("explain %s: %w", what, err)
	}
	text, example := filters.SplitExample(strings.TrimPrefix(comments["Selector"], "Selector is "))
	return &filters.Doc{Type: "selectors", Text: strings.ToUpper(text[:1]) + text[1:], Example: example}, true, nil
}

// explainAll lists what can be explained.
func explainAll(out io.Writer) error {
	var types strings.Builder
	for _, family := range filters.Families() {
		fmt.Fprintf(&types, "  %s\n%s\n", family, filters.Wrap(strings.Join(filters.OfFamily(family), ", "), "    "))
	}
	_, err := fmt.Fprintf(out, `The parts of a configuration:
  %s
The types of filters (framegate list filters says what each does):
%sThe values that a message has (framegate list attributes):
  the name of an attribute, such as websock.context
How fields of filters name them:
  selectors
`, strings.Join(policies.References(), ", "), types.String())
	return err
}

// explainAttribute says what an attribute is, where it has a value, and who sets it.
func explainAttribute(out io.Writer, name string) error {
	name = strings.TrimSuffix(strings.TrimPrefix(name, "${"), "}")
	hooks, text, setters := engine.AttributeHooks(name), engine.AttributeText(name), filters.Setters(name)
	if text == "" && len(setters) == 0 {
		if near, ok := policies.Nearest(name, engine.EngineAttributes()); ok {
			return fmt.Errorf("the gateway sets no attribute %q: did you mean %q? A name of your own is set by set-attribute or a script", name, near)
		}
		return fmt.Errorf("the gateway sets no attribute %q: it may be one that set-attribute or a script sets; framegate list attributes shows all others", name)
	}
	fmt.Fprintf(out, "${%s}\n\n", name)
	if text != "" {
		fmt.Fprintf(out, "%s\n\n", filters.Wrap(text, "  "))
	}
	if hooks != 0 {
		fmt.Fprintf(out, "Has a value in  %s\n", hooks)
	}
	if len(setters) > 0 {
		fmt.Fprintf(out, "Set by          %s\n", strings.Join(setters, ", "))
	}
	return nil
}
