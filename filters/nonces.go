package filters

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"time"
)

// nonces issues the nonces of HTTP Digest and knows them again without a table:
// each is the time of its making, some random bytes, and a MAC over both. Only
// those in use are kept, with the counts that came with them.
type nonces struct {
	life   time.Duration
	max    int
	secret [sha256.Size]byte

	mu    sync.Mutex
	used  map[string]*counts
	order []string  // of first use
	floor time.Time // nonces that were made up to then and are not in the table cannot be used any more
}

// counts is what one nonce was used with: the highest, and of the 64 up to it, those that were there.
type counts struct {
	issued  time.Time
	highest uint32
	seen    uint64
}

const (
	nonceTime   = 8 // bytes of the time in nanoseconds
	nonceRandom = 8
	nonceMAC    = 16
)

func newNonces(life time.Duration, keep int) *nonces {
	n := &nonces{life: life, max: keep, used: make(map[string]*counts)}
	rand.Read(n.secret[:])
	return n
}

// issue makes a nonce.
func (n *nonces) issue(now time.Time) string {
	raw := binary.BigEndian.AppendUint64(nil, uint64(now.UnixNano()))
	raw = append(raw, make([]byte, nonceRandom)...)
	rand.Read(raw[nonceTime:])
	return base64.RawURLEncoding.EncodeToString(append(raw, n.mac(raw)...))
}

func (n *nonces) mac(raw []byte) []byte {
	mac := hmac.New(sha256.New, n.secret[:])
	mac.Write(raw)
	return mac.Sum(nil)[:nonceMAC]
}

// open tells when a nonce was made, and whether it is ours.
func (n *nonces) open(nonce string) (issued time.Time, ours bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(nonce)
	if err != nil || len(raw) != nonceTime+nonceRandom+nonceMAC {
		return time.Time{}, false
	}
	made, mac := raw[:nonceTime+nonceRandom], raw[nonceTime+nonceRandom:]
	return time.Unix(0, int64(binary.BigEndian.Uint64(made))), hmac.Equal(mac, n.mac(made))
}

// nonceUse is what came of using a nonce.
type nonceUse uint8

const (
	nonceGood     nonceUse = iota
	nonceStale             // the nonce is none of ours, or too old: the client must take a new one
	nonceReplayed          // the count was there before
)

// use counts a use of a nonce by credentials that are right. Counts may come out of
// order, as from requests side by side, but each only once.
func (n *nonces) use(nonce string, count uint32, now time.Time) nonceUse {
	issued, ours := n.open(nonce)
	if !ours || now.Sub(issued) >= n.life {
		return nonceStale
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.used[nonce]
	if c == nil {
		if !issued.After(n.floor) {
			return nonceStale
		}
		c = n.enter(nonce, issued)
	}
	return c.add(count)
}

// enter adds a nonce to the table. One that has to go for it must never be taken for
// a new one; nor may those that were made before it.
func (n *nonces) enter(nonce string, issued time.Time) *counts {
	if len(n.order) >= n.max {
		oldest := n.order[0]
		if gone := n.used[oldest].issued; gone.After(n.floor) {
			n.floor = gone
		}
		delete(n.used, oldest)
		n.order = n.order[1:]
	}
	c := &counts{issued: issued}
	n.used[nonce] = c
	n.order = append(n.order, nonce)
	return c
}

// countWindow is how far behind the highest count one may come.
const countWindow = 64

func (c *counts) add(count uint32) nonceUse {
	if count > c.highest {
		shift := count - c.highest
		if shift >= countWindow {
			c.seen = 0
		} else {
			c.seen <<= shift
		}
		c.seen |= 1
		c.highest = count
		return nonceGood
	}
	behind := c.highest - count
	if behind >= countWindow || c.seen&(1<<behind) != 0 {
		return nonceReplayed
	}
	c.seen |= 1 << behind
	return nonceGood
}
