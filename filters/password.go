package filters

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// passwordHash is what a store keeps of a password: argon2id in the PHC format
// (RFC 9106), or bcrypt.
type passwordHash struct {
	text         string
	argon        bool
	memory, time uint32 // memory in KiB
	threads      uint8
	salt, sum    []byte
	bcryptCost   int
}

// Bounds of a hash, so that a slip in a store cannot make each check cost seconds or gigabytes.
const (
	maxArgonMemory  = 256 << 10 // KiB
	maxArgonTime    = 16
	maxArgonThreads = 16
	maxBcryptCost   = 15
)

var errNoHash = errors.New("is neither an argon2id nor a bcrypt hash")

func parsePassword(text string) (*passwordHash, error) {
	switch {
	case strings.HasPrefix(text, "$argon2id$"):
		return parseArgon(text)
	case strings.HasPrefix(text, "$2a$"), strings.HasPrefix(text, "$2b$"), strings.HasPrefix(text, "$2y$"):
		cost, err := bcrypt.Cost([]byte(text))
		if err != nil || len(text) != 60 {
			return nil, errors.New("is not a whole bcrypt hash")
		}
		if cost > maxBcryptCost {
			return nil, fmt.Errorf("has a bcrypt cost of %d, more than %d", cost, maxBcryptCost)
		}
		return &passwordHash{text: text, bcryptCost: cost}, nil
	}
	return nil, errNoHash
}

// parseArgon reads "$argon2id$v=19$m=19456,t=2,p=1$SALT$SUM".
func parseArgon(text string) (*passwordHash, error) {
	h := &passwordHash{text: text, argon: true}
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[2] != "v=19" {
		return nil, errors.New("is not a whole argon2id hash of version 19")
	}
	var rest string
	n, _ := fmt.Sscanf(parts[3]+" ", "m=%d,t=%d,p=%d%s", &h.memory, &h.time, &h.threads, &rest)
	if n != 3 || h.time < 1 || h.threads < 1 || h.memory < 8*uint32(h.threads) {
		return nil, errors.New("has argon2id parameters that are not m=…,t=…,p=…")
	}
	if h.memory > maxArgonMemory || h.time > maxArgonTime || h.threads > maxArgonThreads {
		return nil, fmt.Errorf("has argon2id parameters past m=%d,t=%d,p=%d", maxArgonMemory, maxArgonTime, maxArgonThreads)
	}
	var saltErr, sumErr error
	h.salt, saltErr = base64.RawStdEncoding.Strict().DecodeString(parts[4])
	h.sum, sumErr = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if saltErr != nil || sumErr != nil || len(h.salt) < 8 || len(h.salt) > 64 || len(h.sum) < 16 || len(h.sum) > 64 {
		return nil, errors.New("has an argon2id salt or sum that is not base64 of the usual length")
	}
	return h, nil
}

// matches tells whether the password is the one, in a time that depends on the
// hash's parameters and the password's length only.
func (h *passwordHash) matches(password string) bool {
	if h.argon {
		sum := argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.threads, uint32(len(h.sum)))
		return subtle.ConstantTimeCompare(sum, h.sum) == 1
	}
	return bcrypt.CompareHashAndPassword([]byte(h.text), []byte(password)) == nil && len(password) <= maxBcryptPassword
}

// cost is about how much work a check is, to compare hashes by.
func (h *passwordHash) cost() int {
	if h.argon {
		return int(h.memory) * int(h.time)
	}
	return 64 << h.bcryptCost
}
