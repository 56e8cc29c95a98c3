package filters

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

// maxPlausible is the last moment that a token may name: the end of the year 9999.
const maxPlausible = 253402300799

// claims are what a token says, as its issuer wrote it.
type claims map[string]any

// parseClaims reads a JSON object. A member that comes twice is an error: which
// one counts, two readers may see differently (RFC 8725 §2.4 is about such doubts).
func parseClaims(text []byte) (claims, error) {
	var c claims
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, err
	}
	if c == nil {
		return nil, errors.New("this is no JSON object")
	}
	for name, value := range c {
		c[name] = wholeNumbers(value)
	}
	return c, nil
}

// wholeNumbers makes integers of the numbers that are some, so that they read as
// 1795000000 and not as 1.795e+09.
func wholeNumbers(v any) any {
	switch v := v.(type) {
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v)
		}
	case map[string]any:
		for name, member := range v {
			v[name] = wholeNumbers(member)
		}
	case []any:
		for i, item := range v {
			v[i] = wholeNumbers(item)
		}
	}
	return v
}

// find is a claim by its name or, where that begins with a slash and there is no
// claim of that name, by its JSON Pointer (RFC 6901).
func (c claims) find(name string) (any, bool) {
	if v, ok := c[name]; ok {
		return v, true
	}
	if !strings.HasPrefix(name, "/") {
		return nil, false
	}
	return pointedAt(map[string]any(c), name)
}

var pointerEscapes = strings.NewReplacer("~1", "/", "~0", "~")

// pointedAt follows a JSON Pointer.
func pointedAt(v any, pointer string) (any, bool) {
	if pointer == "" {
		return v, true
	}
	for step := range strings.SplitSeq(pointer[1:], "/") {
		step = pointerEscapes.Replace(step)
		switch in := v.(type) {
		case map[string]any:
			member, ok := in[step]
			if !ok {
				return nil, false
			}
			v = member
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(in) || strconv.Itoa(i) != step {
				return nil, false
			}
			v = in[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// text is a claim that must be a text; empty when there is none.
func (c claims) text(name string) (string, error) {
	v, ok := c[name]
	if !ok {
		return "", nil
	}
	text, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("%s is no text", name)
	}
	return text, nil
}

// texts is a claim that is one text or a list of texts (RFC 7519 §4.1.3).
func (c claims) texts(name string) ([]string, error) {
	switch v := c[name].(type) {
	case nil:
		return nil, nil
	case string:
		return []string{v}, nil
	case []any:
		var all []string
		for _, item := range v {
			text, ok := item.(string)
			if !ok {
				return nil, fmt.Errorf("%s holds something that is no text", name)
			}
			all = append(all, text)
		}
		return all, nil
	}
	return nil, fmt.Errorf("%s is neither a text nor a list of texts", name)
}

// moment is a NumericDate (RFC 7519 §2); zero when there is none.
func (c claims) moment(name string) (time.Time, error) {
	v, ok := c[name]
	if !ok {
		return time.Time{}, nil
	}
	var seconds float64
	switch v := v.(type) {
	case int64:
		seconds = float64(v)
	case float64:
		seconds = v
	default:
		return time.Time{}, fmt.Errorf("%s is no number", name)
	}
	if !(seconds >= 0 && seconds <= maxPlausible) {
		return time.Time{}, fmt.Errorf("%s is no plausible time", name)
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9)), nil
}

// scopes are what the token allows: scope, texts with spaces between (RFC 8693
// §4.2), or scp, as some issuers have it.
func (c claims) scopes() ([]string, error) {
	name := "scope"
	if _, ok := c[name]; !ok {
		name = "scp"
	}
	texts, err := c.texts(name)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, text := range texts {
		all = append(all, strings.Fields(text)...)
	}
	return all, nil
}

// subject is the claim that says who the token is about.
func (c claims) subject(name string) (string, error) {
	v, _ := c.find(name)
	switch v := v.(type) {
	case string:
		if v != "" {
			return v, nil
		}
	case int64:
		return strconv.FormatInt(v, 10), nil
	}
	return "", fmt.Errorf("there is no %s in the token", name)
}

// has tells whether a claim is one of the values, or a list with one of them in
// it; any will do when none are given.
func (c claims) has(name string, values []string) bool {
	v, ok := c.find(name)
	if !ok || v == nil {
		return false
	}
	if len(values) == 0 {
		return true
	}
	items, isList := v.([]any)
	if !isList {
		items = []any{v}
	}
	for _, item := range items {
		text, isScalar := scalarText(item)
		for _, value := range values {
			if isScalar && text == value {
				return true
			}
		}
	}
	return false
}

func scalarText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), true
	}
	return "", false
}

// segments decodes the three parts of a JWT in compact form.
func segments(token string) (header, payload []byte, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, nil, errors.New("it has not the three parts of a JWT")
	}
	for i, part := range parts {
		if strings.ContainsAny(part, "\r\n") { // which the decoder skips
			return nil, nil, errors.New("it is not base64url")
		}
		raw, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil {
			return nil, nil, errors.New("it is not base64url")
		}
		switch i {
		case 0:
			header = raw
		case 1:
			payload = raw
		}
	}
	return header, payload, nil
}
