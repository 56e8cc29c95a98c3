package scripts

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"

	"github.com/dop251/goja"
)

// maxRandom is the most that getRandomValues gives at once, as in the Web Crypto API §10.1.1.
const maxRandom = 65536

// cryptoObject is crypto: random values, and digests that answer at once, since scripts have nothing to wait for.
func (c *machine) cryptoObject() goja.Value {
	return c.namespace(map[string]any{
		"randomUUID":      func(goja.FunctionCall) goja.Value { return c.rt.ToValue(newUUID()) },
		"getRandomValues": c.getRandomValues,
		"digest": func(call goja.FunctionCall) goja.Value {
			h := c.hash(call.Argument(0))()
			h.Write(c.data(call.Argument(1)))
			return c.encoded(h.Sum(nil), call.Argument(2))
		},
		"hmac": func(call goja.FunctionCall) goja.Value {
			h := hmac.New(c.hash(call.Argument(0)), c.data(call.Argument(1)))
			h.Write(c.data(call.Argument(2)))
			return c.encoded(h.Sum(nil), call.Argument(3))
		},
		"timingSafeEqual": func(call goja.FunctionCall) goja.Value {
			return c.rt.ToValue(hmac.Equal(c.data(call.Argument(0)), c.data(call.Argument(1))))
		},
	})
}

// newUUID is a random UUID, RFC 9562 §5.4.
func newUUID() string {
	var u [16]byte
	rand.Read(u[:])
	u[6] = u[6]&0x0F | 0x40
	u[8] = u[8]&0x3F | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

func (c *machine) getRandomValues(call goja.FunctionCall) goja.Value {
	array, ok := call.Argument(0).(*goja.Object)
	if !ok {
		c.throw("getRandomValues fills a typed array, not %s", describe(call.Argument(0)))
	}
	whole, ok := bufferBytes(array.Get("buffer"))
	if !ok {
		c.throw("getRandomValues fills a typed array, not %s", describe(array))
	}
	from, size := array.Get("byteOffset").ToInteger(), array.Get("byteLength").ToInteger()
	if size > maxRandom {
		panic(c.rangeError(fmt.Sprintf("getRandomValues gives at most %d bytes at once", maxRandom)))
	}
	rand.Read(whole[from : from+size])
	return array
}

// hash finds a hash function by its name in the Web Crypto API.
func (c *machine) hash(name goja.Value) func() hash.Hash {
	switch {
	case equals(name, "SHA-256"):
		return sha256.New
	case equals(name, "SHA-384"):
		return sha512.New384
	case equals(name, "SHA-512"):
		return sha512.New
	case equals(name, "SHA-1"):
		return sha1.New
	}
	c.throw("the hash is \"SHA-256\", \"SHA-384\", \"SHA-512\" or \"SHA-1\", not %s", describe(name))
	return nil
}

// data is what a digest is made of: the UTF-8 of a text, or bytes.
func (c *machine) data(v goja.Value) []byte {
	if s, ok := v.(goja.String); ok {
		return []byte(c.bounded(s))
	}
	p, ok := c.bytesOf(v)
	if !ok {
		c.throw("data is a text or a Uint8Array, not %s", describe(v))
	}
	return p
}

// encoded is a digest as the script wants it: "hex" (the default), "base64", "base64url" or "bytes".
func (c *machine) encoded(sum []byte, how goja.Value) goja.Value {
	switch {
	case goja.IsUndefined(how), equals(how, "hex"):
		return c.rt.ToValue(hex.EncodeToString(sum))
	case equals(how, "base64"):
		return c.rt.ToValue(base64.StdEncoding.EncodeToString(sum))
	case equals(how, "base64url"):
		return c.rt.ToValue(base64.RawURLEncoding.EncodeToString(sum))
	case equals(how, "bytes"):
		return c.bytes(sum)
	}
	c.throw("an encoding is \"hex\", \"base64\", \"base64url\" or \"bytes\", not %s", describe(how))
	return nil
}
