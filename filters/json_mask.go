package filters

import (
	"framegate/engine"
	"framegate/engine/jsonbytes"
)

func init() {
	register[jsonMask](Kind{
		Type: "json-mask", Family: Transform, Hooks: engine.OnHTTP | engine.OnFrame, Reads: []string{"content.body"}, Writes: []string{"content.body"},
	})
}

// Hides values in JSON: a text in their place, or part of them, such as all but the last four digits of a card. Everything
// else goes on byte for byte.
//
// A place is a JSON Pointer (/card/number) or a path: $.user.email, $.items[*].iban, **.password at any depth. In YAML a path
// that begins with a star stands in quotes. Names are compared as they read, escapes or not, and where a member stands twice,
// both values are hidden. Numbers become texts; an object or list is hidden whole; null stays, since it tells nothing.
//
// What the next filter and the other side see is hidden. The traffic log of a websocket that keeps payloads has the message as
// it came beside the one that went on.
//
//	filters:
//	  - type: json-mask
//	    nodes: [/card/number, '**.iban']
//	    keepLast: 4
//	  - name: secrets
//	    type: json-mask
//	    nodes: ['**.password', '**.token']
type jsonMask struct {
	// Nodes are the places of what is hidden.
	Nodes []jsonbytes.Path `yaml:"nodes" required:"true"`

	// Mask is the text in place of what is hidden.
	Mask string `yaml:"mask" default:"***"`

	// EveryCharacter puts the mask in the place of each hidden character, which tells how long the value was.
	EveryCharacter bool `yaml:"everyCharacter"`

	// KeepFirst is how many characters stay at the beginning of a text or number. Of a value that is no longer than what is kept
	// at both ends nothing stays.
	KeepFirst int `yaml:"keepFirst" min:"0" max:"1000"`

	// KeepLast is how many characters stay at the end.
	KeepLast int `yaml:"keepLast" min:"0" max:"1000"`

	// JSON is put in place of the value instead of a text, for readers that insist on a kind: 0, '""', 'null'.
	JSON string `yaml:"json"`

	// OnMissing says what happens when nothing is at one of the places: pass, or fail.
	OnMissing string `yaml:"onMissing" default:"pass" oneof:"pass fail"`

	jsonDocument `yaml:",inline"`

	editor *jsonbytes.Editor
}

func (f *jsonMask) Prepare(*Env) (err error) {
	edit := jsonbytes.Edit{Op: jsonbytes.Hide, Mask: &jsonbytes.Mask{Text: f.Mask, Each: f.EveryCharacter, First: f.KeepFirst, Last: f.KeepLast}}
	switch {
	case f.KeepFirst < 0:
		return wrong("keepFirst", "write 0 or more", "%d characters cannot be kept", f.KeepFirst)
	case f.KeepLast < 0:
		return wrong("keepLast", "write 0 or more", "%d characters cannot be kept", f.KeepLast)
	case f.EveryCharacter && len(f.Mask) > 4:
		return wrong("mask", "write one character, such as '*'", "%q for every character makes messages much longer", f.Mask)
	case f.JSON != "" && (f.EveryCharacter || f.KeepFirst > 0 || f.KeepLast > 0):
		return wrong("json", "keep one of them", "a value of its own keeps nothing of the old one")
	case f.JSON != "":
		if err := jsonbytes.Check([]byte(f.JSON)); err != nil {
			return wrong("json", "write JSON such as 0, null or '\"\"'", "%w", err)
		}
		edit = jsonbytes.Edit{Op: jsonbytes.Replace, Value: []byte(f.JSON)}
	}
	edits := make([]jsonbytes.Edit, len(f.Nodes))
	for i, path := range f.Nodes {
		edits[i] = edit
		edits[i].Path = path
	}
	f.editor, err = jsonEditor("nodes", edits)
	return err
}

func (f *jsonMask) Run(m *engine.Message) (bool, error) {
	p := takePass()
	defer givePass(p)
	if err := editJSON(m, f.editor, p); err != nil {
		return f.invalid(m, err)
	}
	return missingNodes(m, f.OnMissing, missing(f.OnMissing, p.Hits, f.Nodes)), nil
}
