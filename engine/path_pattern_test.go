package engine

import (
	"fmt"
	"strings"
	"testing"
)

func TestPathPatternsMatchBySegments(t *testing.T) {
	for _, test := range []struct {
		pattern string
		below   string // paths that match, those below included
		exact   string // of them, those that match exactly
		never   string
	}{
		{"/", "/ /x /x/y", "/", "*"},
		{"/chat", "/chat /chat/ /chat/a", "/chat", "/chatter /cha / /CHAT"},
		{"/chat/", "/chat/ /chat/a", "/chat/", "/chat /chatter/"},
		{"/rooms/{id}", "/rooms/a /rooms/a%2Fb /rooms/a/b", "/rooms/a /rooms/a%2Fb", "/rooms /rooms/ /room/a"},
		{"/{a}/x/{b}", "/1/x/2 /1/x/2/3", "/1/x/2", "/1/y/2 /1/x //x/2 /1/x/"},
		{"/{a}", "/b", "/b", "/"},
	} {
		p := PathPattern(test.pattern)
		for path := range strings.FieldsSeq(test.below) {
			if !p.Matches(path, false) {
				t.Errorf("%s does not match %s", p, path)
			}
			if want := strings.Contains(" "+test.exact+" ", " "+path+" "); p.Matches(path, true) != want {
				t.Errorf("%s matches %s exactly: want %t", p, path, want)
			}
		}
		for path := range strings.FieldsSeq(test.never) {
			if p.Matches(path, false) || p.Matches(path, true) {
				t.Errorf("%s matches %s", p, path)
			}
		}
	}
}

func TestTheMorePrecisePathWins(t *testing.T) {
	order := []string{"/rooms/{id}/x/y", "/rooms/lobby/x", "/rooms/lobby/{y}", "/rooms/{id}/x", "/rooms/lobby", "/rooms/{id}", "/{a}/lobby", "/{a}/{b}", "/{a}/", "/rooms", "/{a}", "/"}
	for i := range order {
		for j := range order {
			a, b := PathPattern(order[i]), PathPattern(order[j])
			if a.MorePrecise(b) != (i < j) {
				t.Errorf("%s before %s: want %t", a, b, i < j)
			}
		}
	}
	p := &Port{Websockets: []*Websocket{{Path: "/rooms/{id}"}, {Path: "/rooms/lobby"}, {Path: "/rooms"}, {Path: "/rooms/{id}/in", Exact: true}, {Path: "/rooms/{room}", Hosts: []string{"vip.test"}}}}
	for target, want := range map[string]string{
		"/rooms": "/rooms []", "/rooms/": "/rooms []", "/rooms/lobby": "/rooms/lobby []", "/rooms/lobby/x": "/rooms/lobby []",
		"/rooms/a%20b?x": "/rooms/{id} [{id a b}]", "/rooms/a%2520": "/rooms/{id} [{id a%20}]", "/rooms/a/in": "/rooms/{id}/in [{id a}]", "/rooms/a/in/x": "/rooms/{id} [{id a}]",
	} {
		q := requestOf(t, target, "Host: other.test")
		if got := fmt.Sprint(p.route(q).Path, " ", q.PathParams); got != want {
			t.Errorf("%s went to %s, want %s", target, got, want)
		}
	}
	q := requestOf(t, "/rooms/a", "Host: vip.test")
	if w := p.route(q); w != p.Websockets[4] || q.PathParams[0] != (Field{"room", "a"}) {
		t.Errorf("a host of its own: %+v %v", w, q.PathParams)
	}
}

func TestPathPatternsThatAreWrong(t *testing.T) {
	for _, pattern := range []string{"/a{b}", "/{a}b", "/{", "/}", "/{a", "/a}", "/{}", "/{a}/{a}", "/{a b}", "/{a.b}", "/{ä}", "/{a}{b}", "/{a@b}"} {
		if err := PathPattern(pattern).Check(); err == nil {
			t.Errorf("%s was accepted", pattern)
		}
	}
	for _, pattern := range []string{"/", "/a", "/{a}", "/{a-b}/{c_1}/"} {
		if err := PathPattern(pattern).Check(); err != nil {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

func TestPathAttributesOfAPolicy(t *testing.T) {
	q := requestOf(t, "/rooms/a%20b/x", "Host: gw.test")
	(&Port{Websockets: []*Websocket{{Path: "/rooms/{id}"}}}).route(q)
	m := NewMessage(OnUpgrade, q, 0, nil)
	for text, want := range map[string]string{
		"${params.path.id}": "a b", `${http.path["id"]}`: "a b", "${http.path[0]}": "rooms", "${http.path[2]}": "x", `${params.path.none ?: "-"}`: "-",
	} {
		s, err := ParseSelector(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.String(m); got != want || err != nil {
			t.Errorf("%s is %q, %v; want %q", text, got, err, want)
		}
	}
}

// The tie between two precisions is none: Matches and MorePrecise must order any two patterns that match one path.
func FuzzPathPatterns(f *testing.F) {
	f.Add("/rooms/{id}", "/rooms/lobby", "/rooms/lobby/x")
	f.Fuzz(func(t *testing.T, one, two, path string) {
		a, b := PathPattern(one), PathPattern(two)
		if !strings.HasPrefix(one, "/") || !strings.HasPrefix(two, "/") || a.Check() != nil || b.Check() != nil {
			return
		}
		if a.MorePrecise(b) && b.MorePrecise(a) {
			t.Fatalf("%s and %s are each more precise", one, two)
		}
		if !a.Matches(path, false) || !b.Matches(path, false) {
			return
		}
		a.Parameters(path)
		if !a.MorePrecise(b) && !b.MorePrecise(a) && a.Shape() != b.Shape() {
			t.Fatalf("%s and %s match %s, and none goes first", one, two, path)
		}
	})
}
