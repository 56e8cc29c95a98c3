package policies

import (
	"context"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"framegate/engine"
	"framegate/scripts"
)

// echo is a gateway of one websocket whose upgrade policy connects.
const echo = `
ports:
  public:
    listen: 127.0.0.1:8080
    websockets:
      - path: /chat
        onUpgrade: admit
policies:
  admit:
    filters:
      - type: connect-to-url
        url: ws://127.0.0.1:9001/
`

// gateway is a directory in memory: file names and their text.
type gateway map[string]string

func (g gateway) files() fs.FS {
	files := make(fstest.MapFS)
	for name, text := range g {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

// options are those of a test: no environment but the given.
func options(t testing.TB, env map[string]string) Options {
	t.Helper()
	library := scripts.NewLibrary(scripts.Limits{}, nil, nil)
	t.Cleanup(func() {
		if err := library.Close(); err != nil {
			t.Error(err)
		}
	})
	return Options{Scripts: library, Env: func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	}}
}

// load loads a gateway that must have no problem, not even a warning.
func (g gateway) load(t testing.TB, o Options, old *engine.Snapshot) *engine.Snapshot {
	t.Helper()
	snapshot, problems := load(context.Background(), g.files(), o, tableOfFilters(), old)
	if snapshot == nil || len(problems) > 0 {
		t.Fatalf("the gateway has problems:\n%s", text(problems))
	}
	return snapshot
}

// problems loads a gateway and gives what is said about it.
func (g gateway) problems(t testing.TB, o Options) string {
	t.Helper()
	_, problems := load(context.Background(), g.files(), o, tableOfFilters(), nil)
	return text(problems)
}

// one is a gateway of one file.
func one(text string) gateway { return gateway{"gateway.yaml": text} }

// with puts lines into echo's websocket.
func websocketWith(lines string) gateway {
	return one(strings.Replace(echo, "        onUpgrade: admit\n", "        onUpgrade: admit\n"+indented(lines, 8), 1))
}

// portWith puts lines into echo's port.
func portWith(lines string) gateway {
	return one(strings.Replace(echo, "    websockets:", indented(lines, 4)+"    websockets:", 1))
}

func indented(lines string, by int) string {
	var b strings.Builder
	for _, line := range strings.Split(strings.Trim(lines, "\n"), "\n") {
		b.WriteString(strings.Repeat(" ", by) + line + "\n")
	}
	return b.String()
}

// arrows writes a policy's graph: name -success-> … -failure-> ….
func arrows(p *engine.Policy) []string {
	end := func(i int) string {
		switch i {
		case engine.EndPass:
			return "pass"
		case engine.EndFail:
			return "fail"
		}
		return p.Nodes[i].Name
	}
	var lines []string
	for i := range p.Nodes {
		lines = append(lines, p.Nodes[i].Name+": "+end(p.Nodes[i].Success)+" | "+end(p.Nodes[i].Failure))
	}
	return lines
}
