package filters_test

import (
	"io"
	"net/http"
	"testing"
)

const oneRequest = `
ports:
  public:
    LISTEN
    routes:
      - {path: /, onRequest: forward}
      - {path: /answered, onRequest: answered}
      - {path: /refused, onRequest: refused}
policies:
  one: {filters: [{type: concurrent, key: everybody, atMost: 1, counter: requests}]}
  forward:
    filters:
      - {type: policy, policy: one}
      - {type: connect-to-url, url: 'http://WEB/'}
  answered:
    filters:
      - {type: policy, policy: one}
      - {type: http-status, status: 204}
  refused:
    filters:
      - {type: policy, policy: one}
      - {type: false-filter}
`

// A request counts as long as its answer lasts, the body included, and however it ends.
func TestARequestOnARouteGivesItsPlaceBack(t *testing.T) {
	rest := make(chan string)
	web := newWebsite(t, func(w http.ResponseWriter, q *http.Request) {
		io.WriteString(w, "one ")
		w.(http.Flusher).Flush()
		select {
		case text := <-rest:
			io.WriteString(w, text)
		case <-q.Context().Done():
		}
	})
	g := gatewayOf(t, web, oneRequest)
	status := func(target string) int {
		r, _ := g.ask("GET", target, "")
		return r.StatusCode
	}
	free := func(after string) {
		t.Helper()
		eventually(t, "the place is free after "+after, func() bool { return status("/answered") == 204 })
	}
	stream := func() (*http.Response, *line) {
		t.Helper()
		l := g.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		r, err := http.ReadResponse(l.r, nil)
		if err != nil || r.StatusCode != 200 {
			t.Fatal(r, err)
		}
		if _, err := io.ReadFull(r.Body, make([]byte, len("one "))); err != nil {
			t.Fatal(err)
		}
		return r, l
	}

	free("nothing")
	free("an answer of the gateway's own")
	if got := status("/refused"); got != 403 {
		t.Errorf("refused with %d", got)
	}
	free("a refusal")

	r, _ := stream()
	if got := status("/answered"); got != 503 {
		t.Errorf("beside an answer that streams: %d, want 503", got)
	}
	rest <- "two"
	if got, err := io.ReadAll(r.Body); string(got) != "two" || err != nil {
		t.Errorf("the answer goes on with %q, %v", got, err)
	}
	free("an answer that streamed")

	_, l := stream()
	l.Close()
	free("a client that went away")
}
