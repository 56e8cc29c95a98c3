package policies

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxSecretFile is the size limit of a file that {{file "…"}} reads.
const maxSecretFile = 64 << 10

// values resolves {{…}} in scalars, once, when the configuration loads:
//
//	{{listen.address}}         a value of values.yaml, by its dotted name
//	{{env "PORT"}}             an environment variable
//	{{env "PORT" "8080"}}      with a default for when it is not set
//	{{file "/run/secrets/k"}}  the text of a file, without the last newline
type values struct {
	*report
	tree    *yaml.Node // of values.yaml; nil without one
	from    string     // where the values stand, for hints
	env     func(string) (string, bool)
	files   fs.FS
	written map[*yaml.Node]string // nodes that were resolved: the text as it was written
}

// resolve replaces {{…}} in every value of the source, but not in keys.
func (v *values) resolve(s *source) {
	if s.root != nil {
		v.node(s, s.root)
	}
}

func (v *values) node(s *source, n *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 1; i < len(n.Content); i += 2 {
			v.node(s, n.Content[i])
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			v.node(s, item)
		}
	case yaml.ScalarNode:
		if strings.Contains(n.Value, "{{") {
			v.scalar(s, n)
		}
	}
}

// scalar resolves one text. A text that is nothing but one {{…}} becomes the
// value itself, so that ports stay numbers and lists stay lists.
func (v *values) scalar(s *source, n *yaml.Node) {
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return // scripts and templates are full of braces
	}
	written, out := n.Value, strings.Builder{}
	for rest := written; ; {
		before, after, found := strings.Cut(rest, "{{")
		out.WriteString(before)
		if !found {
			break
		}
		expr, tail, closed := strings.Cut(after, "}}")
		if !closed {
			v.errorf(s.at(n), "close it with }}", "{{ without }} in %q", written)
			return
		}
		value := v.value(s, n, strings.TrimSpace(expr))
		if value == nil {
			return
		}
		if before == "" && tail == "" && rest == written {
			v.become(n, value, written)
			return
		}
		if value.Kind != yaml.ScalarNode {
			v.errorf(s.at(n), "let the text be nothing but {{"+strings.TrimSpace(expr)+"}}", "a list cannot stand inside a text")
			return
		}
		out.WriteString(value.Value)
		rest = tail
	}
	v.become(n, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: out.String()}, written)
}

// become puts the value in the node's place; positions stay.
func (v *values) become(n, value *yaml.Node, written string) {
	line, col := n.Line, n.Column
	*n = *value
	n.Style = 0
	n.Line, n.Column = line, col
	v.written[n] = written
}

// value evaluates what stands between {{ and }}; nil after a problem.
func (v *values) value(s *source, n *yaml.Node, expr string) *yaml.Node {
	word, rest, _ := strings.Cut(expr, " ")
	args, ok := quotedArgs(rest)
	switch {
	case word == "env" && ok && (len(args) == 1 || len(args) == 2):
		return v.fromEnv(s, n, args)
	case word == "file" && ok && len(args) == 1:
		return v.fromFile(s, n, args[0])
	case word == "env" || word == "file":
		v.errorf(s.at(n), `write {{env "NAME"}}, {{env "NAME" "default"}} or {{file "path"}}`, "{{%s}} is not understood", expr)
		return nil
	case expr == "" || strings.ContainsAny(expr, " \"'{"):
		v.errorf(s.at(n), `write {{name}} for a value of values.yaml, {{env "NAME"}} or {{file "path"}}`, "{{%s}} is not understood", expr)
		return nil
	}
	return v.named(s, n, expr)
}

// quotedArgs splits `"a" "b"`.
func quotedArgs(text string) (args []string, ok bool) {
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		if text[0] != '"' && text[0] != '\'' {
			return nil, false
		}
		arg, rest, closed := strings.Cut(text[1:], text[:1])
		if !closed {
			return nil, false
		}
		args, text = append(args, arg), rest
	}
	return args, true
}

func (v *values) fromEnv(s *source, n *yaml.Node, args []string) *yaml.Node {
	text, set := v.env(args[0])
	switch {
	case set:
		v.secret(text, fmt.Sprintf("{{env %q}}", args[0]))
	case len(args) == 2:
		text = args[1]
	default:
		v.errorf(s.at(n), fmt.Sprintf(`set it, or give a default: {{env "%s" "…"}}`, args[0]), "environment variable %s is not set", args[0])
		return nil
	}
	return plain(text)
}

func (v *values) fromFile(s *source, n *yaml.Node, name string) *yaml.Node {
	text, err := readSecret(v.files, name)
	if err != nil {
		v.errorf(s.at(n), "relative names start at the gateway's directory and stay in it; absolute ones are taken as they are", "%s", fileProblem(name, err))
		return nil
	}
	v.secret(text, fmt.Sprintf("{{file %q}}", name))
	return plain(text)
}

// readSecret reads a file of the gateway's directory, or by an absolute name.
func readSecret(files fs.FS, name string) (string, error) {
	var file fs.File
	var err error
	if path.IsAbs(name) {
		file, err = os.Open(name)
	} else {
		file, err = files.Open(path.Clean(name))
	}
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := readLimited(file, maxSecretFile)
	return strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"), err
}

// shortestSecret is the length from which on a value is hidden in messages;
// shorter ones, such as port numbers, are parts of ordinary words.
const shortestSecret = 6

// secret makes sure that no message shows a value from outside.
func (v *values) secret(value, written string) {
	if len(value) >= shortestSecret {
		v.secrets[value] = written
	}
}

// named finds a value of values.yaml by its dotted name.
func (v *values) named(s *source, n *yaml.Node, name string) *yaml.Node {
	at := v.tree
	for _, key := range strings.Split(name, ".") {
		at = member(at, key)
	}
	if at == nil {
		v.errorf(s.at(n), v.didYouMean(name, leaves(v.tree, ""), "values in "+v.from), "no value %q in %s", name, v.from)
		return nil
	}
	if at.Kind == yaml.MappingNode || at.Tag == "!!null" {
		v.errorf(s.at(n), choice(leaves(at, name+"."), "name one of its members"), "value %q in %s is no text, number or list", name, v.from)
		return nil
	}
	return clone(at)
}

// member is the value under a key of a map, or nil.
func member(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// leaves lists the dotted names of the values in a map.
func leaves(n *yaml.Node, prefix string) []string {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	var names []string
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := prefix + n.Content[i].Value
		if n.Content[i+1].Kind == yaml.MappingNode {
			names = append(names, leaves(n.Content[i+1], name+".")...)
			continue
		}
		names = append(names, name)
	}
	return names
}

// plain is a text as if it had been written without quotes, so that numbers are numbers.
func plain(text string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: text}
	n.Tag = n.ShortTag()
	if n.Tag == "!!null" {
		n.Tag = "!!str"
	}
	return n
}

func clone(n *yaml.Node) *yaml.Node {
	out := *n
	out.Content = nil
	for _, item := range n.Content {
		out.Content = append(out.Content, clone(item))
	}
	return &out
}
