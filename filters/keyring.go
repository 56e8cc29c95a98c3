package filters

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// Bounds of a set of keys.
const (
	maxKeySet  = 1 << 20 // bytes
	maxKeys    = 100
	minRSABits = 2048 // RFC 7518 §3.3: "A key of size 2048 bits or larger MUST be used"
	maxRSABits = 8192
)

// keyring is the keys that tokens may be signed with. It does not change once made.
type keyring struct {
	keys []signingKey
	sum  [sha256.Size]byte // of the text that it was read from
}

// signingKey is one public key, or a shared secret.
type signingKey struct {
	id        string // kid; empty: it has none
	algorithm string // that it is for; empty: every one that fits its type
	key       any    // *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey, or []byte for a secret
}

var errNoUsableKey = errors.New("there is no key in it that can verify a token")

// parseKeys reads a JWK Set (RFC 7517), one JWK, or PEM blocks with public keys
// and certificates. Keys of kinds that are unknown or not fit to verify tokens are
// left out, as RFC 7517 §5 says; of private keys only the public half counts.
func parseKeys(text []byte) (*keyring, error) {
	if len(text) > maxKeySet {
		return nil, fmt.Errorf("the key set is longer than %d bytes", maxKeySet)
	}
	var keys []signingKey
	var err error
	if bytes.Contains(text, []byte("-----BEGIN ")) {
		keys, err = parsePEM(text)
	} else {
		keys, err = parseJWKS(text)
	}
	switch {
	case err != nil:
		return nil, err
	case len(keys) == 0:
		return nil, errNoUsableKey
	}
	return &keyring{keys, sha256.Sum256(text)}, nil
}

func parseJWKS(text []byte) ([]signingKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
		Type string            `json:"kty"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("this is neither a JWK Set nor PEM: %w", err)
	}
	if set.Type != "" && set.Keys == nil {
		set.Keys = []json.RawMessage{text}
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("the key set has more than %d keys", maxKeys)
	}
	var keys []signingKey
	for _, raw := range set.Keys {
		if key, ok := parseJWK(raw); ok {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// parseJWK reads one key; false for one that verifies no tokens. Shared secrets
// do not belong into a key set that is fetched, so there they never count.
func parseJWK(raw []byte) (signingKey, bool) {
	var purpose struct {
		Operations []string `json:"key_ops"`
	}
	var key jose.JSONWebKey
	if json.Unmarshal(raw, &purpose) != nil || key.UnmarshalJSON(raw) != nil {
		return signingKey{}, false
	}
	if key.Use != "" && key.Use != "sig" || purpose.Operations != nil && !slices.Contains(purpose.Operations, "verify") && !slices.Contains(purpose.Operations, "sign") {
		return signingKey{}, false
	}
	algorithm := key.Algorithm
	if algorithm == "Ed25519" { // RFC 9864's name
		algorithm = string(jose.EdDSA)
	}
	public, ok := publicKey(key.Key)
	return signingKey{key.KeyID, algorithm, public}, ok
}

// publicKey is the public half of a key that is strong enough.
func publicKey(key any) (any, bool) {
	if private, ok := key.(crypto.Signer); ok {
		key = private.Public()
	}
	switch key := key.(type) {
	case *rsa.PublicKey:
		bits := key.N.BitLen()
		return key, bits >= minRSABits && bits <= maxRSABits
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return key, true
	}
	return nil, false
}

func parsePEM(text []byte) ([]signingKey, error) {
	var keys []signingKey
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return keys, nil
		}
		key, err := parseBlock(block)
		if err != nil {
			return nil, fmt.Errorf("the %s in it: %w", block.Type, err)
		}
		if public, ok := publicKey(key); ok {
			keys = append(keys, signingKey{key: public})
		}
	}
}

func parseBlock(block *pem.Block) (any, error) {
	switch block.Type {
	case "CERTIFICATE":
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return certificate.PublicKey, nil
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	}
	return nil, errors.New("it is no public key and no certificate")
}

// maxTries is how many keys one token is tried with.
const maxTries = 8

// fitting lists the keys that a token with this header may be signed with: those
// of its key id, and those without any. A token without a key id may be signed with all.
func (r *keyring) fitting(kid, algorithm string) []signingKey {
	var fit []signingKey
	for _, key := range r.keys {
		if (kid == "" || key.id == "" || key.id == kid) && key.fits(algorithm) && len(fit) < maxTries {
			fit = append(fit, key)
		}
	}
	return fit
}

// fits tells whether the key may be used with the algorithm. It must be made for
// it: or else the text of a public key would do as the secret of HS256 (RFC 8725 §2.1).
func (k *signingKey) fits(algorithm string) bool {
	if k.algorithm != "" && k.algorithm != algorithm {
		return false
	}
	switch key := k.key.(type) {
	case *rsa.PublicKey:
		return slices.Contains([]string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, algorithm)
	case *ecdsa.PublicKey:
		curves := map[string]string{"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
		return curves[algorithm] == key.Curve.Params().Name
	case ed25519.PublicKey:
		return algorithm == string(jose.EdDSA)
	case []byte:
		return isHMAC(algorithm)
	}
	return false
}

func isHMAC(algorithm string) bool {
	return algorithm == "HS256" || algorithm == "HS384" || algorithm == "HS512"
}
