// Command framegate is a WebSocket policy gateway and the tools around it.
//
// Every command is one struct in a file of its own name: its tags are the flags, its Help method the long help, its Run
// method the work. Exit codes are the same for all: 0 done, 1 failed, 2 the command line is wrong.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // filters name time zones; containers commonly have none

	"framegate/engine/console"

	"github.com/alecthomas/kong"
)

// commands is the command line: one field per command, in the order of the help.
type commands struct {
	Dev         devCommand         `cmd:"" help:"Serve a gateway while writing it: watch, echo back end, full records."`
	Run         runCommand         `cmd:"" help:"Serve a gateway."`
	Check       checkCommand       `cmd:"" help:"Find what is wrong with a configuration."`
	Init        initCommand        `cmd:"" help:"Make an empty gateway."`
	Graph       graphCommand       `cmd:"" help:"Draw policies as Mermaid."`
	Explain     explainCommand     `cmd:"" help:"Print the manual of a filter type."`
	List        listCommand        `cmd:"" help:"List filters, attributes, policies or websockets."`
	Schema      schemaCommand      `cmd:"" help:"Print the JSON Schema of the configuration."`
	Hash        hashCommand        `cmd:"" help:"Hash a key or password for a store."`
	Token       tokenCommand       `cmd:"" help:"Sign a JSON Web Token, to try things with."`
	Connect     connectCommand     `cmd:"" help:"Talk to a WebSocket from the terminal or a script."`
	Echo        echoCommand        `cmd:"" help:"Serve a WebSocket back end to try things against."`
	Tail        tailCommand        `cmd:"" help:"Follow the traffic log of a running gateway."`
	Ports       portsCommand       `cmd:"" help:"List the ports of a running gateway, enable and disable them."`
	RemoteHosts remoteHostsCommand `cmd:"" name:"remotehosts" help:"Show the remote hosts of a running gateway: which address is out, since when, why."`
	Revoke      revokeCommand      `cmd:"" help:"Take a token, a key or all of a subject back: sessions close, new ones are refused."`
	Bench       benchCommand       `cmd:"" help:"Measure throughput, latency, CPU and memory of an echoing WebSocket."`
	Version     versionCommand     `cmd:"" help:"Print the version of framegate and of Go."`
	Completion  completionCommand  `cmd:"" help:"Print the completion script for a shell."`
}

// Help closes the overview of all commands.
func (commands) Help() string {
	return `
Start here:

    framegate init my-gateway
    framegate dev my-gateway
    framegate connect ws://127.0.0.1:8080/

Exit codes: 0 done, 1 failed, 2 the command line is wrong.`
}

const about = "framegate is a WebSocket policy gateway: who may connect, where to, and what may be said."

// The exit codes of every command.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// tagVars are what flag tags take from the code as ${name}, so that it stands in one place.
var tagVars = kong.Vars{"echoModes": strings.Join(echoModes, ","), "outcomes": strings.Join(console.Outcomes, ",")}

// stdio is what a command reads and writes instead of the globals of package os, so that tests can stand in.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// usageError is a mistake in the command line that is only found when the command runs. It ends with [exitUsage].
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process the hard way
	code := run(ctx, os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// run is main with everything passed in; it returns the exit code.
func run(ctx context.Context, args []string, std stdio) int {
	exit := -1
	parser, err := newParser(std, func(code int) { exit = code })
	if err != nil {
		return report(std, err, exitFailed)
	}
	if len(args) == 0 {
		parser.Stdout = std.err
		parser.Parse([]string{"--help"})
		return exitUsage
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 { // --help has been printed
		return exit
	}
	if err != nil {
		return report(std, fmt.Errorf("%w (see framegate%s --help)", err, chosen(err)), exitUsage)
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.Bind(parser.Model)
	if err := parsed.Run(std); err != nil {
		return report(std, err, exitFailed)
	}
	return exitDone
}

// newParser builds the command line; exit is called after --help has been printed.
func newParser(std stdio, exit func(int)) (*kong.Kong, error) {
	return kong.New(&commands{},
		kong.Name("framegate"),
		kong.Description(about),
		tagVars,
		kong.Writers(std.out, std.err),
		kong.Exit(exit),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
	)
}

// chosen is the command that a wrong command line had named so far, with a space before it.
func chosen(err error) string {
	var wrong *kong.ParseError
	if errors.As(err, &wrong) && wrong.Context != nil && wrong.Context.Selected() != nil {
		return " " + wrong.Context.Selected().Name
	}
	return ""
}

func report(std stdio, err error, code int) int {
	fmt.Fprintf(std.err, "framegate: %v\n", err)
	if _, wrong := errors.AsType[usageError](err); wrong {
		return exitUsage
	}
	return code
}
