package filters

import (
	"fmt"
	"io"
	"strings"
)

// UnknownType is the error of [Explain] for a name that is no filter type.
type UnknownType struct {
	Name  string
	Types []string // there are
}

func (e *UnknownType) Error() string { return fmt.Sprintf("there is no filter type %q", e.Name) }

// Explain writes the manual of a filter type for a terminal.
func Explain(w io.Writer, name string) error {
	k, ok := Lookup(name)
	if !ok {
		unknown := &UnknownType{Name: name}
		for _, k := range All() {
			unknown.Types = append(unknown.Types, k.Type)
		}
		return unknown
	}
	d, err := k.Doc()
	if err != nil {
		return fmt.Errorf("explain %s: %w", name, err)
	}
	_, err = io.WriteString(w, d.String())
	return err
}

// terminal is how many columns a line of help has.
const terminal = 80

// String is the manual as text.
func (d *Doc) String() string {
	var b strings.Builder
	b.WriteString(d.Type)
	if len(d.Aliases) > 0 {
		fmt.Fprintf(&b, " (also %s)", strings.Join(d.Aliases, ", "))
	}
	b.WriteString("\n")
	for _, paragraph := range strings.Split(strings.TrimSpace(d.Text), "\n\n") {
		b.WriteString("\n" + Wrap(paragraph, "  ") + "\n")
	}
	if len(d.Hooks)+len(d.Reads)+len(d.Writes) > 0 || d.Ends {
		b.WriteString("\n")
	}
	if len(d.Hooks) > 0 {
		fmt.Fprintf(&b, "Used in  %s\n", strings.Join(d.Hooks, ", "))
	}
	if len(d.Reads) > 0 {
		fmt.Fprintf(&b, "Reads    %s\n", strings.Join(d.Reads, ", "))
	}
	if len(d.Writes) > 0 {
		fmt.Fprintf(&b, "Sets     %s\n", strings.Join(d.Writes, ", "))
	}
	if d.Ends {
		b.WriteString("Ends     the policy, when it passes and has no success arrow\n")
	}
	if len(d.Fields) > 0 {
		b.WriteString("\nFields\n")
		writeFields(&b, d.Fields, "  ")
	}
	if d.Example != "" {
		b.WriteString("\nExample\n\n  " + strings.ReplaceAll(d.Example, "\n", "\n  ") + "\n")
	}
	return b.String()
}

func writeFields(b *strings.Builder, fields []FieldDoc, indent string) {
	for _, f := range fields {
		fmt.Fprintf(b, "%s%s  %s\n%s\n", indent, f.Name, f.rules(), Wrap(f.Text, indent+"    "))
		writeFields(b, f.Fields, indent+"    ")
	}
}

// rules is what the tags of the field say.
func (f *FieldDoc) rules() string {
	rules := []string{f.Type}
	if f.Required {
		rules = append(rules, "required")
	}
	if f.Default != "" {
		rules = append(rules, "default "+f.Default)
	}
	if len(f.OneOf) > 0 {
		rules = append(rules, "one of "+strings.Join(f.OneOf, ", "))
	}
	if f.Min != "" {
		rules = append(rules, "at least "+f.Min)
	}
	if f.Max != "" {
		rules = append(rules, "at most "+f.Max)
	}
	return "(" + strings.Join(rules, "; ") + ")"
}

// Wrap breaks a paragraph into the lines of a terminal, each with an indent.
func Wrap(text, indent string) string {
	var lines []string
	line := indent
	for _, word := range strings.Fields(text) {
		if line != indent && len(line)+1+len(word) > terminal {
			lines, line = append(lines, line), indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	return strings.Join(append(lines, line), "\n")
}
