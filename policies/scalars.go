package policies

import (
	"encoding"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"framegate/engine"
)

// show names a node in a message: its kind, or its text as it was written.
func (d *decoder) show(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a map"
	case yaml.SequenceNode:
		return "a list"
	}
	if isNull(n) {
		return "nothing"
	}
	return strconv.Quote(shorten(d.text(n)))
}

// text is a scalar as its author wrote it: {{…}} unresolved.
func (d *decoder) text(n *yaml.Node) string {
	if written, ok := d.written[n]; ok {
		return written
	}
	return n.Value
}

// shorten cuts a text that would make a message unreadable.
func shorten(text string) string {
	const most = 60
	if utf8.RuneCountInString(text) > most {
		text = string([]rune(text)[:most]) + "…"
	}
	return text
}

// scalarField fills a field that one scalar fills.
func (d *decoder) scalarField(n *yaml.Node, v reflect.Value, what string) {
	if n.Kind != yaml.ScalarNode || isNull(n) {
		d.errorf(d.source.at(n), fmt.Sprintf("write `%s: %s`", what, example(v.Type())), "%q must be %s, not %s", what, kindName(v.Type()), d.show(n))
		return
	}
	if wrong := d.set(n, v); wrong != nil {
		what := fmt.Sprintf("%q: %s", what, wrong.what)
		if written, ok := d.written[n]; ok && n.Value != "" {
			what, wrong.hint = strings.ReplaceAll(what, n.Value, written), strings.ReplaceAll(wrong.hint, n.Value, written)
		}
		at := d.source.at(n)
		if match := atCharacter.FindStringSubmatch(what); match != nil && d.written[n] == "" && n.Style&blockStyle == 0 {
			skip, _ := strconv.Atoi(match[1])
			if n.Style != 0 {
				skip++
			}
			at.col, at.width = at.col+min(skip, at.width)-1, 1
			what = strings.Replace(what, match[0], "", 1)
		}
		d.errorf(at, wrong.hint, "%s", what)
	}
}

// wrong is what is the matter with a scalar, and what to write instead.
type wrong struct{ what, hint string }

// set parses a scalar into v.
func (d *decoder) set(n *yaml.Node, v reflect.Value) *wrong {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch target := v.Addr().Interface().(type) {
	case *time.Duration:
		var span engine.Duration
		w := durationText(n.Value, &span)
		*target = time.Duration(span)
		return w
	case *engine.Duration:
		return durationText(n.Value, target)
	case encoding.TextUnmarshaler:
		return unmarshal(n, target)
	}
	return setPlain(n, v)
}

// setPlain parses a scalar into a text, a boolean or a number.
func setPlain(n *yaml.Node, v reflect.Value) *wrong {
	switch v.Kind() {
	case reflect.String:
		v.SetString(n.Value)
	case reflect.Bool:
		return boolText(n, v)
	case reflect.Float32, reflect.Float64:
		f, err := strconv.ParseFloat(n.Value, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) || n.Tag == "!!str" {
			return &wrong{fmt.Sprintf("%q is no number", shorten(n.Value)), numberHint(n)}
		}
		v.SetFloat(f)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		u, err := strconv.ParseUint(n.Value, 10, v.Type().Bits())
		if err != nil || n.Tag == "!!str" {
			return badNumber(n, err)
		}
		v.SetUint(u)
	default:
		i, err := strconv.ParseInt(n.Value, 10, v.Type().Bits())
		if err != nil || n.Tag == "!!str" {
			return badNumber(n, err)
		}
		v.SetInt(i)
	}
	return nil
}

func badNumber(n *yaml.Node, err error) *wrong {
	if errors.Is(err, strconv.ErrRange) {
		return &wrong{fmt.Sprintf("%q is out of range", shorten(n.Value)), "write a smaller number"}
	}
	return &wrong{fmt.Sprintf("%q is no whole number", shorten(n.Value)), numberHint(n)}
}

// numberHint says what to write instead of something that is no number.
func numberHint(n *yaml.Node) string {
	if _, err := strconv.ParseFloat(n.Value, 64); err == nil && n.Tag == "!!str" {
		return "write it without quotes: " + n.Value
	}
	return "write digits only, such as 100"
}

// boolText reads true and false, the only booleans there are.
func boolText(n *yaml.Node, v reflect.Value) *wrong {
	word := strings.ToLower(n.Value)
	switch word {
	case "true", "false":
		if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
			return &wrong{"a text, not true or false", "write it without quotes: " + word}
		}
		v.SetBool(word == "true")
		return nil
	case "yes", "on", "y", "1", "enabled":
		return &wrong{fmt.Sprintf("%q is neither true nor false", n.Value), "write true"}
	case "no", "off", "n", "0", "disabled":
		return &wrong{fmt.Sprintf("%q is neither true nor false", n.Value), "write false"}
	}
	return &wrong{fmt.Sprintf("%q is neither true nor false", shorten(n.Value)), "write true or false"}
}

var digits = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)

// durationText reads 30s and the like. A number alone is the most frequent mistake.
func durationText(text string, span *engine.Duration) *wrong {
	if span.UnmarshalText([]byte(text)) == nil {
		return nil
	}
	hint := "write a number with its unit (ms, s, m, h, d), such as 30s"
	if digits.MatchString(text) {
		hint = fmt.Sprintf("write the unit too: %ss for seconds, %sms for milliseconds, %sm for minutes", text, text, text)
	}
	return &wrong{fmt.Sprintf("%q is no duration", shorten(text)), hint}
}

// unmarshal lets a type read its text, and puts its error into our words.
func unmarshal(n *yaml.Node, target encoding.TextUnmarshaler) *wrong {
	err := target.UnmarshalText([]byte(n.Value))
	if err == nil {
		return nil
	}
	text := shorten(n.Value)
	switch target.(type) {
	case *engine.Size:
		return &wrong{fmt.Sprintf("%q is no size", text), sizeHint(n.Value)}
	case *engine.Prefix, *netip.Prefix:
		what, hint, found := strings.Cut(err.Error(), ": write ")
		if !found || strings.HasSuffix(what, strconv.Quote(n.Value)) {
			return &wrong{fmt.Sprintf("%q is no network", text), "write an address such as 192.0.2.7, or a network such as 192.0.2.0/24"}
		}
		return &wrong{what, "write " + hint}
	case *netip.Addr:
		return &wrong{fmt.Sprintf("%q is no IP address", text), "write it as 192.0.2.7 or 2001:db8::7"}
	case *netip.AddrPort:
		return &wrong{fmt.Sprintf("%q is no address with a port", text), "write it as 192.0.2.7:8080"}
	case *engine.Selector:
		return &wrong{selectorPrefix.ReplaceAllString(err.Error(), ""), "write ${attribute}, ${attribute[\"part\"]} or ${attribute ?: \"default\"}; $${ for the two characters themselves"}
	}
	var pattern *syntax.Error
	if errors.As(err, &pattern) {
		return &wrong{fmt.Sprintf("%s in the regular expression: %s", pattern.Code, shorten(pattern.Expr)), "the syntax is RE2's: no look-around, no back references; single quotes keep backslashes"}
	}
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		return &wrong{err.Error(), hinted.Hint()}
	}
	return &wrong{err.Error(), "`framegate explain` shows what can be written"}
}

// selectorPrefix repeats the text, which the source line shows anyway.
var selectorPrefix = regexp.MustCompile(`^selector "(?:[^"\\]|\\.)*": `)

// atCharacter is how the error of a selector says where.
var atCharacter = regexp.MustCompile(` at character (\d+)`)

// sizeUnit splits a size into its number and a unit that people write.
var sizeUnit = regexp.MustCompile(`(?i)^([0-9.]+)\s*([kmg])(?:i?b?|bytes?)$`)

func sizeHint(text string) string {
	if match := sizeUnit.FindStringSubmatch(text); match != nil {
		return fmt.Sprintf("write %s%siB", match[1], strings.ToUpper(match[2]))
	}
	return "write a number with its unit (B, KiB, MiB, GiB), such as 64KiB"
}

// plainValue is a scalar as encoding/json would decode it; whole numbers are int64.
func plainValue(n *yaml.Node) any {
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!int":
		if i, err := strconv.ParseInt(strings.ReplaceAll(n.Value, "_", ""), 0, 64); err == nil {
			return i
		}
	case "!!float":
		if f, err := strconv.ParseFloat(n.Value, 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
			return f
		}
	case "!!binary":
		if p, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(n.Value), "")); err == nil {
			return string(p)
		}
	}
	return n.Value
}
