package filters

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

// minRefresh is the least time between two refreshes that a server can ask for.
const minRefresh = time.Minute

// discoveryPath is where an issuer says what it has, after its own path (OpenID Connect Discovery 1.0 §4).
const discoveryPath = "/.well-known/openid-configuration"

// load gets the keys, and how long they are fresh: as Cache-Control says, but not
// longer than refresh, nor shorter than a minute.
func (k *keySource) load(ctx context.Context, transport http.RoundTripper) (*keyring, time.Duration, error) {
	from := k.url
	if k.issuer != "" {
		var err error
		if from, err = discover(ctx, transport, k.issuer); err != nil {
			return nil, 0, err
		}
	}
	text, header, err := get(ctx, transport, from)
	if err != nil {
		return nil, 0, err
	}
	ring, err := parseKeys(text)
	if err != nil {
		return nil, 0, fmt.Errorf("keys from %s: %w", from, err)
	}
	return ring, k.life(header), nil
}

// discover asks an issuer where its keys are. "The issuer value returned MUST be
// identical to the Issuer URL that was directly used to retrieve the configuration
// information" (OpenID Connect Discovery 1.0 §4.3).
func discover(ctx context.Context, transport http.RoundTripper, issuer string) (string, error) {
	from := strings.TrimSuffix(issuer, "/") + discoveryPath
	text, _, err := get(ctx, transport, from)
	if err != nil {
		return "", err
	}
	var about struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(text, &about); err != nil {
		return "", fmt.Errorf("read %s: %w", from, err)
	}
	if about.Issuer != issuer {
		return "", fmt.Errorf("%s is about issuer %q", from, about.Issuer)
	}
	if err := checkKeysURL(about.Keys); err != nil {
		return "", fmt.Errorf("jwks_uri in %s: %w", from, err)
	}
	if strings.HasPrefix(issuer, "https:") && !strings.HasPrefix(about.Keys, "https:") {
		return "", fmt.Errorf("jwks_uri in %s has no TLS, which its issuer has", from)
	}
	return about.Keys, nil
}

// checkKeysURL tells why keys cannot be got from a URL.
func checkKeysURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return err
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("%q is no https:// or http:// URL", text)
	case u.Host == "" || u.User != nil || u.Fragment != "":
		return fmt.Errorf("%q must be a plain URL: host and path", text)
	}
	return nil
}

// get reads a document of at most 1 MiB. Redirects are not followed: where keys
// come from is the author's word, or the issuer's.
func get(ctx context.Context, transport http.RoundTripper, from string) ([]byte, http.Header, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("get %s: %w", from, err)
	}
	q.Header.Set("Accept", "application/json")
	a, err := transport.RoundTrip(q)
	if err != nil {
		return nil, nil, fmt.Errorf("get %s: %w", from, err)
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("get %s: the answer is %d", from, a.StatusCode)
	}
	text, err := readBounded(a.Body, maxKeySet)
	if err != nil {
		return nil, nil, fmt.Errorf("get %s: %w", from, err)
	}
	return text, a.Header, nil
}

var errTooLong = errors.New("the answer is longer than it may be")

// readBounded reads a body to its end, if it is not longer than that.
func readBounded(body io.Reader, most int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(body, most+1))
	if err == nil && int64(len(text)) > most {
		err = errTooLong
	}
	return text, err
}

// life is how long an answer says that it is fresh, within bounds.
func (k *keySource) life(header http.Header) time.Duration {
	longest := max(k.refresh, minRefresh)
	for _, line := range header.Values("Cache-Control") {
		for directive := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
			seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
			switch {
			case strings.EqualFold(name, "no-store"), strings.EqualFold(name, "no-cache"):
				return minRefresh
			case strings.EqualFold(name, "max-age") && err == nil:
				return min(max(time.Duration(seconds)*time.Second, minRefresh), longest)
			}
		}
	}
	return longest
}
