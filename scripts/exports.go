package scripts

import (
	"bytes"
	"encoding/json"
	"strings"
)

// exported looks a subpath (".", "./sub") up in the exports of a package.json, as Node.js documents them: a path, a list
// of alternatives, conditions in the order they are written, subpaths, and subpaths with one *. It is "" when the
// package does not export the subpath.
func exported(exports json.RawMessage, sub string, require bool) string {
	entries, isObject := ordered(exports)
	if !isObject || len(entries) == 0 || !strings.HasPrefix(entries[0].key, ".") {
		if sub != "." {
			return ""
		}
		return target(exports, "", require)
	}
	best, rest := -1, ""
	for i, e := range entries {
		if e.key == sub {
			return target(e.value, "", require)
		}
		before, after, isPattern := strings.Cut(e.key, "*")
		if !isPattern || !strings.HasPrefix(sub, before) || !strings.HasSuffix(sub, after) || len(sub) < len(before)+len(after) {
			continue
		}
		if best < 0 || len(e.key) > len(entries[best].key) {
			best, rest = i, sub[len(before):len(sub)-len(after)]
		}
	}
	if best < 0 {
		return ""
	}
	return target(entries[best].value, rest, require)
}

// target picks the path by condition.
func target(value json.RawMessage, star string, require bool) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return strings.ReplaceAll(text, "*", star)
	}
	var list []json.RawMessage
	if json.Unmarshal(value, &list) == nil {
		for _, one := range list {
			if found := target(one, star, require); found != "" {
				return found
			}
		}
		return ""
	}
	entries, _ := ordered(value)
	for _, e := range entries {
		switch {
		case e.key == "default", e.key == "module", e.key == "import" && !require, e.key == "require" && require:
			if found := target(e.value, star, require); found != "" {
				return found
			}
		}
	}
	return ""
}

type entry struct {
	key   string
	value json.RawMessage
}

// ordered reads a JSON object in the order it was written.
func ordered(text json.RawMessage) ([]entry, bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	var entries []entry
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, false
		}
		name, _ := key.(string)
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil, false
		}
		entries = append(entries, entry{name, value})
	}
	return entries, true
}
