package filters_test

import (
	"io"
	"net/http"
	"testing"
)

func TestAccessToRoutes(t *testing.T) {
	web := newWebsite(t, func(w http.ResponseWriter, q *http.Request) { io.Copy(w, q.Body) })
	g := gatewayOf(t, web, `
ports:
  public:
    LISTEN
    routes:
      - {path: /, onRequest: orders}
policies:
  orders:
    filters:
      - {type: api-key, query: key, store: clients}
      - {type: origin, allow: ['https://app.example.test']}
      - {type: http-method, allow: [POST, PUT]}
      - {type: content-type, allow: [application/json], required: true}
      - {type: validate-query, onlyKnown: true, parameters: {page: {match: '^[0-9]+$'}}}
      - {type: threatening-content}
      - {type: connect-to-url, url: 'http://WEB${http.request.uri}'}
stores:
  clients: {records: {web: {key: '`+hash("sha256", "k-1")+`'}}}
`)
	for _, c := range []struct {
		method, target, body, kind, origin string
		status                             int
	}{
		{"POST", "/orders?page=1&key=k-1", `{"a":"it's"}`, "application/json; charset=utf-8", "https://app.example.test", 200},
		{"PUT", "/orders?key=k-1", `{}`, "application/json", "", 200},
		{"POST", "/orders?key=k-2", `{}`, "application/json", "", 401},
		{"POST", "/orders?key=k-1", `{}`, "application/json", "https://evil.test", 403},
		{"DELETE", "/orders?key=k-1", `{}`, "application/json", "", 405},
		{"POST", "/orders?key=k-1", `{}`, "text/plain", "", 415},
		{"POST", "/orders?key=k-1", `{}`, "", "", 415},
		{"POST", "/orders?page=x&key=k-1", `{}`, "application/json", "", 400},
		{"POST", "/orders?size=1&key=k-1", `{}`, "application/json", "", 400},
		{"POST", "/orders?key=k-1", `{"a":"<script>"}`, "application/json", "", 400},
	} {
		var headers []string
		for name, value := range map[string]string{"Content-Type": c.kind, "Origin": c.origin} {
			if value != "" {
				headers = append(headers, name, value)
			}
		}
		answer, body := g.ask(c.method, c.target, c.body, headers...)
		if answer.StatusCode != c.status || c.status == 200 && body != c.body {
			t.Errorf("%+v: %s: %s", c, answer.Status, body)
		}
		if c.status == 200 {
			if q := <-web.seen; q.URL.Query().Has("key") {
				t.Errorf("the host got %s", q.URL)
			}
		}
	}
}
