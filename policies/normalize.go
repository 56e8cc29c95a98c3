package policies

import (
	"gopkg.in/yaml.v3"
)

// normalizer writes a tree of nodes out: aliases and merge keys are replaced by
// what they stand for, and what maps must not hold is reported. Decoding into
// nodes has switched the YAML library's own checks off.
type normalizer struct {
	*report
	source *source
	left   int                 // how many nodes the tree may still have
	open   map[*yaml.Node]bool // aliases that are being written out
	outer  *yaml.Node          // the outermost of them
	full   bool
}

// normalize replaces the root of a source. It is nil afterwards when the file
// cannot be used.
func (r *report) normalize(s *source, maxNodes int) {
	if s.root == nil {
		return
	}
	n := normalizer{report: r, source: s, left: maxNodes, open: make(map[*yaml.Node]bool)}
	root := n.node(s.root, 0)
	if n.full {
		root = nil
	}
	s.root = root
}

// node returns a copy of a node without aliases.
func (n *normalizer) node(in *yaml.Node, depth int) *yaml.Node {
	if n.full {
		return in
	}
	if n.left--; n.left < 0 {
		n.full = true
		at := in
		if n.outer != nil {
			at = n.outer
		}
		n.errorf(n.source.at(at), "write less with aliases (*name), or split the file", "the file has too many values, aliases written out")
		return in
	}
	if depth > maxDepth {
		n.full = true
		n.errorf(n.source.at(in), "no setting is nested so deeply", "maps and lists are nested more than %d deep", maxDepth)
		return in
	}
	switch in.Kind {
	case yaml.AliasNode:
		return n.alias(in, depth)
	case yaml.MappingNode:
		return n.mapping(in, depth)
	case yaml.SequenceNode:
		out := shallow(in)
		for _, item := range in.Content {
			out.Content = append(out.Content, n.node(item, depth+1))
		}
		return out
	}
	return shallow(in)
}

func shallow(in *yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: in.Kind, Style: in.Style, Tag: in.ShortTag(), Value: in.Value, Line: in.Line, Column: in.Column}
}

func (n *normalizer) alias(in *yaml.Node, depth int) *yaml.Node {
	if n.open[in.Alias] {
		n.full = true
		n.errorf(n.source.at(in), "give the alias another target", "alias *%s stands inside what it stands for", in.Value)
		return in
	}
	n.open[in.Alias] = true
	if n.outer == nil {
		n.outer = in
		defer func() { n.outer = nil }()
	}
	out := n.node(in.Alias, depth)
	delete(n.open, in.Alias)
	return out
}

// mapping copies a map. A key that comes twice is reported with both places.
func (n *normalizer) mapping(in *yaml.Node, depth int) *yaml.Node {
	out := shallow(in)
	seen := make(map[string]*yaml.Node, len(in.Content)/2)
	var merges []*yaml.Node
	for i := 0; i+1 < len(in.Content); i += 2 {
		key, value := n.node(in.Content[i], depth+1), in.Content[i+1]
		switch {
		case n.full:
			return out
		case key.Kind != yaml.ScalarNode:
			n.badKey(in, key)
			continue
		case key.Tag == "!!merge":
			merges = append(merges, value)
			continue
		case seen[key.Value] != nil:
			n.errorf(n.source.at(key), "delete one of the two", "key %q is written twice in the same map; the first is at %s", key.Value, n.source.at(seen[key.Value]).position())
			continue
		}
		seen[key.Value] = key
		out.Content = append(out.Content, key, n.node(value, depth+1))
	}
	for _, merged := range merges {
		n.merge(out, seen, merged, depth)
	}
	return out
}

func (n *normalizer) badKey(in, key *yaml.Node) {
	if in.Style&yaml.FlowStyle != 0 && key.Kind == yaml.MappingNode && key.Style&yaml.FlowStyle != 0 {
		at := n.source.at(in)
		text := flowText(n.source.line(in.Line), at.col)
		at.width = len([]rune(text))
		n.errorf(at, "quote it: "+quote(text), "{{…}} without quotes is a map in a map to YAML")
		return
	}
	n.errorf(n.source.at(key), "write a name before the colon", "a key must be a text")
}

// flowText is the value that begins at a column, up to the end of the line.
func flowText(line string, col int) string {
	runes := []rune(line)
	if col < 1 || col > len(runes) {
		return "{{…}}"
	}
	end := col - 1
	for depth := 0; end < len(runes); end++ {
		switch runes[end] {
		case '{':
			depth++
		case '}':
			depth--
		}
		if depth <= 0 {
			end++
			break
		}
	}
	return string(runes[col-1 : min(end, len(runes))])
}

// merge adds the pairs of a merge key (<<: *base) that are not there yet.
func (n *normalizer) merge(out *yaml.Node, seen map[string]*yaml.Node, value *yaml.Node, depth int) {
	merged := n.node(value, depth+1)
	if merged.Kind == yaml.SequenceNode {
		for _, item := range merged.Content {
			n.mergePairs(out, seen, item)
		}
		return
	}
	n.mergePairs(out, seen, merged)
}

func (n *normalizer) mergePairs(out *yaml.Node, seen map[string]*yaml.Node, from *yaml.Node) {
	if from.Kind != yaml.MappingNode {
		n.errorf(n.source.at(from), "write `<<: *name` where &name marks a map", "a merge key (<<) needs a map")
		return
	}
	for i := 0; i+1 < len(from.Content); i += 2 {
		if key := from.Content[i]; seen[key.Value] == nil {
			seen[key.Value] = key
			out.Content = append(out.Content, key, from.Content[i+1])
		}
	}
}
