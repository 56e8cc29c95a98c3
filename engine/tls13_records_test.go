package engine

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"sync"
	"testing"
)

// crypto/tls sends neither key updates nor tickets when it is asked to, so these
// records are sealed here, with the secret that it writes to its key log.

// keyLog keeps what a TLS server writes to [tls.Config.KeyLogWriter].
type keyLog struct {
	mu  sync.Mutex
	log bytes.Buffer
}

func (k *keyLog) Write(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.log.Write(p)
}

// sealer makes the records that follow on the count that the server of the only
// connection has sent itself.
func (k *keyLog) sealer(t *testing.T, count uint64) *sealer {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	for line := range strings.Lines(k.log.String()) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "SERVER_TRAFFIC_SECRET_0" {
			secret, err := hex.DecodeString(f[2])
			if err != nil {
				t.Fatal(err)
			}
			s := &sealer{secret: secret, count: count}
			s.keys()
			return s
		}
	}
	t.Fatal("no secret was logged")
	return nil
}

// sealer makes records of TLS 1.3 with TLS_AES_128_GCM_SHA256, RFC 8446 §5.2.
type sealer struct {
	secret []byte
	count  uint64
	aead   cipher.AEAD
	iv     []byte
}

// The content types of RFC 8446 §5.1.
const (
	recordHandshake byte = 22
	recordData      byte = 23
)

// newSessionTicket is a NewSessionTicket (RFC 8446 §4.6.1): lifetime, age_add, nonce, ticket, no extensions.
var newSessionTicket = []byte{4, 0, 0, 19, 0, 0, 14, 16, 1, 2, 3, 4, 1, 9, 0, 5, 't', 'i', 'c', 'k', 't', 0, 0}

func (s *sealer) keys() {
	block, _ := aes.NewCipher(s.expand("key", 16))
	s.aead, _ = cipher.NewGCM(block)
	s.iv = s.expand("iv", 12)
}

// expand is HKDF-Expand-Label without a context, RFC 8446 §7.1.
func (s *sealer) expand(label string, length int) []byte {
	info := append([]byte{0, byte(length), byte(len("tls13 " + label))}, "tls13 "+label...)
	key, err := hkdf.Expand(sha256.New, s.secret, string(append(info, 0)), length)
	if err != nil {
		panic(err)
	}
	return key
}

// seal makes a record.
func (s *sealer) seal(kind byte, content []byte) []byte {
	head := []byte{23, 3, 3, 0, 0}
	binary.BigEndian.PutUint16(head[3:], uint16(len(content)+1+s.aead.Overhead()))
	nonce := bytes.Clone(s.iv)
	binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(nonce[4:])^s.count)
	s.count++
	return s.aead.Seal(head, nonce, append(bytes.Clone(content), kind), head)
}

// update goes on to the keys behind a KeyUpdate, RFC 8446 §7.2.
func (s *sealer) update() {
	s.secret = s.expand("traffic upd", sha256.Size)
	s.count = 0
	s.keys()
}
