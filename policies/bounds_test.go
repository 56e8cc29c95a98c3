package policies

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"framegate/engine"
)

// 10,000 filters in two policies, each over many calls of the next: what grows
// with the square or the power of anything would show.
func TestManyFilters(t *testing.T) {
	g := one(echo)
	for _, name := range []string{"a", "b"} {
		var b strings.Builder
		fmt.Fprintf(&b, "policies:\n  %s:\n    filters:\n", name)
		for i := range 5000 {
			fmt.Fprintf(&b, "      - {name: f%d, type: true-filter}\n", i)
		}
		g["policies/"+name+".yaml"] = b.String()
	}
	var calls strings.Builder
	calls.WriteString("policies:\n")
	for i := range 200 {
		next := fmt.Sprintf("{name: one, type: policy, policy: p%d}, {name: two, type: policy, policy: p%d}", i+1, i+1)
		fmt.Fprintf(&calls, "  p%d: {filters: [%s, {name: three, type: connect-to-url, url: ws://127.0.0.1:9001/}]}\n", i, next)
	}
	calls.WriteString("  p200: {filters: [{type: true-filter}]}\n")
	g["policies/calls.yaml"] = calls.String()
	g["gateway.yaml"] = strings.Replace(echo, "onUpgrade: admit", "onUpgrade: p0", 1)
	s := g.load(t, options(t, nil), nil)
	if got := len(s.Policies["b"].Nodes); got != 5000 {
		t.Errorf("%d nodes", got)
	}
}

// A file with a hundred thousand keys that nobody knows is refused, and not
// with a hundred thousand problems.
func TestManyProblems(t *testing.T) {
	var b strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&b, "k%d: 1\n", i)
	}
	_, problems := load(t.Context(), one(b.String()+echo).files(), options(t, nil), tableOfFilters(), nil)
	if len(problems) != maxProblems+1 || !strings.Contains(problems[maxProblems].What, "more problems") {
		t.Errorf("%d problems, the last %v", len(problems), problems[len(problems)-1])
	}
}

// Texts that make a parser slow when its time grows with the square of theirs.
// The bound is far above what they take, and far below the square.
func TestHostileText(t *testing.T) {
	o := options(t, nil)
	for _, unit := range []string{"[", "{", "- ", "? ", "a: ", "{a: ", "[a\n", "- [\n", "#\n", "'", "&a [", "*", "k: {{x}}\n", "<<: "} {
		for _, size := range []int{maxReparsed - 100, maxConfigFile - 100} {
			began := time.Now()
			s, problems := load(t.Context(), one(strings.Repeat(unit, size/len(unit))).files(), o, tableOfFilters(), nil)
			if unit != "#\n" && (s != nil || !engine.Broken(problems)) {
				t.Errorf("%d KiB of %q were taken", size>>10, unit)
			}
			if took := time.Since(began); took > 15*time.Second {
				t.Errorf("%d KiB of %q took %s", size>>10, unit, took)
			}
		}
	}
}

func TestManyRecords(t *testing.T) {
	var b strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&b, "client-%d: {plan: gold, rooms: [a]}\n", i)
	}
	g := one(echo + "stores: {clients: {file: stores/clients.yaml}}\n")
	g["stores/clients.yaml"] = b.String()
	g.load(t, options(t, nil), nil)
}

func TestRecordsAreTrees(t *testing.T) {
	g := one(echo + "stores: {plans: {records: {gold: {limit: 7, rate: 1.5, on: true, rooms: [a, 2], since: 2026-01-02, none: null}}}}\n")
	o := options(t, nil)
	g["gateway.yaml"] += "  \n"
	files := g.files().(fstest.MapFS)
	s, problems := load(t.Context(), files, o, tableOfFilters(), nil)
	if s == nil {
		t.Fatal(text(problems))
	}
	record := ConfigOf(s).Stores["plans"].Records["gold"].(map[string]any)
	value := engine.TreeValue(record)
	for member, want := range map[string]string{"limit": "7", "rate": "1.5", "on": "true", "since": "2026-01-02", "rooms": `["a",2]`, "none": ""} {
		if got := value.Member(member).String(); got != want {
			t.Errorf("%s is %q, want %q", member, got, want)
		}
	}
	if value.Member("limit").Int() != 7 {
		t.Error("a number became a text")
	}
}
