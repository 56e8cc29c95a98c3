package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/fasthttp/websocket"

	"framegate/engine"
	"framegate/engine/wire"
)

func TestGatewaySaysWhatRuns(t *testing.T) {
	r := start(t, engine.Console{})
	r.dial()
	g := get[Gateway](r, "/api/v1/gateway")
	if g.Version != "v1.2.3" || g.Revision != "abc" || g.Instance == "" || g.Sessions != 1 || g.Records < 2 || g.Problems == nil {
		t.Errorf("got %+v", g)
	}
	if len(g.Ports) != 1 || g.Ports[0].Name != "public" || g.Ports[0].Addresses[0] != r.ports || g.Ports[0].Websockets[0] != "/chat" {
		t.Errorf("ports %+v", g.Ports)
	}
}

func TestSessionsAreListedClosedAndSentTo(t *testing.T) {
	r := start(t, engine.Console{})
	c, id := r.dial()
	list := get[Sessions](r, "/api/v1/sessions").Sessions
	if len(list) != 1 || list[0].ID != id || list[0].Path != "/chat" || list[0].Host != "echo" || list[0].In.Messages != 1 || list[0].Out.Messages != 1 {
		t.Fatalf("sessions: %+v", list)
	}
	if one := get[engine.Info](r, "/api/v1/sessions/"+id); one.ID != id {
		t.Fatalf("session: %+v", one)
	}
	status, text, _ := r.do("POST", "/api/v1/sessions/"+id+"/send", `{"to":"client","text":"from above"}`)
	if status != 200 {
		t.Fatal(status, text)
	}
	r.hear(c, "from above")
	status, text, _ = r.do("POST", "/api/v1/sessions/"+id+"/send", `{"to":"host","base64":"AP8="}`)
	if status != 200 {
		t.Fatal(status, text)
	}
	r.hear(c, "\x00\xff") // the host echoes it
	sent := get[Frames](r, "/api/v1/frames?outcome=sent").Records
	if len(sent) != 2 || !sent[0].Injected || sent[0].Dir != "host" || sent[0].Before.Text != "from above" || sent[1].Dir != "client" {
		t.Errorf("what was sent is recorded as %+v", sent)
	}
	status, text, _ = r.do("POST", "/api/v1/sessions/"+id+"/close", `{"code":4001,"reason":"enough"}`)
	if status != 202 || !strings.Contains(text, "code of the application") {
		t.Fatal(status, text)
	}
	_, _, err := c.ReadMessage()
	if end, ok := errors.AsType[*websocket.CloseError](err); !ok || end.Code != 4001 || end.Text != "enough" {
		t.Fatalf("the client got %v", err)
	}
}

func TestDeleteClosesASession(t *testing.T) {
	r := start(t, engine.Console{})
	c, id := r.dial()
	if status, text, _ := r.do("DELETE", "/api/v1/sessions/"+id, ""); status != 202 {
		t.Fatal(status, text)
	}
	if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, 1001) {
		t.Fatalf("the client got %v", err)
	}
}

func TestMistakesAreAnsweredWithWhatToDo(t *testing.T) {
	r := start(t, engine.Console{})
	_, id := r.dial()
	session := "/api/v1/sessions/" + id
	tests := []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"GET", "/api/v1/nothing", "", 404, "GET /api/v1/sessions/ID"},
		{"GET", "/nothing.js", "", 404, "the console is at /"},
		{"PUT", session, "{}", 405, "does not take PUT"},
		{"GET", "/api/v1/reload", "", 405, "does not take GET"},
		{"GET", "/api/v1/sessions/x", "", 404, "no open session"},
		{"POST", "/api/v1/sessions/x/close", "", 404, "no open session"},
		{"POST", "/api/v1/sessions/x/send", `{"to":"host","text":""}`, 404, "no open session"},
		{"POST", session + "/close", `{"code":1006}`, 400, "1006 must not be sent"},
		{"POST", session + "/close", `{"reason":"` + strings.Repeat("x", wire.MaxReason+1) + `"}`, 400, "at most 123 bytes"},
		{"POST", session + "/close", `{"kode":1000}`, 400, "kode"},
		{"POST", session + "/close", `{} {}`, 400, "more than one"},
		{"POST", session + "/send", `{"to":"me","text":"x"}`, 400, `\"client\" or \"host\"`},
		{"POST", session + "/send", `{"to":"host"}`, 400, "either text or base64"},
		{"POST", session + "/send", `{"to":"host","text":"x","base64":""}`, 400, "either text or base64"},
		{"POST", session + "/send", `{"to":"host","base64":"?"}`, 400, "reading the body"},
		{"POST", session + "/send", `{"to":"host","text":"` + strings.Repeat("x", 1<<20+1) + `"}`, 503, "too slow"},
		{"GET", "/api/v1/frames?sesion=x", "", 400, `unknown parameter \"sesion\"`},
		{"GET", "/api/v1/frames?dir=up", "", 400, "client, host"},
		{"GET", "/api/v1/frames?after=-1", "", 400, "after must be a number"},
		{"GET", "/api/v1/frames?limit=0", "", 400, "at least 1"},
		{"GET", "/api/v1/frames?limit=9999", "", 400, "at most 1000"},
		{"GET", "/api/v1/stream?op=cont", "", 400, "text, binary"},
		{"GET", "/api/v1/stream?after=x", "", 400, "after must be a number"},
	}
	for _, test := range tests {
		t.Run(test.method+" "+test.path+" "+test.body[:min(len(test.body), 30)], func(t *testing.T) {
			status, text, head := r.do(test.method, test.path, test.body)
			if status != test.status || !strings.Contains(text, test.says) || !strings.HasPrefix(text, `{"error":`) {
				t.Errorf("got %d %s, want %d with %q", status, text, test.status, test.says)
			}
			if status == 405 && head.Get("Allow") == "" {
				t.Error("405 without Allow")
			}
		})
	}
	if first := r.raw("POST %s/send HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", session, r.Address(), maxBody+1); !strings.HasPrefix(first, "HTTP/1.1 413 ") {
		t.Errorf("a body that is too big: %s", first)
	}
	if first := r.raw("GET / HTTP/1.1\r\nHost: a\r\nHost: %s\r\n\r\n", r.Address()); strings.HasPrefix(first, "HTTP/1.1 200 ") {
		t.Errorf("two hosts: %s", first)
	}
	if first := r.raw("nonsense\r\n\r\n"); !strings.HasPrefix(first, "HTTP/1.1 400 ") {
		t.Errorf("no HTTP: %s", first)
	}
	if status, _, _ := r.do("GET", "/?"+strings.Repeat("x", maxHead), ""); status != 431 {
		t.Errorf("a head that is too big: %d", status)
	}
}

func TestReload(t *testing.T) {
	r := start(t, engine.Console{})
	good := r.load
	r.load = func() (*engine.Snapshot, []engine.Problem) {
		s, _ := good()
		s.Revision = "def"
		return s, []engine.Problem{{What: "nobody reads this store", Warning: true}}
	}
	status, text, _ := r.do("POST", "/api/v1/reload", "")
	if status != 200 || !strings.Contains(text, `"revision":"def"`) || !strings.Contains(text, `"warning":true`) || strings.Contains(text, `"error"`) {
		t.Fatalf("%d %s", status, text)
	}
	r.load = func() (*engine.Snapshot, []engine.Problem) {
		return nil, []engine.Problem{{Position: engine.Position{File: "gateway.yaml", Line: 3, Col: 5}, What: `unknown key "lisen"`, Hint: `did you mean "listen"?`, Source: "    lisen: x", Width: 5}}
	}
	status, text, _ = r.do("POST", "/api/v1/reload", "{}")
	var got Reloaded
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	want := Problem{File: "gateway.yaml", Line: 3, Col: 5, What: `unknown key "lisen"`, Hint: `did you mean "listen"?`}
	if status != 422 || got.Error == "" || got.Revision != "def" || len(got.Problems) != 1 {
		t.Fatalf("%d %s", status, text)
	}
	excerpt := got.Problems[0].Excerpt
	got.Problems[0].Excerpt = ""
	if got.Problems[0] != want || !strings.Contains(excerpt, "\n    3 |     lisen: x\n      |     ^^^^^\n") {
		t.Fatalf("%+v\n%s", got.Problems[0], excerpt)
	}
	if g := get[Gateway](r, "/api/v1/gateway"); g.Revision != "def" || len(g.Problems) != 1 {
		t.Fatalf("after a broken reload: %+v", g)
	}
}

func TestABusyPortIsAStartError(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	err = New(engine.New(nil, nil), engine.Console{Listen: ln.Addr().String()}, "", nil).Start()
	if err == nil || !strings.Contains(err.Error(), ln.Addr().String()) || !strings.Contains(err.Error(), "listen: off") {
		t.Fatalf("got %v", err)
	}
}

func TestListeningBeyondLoopbackNeedsAToken(t *testing.T) {
	for _, listen := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0"} {
		err := New(engine.New(nil, nil), engine.Console{Listen: listen}, "", nil).Start()
		if !errors.Is(err, ErrOpenToNetwork) || !strings.Contains(err.Error(), "token: '{{env") {
			t.Errorf("%s: %v", listen, err)
		}
	}
	start(t, engine.Console{Listen: "0.0.0.0:0", Token: "secret"})
}

func TestFrames(t *testing.T) {
	r := start(t, engine.Console{})
	c, id := r.dial()
	r.say(c, "0123456789abcdefghi€") // the log keeps 16 bytes
	c.WriteMessage(websocket.BinaryMessage, []byte{0, 255})
	r.hear(c, "\x00\xff")
	c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(4000, "bye"))
	c.ReadMessage()
	waitFor(t, func() bool { return r.gateway.Sessions().Len() == 0 })

	all := get[Frames](r, "/api/v1/frames")
	if len(all.Records) != 8 || all.Lost != 0 || all.Next != 8 {
		t.Fatalf("got %d records, lost %d, next %d", len(all.Records), all.Lost, all.Next)
	}
	up := all.Records[0]
	if up.Kind != "upgrade" || up.Status != 101 || up.Session != id || up.Outcome != "connected" || len(up.Trail) != 1 ||
		up.Trail[0].Result != "pass" || up.Trail[0].Arrow != "end: pass" || up.Trail[0].Log[0] != "dialled" || len(up.Headers) == 0 {
		t.Errorf("upgrade: %+v", up)
	}
	long := all.Records[3]
	if long.Outcome != "changed" || long.Dir != "client" || long.Op != "text" || long.Before.Text != "0123456789abcdef" || !long.Before.Truncated ||
		long.After.Text != "0123456789ABCDEF" || long.After.Size != 22 {
		t.Errorf("a changed message: %+v %+v %+v", long, long.Before, long.After)
	}
	if binary := all.Records[5]; string(binary.Before.Base64) != "\x00\xff" || binary.Before.Text != "" {
		t.Errorf("a binary message: %+v", binary.Before)
	}
	if end := all.Records[7]; end.Kind != "close" || end.Code != 4000 || end.CodeText != "code of the application" || end.By != "client" || end.Reason != "bye" || end.In.Messages != 3 {
		t.Errorf("close: %+v", end)
	}

	tests := map[string][]uint64{
		"after=2&limit=2":            {3, 4},
		"last=2":                     {7, 8},
		"last=2&kind=frame":          {6, 7},
		"kind=upgrade,close":         {1, 8},
		"kind=upgrade&kind=close":    {1, 8},
		"dir=host":                   {3, 5, 7},
		"op=binary":                  {6, 7},
		"outcome=changed":            {2, 4},
		"op=text&dir=host&last=1":    {5},
		"path=/chat&limit=1":         {1},
		"path=/cha":                  {},
		"path=/cha*&limit=1":         {1},
		"session=" + id[:8]:          {1, 2, 3, 4, 5, 6, 7, 8},
		"session=nobody":             {},
		"after=100":                  {},
		"after=0&limit=1&kind=close": {8},
	}
	for query, want := range tests {
		var got []uint64
		for _, record := range get[Frames](r, "/api/v1/frames?"+query).Records {
			got = append(got, record.Seq)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %v, want %v", query, got, want)
		}
	}
}

func TestFramesTellWhatIsLost(t *testing.T) {
	r := start(t, engine.Console{})
	for range engine.DefaultJournal + 50 {
		r.gateway.Journal().Add(&engine.Record{Kind: engine.FrameRecord, Op: "text"})
	}
	page := get[Frames](r, "/api/v1/frames?limit=1")
	if page.Lost != 50 || page.Records[0].Seq != 51 {
		t.Errorf("lost %d, first %d", page.Lost, page.Records[0].Seq)
	}
	if page := get[Frames](r, "/api/v1/frames?last=1000&op=text"); len(page.Records) != 1000 || page.Records[0].Seq != engine.DefaultJournal+50-999 {
		t.Errorf("the last 1000: %d records from %d", len(page.Records), page.Records[0].Seq)
	}
	if page := get[Frames](r, "/api/v1/frames?last=1000&op=ping"); len(page.Records) != 0 || page.Next != engine.DefaultJournal+50 {
		t.Errorf("the last pings: %+v", page)
	}
}
