package engine

import (
	"fmt"
	"strconv"
	"strings"
)

// selectorParser reads what stands after "${" up to and with the "}".
type selectorParser struct {
	text string
	at   int
}

func (p *selectorParser) parse() (part, error) {
	p.space()
	start := p.at
	for p.at < len(p.text) && isNameByte(p.text[p.at]) {
		p.at++
	}
	name := p.text[start:p.at]
	if name == "" || strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") || strings.Contains(name, "..") {
		return part{}, fmt.Errorf("an attribute's dotted name is missing")
	}
	var members []string
	for p.next('[') {
		key, err := p.key()
		if err != nil {
			return part{}, err
		}
		members = append(members, key)
	}
	out := part{lookups: lookups(name, members)}
	p.space()
	if strings.HasPrefix(p.text[p.at:], "?:") {
		p.at += 2
		p.space()
		text, err := p.quoted()
		if err != nil {
			return part{}, err
		}
		out.fallback = &text
		p.space()
	}
	if !p.next('}') {
		if p.at == len(p.text) {
			return part{}, fmt.Errorf("the closing } is missing")
		}
		return part{}, fmt.Errorf("unexpected %q: a selector is ${name}, ${name[\"part\"]} or ${name ?: \"default\"}; for conditions use compare-attribute, switch or a script", p.text[p.at])
	}
	return out, nil
}

func lookups(name string, members []string) []lookup {
	all := []lookup{{AttrOf(name), members}}
	for end := strings.LastIndexByte(name, '.'); end > 0; end = strings.LastIndexByte(name[:end], '.') {
		way := append(strings.Split(name[end+1:], "."), members...)
		all = append(all, lookup{AttrOf(name[:end]), way})
	}
	return all
}

func (p *selectorParser) key() (string, error) {
	if p.at < len(p.text) && (p.text[p.at] == '"' || p.text[p.at] == '\'') {
		key, err := p.quoted()
		if err != nil {
			return "", err
		}
		return key, p.expect(']')
	}
	start := p.at
	for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
		p.at++
	}
	if start == p.at {
		return "", fmt.Errorf("a part is [\"name\"] or [number]")
	}
	return p.text[start:p.at], p.expect(']')
}

func (p *selectorParser) quoted() (string, error) {
	if p.at >= len(p.text) || p.text[p.at] != '"' && p.text[p.at] != '\'' {
		return "", fmt.Errorf("a text in quotes is missing")
	}
	quote := p.text[p.at]
	end := p.at + 1
	for end < len(p.text) && p.text[end] != quote {
		if p.text[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(p.text) {
		return "", fmt.Errorf("the closing %c is missing", quote)
	}
	raw := p.text[p.at+1 : end]
	p.at = end + 1
	if !strings.Contains(raw, `\`) {
		return raw, nil
	}
	if quote == '\'' {
		raw = strings.ReplaceAll(strings.ReplaceAll(raw, `\'`, `'`), `"`, `\"`)
	}
	text, err := strconv.Unquote(`"` + raw + `"`)
	if err != nil {
		return "", fmt.Errorf("bad escape in a quoted text")
	}
	return text, nil
}

func (p *selectorParser) expect(c byte) error {
	if !p.next(c) {
		return fmt.Errorf("the closing %c is missing", c)
	}
	return nil
}

func (p *selectorParser) next(c byte) bool {
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *selectorParser) space() {
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == '\t') {
		p.at++
	}
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.' || c == '@'
}
