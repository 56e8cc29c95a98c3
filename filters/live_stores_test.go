package filters_test

import (
	"fmt"
	"strings"
	"testing"
)

// Who is taken out of a store loses the session at the reload; who stays in it,
// even with another key beside the one that was used, does not.
func TestASessionEndsWhenItsRecordGoes(t *testing.T) {
	oldKey, newKey := hash("sha256", "a-long-random-key-1"), hash("sha256", "a-long-random-key-2")
	password, otherPassword := hash("bcrypt", "secret"), hash("bcrypt", "changed")
	config := func(clients, users string) string {
		return fmt.Sprintf(`
policies:
  admit:
    filters:
      - {name: key, type: api-key, store: clients, failure: basic, success: connect}
      - {name: basic, type: http-basic, store: users, success: connect}
      - {name: connect, type: connect-to-url, url: ws://HOST/}
stores:
  clients: {records: {%s}}
  users: {records: {%s}}
`, clients, users)
	}
	mobile, bob := "mobile: {key: '"+oldKey+"'}", "bob: {password: '"+password+"'}"
	for _, c := range []struct {
		what, clients, users string
		key, basic           bool // whose session stays
	}{
		{"nothing changes", mobile, bob, true, true},
		{"both get more", "mobile: {key: ['" + oldKey + "', '" + newKey + "'], plan: gold}", "bob: {password: '" + password + "', roles: [x]}", true, true},
		{"the key is gone", "other: {key: '" + newKey + "'}", bob, false, true},
		{"the key is another", "mobile: {key: '" + newKey + "'}", bob, false, true},
		{"the client is switched off", "mobile: {key: '" + oldKey + "', enabled: false}", bob, false, true},
		{"the user is gone", mobile, "carol: {password: '" + password + "'}", true, false},
		{"the password is another", mobile, "bob: {password: '" + otherPassword + "'}", true, false},
	} {
		t.Run(c.what, func(t *testing.T) {
			i := newIssuer(t)
			g := behind(t, i, "onUpgrade: admit", config(mobile, bob))
			withKey := g.open("/chat", "X-API-Key", "a-long-random-key-1")
			withPassword := g.open("/chat", "Authorization", "Basic Ym9iOnNlY3JldA==")
			eventually(t, "both are open", func() bool { return g.Sessions().Len() == 2 })
			g.configure("onUpgrade: admit", config(c.clients, c.users))
			if problems, err := g.Reload(t.Context()); err != nil {
				t.Fatal(err, problems)
			}
			if c.basic {
				says(t, withPassword, "still here", "still here")
			} else {
				ends(t, withPassword, 3000, "authentication revoked")
			}
			if c.key {
				says(t, withKey, "still here", "still here")
			} else {
				ends(t, withKey, 3000, "authentication revoked")
			}
			if strings.Contains(g.log.String(), "a-long-random") {
				t.Error("the log has a key")
			}
		})
	}
}
