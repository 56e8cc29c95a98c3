package console

import (
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"framegate/engine"
)

// Outcomes are the words for what became of an upgrade, a message or a request.
var Outcomes = []string{"connected", "refused", "relayed", "changed", "dropped", "replied", "closed", "failed", "aborted", "sent", "answered", "proxied", "cut"}

// filter says which records are wanted. Each field is a list of which one must
// match; an empty list matches all.
type filter struct {
	session []string // ids, or how they begin
	kind    []string
	dir     []string
	op      []string
	path    []string // a path with all below it; with * at the end, all that begin so
	outcome []string
}

// filterNames are the query parameters of a filter.
var filterNames = []string{"session", "kind", "dir", "op", "path", "outcome"}

// newFilter reads the filter of a query. Each parameter may be given several
// times; but for path, it holds one value or several with commas between them.
func newFilter(args *fasthttp.Args) (filter, error) {
	var f filter
	fields := map[string]struct {
		into    *[]string
		allowed []string
	}{
		"session": {into: &f.session},
		"kind":    {&f.kind, []string{"upgrade", "frame", "close", "request"}},
		"dir":     {&f.dir, []string{"client", "host"}},
		"op":      {&f.op, []string{"text", "binary", "ping", "pong"}},
		"path":    {into: &f.path},
		"outcome": {&f.outcome, Outcomes},
	}
	for name, value := range args.All() {
		field, ok := fields[string(name)]
		if !ok || len(value) == 0 {
			continue
		}
		words := []string{string(value)}
		if field.into != &f.path { // a path may hold a comma
			words = strings.Split(string(value), ",")
		}
		for _, word := range words {
			if field.allowed != nil && !slices.Contains(field.allowed, word) {
				return f, refuse(fasthttp.StatusBadRequest, "%s must be one of %s, not %q", name, strings.Join(field.allowed, ", "), word)
			}
			*field.into = append(*field.into, word)
		}
	}
	return f, nil
}

func (f *filter) match(r *engine.Record) bool {
	return oneOf(f.kind, r.Kind.String()) && oneOf(f.dir, r.Dir) && oneOf(f.op, r.Op) && oneOf(f.outcome, r.Outcome) &&
		someFits(f.session, r.Session, strings.HasPrefix) && someFits(f.path, r.Path, within)
}

func oneOf(list []string, value string) bool { return len(list) == 0 || slices.Contains(list, value) }

// someFits tells whether one of the list fits the value, or the list is empty.
func someFits(list []string, value string, fits func(value, wanted string) bool) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(wanted string) bool { return fits(value, wanted) })
}

// within tells whether a path is the wanted one or lies below it.
func within(path, wanted string) bool {
	if begin, wild := strings.CutSuffix(wanted, "*"); wild {
		return strings.HasPrefix(path, begin)
	}
	rest, ok := strings.CutPrefix(path, strings.TrimSuffix(wanted, "/"))
	return ok && (rest == "" || rest[0] == '/')
}
