package console

import (
	"strings"
	"testing"

	"github.com/fasthttp/websocket"

	"framegate/engine"
	"framegate/engine/state"
)

// withSubject starts a gateway whose clients all are alice, with one token.
func withSubject(t *testing.T, settings engine.Console) *running {
	t.Helper()
	r := start(t, settings)
	r.gateway.State = state.NewMemory(1<<20, nil)
	first := &r.gateway.Snapshot().Ports["public"].Websockets[0].Upgrade.Nodes[0]
	connect := first.Filter
	first.Filter = filterFunc(func(m *engine.Message) (bool, error) {
		id := &engine.Identity{Subject: "alice", Method: "test", Handles: []string{"jti:1", "key:mobile", "user:al", engine.TokenHandle("a.b.c")}}
		if err := m.Identify(id); err != nil {
			m.Fail(401, "%v", err)
			return false, nil
		}
		return connect.Run(m)
	})
	return r
}

func TestRevocationsCloseSessionsAndCanBeTakenBack(t *testing.T) {
	r := withSubject(t, engine.Console{})
	for _, b := range []struct{ body, handle string }{
		{`{"subject":"alice"}`, "subject:alice"}, {`{"jti":"1","until":"2999-01-01T00:00:00Z"}`, "jti:1"}, {`{"key":"mobile"}`, "key:mobile"},
		{`{"user":"al"}`, "user:al"}, {`{"token":"a.b.x"}`, engine.TokenHandle("a.b.c")}, {`{"handle":"subject:alice","issuedBefore":"2999-01-01T00:00:00Z"}`, "subject:alice"},
	} {
		c, _ := r.dial()
		status, text, _ := r.do("POST", "/api/v1/revocations", b.body)
		if status != 200 || !strings.Contains(text, `"handle":"`+b.handle+`"`) || !strings.Contains(text, `"closed":1`) {
			t.Fatalf("%s: %d %s", b.body, status, text)
		}
		if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, 3000) {
			t.Errorf("%s: the client got %v", b.body, err)
		}
		if _, answer, err := websocket.DefaultDialer.Dial("ws://"+r.ports+"/chat", nil); err == nil || answer.StatusCode != 401 {
			t.Errorf("%s: the next upgrade got %v %v", b.body, answer, err)
		}
		if one := get[engine.Revocation](r, "/api/v1/revocations?handle="+b.handle); one.Handle != b.handle {
			t.Errorf("it is kept as %+v", one)
		}
		if status, text, _ := r.do("DELETE", "/api/v1/revocations", `{"handle":"`+b.handle+`"}`); status != 200 {
			t.Fatal(status, text)
		}
		if status, _, _ := r.do("GET", "/api/v1/revocations?handle="+b.handle, ""); status != 404 {
			t.Errorf("%s is still revoked: %d", b.handle, status)
		}
	}
}

func TestMistakesInRevocations(t *testing.T) {
	r := withSubject(t, engine.Console{})
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"POST", "", `{}`, 400, "give one of"},
		{"POST", "", `{"jti":"1","subject":"a"}`, 400, "give one of"},
		{"POST", "", `{"jti":"1","token":"a"}`, 400, "give one of"},
		{"POST", "", `{"sub":"alice"}`, 400, "sub"},
		{"POST", "", `{"jti":"1","until":"2001-01-01T00:00:00Z"}`, 400, "in the future"},
		{"POST", "", `{"jti":"1","until":"tomorrow"}`, 400, "reading the body"},
		{"DELETE", "", `{"jti":"1"}`, 404, "is not revoked"},
		{"GET", "", ``, 400, "give the handle"},
		{"GET", "?handle=jti:1", ``, 404, "is not revoked"},
		{"GET", "?jti=1", ``, 400, "unknown parameter"},
	} {
		status, text, _ := r.do(c.method, "/api/v1/revocations"+c.path, c.body)
		if status != c.status || !strings.Contains(text, c.says) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, status, text)
		}
	}
	r.gateway.State = nil
	for _, method := range []string{"POST", "DELETE"} {
		if status, text, _ := r.do(method, "/api/v1/revocations", `{"jti":"1"}`); status != 409 {
			t.Errorf("%s without state: %d %s", method, status, text)
		}
	}
}
