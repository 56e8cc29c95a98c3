package main

import (
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/fasthttp/websocket"
)

// client is a WebSocket client of a gateway, which is no browser.
type client struct {
	*websocket.Conn
	t *testing.T
}

func dialGateway(t *testing.T, url string) client {
	t.Helper()
	c, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return client{c, t}
}

// says sends a text and waits for an answer.
func (c client) says(text, want string) {
	c.t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
	c.hears(want)
}

func (c client) hears(want string) {
	c.t.Helper()
	c.SetReadDeadline(time.Now().Add(patience))
	if _, got, err := c.ReadMessage(); err != nil || string(got) != want {
		c.t.Fatalf("got %q, %v, want %q", got, err, want)
	}
}

// consoleURL is the console's page.
func (s *server) consoleURL() string { return "http://" + s.console.Address() + "/" }

// rows is JavaScript for the rows that the console shows and that hold a text.
func rows(text string) string {
	return `[...document.querySelectorAll("#list li:not([hidden])")].filter(row => row.textContent.includes(` + strconv.Quote(text) + `))`
}

// clicking is JavaScript made an action.
func clicking(element string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void]("void (" + element + ").click()")
}

// consoleShowsTraffic tests what people do while a client talks: look, search, filter, open a frame, send a message.
func consoleShowsTraffic(t *testing.T, browser context.Context, s *server) {
	p := openTab(t, browser, s.consoleURL())
	p.waitFor(t, `document.querySelector("#state").textContent === "live"`)
	p.do(t, chromedp.Click(chromedp.CSS("#clear")))
	p.waitFor(t, `document.querySelector("#empty").innerText.includes("framegate connect `+s.url("/chat")+`")`)
	p.waitFor(t, `document.querySelector("#nosessions").checkVisibility()`)

	c := dialGateway(t, s.url("/chat"))
	p.waitFor(t, `document.querySelectorAll("#sessionlist li").length === 1 && document.querySelector("#sessionlist").innerText.includes("/chat")`)
	p.waitFor(t, rows("connected 101")+`.length === 1`)
	p.waitFor(t, `!document.querySelector("#empty").checkVisibility()`)

	const hostile = `<img src=x onerror="document.title='taken over'">`
	c.says(hostile, hostile+", from nowhere")
	c.says("first", "first, from nowhere")
	c.says("second", "second, from nowhere")
	p.waitFor(t, rows("changed")+`.length === 3 && `+rows("relayed")+`.length === 3`)
	p.waitFor(t, rows("<img src=x")+`.length === 2 && document.title === "framegate"`)

	search := chromedp.CSS("#filter [name=text]")
	p.do(t, chromedp.SendKeys(search, "SECOND"))
	p.waitFor(t, rows("")+`.length === 2 && `+rows("second")+`.length === 2`)
	c.says("the second again, and a third", "the second again, and a third, from nowhere")
	p.waitFor(t, rows("")+`.length === 4`)
	p.do(t, chromedp.SendKeys(search, " of these"))
	p.waitFor(t, `document.querySelector("#empty").innerText === "Nothing matches the filter."`)
	p.do(t, chromedp.Click(chromedp.CSS("#all")))
	p.waitFor(t, rows("")+`.length > 8`) // the gateway remembers what was cleared from the list
	p.do(t, chromedp.Evaluate[chromedp.Void](`void (() => {
		const kind = document.querySelector("#filter [name=kind]");
		kind.value = "upgrade";
		kind.dispatchEvent(new Event("change", { bubbles: true }));
	})()`))
	p.waitFor(t, rows("")+`.length > 0 && `+rows("upgrade")+`.length === `+rows("")+`.length`)
	p.do(t, chromedp.Click(chromedp.CSS("#all")))

	p.waitFor(t, rows("first, from nowhere")+`.length === 2`)
	p.do(t, clicking(rows("first, from nowhere")+`[0]`))
	p.waitFor(t, `document.querySelector("#detail h2").textContent === "client → host: text, changed"`)
	p.waitFor(t, `document.querySelector("#detail .before").textContent === "first"`)
	p.waitFor(t, `document.querySelector("#detail .after").textContent === "first, from nowhere"`)
	p.waitFor(t, `document.querySelector("#detail .after mark").textContent === ", from nowhere"`)
	p.waitFor(t, `document.querySelector("#detail .trail").innerText.startsWith("✓\nscript\nend: pass")`)

	p.do(t, chromedp.SendKeys(chromedp.CSS("#detail .actions input"), "from the console"),
		clicking(`[...document.querySelectorAll("#detail button")].find(b => b.textContent === "Send ← client")`))
	c.hears("from the console")
	p.do(t, chromedp.KeyEvent("\x1b"), chromedp.KeyEvent("\x1b")) // leaves the field, closes the details
	p.waitFor(t, `!document.querySelector("#detail").checkVisibility()`)

	c.Close()
	p.waitFor(t, `document.querySelectorAll("#sessionlist li").length === 0 && `+rows("/chat by client")+`.length > 0`)
	p.saysOnly(t)
}

// consoleFits tests that the page itself never scrolls, but its list, which follows the newest row until
// somebody scrolls up.
func consoleFits(t *testing.T, browser context.Context, s *server) {
	c := dialGateway(t, s.url("/raw"))
	p := openTab(t, browser, s.consoleURL())
	for n := range 60 {
		text := "message " + strconv.Itoa(n)
		c.says(text, text)
	}
	for _, size := range [][2]int64{{1280, 800}, {820, 600}, {390, 844}} {
		p.do(t, chromedp.EmulateViewport(size[0], size[1]), chromedp.Reload())
		p.waitFor(t, rows("message 59")+`.length === 2`)
		p.waitFor(t, `document.documentElement.scrollHeight <= innerHeight && document.documentElement.scrollWidth <= innerWidth`)
		p.waitFor(t, `(list => list.clientHeight > 100 && list.scrollHeight > 2 * list.clientHeight && list.scrollTop + list.clientHeight > list.scrollHeight - 8)(document.querySelector("#list"))`)
		p.do(t, clicking(rows("message 59")+`[0]`))
		p.waitFor(t, `document.querySelector("#detail").checkVisibility() && document.documentElement.scrollWidth <= innerWidth`)
		p.waitFor(t, `(row => row.bottom <= innerHeight && row.top > 0)(document.querySelector("[aria-selected=true]").getBoundingClientRect())`)
	}
	p.do(t, chromedp.Evaluate[chromedp.Void](`new Promise(done => {
		const list = document.querySelector("#list");
		list.addEventListener("scroll", () => done(), { once: true });
		list.scrollTop = 0;
	})`, chromedp.EvalAwaitPromise))
	c.says("late", "late")
	p.waitFor(t, `document.querySelector("#more").innerText === "2 new ↓" && document.querySelector("#list").scrollTop === 0`)
	p.saysOnly(t)
}

// consoleReloads tests what somebody sees who breaks the configuration and repairs it.
func consoleReloads(t *testing.T, browser context.Context, s *server, dir string) {
	p := openTab(t, browser, s.consoleURL())
	p.waitFor(t, `document.querySelector("#state").textContent === "live" && !document.querySelector("#problems").checkVisibility()`)
	file := filepath.Join(dir, "gateway.yaml")
	edit(t, file, "type: close-websocket", "type: close-websockt")
	p.do(t, chromedp.Click(chromedp.CSS("#reload")))
	p.waitFor(t, `document.querySelector("#reloaded").textContent.startsWith("not reloaded: ")`)
	p.waitFor(t, `document.querySelector("#problems").innerText.startsWith("The configuration has 1 error; the one loaded before still runs.")`)
	p.waitFor(t, `["gateway.yaml:", "^^^", 'did you mean "close-websocket"?'].every(part => document.querySelector("#problems").innerText.includes(part))`)
	edit(t, file, "type: close-websockt", "type: close-websocket")
	p.do(t, chromedp.Click(chromedp.CSS("#reload")))
	p.waitFor(t, `document.querySelector("#reloaded").textContent === "reloaded" && !document.querySelector("#problems").checkVisibility()`)
	p.saysOnly(t, "422 (Unprocessable Entity)") // the answer to the first click
}

// consoleAsksForToken tests a console that has a token: nothing is shown without it.
func consoleAsksForToken(t *testing.T, browser context.Context) {
	dir := copyGateway(t, filepath.Join("..", "..", "examples", "stamp"))
	edit(t, filepath.Join(dir, "gateway.yaml"), "console: {listen: '127.0.0.1:0'}", "console: {listen: '127.0.0.1:0', token: open sesame}")
	s, _ := dev(t, dir)
	p := openTab(t, browser, s.consoleURL())
	token := chromedp.CSS("#login [name=token]")
	p.waitFor(t, `document.querySelector("#state").textContent === "a token is needed"`)
	p.do(t, chromedp.SendKeys(token, "open barley\r"))
	p.waitFor(t, `document.querySelector("#state").textContent === "that is not the token"`)
	p.waitFor(t, `!document.querySelector("main").checkVisibility()`)
	p.do(t, chromedp.SendKeys(token, "open sesame\r"))
	p.waitFor(t, `document.querySelector("#state").textContent === "live" && !document.querySelector("#login").checkVisibility()`)
	p.waitFor(t, `document.querySelector("#gateway").textContent === `+strconv.Quote(s.url("/stamp")))
	p.saysOnly(t, slices.Repeat([]string{"401 (Unauthorized)"}, 6)...) // sessions, gateway and stream, without and with the wrong token
}
