package policies

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// located is where a thing was written.
type located struct {
	source *source
	node   *yaml.Node
	place  place // what problems of the whole thing point at
}

func (l *located) locate(s *source, n *yaml.Node) { *l = located{s, n, s.at(n)} }

// at finds the place of a field by its path, such as headers.X-Device-Id.match
// or origins.0; the nearest place that exists when there is none.
func (l *located) at(path string) place {
	n, at := l.node, l.place
	for rest := path; n != nil && rest != ""; {
		key, value, remaining := pathStep(n, rest)
		if value == nil {
			return at
		}
		n, rest, at = value, remaining, l.source.at(value)
		if value.Kind != yaml.ScalarNode && value.Kind != yaml.SequenceNode {
			at = l.source.at(key)
		}
	}
	return at
}

// item is the path of an item of a list that may be written as one scalar.
func (l *located) item(field string, i int) place {
	if list := member(l.node, field); list != nil && list.Kind == yaml.ScalarNode {
		return l.at(field)
	}
	return l.at(fmt.Sprintf("%s.%d", field, i))
}

// pathStep takes one step of a path into a map or list; keys may have dots in them.
func pathStep(n *yaml.Node, path string) (key, value *yaml.Node, rest string) {
	if n.Kind == yaml.SequenceNode {
		head, tail, _ := strings.Cut(path, ".")
		for i, item := range n.Content {
			if fmt.Sprint(i) == head {
				return item, item, tail
			}
		}
		return nil, nil, ""
	}
	if n.Kind != yaml.MappingNode {
		return nil, nil, ""
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i].Value
		if path == name {
			return n.Content[i], n.Content[i+1], ""
		}
		if strings.HasPrefix(path, name+".") {
			return n.Content[i], n.Content[i+1], path[len(name)+1:]
		}
	}
	return nil, nil, ""
}
