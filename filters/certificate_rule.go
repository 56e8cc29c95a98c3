package filters

import (
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"framegate/engine"
)

// dnTypes are the attributes of distinguished names by their short names (RFC 4519 §2).
var dnTypes = map[string]string{
	"CN": "2.5.4.3", "SERIALNUMBER": "2.5.4.5", "C": "2.5.4.6", "L": "2.5.4.7", "ST": "2.5.4.8", "STREET": "2.5.4.9", "O": "2.5.4.10",
	"OU": "2.5.4.11", "POSTALCODE": "2.5.4.17", "DC": "0.9.2342.19200300.100.1.25", "UID": "0.9.2342.19200300.100.1.1",
}

var dottedOID = regexp.MustCompile(`^[0-2](\.\d+)+$`)

// dnRule is what one attribute of a distinguished name must be.
type dnRule struct {
	oid   string
	texts []*regexp.Regexp // one of them
}

// dnRules compiles a field such as {O: Example, CN: 'device-*'}.
func dnRules(field string, wanted map[string][]string) ([]dnRule, error) {
	var rules []dnRule
	for _, kind := range slices.Sorted(maps.Keys(wanted)) {
		rule := dnRule{oid: dnTypes[strings.ToUpper(kind)]}
		switch {
		case rule.oid == "" && dottedOID.MatchString(kind):
			rule.oid = kind
		case rule.oid == "":
			return nil, wrong(field+"."+kind, "write one of "+strings.Join(slices.Sorted(maps.Keys(dnTypes)), ", ")+", or a dotted OID", "a distinguished name has no %q", kind)
		case len(wanted[kind]) == 0:
			return nil, wrong(field+"."+kind, "write a text, such as "+kind+": 'device-*'", "nothing is wanted of %s", kind)
		}
		for _, text := range wanted[kind] {
			rule.texts = append(rule.texts, wildcard(text, "", false))
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

// dnFits tells whether a name has an attribute for each of the rules.
func dnFits(rules []dnRule, name []pkix.AttributeTypeAndValue) bool {
	for _, rule := range rules {
		if !slices.ContainsFunc(name, rule.fits) {
			return false
		}
	}
	return true
}

func (r dnRule) fits(a pkix.AttributeTypeAndValue) bool {
	text, ok := a.Value.(string)
	return ok && a.Type.String() == r.oid && matchesAny(r.texts, text)
}

func matchesAny(texts []*regexp.Regexp, text string) bool {
	return slices.ContainsFunc(texts, func(re *regexp.Regexp) bool { return re.MatchString(text) })
}

// wildcard makes an expression for the whole of a text: * is any characters but the
// separators, at least one where there are separators, and ** any at all.
func wildcard(text, separators string, ignoreCase bool) *regexp.Regexp {
	star := `.*`
	if separators != "" {
		star = `[^` + regexp.QuoteMeta(separators) + `]+`
	}
	var b strings.Builder
	b.WriteString(`(?s`)
	if ignoreCase {
		b.WriteString(`i`)
	}
	b.WriteString(`)^`)
	for i, part := range strings.Split(text, "**") {
		if i > 0 {
			b.WriteString(`.*`)
		}
		for j, literal := range strings.Split(part, "*") {
			if j > 0 {
				b.WriteString(star)
			}
			b.WriteString(regexp.QuoteMeta(literal))
		}
	}
	return regexp.MustCompile(b.String() + `$`)
}

// nameRule is an alternative name that a certificate may have (RFC 5280 §4.2.1.6).
type nameRule struct {
	kind    string
	text    *regexp.Regexp
	network engine.Prefix
}

// separators are the characters of each kind of name that a * does not go beyond.
var separators = map[string]string{"dns": ".", "email": "@", "uri": "/"}

func parseNameRule(text string) (rule nameRule, err error) {
	kind, name, _ := strings.Cut(text, ":")
	rule.kind = kind
	switch {
	case name == "":
		return rule, fmt.Errorf("%q has no name behind a kind", text)
	case kind == "ip":
		err = rule.network.UnmarshalText([]byte(name))
		return rule, err
	case separators[kind] == "":
		return rule, fmt.Errorf("there is no kind of name %q", kind)
	}
	rule.text = wildcard(name, separators[kind], kind != "uri")
	return rule, nil
}

func (r nameRule) fits(cert *x509.Certificate) bool {
	switch r.kind {
	case "dns":
		return slices.ContainsFunc(cert.DNSNames, r.text.MatchString)
	case "email":
		return slices.ContainsFunc(cert.EmailAddresses, r.text.MatchString)
	case "ip":
		return slices.ContainsFunc(cert.IPAddresses, func(ip net.IP) bool {
			addr, ok := netip.AddrFromSlice(ip)
			return ok && r.network.Contains(addr.Unmap())
		})
	}
	for _, uri := range cert.URIs {
		if r.text.MatchString(uri.String()) {
			return true
		}
	}
	return false
}

// parseFingerprint reads the SHA-256 of a certificate, with or without sha256: before it and colons in it.
func parseFingerprint(text string) (sum [sha256.Size]byte, err error) {
	digits := strings.TrimPrefix(strings.ToLower(text), sha256Prefix)
	raw, err := hex.DecodeString(strings.ReplaceAll(digits, ":", ""))
	if err != nil || len(raw) != len(sum) {
		return sum, errors.New("the fingerprint is not 64 hexadecimal digits")
	}
	return [sha256.Size]byte(raw), nil
}
