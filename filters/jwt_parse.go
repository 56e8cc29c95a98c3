package filters

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// jwt is a token whose signature was verified.
type jwt struct {
	header, claims claims
	ring           *keyring  // with which
	until          time.Time // when it is not worth remembering any more
}

// jwtHeader is what is looked at of the header of a token before its signature.
type jwtHeader struct {
	all            claims
	kid, algorithm string
}

// parseHeader reads the header. Where it says that a key is to be had (jku, x5u,
// jwk, x5c) nobody looks: the sender of the token wrote it (RFC 8725 §3.10).
func parseHeader(text []byte, algorithms []string, typ string) (h jwtHeader, err error) {
	if h.all, err = parseClaims(text); err != nil {
		return h, fmt.Errorf("its header: %w", err)
	}
	if h.algorithm, err = h.all.text("alg"); err != nil {
		return h, err
	}
	if h.kid, err = h.all.text("kid"); err != nil {
		return h, err
	}
	if !slices.Contains(algorithms, h.algorithm) {
		return h, fmt.Errorf("algorithm %.16q is not allowed", h.algorithm)
	}
	for _, name := range []string{"crit", "b64"} { // RFC 7515 §4.1.11: extensions that are not understood make it invalid
		if _, ok := h.all[name]; ok {
			return h, fmt.Errorf("its header has %s", name)
		}
	}
	if typ == "" {
		return h, nil
	}
	got, err := h.all.text("typ")
	if err == nil && mediaType(got) != mediaType(typ) {
		err = fmt.Errorf("its type is %.32q", got)
	}
	return h, err
}

// mediaType is a typ in its short form (RFC 7515 §4.1.9).
func mediaType(typ string) string { return strings.TrimPrefix(strings.ToLower(typ), "application/") }

var errSignature = errors.New("no key verifies its signature")

// verifyJWT verifies the signature with one of the keys.
func verifyJWT(token string, h jwtHeader, ring *keyring) bool {
	fit := ring.fitting(h.kid, h.algorithm)
	if len(fit) == 0 {
		return false
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(h.algorithm)})
	if err != nil {
		return false
	}
	return slices.ContainsFunc(fit, func(key signingKey) bool {
		_, err := signed.Verify(key.key)
		return err == nil
	})
}

// verifiedTokens remembers tokens whose signatures were right, so that clients who
// come back all at once cost little. It keeps hashes, not tokens.
type verifiedTokens struct {
	mu  sync.Mutex
	all map[[sha256.Size]byte]*jwt
}

// maxRemembered is how many tokens are remembered.
const maxRemembered = 4096

func newVerifiedTokens() *verifiedTokens {
	return &verifiedTokens{all: make(map[[sha256.Size]byte]*jwt)}
}

// get finds a token that one of these keys has verified.
func (v *verifiedTokens) get(token string, ring *keyring) (*jwt, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	t, ok := v.all[sha256.Sum256([]byte(token))]
	if !ok || t.ring != ring {
		return nil, false
	}
	return t, true
}

func (v *verifiedTokens) put(token string, t *jwt, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.all) >= maxRemembered {
		v.makeRoom(now)
	}
	v.all[sha256.Sum256([]byte(token))] = t
}

// makeRoom forgets what has expired, and anything at all if that is not enough.
func (v *verifiedTokens) makeRoom(now time.Time) {
	for name, t := range v.all {
		if now.After(t.until) {
			delete(v.all, name)
		}
	}
	for name := range v.all {
		if len(v.all) < maxRemembered {
			return
		}
		delete(v.all, name)
	}
}
