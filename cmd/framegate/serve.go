package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"framegate/engine"
	"framegate/engine/console"
	"framegate/engine/state"
	"framegate/policies"
	"framegate/scripts"
)

const (
	// stateSize bounds what filters and scripts keep beyond a session, in bytes, until the configuration says.
	stateSize = 64 << 20
	// devPayloads is how many bytes of payloads `framegate dev` keeps of each message.
	devPayloads = 10 << 10
)

// server is everything of one running gateway, put together.
type server struct {
	dir     string
	std     stdio
	log     *slog.Logger
	scripts *scripts.Library
	state   *state.Disk
	gateway *engine.Gateway
	console *console.Console
	echo    *echoServer // under `framegate dev`
	echoAt  string
	watch   bool
	files   *watcher // nil without watch
}

// newServer puts a gateway together; dev gives it a back end and fuller records.
func newServer(dir string, std stdio, dev, watch bool) (*server, error) {
	s := &server{dir: dir, std: std, watch: watch, log: slog.New(slog.NewTextHandler(std.err, nil))}
	s.state = state.NewDisk(stateSize, nil, s.log)
	options := policies.Options{State: s.state, Log: s.log}
	if dev {
		if err := s.startEcho(); err != nil {
			return nil, err
		}
		options.Payloads, options.Trails, options.StandIn = devPayloads, 1, s.echoAt
	}
	s.scripts = scripts.NewLibrary(scripts.Limits{}, options.State, s.log)
	options.Scripts = s.scripts
	s.gateway = engine.New(s.log, s.keeping(policies.Loader(dir, options)))
	s.gateway.State = options.State
	return s, nil
}

// keeping is a loader whose snapshots, when they are going to be served, have their state kept where they say.
func (s *server) keeping(load engine.Loader) engine.Loader {
	return func(ctx context.Context, old *engine.Snapshot) (*engine.Snapshot, []engine.Problem) {
		next, problems := load(ctx, old)
		if next != nil {
			next.Starters = append([]engine.Starter{&stateStarter{s, next.State}}, next.Starters...)
		}
		return next, problems
	}
}

// stateStarter opens the state file.
type stateStarter struct {
	server *server
	file   engine.StateFile
}

// Start opens the file, unless one is open or the state is kept in memory.
func (s *stateStarter) Start() error {
	disk, path := s.server.state, s.file.Path
	disk.Limit(s.file.Size)
	if path == "" || disk.Opened() {
		return nil
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.server.dir, path)
	}
	return disk.Open(path, s.file.Needed)
}

// startEcho starts the back end that stands in for every remote host marked `dev: echo`.
func (s *server) startEcho() error {
	settings, err := defaultEchoSettings()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("start the echo back end: %w", err)
	}
	s.echo, s.echoAt = newEchoServer(settings), l.Addr().String()
	s.echo.Start(l)
	return nil
}

// run serves until the context ends, and then ends every session.
func (s *server) run(ctx context.Context) error {
	paceCollections()
	if err := s.start(ctx); err != nil {
		return err
	}
	s.banner()
	return s.serve(ctx)
}

// start loads the configuration and opens the ports and the console. After an
// error nothing is left running.
func (s *server) start(ctx context.Context) error {
	problems, err := s.gateway.Start(ctx)
	writeProblems(s.std.err, problems)
	if err != nil {
		s.close()
		return configurationError(s.dir, err, problems)
	}
	if err = s.startConsole(); err == nil && s.watch {
		s.files, err = watchDirectory(s.dir, s.log)
	}
	if err != nil {
		return errors.Join(err, s.stop())
	}
	return nil
}

// serve reloads when it is told to, until the context ends.
func (s *server) serve(ctx context.Context) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	var changed <-chan struct{}
	if s.files != nil {
		changed = s.files.changed
	}
	for {
		select {
		case <-ctx.Done():
			s.leave()
			return s.stop()
		case <-hangup:
			s.reload(ctx, "SIGHUP")
		case <-changed:
			s.reload(ctx, "files changed")
		}
	}
}

func (s *server) startConsole() error {
	settings := s.gateway.Snapshot().Console
	if settings.Listen == "" {
		return nil
	}
	s.console = console.New(s.gateway, settings, version(), s.log)
	if err := s.console.Start(); err != nil {
		s.console = nil
		return fmt.Errorf("console: %w", err)
	}
	return nil
}

// reload takes over the configuration as it is now; a broken one changes nothing.
func (s *server) reload(ctx context.Context, why string) {
	problems, err := s.gateway.Reload(ctx)
	writeProblems(s.std.err, problems)
	if err != nil {
		s.log.Error("reload refused, the running configuration stays", "because", why, "problems", len(problems))
	}
}

// leave says that new clients should go elsewhere, and lets the load balancer notice.
func (s *server) leave() {
	s.gateway.Leave()
	if delay := s.gateway.Snapshot().Shutdown.Delay; delay > 0 {
		s.log.Info("leaving: not ready any more", "ports close in", delay)
		time.Sleep(delay)
	}
}

// stop ends every session with 1001, and then everything else.
func (s *server) stop() error {
	defer s.close()
	s.log.Info("stopping", "sessions", s.gateway.Sessions().Len())
	ctx, cancel := context.WithTimeout(context.Background(), s.gateway.Snapshot().Shutdown.Timeout)
	defer cancel()
	err := s.gateway.Shutdown(ctx)
	if s.console != nil {
		err = errors.Join(err, s.console.Shutdown(ctx))
	}
	return err
}

// close frees what needs no peer's leave.
func (s *server) close() {
	if s.files != nil {
		s.files.close()
	}
	s.scripts.Close()
	if err := s.state.Close(); err != nil {
		s.log.Error("the last changes of the state are lost", "error", err)
	}
	if s.echo != nil {
		s.echo.Close()
	}
}

// banner says what listens where and what to type next.
func (s *server) banner() {
	out := s.std.out
	snapshot := s.gateway.Snapshot()
	fmt.Fprintf(out, "framegate serves %s\n", s.dir)
	var first string
	for _, port := range s.gateway.Ports() {
		name, p := port.Name, snapshot.Ports[port.Name]
		for _, address := range port.Addresses {
			scheme := "ws"
			if address.TLS {
				scheme = "wss"
			}
			for _, w := range p.Websockets {
				url := scheme + "://" + address.Address + w.Path
				fmt.Fprintf(out, "  port %-10s %s%s\n", name, url, hooks(w))
				if first == "" {
					first = url
				}
			}
			for _, r := range p.Routes {
				fmt.Fprintf(out, "  port %-10s %s://%s%s  %s\n", name, strings.Replace(scheme, "ws", "http", 1), address.Address, r.Path, answers(r))
			}
		}
	}
	if s.echo != nil {
		fmt.Fprintf(out, "  %-15s ws://%s/ stands in for the remote hosts marked dev: echo\n", "echo back end", s.echoAt)
	}
	if s.console != nil {
		fmt.Fprintf(out, "  %-15s http://%s/\n", "console", s.console.Address())
	}
	if first != "" {
		fmt.Fprintf(out, "\nnext:  %s connect %s%s\n       %[1]s tail%[4]s\n", self(), first, hintFor(s.dir), s.consoleFlag())
	}
}

// consoleFlag is what commands need to find the console where it is not at the usual place.
func (s *server) consoleFlag() string {
	if s.console == nil || s.console.Address() == "127.0.0.1:8090" {
		return ""
	}
	return " --url http://" + s.console.Address()
}

// self is how this program was called, for the next command to type.
func self() string {
	if path, err := os.Executable(); err == nil && strings.Contains(filepath.ToSlash(path), "/go-build") {
		return "go run ./cmd/framegate"
	}
	return "framegate"
}

// hooks names the policies of a websocket.
func hooks(w *engine.Websocket) string {
	var parts []string
	for _, h := range []struct {
		hook   string
		policy *engine.Policy
	}{{"upgrade", w.Upgrade}, {"client frames", w.ClientFrame}, {"server frames", w.ServerFrame}, {"close", w.Closed}} {
		if h.policy != nil {
			parts = append(parts, h.hook+": "+h.policy.Name)
		}
	}
	return "  (" + strings.Join(parts, ", ") + ")"
}

// answers names the policy of a route, and the methods that it takes.
func answers(r *engine.Route) string {
	if len(r.Methods) == 0 {
		return "(request: " + r.Request.Name + ")"
	}
	return "(" + strings.Join(r.Methods, ", ") + " request: " + r.Request.Name + ")"
}

// writeProblems prints problems as a person reads them.
func writeProblems(w io.Writer, problems []engine.Problem) {
	for _, p := range problems {
		fmt.Fprintln(w, p.Excerpt())
	}
}

// configurationError is the last line after the problems.
func configurationError(dir string, err error, problems []engine.Problem) error {
	if !errors.Is(err, engine.ErrConfiguration) {
		return err
	}
	broken := 0
	for _, p := range problems {
		if !p.Warning {
			broken++
		}
	}
	if broken == 1 {
		return fmt.Errorf("%s has 1 error", dir)
	}
	return fmt.Errorf("%s has %d errors", dir, broken)
}
