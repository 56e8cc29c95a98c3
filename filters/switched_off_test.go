package filters_test

import (
	"context"
	"strings"
	"testing"
)

// What each filter has in its store, and how a client comes in by it.
var storedUsers = map[string]struct {
	filter, record string
	headers        func(t *testing.T, g *gateway) []string
}{
	"http-basic": {"type: http-basic, store: users", "password: 'PASSWORD'", func(*testing.T, *gateway) []string {
		return []string{"Authorization", basic("ann:right")}
	}},
	"http-digest": {"type: http-digest, store: users, realm: chat", "digest: '" + digestOf("SHA-256", "ann", "right") + "'", func(t *testing.T, g *gateway) []string {
		answer, _ := g.refuses(401, "/chat")
		ann := &digestClient{"ann", "right", "SHA-256", nonceIn.FindStringSubmatch(answer.Header.Get("Www-Authenticate"))[1]}
		return []string{"Authorization", ann.header("/chat", 1)}
	}},
	"http-header": {"type: http-header, header: X-User, from: [127.0.0.1], store: users", "place: cellar", func(*testing.T, *gateway) []string {
		return []string{"X-User", "ann"}
	}},
	"api-key": {"type: api-key, store: users", "key: '" + hash("sha256", "k-1") + "'", func(*testing.T, *gateway) []string {
		return []string{"X-Api-Key", "k-1"}
	}},
}

func TestWhoIsSwitchedOffIsOut(t *testing.T) {
	for name, c := range storedUsers {
		t.Run(name, func(t *testing.T) {
			record := strings.Replace(c.record, "PASSWORD", quickHash("right"), 1)
			text := func(record string) string {
				return admitBy(c.filter) + "stores:\n  users: {records: {ann: {" + record + "}}}\n"
			}
			g := start(t, "onUpgrade: admit", text(record))
			conn := g.open("/chat", c.headers(t, g)...)
			says(t, conn, "hello", "hello")
			g.write("onUpgrade: admit", text(record+", enabled: false"))
			if problems, err := g.Reload(context.Background()); err != nil {
				t.Fatal(problems, err)
			}
			if closed := ended(t, conn); closed.Code != 3000 {
				t.Errorf("the session ended with %v", closed)
			}
			if again, answer, _ := g.upgrade("/chat", c.headers(t, g)...); again != nil || answer.StatusCode/100 != 4 {
				t.Errorf("a new session: %s", answer.Status)
			}
		})
	}
}
