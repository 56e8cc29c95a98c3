package filters

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"framegate/engine"
)

// client is a record of the store: who holds a key, and where and when it is good.
type client struct {
	*engine.Identity
	name   string
	sum    [sha256.Size]byte // of a key
	secret []byte            // for signatures

	disabled  bool
	notBefore time.Time       // zero: always
	from      []engine.Prefix // none: everywhere
	origins   []string        // none: any, and none at all
	referers  []string        // none: any, and none at all
}

// clientOf reads a record. The error says what is wrong with which of its fields.
func clientOf(name string, record engine.Value) (*client, error) {
	c := &client{Identity: identityOf("api-key", "key:"+name, name, record), name: name}
	enabled := record.Member("enabled")
	if !enabled.IsMissing() && enabled.Kind() != engine.Bool {
		return nil, errors.New("enabled is neither true nor false")
	}
	c.disabled = switchedOff(record)
	var err error
	if c.notBefore, err = timeOf(record.Member("notBefore")); err != nil {
		return nil, fmt.Errorf("notBefore %w", err)
	}
	if c.Expires, err = timeOf(record.Member("expires")); err != nil {
		return nil, fmt.Errorf("expires %w", err)
	}
	if c.from, err = networksOf(record.Member("from")); err != nil {
		return nil, fmt.Errorf("from: %w", err)
	}
	for field, list := range map[string]*[]string{"origins": &c.origins, "referers": &c.referers} {
		if *list, err = originsOf(record.Member(field)); err != nil {
			return nil, fmt.Errorf("%s: %w", field, err)
		}
	}
	return c, nil
}

// errNoTime is what is wrong with a time in a record.
var errNoTime = errors.New("is neither a date such as 2027-01-31 nor a time such as 2027-01-31T18:00:00Z")

// timeOf reads a time, or a date: its first moment, in UTC.
func timeOf(v engine.Value) (time.Time, error) {
	if v.IsMissing() {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, v.String()); err == nil {
			return at, nil
		}
	}
	return time.Time{}, errNoTime
}

// textsOf reads a text or a list of texts.
func textsOf(v engine.Value) ([]string, error) {
	if v.Kind() == engine.String {
		return []string{v.String()}, nil
	}
	list, ok := v.Any().([]any)
	if !ok && !v.IsMissing() {
		return nil, errors.New("write a text or a list of texts")
	}
	texts := make([]string, len(list))
	for i, item := range list {
		if texts[i], ok = item.(string); !ok {
			return nil, fmt.Errorf("%v is no text", item)
		}
	}
	return texts, nil
}

func networksOf(v engine.Value) ([]engine.Prefix, error) {
	texts, err := textsOf(v)
	if err != nil {
		return nil, err
	}
	networks := make([]engine.Prefix, len(texts))
	for i, text := range texts {
		if err := networks[i].UnmarshalText([]byte(text)); err != nil {
			return nil, err
		}
	}
	return networks, nil
}

func originsOf(v engine.Value) ([]string, error) {
	texts, err := textsOf(v)
	if err != nil {
		return nil, err
	}
	for _, text := range texts {
		if hint, err := engine.CheckOrigin(text); err != nil {
			return nil, fmt.Errorf("%w: %s", err, hint)
		}
	}
	return texts, nil
}

// Why a client that proved who it is may not come in. The second group says more
// than that the key is no good: it is the client's right to know.
var (
	errDisabled = errors.New("the key is disabled")
	errTooEarly = errors.New("the key is not valid yet")

	errFromElsewhere = errors.New("the key may not be used from this address")
	errOtherOrigin   = errors.New("the key may not be used from this origin")
	errOtherReferer  = errors.New("the key may not be used from this page")
)

// valid tells whether the record counts at a time.
func (c *client) valid(now time.Time) error {
	switch {
	case c.disabled:
		return errDisabled
	case now.Before(c.notBefore):
		return errTooEarly
	case !c.Expires.IsZero() && !now.Before(c.Expires):
		return engine.ErrExpired
	}
	return nil
}

// admits tells whether the record may be used from where the request comes.
func (c *client) admits(addr netip.Addr, headers *engine.Headers) error {
	origin := headers.Get("Origin")
	switch {
	case len(c.from) > 0 && !contains(c.from, addr):
		return errFromElsewhere
	case len(c.origins) > 0 && !anyOrigin(c.origins, origin):
		return errOtherOrigin
	case len(c.referers) > 0 && !anyOrigin(c.referers, refererOrigin(headers)):
		return errOtherReferer
	}
	return nil
}

// anyOrigin tells whether one of those allowed matches.
func anyOrigin(allowed []string, origin string) bool {
	return slices.ContainsFunc(allowed, func(pattern string) bool { return engine.MatchOrigin(pattern, origin) })
}

// refererOrigin is the origin of the page that the request comes from: browsers
// send a Referer with some requests, and an Origin with upgrades.
func refererOrigin(headers *engine.Headers) string {
	if !headers.Has("Referer") {
		return headers.Get("Origin")
	}
	page, err := url.Parse(headers.Get("Referer"))
	if err != nil || page.User != nil {
		return ""
	}
	return strings.ToLower(page.Scheme) + "://" + page.Host
}
