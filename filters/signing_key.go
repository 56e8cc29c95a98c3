package filters

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// ErrNoSigningKey is returned for keys of which none is private.
var ErrNoSigningKey = errors.New("there is no private key to sign with")

// ParseSigningKey reads the first private key that can sign, of a JWK Set (RFC
// 7517), one JWK, or PEM blocks. Its algorithm is what the JWK says, or the usual of
// its kind: RS256, ES256, ES384 or ES512 by its curve, EdDSA, HS256. The error wraps
// [ErrNoSigningKey] where there is none.
func ParseSigningKey(text []byte) (jose.SigningKey, error) {
	keys, err := privateKeys(text)
	if err != nil {
		return jose.SigningKey{}, err
	}
	for _, key := range keys {
		_, public := publicKey(key.Key)
		_, shared := key.Key.([]byte)
		if public && !key.IsPublic() || shared {
			return jose.SigningKey{Algorithm: usualAlgorithm(&key), Key: key}, nil
		}
	}
	return jose.SigningKey{}, ErrNoSigningKey
}

func privateKeys(text []byte) ([]jose.JSONWebKey, error) {
	if len(text) > maxKeySet {
		return nil, fmt.Errorf("the key file is longer than %d bytes", maxKeySet)
	}
	if bytes.Contains(text, []byte("-----BEGIN ")) {
		return privatePEM(text)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("this is neither a JWK Set nor PEM: %w", err)
	}
	var one jose.JSONWebKey
	if len(set.Keys) == 0 && one.UnmarshalJSON(text) == nil {
		set.Keys = append(set.Keys, one)
	}
	return set.Keys, nil
}

// privatePEM reads the private keys among PEM blocks; certificates beside them are left out.
func privatePEM(text []byte) ([]jose.JSONWebKey, error) {
	var keys []jose.JSONWebKey
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return keys, nil
		}
		var key any
		var err error
		switch block.Type {
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		case "ENCRYPTED PRIVATE KEY":
			err = errors.New("it is encrypted; write it without a password: openssl pkey -in FILE")
		default:
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("the %s in it: %w", block.Type, err)
		}
		keys = append(keys, jose.JSONWebKey{Key: key})
	}
}

// usualAlgorithm is what a key is for.
func usualAlgorithm(key *jose.JSONWebKey) jose.SignatureAlgorithm {
	if key.Algorithm != "" && key.Algorithm != "Ed25519" {
		return jose.SignatureAlgorithm(key.Algorithm)
	}
	switch private := key.Key.(type) {
	case *rsa.PrivateKey:
		return jose.RS256
	case *ecdsa.PrivateKey:
		return map[int]jose.SignatureAlgorithm{256: jose.ES256, 384: jose.ES384, 521: jose.ES512}[private.Curve.Params().BitSize]
	case []byte:
		return jose.HS256
	}
	return jose.EdDSA
}

// signsWith tells whether a private key or secret can make signatures of an algorithm.
func signsWith(key any, algorithm string) bool {
	if private, ok := key.(crypto.Signer); ok {
		key = private.Public()
	}
	if secret, ok := key.([]byte); ok {
		return isHMAC(algorithm) && len(secret) >= hmacBytes(algorithm)
	}
	fitting := signingKey{key: key}
	return fitting.fits(algorithm)
}

// algorithmsFor lists the algorithms that a key can sign with.
func algorithmsFor(key any) []string {
	return slices.DeleteFunc(slices.Clone(knownAlgorithms), func(algorithm string) bool { return !signsWith(key, algorithm) })
}
