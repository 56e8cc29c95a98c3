package filters

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// What HashSecret makes of a password, by OWASP's Password Storage Cheat Sheet:
// each check takes tens of milliseconds and 19 MiB.
const (
	argonMemory  = 19 << 10 // KiB
	argonTime    = 2
	argonThreads = 1
	argonSalt    = 16 // bytes
	argonSum     = 32 // bytes
	bcryptCost   = 12
)

// maxPassword is the longest password that is looked at, in bytes; bcrypt has
// room for 72.
const (
	maxPassword       = 1 << 10
	maxBcryptPassword = 72
)

// ErrSecretKind is returned for a kind of hash that is not known.
var ErrSecretKind = errors.New("the kinds of hashes are argon2id and bcrypt for passwords, sha256 for API keys")

// HashSecret makes of a secret what stores keep of it. Kinds are "argon2id" and
// "bcrypt" for the passwords of http-basic, and "sha256" for the keys of api-key:
// those are long and random, so that a fast hash is enough. Never hash a password
// with sha256.
func HashSecret(kind, secret string) (string, error) {
	switch {
	case secret == "":
		return "", errors.New("hash a secret: it is empty")
	case len(secret) > maxPassword:
		return "", fmt.Errorf("hash a secret: it is longer than %d bytes", maxPassword)
	}
	switch kind {
	case "sha256":
		sum := sha256.Sum256([]byte(secret))
		return sha256Prefix + hex.EncodeToString(sum[:]), nil
	case "argon2id":
		salt := make([]byte, argonSalt)
		rand.Read(salt)
		sum := argon2.IDKey([]byte(secret), salt, argonTime, argonMemory, argonThreads, argonSum)
		code := base64.RawStdEncoding
		return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads,
			code.EncodeToString(salt), code.EncodeToString(sum)), nil
	case "bcrypt":
		hash, err := bcrypt.GenerateFromPassword([]byte(secret), bcryptCost)
		if err != nil {
			return "", fmt.Errorf("hash a secret: %w", err)
		}
		return string(hash), nil
	}
	return "", fmt.Errorf("hash a secret with %q: %w", kind, ErrSecretKind)
}

// sha256Prefix stands before the hash of an API key.
const sha256Prefix = "sha256:"

// parseKeyHash reads "sha256:HEX".
func parseKeyHash(text string) (sum [sha256.Size]byte, err error) {
	digits, ok := strings.CutPrefix(text, sha256Prefix)
	if !ok {
		return sum, errors.New("is not a hash")
	}
	raw, err := hex.DecodeString(digits)
	if err != nil || len(raw) != len(sum) {
		return sum, errors.New("is not a sha256 hash: sha256: and 64 hexadecimal digits")
	}
	return [sha256.Size]byte(raw), nil
}

// hashHint says how to get a hash.
const hashHint = "write its hash, as `framegate hash` prints it; stores never hold secrets themselves"
