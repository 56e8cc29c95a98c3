package policies

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"framegate/engine"
	"framegate/scripts"
)

// Whatever stands in gateway.yaml: no panic, an answer in bounded time, and a
// snapshot exactly when there is nothing but warnings.
func FuzzLoad(f *testing.F) {
	seeds, err := filepath.Glob("testdata/*/*/gateway.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range seeds {
		text, err := os.ReadFile(seed)
		if err != nil {
			f.Fatal(err)
		}
		if len(text) < 4<<10 {
			f.Add(string(text))
		}
	}
	f.Add(echo)
	f.Add(everything)
	f.Add("a: &a [*a]\n<<: *a\n? [b]\n: {{x}}\n")
	library := scripts.NewLibrary(scripts.Limits{}, nil, nil)
	f.Cleanup(func() {
		if err := library.Close(); err != nil {
			f.Error(err)
		}
	})
	o := Options{Scripts: library, Env: func(string) (string, bool) { return "", false }}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 64<<10 {
			return
		}
		began := time.Now()
		s, problems := load(t.Context(), one(text).files(), o, tableOfFilters(), nil)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%d bytes took %s", len(text), took)
		}
		if (s == nil) != engine.Broken(problems) {
			t.Errorf("snapshot %v with %d problems", s != nil, len(problems))
		}
		for _, p := range problems {
			if p.Excerpt() == "" || p.Hint == "" {
				t.Errorf("%v: does not say what to write instead", p)
			}
		}
	})
}
