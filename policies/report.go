package policies

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"framegate/engine"
)

// maxProblems is how many problems one check lists; a file that is no
// configuration at all would give one per line.
const maxProblems = 100

// report collects the problems of a configuration.
type report struct {
	problems []engine.Problem
	secrets  map[string]string // values from the environment and files: what to show in their place
}

// errorf adds a problem that refuses the configuration; hint says what to write instead.
func (r *report) errorf(at place, hint, format string, args ...any) {
	r.add(at.problem(fmt.Sprintf(format, args...), hint))
}

// warnf adds a problem that does not.
func (r *report) warnf(at place, hint, format string, args ...any) {
	p := at.problem(fmt.Sprintf(format, args...), hint)
	p.Warning = true
	r.add(p)
}

func (r *report) add(p engine.Problem) {
	p.What, p.Hint = printable(r.hide(p.What)), printable(r.hide(p.Hint))
	r.problems = append(r.problems, p)
}

// hide puts the {{…}} that was written in the place of every secret.
func (r *report) hide(text string) string {
	longestFirst := func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) }
	for _, secret := range slices.SortedFunc(maps.Keys(r.secrets), longestFirst) {
		text = strings.ReplaceAll(text, secret, r.secrets[secret])
	}
	return text
}

// broken tells whether the configuration is refused so far.
func (r *report) broken() bool { return engine.Broken(r.problems) }

// samePlace tells whether the second problem is not worth saying beside the
// first: one mistake is often found twice, by the decoder and by what uses the value.
func samePlace(a, b engine.Problem) bool {
	return a.Position == b.Position && (a.Line > 0 || a.What == b.What) && (!a.Warning || b.Warning)
}

// sorted lists the problems by file and line, the first of each place.
func (r *report) sorted() []engine.Problem {
	all := r.problems
	slices.SortStableFunc(all, func(a, b engine.Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	all = slices.CompactFunc(all, samePlace)
	if rest := len(all) - maxProblems; rest > 0 {
		broken := engine.Broken(all)
		all = append(all[:maxProblems:maxProblems], engine.Problem{
			What: fmt.Sprintf("%d more problems", rest), Hint: "mend those above first, then check again", Warning: !broken,
		})
	}
	return all
}
