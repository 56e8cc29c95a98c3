package filters_test

import (
	"context"
	"encoding/base64"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// quickHash is a hash of a password that costs next to nothing to check.
func quickHash(password string) string {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		panic(err)
	}
	return string(hash)
}

func basic(pair string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair)) }

func TestWhoTriesPasswordsIsLockedOut(t *testing.T) {
	c := newHands()
	text := `
    trustedProxies: [127.0.0.1]
policies:
  admit:
    filters:
      - {type: http-basic, store: users, challenge: false, lockout: {client: {failures: 3}, user: {failures: 4, lock: 10m}}}
      - {type: connect-to-url, url: ws://HOST/}
stores:
  users: {records: {ann: {password: '` + quickHash("right") + `'}, bob: {password: '` + quickHash("bob's") + `'}}}
`
	g := startAt(t, c.now, "onUpgrade: admit", text)
	try := func(status int, from, pair string) string {
		t.Helper()
		conn, answer, _ := g.upgrade("/chat", "X-Forwarded-For", from, "Authorization", basic(pair))
		if answer.StatusCode != status {
			t.Errorf("%s from %s: %d, want %d", pair, from, answer.StatusCode, status)
		}
		if conn != nil {
			conn.Close()
		}
		if len(answer.Header.Values("Www-Authenticate")) != 0 {
			t.Error("a challenge was sent")
		}
		return answer.Header.Get("Retry-After")
	}
	try(101, "192.0.2.1", "ann:right")
	for _, name := range []string{"ann", "eve", "bob"} {
		try(401, "192.0.2.1", name+":wrong")
	}
	c.turn(10 * time.Second)
	if wait := try(429, "192.0.2.1", "bob:bob's"); wait != "50" {
		t.Errorf("Retry-After is %s", wait)
	}
	try(101, "192.0.2.2", "bob:bob's")
	for _, from := range []string{"2001:db8:1:1::1", "2001:db8:1:1::2", "2001:db8:1:1:ffff::"} {
		try(401, from, "ann:wrong")
	}
	try(429, "2001:db8:1:1::4", "bob:bob's")
	try(101, "2001:db8:1:2::4", "bob:bob's")

	g.write("onUpgrade: admit", text+"  more: {records: {a: {b: c}}}\n")
	if problems, err := g.Reload(context.Background()); err != nil {
		t.Fatal(problems, err)
	}
	try(429, "192.0.2.1", "bob:bob's")
	try(401, "192.0.2.9", "ann:right") // four wrong ones, from two places
	c.turn(10 * time.Minute)
	try(101, "192.0.2.1", "ann:right")
}
