package remotehosts_test

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"framegate/engine"
	"framegate/remotehosts"
)

// pooled makes a set of one host, chat, with several addresses and a clock that
// stands still; the set is started and closed.
func pooled(t *testing.T, addresses []remotehosts.Addresses, change func(*remotehosts.Definition)) (*remotehosts.Host, *remotehosts.TurnedClock) {
	t.Helper()
	clock := remotehosts.NewTurnedClock()
	return pooledAt(t, clock, addresses, change), clock
}

func pooledAt(t *testing.T, clock *remotehosts.TurnedClock, addresses []remotehosts.Addresses, change func(*remotehosts.Definition)) *remotehosts.Host {
	t.Helper()
	def := definition("chat", "192.0.2.1:9001")
	def.Addresses, def.Balancing, def.HalfLife = addresses, "round-robin", 10*time.Second
	def.Ejection = remotehosts.Ejection{First: 5 * time.Second, Most: time.Minute}
	if change != nil {
		change(&def)
	}
	set, problems := remotehosts.NewSetAt([]remotehosts.Definition{def}, os.DirFS(t.TempDir()), nil, clock)
	if len(problems) > 0 {
		t.Fatal(problems[0])
	}
	if err := set.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close() })
	h, _ := set.Named("chat")
	return h
}

// group is addresses of one priority.
func group(priority remotehosts.Priority, addresses ...string) remotehosts.Addresses {
	return remotehosts.Addresses{Priority: priority, List: addresses, Weight: 1}
}

// accepting starts hosts that accept every upgrade.
func accepting(t *testing.T, n int) (addresses []string) {
	t.Helper()
	for range n {
		addresses = append(addresses, serve(t, nil, accept).address)
	}
	return addresses
}

// unreachable is an address at which nobody listens.
func unreachable(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// upgraded upgrades, and closes what it got when the test ends.
func upgraded(t *testing.T, h *remotehosts.Host, c *remotehosts.Call) *engine.Socket {
	t.Helper()
	s, err := h.Upgrade(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hangUp(s) })
	return s
}

func hangUp(s *engine.Socket) {
	s.Conn.Close()
	s.Release()
}

// taken counts which address took how many of some upgrades, that all stay open.
func taken(t *testing.T, h *remotehosts.Host, n int) map[string]int {
	t.Helper()
	counts := make(map[string]int)
	for range n {
		counts[upgraded(t, h, call()).Address]++
	}
	return counts
}

func TestRoundRobinTakesTurnsByWeight(t *testing.T) {
	a := accepting(t, 3)
	h, _ := pooled(t, []remotehosts.Addresses{
		{Priority: 3, List: a[:1], Weight: 3}, {Priority: 3, List: a[1:], Weight: 1},
	}, nil)
	var order strings.Builder
	for range 10 {
		fmt.Fprintf(&order, "%d", indexOf(a, upgraded(t, h, call()).Address))
	}
	if got := order.String(); strings.Count(got, "0") != 6 || strings.Count(got, "1") != 2 || strings.Count(got, "2") != 2 || strings.Contains(got, "0000") {
		t.Errorf("turns went to %s; want three of five to the first, spread", got)
	}
}

func indexOf(list []string, text string) int {
	for i := range list {
		if list[i] == text {
			return i
		}
	}
	return -1
}

func TestLeastConnectionsFillsTheEmptiest(t *testing.T) {
	a := accepting(t, 2)
	h, _ := pooled(t, []remotehosts.Addresses{group(3, a...)}, func(d *remotehosts.Definition) { d.Balancing = "least-connections" })
	var sockets []*engine.Socket
	for range 6 {
		sockets = append(sockets, upgraded(t, h, call()))
	}
	for _, s := range sockets { // of the first address all are closed
		if s.Address == a[0] {
			hangUp(s)
		}
	}
	for range 3 {
		if s := upgraded(t, h, call()); s.Address != a[0] {
			t.Errorf("%s took an upgrade while %s had fewer", s.Address, a[0])
		}
	}
	for _, at := range h.State().Addresses {
		if at.Open != 3 {
			t.Errorf("%s has %d open, want 3", at.Address, at.Open)
		}
	}
}

func TestResponseTimePrefersTheQuickAndForgets(t *testing.T) {
	clock := remotehosts.NewTurnedClock()
	slow := serve(t, nil, func(c net.Conn, head string) {
		clock.Turn(400 * time.Millisecond)
		accept(c, head)
	}).address
	quick := serve(t, nil, func(c net.Conn, head string) {
		clock.Turn(10 * time.Millisecond)
		accept(c, head)
	}).address
	h := pooledAt(t, clock, []remotehosts.Addresses{group(3, slow, quick)}, func(d *remotehosts.Definition) { d.Balancing = "response-time" })
	if got := taken(t, h, 12); got[slow] != 1 || got[quick] != 11 {
		t.Errorf("taken: %v; want one try of the slow one (%s)", got, slow)
	}
	// The quick one stays measured; of the slow one nobody knows any more.
	for range 60 {
		clock.Turn(2 * time.Second)
		hangUp(upgraded(t, h, call()))
	}
	var connected int64
	for _, a := range h.State().Addresses {
		if a.Address == slow {
			connected = a.Connected
		}
	}
	if connected < 2 || connected > 15 {
		t.Errorf("the slow address was tried %d times in all; want a few", connected)
	}
}

func TestStickyKeepsKeysWhereTheyAre(t *testing.T) {
	a := accepting(t, 3)
	key, err := engine.ParseSelector("${http.request.clientaddr}")
	if err != nil {
		t.Fatal(err)
	}
	sticky := func(d *remotehosts.Definition) { d.Balancing, d.StickyKey = "sticky", key }
	all, _ := pooled(t, []remotehosts.Addresses{group(3, a...)}, sticky)
	home := func(h *remotehosts.Host, key string) string {
		c := call()
		c.StickyKey = key
		s := upgraded(t, h, c)
		hangUp(s)
		return s.Address
	}
	homes := make(map[string]string)
	counts := make(map[string]int)
	for i := range 60 {
		key := fmt.Sprintf("user%d", i)
		homes[key] = home(all, key)
		counts[homes[key]]++
		if again := home(all, key); again != homes[key] {
			t.Errorf("%s went to %s and then to %s", key, homes[key], again)
		}
	}
	for _, address := range a {
		if counts[address] < 8 {
			t.Errorf("%s has %d of 60 keys", address, counts[address])
		}
	}
	// Without the first address only its keys move.
	two, _ := pooled(t, []remotehosts.Addresses{group(3, a[1:]...)}, sticky)
	for key, before := range homes {
		if now := home(two, key); before != a[0] && now != before {
			t.Errorf("%s moved from %s to %s, which had nothing to do with it", key, before, now)
		}
	}
}

func TestLowerPriorityOnlyWhenTheHigherIsOut(t *testing.T) {
	a := accepting(t, 2)
	gone := unreachable(t)
	h, _ := pooled(t, []remotehosts.Addresses{group(4, a[1]), group(2, gone, a[0])}, nil)
	if got := taken(t, h, 6); got[a[0]] != 6 {
		t.Errorf("taken: %v; want all by the one of the high group that lives", got)
	}
	h, _ = pooled(t, []remotehosts.Addresses{group(4, a[1]), group(2, gone)}, nil)
	if got := taken(t, h, 6); got[a[1]] != 6 {
		t.Errorf("taken: %v; want all by the low group", got)
	}
}

// With every address down the client gets one answer that names them, and
// nothing is left.
func TestAllAddressesAreDown(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	reset := serve(t, nil, func(c net.Conn, _ string) { c.(*net.TCPConn).SetLinger(0) }).address
	gone := []string{unreachable(t), unreachable(t)}
	h, _ := pooled(t, []remotehosts.Addresses{group(1, gone...), group(5, reset)}, nil)
	expectError(t, h, call(), 502, "3 attempts failed: "+gone[0]+": connection refused; "+gone[1]+": connection refused; "+reset+": connection reset")
	before := descriptors(t)
	for range 20 {
		expectError(t, h, call(), 502, "attempts failed")
	}
	until(t, "all descriptors closed", func() bool { return descriptors(t) <= before })
}

// What goes wrong at one address before its 101 is made good at the other.
func TestAnotherAddressIsUsed(t *testing.T) {
	stall := func(c net.Conn, _ string) { io.Copy(io.Discard, c) }
	for _, test := range []struct {
		name   string
		answer func(c net.Conn, head string)
		why    string
	}{
		{"closes", func(net.Conn, string) {}, "closed the connection"},
		{"resets", func(c net.Conn, _ string) { c.(*net.TCPConn).SetLinger(0) }, "reset"},
		{"stalls", stall, "took longer than 200ms"},
		{"stalls inside its headers", func(c net.Conn, head string) { io.WriteString(c, "HTTP/1.1 200 OK\r\nX: "); stall(c, head) }, "took longer"},
		{"speaks something else", func(c net.Conn, head string) { io.WriteString(c, "\x00\xffgarbage\r\n\r\n"); stall(c, head) }, "does not speak HTTP"},
		{"has a wrong accept", func(c net.Conn, head string) {
			io.WriteString(c, strings.Replace(switching(head), "Accept: ", "Accept: x", 1))
		}, "Sec-WebSocket-Accept"},
		{"has no room", func(c net.Conn, _ string) {
			io.WriteString(c, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
		}, "503"},
	} {
		t.Run(test.name, func(t *testing.T) {
			bad, good := serve(t, nil, test.answer).address, serve(t, nil, accept).address
			h, _ := pooled(t, []remotehosts.Addresses{group(1, bad), group(2, good)}, nil)
			c := call()
			c.ActiveTimeout = 200 * time.Millisecond
			var lines []string
			c.Logf = func(_ slog.Level, format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
			if s := upgraded(t, h, c); s.Address != good {
				t.Errorf("%s took the upgrade", s.Address)
			}
			if log := strings.Join(lines, "\n"); len(lines) != 2 || !strings.Contains(lines[0], test.why) || lines[1] != "connected to "+good {
				t.Errorf("the trail says\n%s", log)
			}
		})
	}
}

// An answer that a host means is no failure: it goes to the client, and no other
// address is asked.
func TestOwnAnswerIsNotRetried(t *testing.T) {
	other := serve(t, nil, accept)
	for _, status := range []int{401, 404, 500} {
		no := serve(t, nil, func(c net.Conn, _ string) {
			fmt.Fprintf(c, "HTTP/1.1 %d No\r\nContent-Length: 2\r\n\r\nno", status)
		})
		h, _ := pooled(t, []remotehosts.Addresses{group(1, no.address), group(2, other.address)}, nil)
		_, err := h.Upgrade(t.Context(), call())
		if want := fmt.Sprintf("remote host chat answered %d", status); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error is %v, want %s", err, want)
		}
	}
	if len(other.heads) > 0 {
		t.Error("the other address was asked")
	}
}

// Retries are requests that were sent again; connecting to the next address is none.
func TestRetries(t *testing.T) {
	for _, test := range []struct {
		retries *int
		asked   int // of three addresses that take the request and reset
	}{{nil, 2}, {new(0), 1}, {new(2), 3}, {new(4), 5}} {
		heads := 0
		var bad []string
		var hosts []*backend
		for range 3 {
			b := serve(t, nil, func(c net.Conn, _ string) { c.(*net.TCPConn).SetLinger(0) })
			hosts, bad = append(hosts, b), append(bad, b.address)
		}
		h, _ := pooled(t, []remotehosts.Addresses{group(1, unreachable(t)), group(3, bad...)}, func(d *remotehosts.Definition) { d.Retries = test.retries })
		if test.asked == 5 {
			h, _ = pooled(t, []remotehosts.Addresses{group(3, bad...)}, func(d *remotehosts.Definition) { d.Retries = test.retries })
		}
		_, err := h.Upgrade(t.Context(), call())
		if err == nil {
			t.Fatal("upgraded")
		}
		for _, b := range hosts {
			heads += len(b.heads)
		}
		if heads != test.asked {
			t.Errorf("%d requests were sent, want %d: %v", heads, test.asked, err)
		}
	}
}
