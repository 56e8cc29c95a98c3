package wire

import (
	crand "crypto/rand"
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// Mask masks or unmasks p in place (the two are the same, RFC 6455 §5.3). pos is the place of p[0] in its frame's payload;
// the place after p is returned, so that a payload can be done in pieces.
func Mask(p []byte, key [4]byte, pos int) int {
	MaskCopy(p, p, key, pos)
	return pos + len(p)
}

// MaskCopy is [Mask] into dst, which must be at least as long as src, and either start where src starts or not overlap it.
func MaskCopy(dst, src []byte, key [4]byte, pos int) {
	k32 := bits.RotateLeft32(binary.LittleEndian.Uint32(key[:]), -8*(pos&3))
	k := uint64(k32)<<32 | uint64(k32)
	dst = dst[:len(src)]
	for len(src) >= 64 && len(dst) >= 64 {
		s, d := src[:64:64], dst[:64:64]
		binary.LittleEndian.PutUint64(d[0:], binary.LittleEndian.Uint64(s[0:])^k)
		binary.LittleEndian.PutUint64(d[8:], binary.LittleEndian.Uint64(s[8:])^k)
		binary.LittleEndian.PutUint64(d[16:], binary.LittleEndian.Uint64(s[16:])^k)
		binary.LittleEndian.PutUint64(d[24:], binary.LittleEndian.Uint64(s[24:])^k)
		binary.LittleEndian.PutUint64(d[32:], binary.LittleEndian.Uint64(s[32:])^k)
		binary.LittleEndian.PutUint64(d[40:], binary.LittleEndian.Uint64(s[40:])^k)
		binary.LittleEndian.PutUint64(d[48:], binary.LittleEndian.Uint64(s[48:])^k)
		binary.LittleEndian.PutUint64(d[56:], binary.LittleEndian.Uint64(s[56:])^k)
		src, dst = src[64:], dst[64:]
	}
	for len(src) >= 8 && len(dst) >= 8 {
		binary.LittleEndian.PutUint64(dst, binary.LittleEndian.Uint64(src)^k)
		src, dst = src[8:], dst[8:]
	}
	if len(src) >= 4 && len(dst) >= 4 {
		binary.LittleEndian.PutUint32(dst, binary.LittleEndian.Uint32(src)^uint32(k))
		src, dst = src[4:], dst[4:]
	}
	for i := range src {
		dst[i] = src[i] ^ byte(k)
		k = bits.RotateLeft64(k, -8)
	}
}

// Keys gives fresh mask keys to one leg. RFC 6455 §5.3: "the masking key needs to be unpredictable", and §10.3 wants it from
// a strong source of entropy: it is ChaCha8, seeded once from the system. The zero Keys is ready and costs a pointer; its
// source of 300 bytes is made for the first key. It takes no lock: one goroutine at a time.
type Keys struct {
	src *rand.ChaCha8
	two uint64 // a key not given out yet, in its low half
	one bool
}

// NewMask returns a single key, for who sends too few frames to have [Keys].
func NewMask() (key [4]byte) {
	crand.Read(key[:])
	return key
}

// Next returns a fresh key.
func (k *Keys) Next() (key [4]byte) {
	if k.one {
		k.one = false
		binary.LittleEndian.PutUint32(key[:], uint32(k.two))
		return key
	}
	if k.src == nil {
		var seed [32]byte
		crand.Read(seed[:]) // never fails: it ends the process instead
		k.src = rand.NewChaCha8(seed)
	}
	v := k.src.Uint64()
	k.two, k.one = v>>32, true
	binary.LittleEndian.PutUint32(key[:], uint32(v))
	return key
}
