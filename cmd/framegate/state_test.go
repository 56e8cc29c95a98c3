package main

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"framegate/engine/state"
)

// monthly answers five upgrades a month, over restarts.
const monthly = `version: 1
console: {listen: off}
ports:
  public:
    listen: 127.0.0.1:0
    websockets:
      - {path: /chat, onUpgrade: answer}
policies:
  answer:
    filters:
      - {type: quota, counter: visits, key: everybody, allow: 5, per: month}
      - {type: set-message, body: welcome}
      - {type: reflect}
`

func directory(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "gateway.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// visits upgrades so many times and counts the welcomes.
func visits(t *testing.T, url string, times int) (welcome int) {
	t.Helper()
	for range times {
		_, answer, err := websocket.DefaultDialer.Dial(url, nil)
		if !errors.Is(err, websocket.ErrBadHandshake) {
			t.Fatal(err)
		}
		if answer.StatusCode == http.StatusOK {
			welcome++
		} else if answer.StatusCode != http.StatusTooManyRequests {
			t.Errorf("answered %s", answer.Status)
		}
	}
	return welcome
}

// startOnce serves a gateway until the returned function is called.
func startOnce(t *testing.T, dir string) (s *server, log *lockedBuffer, stop func()) {
	t.Helper()
	log = &lockedBuffer{}
	s, err := newServer(dir, stdio{strings.NewReader(""), io.Discard, log}, false, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err, log)
	}
	return s, log, func() {
		t.Helper()
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	}
}

// withinADay waits for midnight where it is so near that a test of counts of a
// day or a month, which runs by the real clock, could see it pass.
func withinADay(t *testing.T) {
	t.Helper()
	now := time.Now().UTC()
	midnight := now.Truncate(24 * time.Hour).Add(24 * time.Hour)
	if left := midnight.Sub(now); left < time.Minute {
		t.Logf("waiting %s for midnight", left)
		time.Sleep(left)
	}
}

func TestAQuotaHoldsOverARestart(t *testing.T) {
	withinADay(t)
	dir := directory(t, monthly)
	s, _, stop := startOnce(t, dir)
	if _, err := os.Stat(filepath.Join(dir, ".framegate", "state.db")); err != nil {
		t.Errorf("the file is not made at the start: %v", err)
	}
	if n := visits(t, s.url("/chat"), 3); n != 3 {
		t.Errorf("%d of the first 3 are welcome", n)
	}
	stop()
	s, _, stop = startOnce(t, dir)
	if n := visits(t, s.url("/chat"), 4); n != 2 {
		t.Errorf("%d are welcome after the restart, want the 2 that were left", n)
	}
	stop()
}

func TestStateInMemoryEndsWithTheProcess(t *testing.T) {
	withinADay(t)
	dir := directory(t, "state: memory\n"+monthly)
	for range 2 {
		s, _, stop := startOnce(t, dir)
		if n := visits(t, s.url("/chat"), 6); n != 5 {
			t.Errorf("%d are welcome", n)
		}
		stop()
	}
	if _, err := os.Stat(filepath.Join(dir, ".framegate")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was written: %v", err)
	}
}

// What a process that is killed has written a moment before is there.
func TestAQuotaHoldsOverAKill(t *testing.T) {
	withinADay(t)
	dir := directory(t, monthly)
	gateway, url := ownProcess(t, dir)
	if n := visits(t, url, 3); n != 3 {
		t.Errorf("%d of the first 3 are welcome", n)
	}
	waitFor(t, func() bool { return written(t, dir) == "3" })
	if err := gateway.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	gateway.Wait()
	s, _, stop := startOnce(t, dir)
	defer stop()
	if n := visits(t, s.url("/chat"), 4); n != 2 {
		t.Errorf("%d are welcome after the kill, want the 2 that were left", n)
	}
}

// ownProcess runs a gateway as a process of its own.
func ownProcess(t *testing.T, dir string) (gateway *exec.Cmd, url string) {
	t.Helper()
	gateway = exec.Command("framegate", "run", dir)
	gateway.Stderr = os.Stderr
	out, err := gateway.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := gateway.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		gateway.Process.Kill()
		gateway.Wait()
	})
	address := regexp.MustCompile(`ws://127\.0\.0\.1:\d+/chat`)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if url := address.FindString(lines.Text()); url != "" {
			return gateway, url
		}
	}
	t.Fatal("the gateway says no address")
	return nil, ""
}

// written is the count that a process which is killed now would leave behind.
func written(t *testing.T, dir string) string {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied, os.DirFS(filepath.Join(dir, ".framegate"))); err != nil {
		t.Fatal(err)
	}
	disk := state.NewDisk(1<<20, nil, nil)
	if err := disk.Open(filepath.Join(copied, "state.db"), false); err != nil {
		return "" // copied in the middle of a writing
	}
	defer disk.Close()
	value, _, err := disk.Get("quota visits month UTC", "everybody")
	if err != nil {
		t.Fatal(err)
	}
	return string(value)
}

func TestTwoGatewaysDoNotShareAStateFile(t *testing.T) {
	withinADay(t)
	dir := directory(t, monthly)
	first, _, stop := startOnce(t, dir)
	defer stop()
	_, problems, code := cli(t, "run", dir)
	if code != 1 || !strings.Contains(problems, "another process uses it") || !strings.Contains(problems, "state.db") {
		t.Errorf("exit %d: %s", code, problems)
	}
	if n := visits(t, first.url("/chat"), 6); n != 5 {
		t.Errorf("%d are welcome at the first", n)
	}
}

func TestAStateFileThatIsNoneIsSaidAtTheStart(t *testing.T) {
	dir := directory(t, "state: {file: mine.txt}\n"+monthly)
	mine := strings.Repeat("all my notes\n", 100)
	if err := os.WriteFile(filepath.Join(dir, "mine.txt"), []byte(mine), 0o600); err != nil {
		t.Fatal(err)
	}
	_, problems, code := cli(t, "run", dir)
	if code != 1 || !strings.Contains(problems, "it is damaged, or no state file") {
		t.Errorf("exit %d: %s", code, problems)
	}
	if text, _ := os.ReadFile(filepath.Join(dir, "mine.txt")); string(text) != mine {
		t.Error("the file was changed")
	}
}

// A reload may turn the file on; what was counted before is kept.
func TestStateIsKeptFromAReloadOn(t *testing.T) {
	withinADay(t)
	dir := directory(t, "state: memory\n"+monthly)
	s, log, stop := startOnce(t, dir)
	if n := visits(t, s.url("/chat"), 3); n != 3 {
		t.Errorf("%d of the first 3 are welcome", n)
	}
	url := s.url("/chat")
	edit(t, filepath.Join(dir, "gateway.yaml"), "state: memory\n", "")
	s.reload(t.Context(), "a test")
	if n := visits(t, url, 1); n != 1 {
		t.Errorf("the fourth is not welcome: %s", log)
	}
	stop()
	s, _, stop = startOnce(t, dir)
	defer stop()
	if n := visits(t, s.url("/chat"), 4); n != 1 {
		t.Errorf("%d are welcome after the restart, want the 1 that was left", n)
	}
}

// Scripts keep values over a restart too, and the file is made for the first.
func TestScriptsKeepValuesOverARestart(t *testing.T) {
	text := strings.Replace(monthly, "{type: quota, counter: visits, key: everybody, allow: 5, per: month}", `type: script
        code: |
          export function invoke(msg) {
            const n = Number(state.get("visits") ?? 0) + 1;
            state.put("visits", n);
            msg.put("visits", n);
            return n < 4;
          }`, 1)
	text = strings.Replace(text, "body: welcome", "body: 'visit ${visits}'", 1)
	dir := directory(t, text)
	for _, want := range []string{"visit 1", "visit 2", "visit 3"} {
		s, log, stop := startOnce(t, dir)
		_, answer, err := websocket.DefaultDialer.DialContext(t.Context(), s.url("/chat"), nil)
		if !errors.Is(err, websocket.ErrBadHandshake) {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(answer.Body); string(body) != want {
			t.Errorf("answered %q, want %q: %s", body, want, log)
		}
		stop()
	}
}
