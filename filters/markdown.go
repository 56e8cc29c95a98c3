package filters

import (
	"fmt"
	"regexp"
	"strings"
)

// Markdown is the manual's fields as a table, for pages: the key as it is nested,
// the default or what it may be, and the first sentence about it.
func (d *Doc) Markdown() string {
	var b strings.Builder
	b.WriteString("| key | default, *or what it takes* | |\n|---|---|---|\n")
	writeRows(&b, d.Fields, "")
	return b.String()
}

var sentence = regexp.MustCompile(`^.*?[.](\s+[A-Z]|$)`)

func writeRows(b *strings.Builder, fields []FieldDoc, in string) {
	for _, f := range fields {
		key, value := in+f.Name, f.Default
		switch {
		case f.Required:
			value = "required"
		case value == "":
			value = "*" + f.Type + "*"
		}
		text := f.Text
		if first := sentence.FindString(text); first != "" {
			text = strings.TrimRight(first, "ABCDEFGHIJKLMNOPQRSTUVWXYZ \n")
		}
		text = strings.TrimPrefix(strings.TrimPrefix(text, f.Name+" is "), f.Name+" are ")
		if len(f.Fields) == 0 {
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", key, value, strings.ReplaceAll(text, "|", "\\|"))
		}
		if strings.HasPrefix(f.Type, "list of ") {
			key += "[]"
		}
		writeRows(b, f.Fields, key+".")
	}
}
