package policies

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"framegate/engine"
	"framegate/scripts"
)

var update = flag.Bool("update", false, "write the golden files anew")

// check loads a gateway directory as `framegate check` does.
func check(t testing.TB, dir string) (*engine.Snapshot, []engine.Problem) {
	t.Helper()
	library := scripts.NewLibrary(scripts.Limits{}, nil, nil)
	t.Cleanup(func() {
		if err := library.Close(); err != nil {
			t.Error(err)
		}
	})
	return Load(context.Background(), dir, Options{Scripts: library}, nil)
}

// text is what `framegate check` prints.
func text(problems []engine.Problem) string {
	var b strings.Builder
	for _, p := range problems {
		b.WriteString(p.Excerpt() + "\n")
	}
	return b.String()
}

// golden compares with a file beside the gateway.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("problems differ from %s (- want, + got):\n%s", file, diff)
	}
}

// goWords are names that mean something in Go and nothing to an author.
var goWords = regexp.MustCompile(`\b(u?int\d*|float64|bool|struct|\[\]|map\[|nil|interface|netip|strconv|regexp|unmarshal|UnmarshalText|Parse[A-Z]\w+|time\.|engine\.|filters\.|policies\.\w+\))\b`)

// Every directory in testdata/broken is a gateway with one fault; those called
// ten-faults-… have ten.
func TestBrokenGateways(t *testing.T) {
	dirs, err := filepath.Glob("testdata/broken/*")
	if err != nil || len(dirs) < 42 {
		t.Fatalf("%d broken gateways, %v", len(dirs), err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			snapshot, problems := check(t, dir)
			golden(t, filepath.Join(dir, "problems.golden"), text(problems))
			if snapshot != nil || !engine.Broken(problems) {
				t.Fatal("the gateway was accepted")
			}
			want := 1
			if strings.HasPrefix(filepath.Base(dir), "ten-faults") {
				want = 10
			}
			if len(problems) != want {
				t.Errorf("%d problems, want %d", len(problems), want)
			}
			for _, p := range problems {
				wellSaid(t, p)
			}
		})
	}
}

// wellSaid holds what every problem promises.
func wellSaid(t *testing.T, p engine.Problem) {
	t.Helper()
	switch {
	case p.Hint == "":
		t.Errorf("%v: does not say what to write instead", p)
	case p.File == "":
		t.Errorf("%v: has no place", p)
	case goWords.MatchString(p.What + " " + p.Hint):
		t.Errorf("%v (%s): speaks Go: %q", p, p.Hint, goWords.FindString(p.What+" "+p.Hint))
	case p.Source != "" && p.Col+p.Width-1 > len([]rune(p.Source))+1:
		t.Errorf("%v: the caret ends %d columns behind the line", p, p.Col+p.Width-1-len([]rune(p.Source)))
	}
}

// Every directory in testdata/warned is a gateway that runs and deserves one warning.
func TestWarnings(t *testing.T) {
	dirs, err := filepath.Glob("testdata/warned/*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("%d gateways, %v", len(dirs), err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			snapshot, problems := check(t, dir)
			golden(t, filepath.Join(dir, "problems.golden"), text(problems))
			if snapshot == nil || len(problems) != 1 || !problems[0].Warning {
				t.Fatalf("want a snapshot and one warning, got %v and %d problems", snapshot != nil, len(problems))
			}
			wellSaid(t, problems[0])
		})
	}
}
