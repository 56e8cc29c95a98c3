package wire_test

import (
	"testing"

	"framegate/engine/wire"
)

func TestAcceptKey(t *testing.T) {
	for key, want := range map[string]string{
		"dGhlIHNhbXBsZSBub25jZQ==": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", // RFC 6455 §1.3
		"x3JJHMbDL1EzLkh9GBhXDw==": "HSmrc0sMlYUkAGmm5OPpG2HaGWk=",
	} {
		if got := wire.AcceptKey(key); got != want {
			t.Errorf("AcceptKey(%s) = %s, want %s", key, got, want)
		}
	}
}
