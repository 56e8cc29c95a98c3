package filters_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// Whatever brings a secret, and whether it is right or wrong, no record and no log shows it.
func TestNoRecordShowsAKey(t *testing.T) {
	const good, bad = "good-key-of-alice-0123456789", "bad-key-that-nobody-has-0123"
	g := start(t, "onUpgrade: admit", `
      - {path: /keeps, onUpgrade: keeps}
      - {path: /never, onUpgrade: never}
policies:
  never:                    # a filter before the one that knows the header refuses
    filters:
      - {type: false-filter}
      - {type: api-key, store: clients, header: X-Client}
      - {type: jwt-verify, issuer: 'https://login.example.test', audience: chat, secret: a-secret-of-32-bytes-or-more-here, header: X-Visitor}
      - {type: connect-to-url, url: ws://HOST/}
  admit:
    filters:
      - {type: api-key, store: clients, header: X-Client, query: client, cookie: client, subprotocol: client}
      - {type: connect-to-url, url: ws://HOST/}
  keeps:
    filters:
      - {type: api-key, store: clients, header: X-Client, query: client, remove: false}
      - {type: compare-attribute, rules: [{value: '${params.query.pass ?: "yes"}', with: 'yes'}]}
      - {type: connect-to-url, url: ws://HOST/}
stores:
  clients: {records: {alice: {key: '`+hash("sha256", good)+`'}}}
`)
	for _, key := range []string{good, bad} {
		for _, headers := range [][]string{{"X-Client", key}, {"Cookie", "client=" + key}, {"Sec-WebSocket-Protocol", "client, " + key}} {
			g.upgrade("/chat", headers...)
		}
		g.upgrade("/chat?x=1&client=" + key)
		g.upgrade("/keeps?client=" + key)
		g.upgrade("/keeps", "X-Client", key)
		g.upgrade("/keeps?pass=no", "X-Client", key)
		g.upgrade("/never", "X-Client", key)
		g.upgrade("/never", "X-Visitor", key)
	}
	for _, r := range recorded(g) {
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), good) || strings.Contains(string(text), bad) {
			t.Errorf("a record shows a key: %s", text)
		}
	}
	if log := g.log.String(); strings.Contains(log, good) || strings.Contains(log, bad) {
		t.Errorf("the log shows a key:\n%s", log)
	}
}
