package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"framegate/engine"
	"framegate/engine/console"
)

type remoteHostsCommand struct {
	Name  []string `arg:"" optional:"" placeholder:"NAME" help:"Only these remote hosts."`
	URL   string   `default:"http://127.0.0.1:8090" placeholder:"URL" help:"The console of the gateway (${default})."`
	Token string   `env:"FRAMEGATE_TOKEN" placeholder:"TOKEN" help:"The token that the console asks for; the environment shows it to fewer people."`
	JSON  bool     `name:"json" help:"Print what the console says, as JSON."`
}

func (remoteHostsCommand) Help() string {
	return `
One line for each address of each remote host of a running gateway: whether it is in or out, open connections, response
time, and of what is out for how long already, when it is tried again and why. A line above them tells of a host whose
circuit breaker is open.

    framegate remotehosts
    framegate remotehosts chat --json`
}

// Validate is called by kong once all flags are known.
func (c *remoteHostsCommand) Validate() error { return checkConsoleURL(c.URL) }

// Run prints the remote hosts as they are now.
func (c *remoteHostsCommand) Run(ctx context.Context, std stdio) error {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := consoleClient{base: strings.TrimSuffix(c.URL, "/"), token: c.Token, http: http.Client{Transport: transport, Timeout: 30 * time.Second}}
	var answer console.RemoteHosts
	if err := client.get(ctx, "remotehosts", nil, &answer); err != nil {
		return err
	}
	if err := c.choose(&answer); err != nil {
		return err
	}
	if c.JSON {
		out := json.NewEncoder(std.out)
		out.SetIndent("", "  ")
		return out.Encode(answer)
	}
	return writeRemoteHosts(std.out, answer.RemoteHosts, time.Now())
}

// choose leaves only the hosts that were asked for.
func (c *remoteHostsCommand) choose(answer *console.RemoteHosts) error {
	if len(c.Name) == 0 {
		return nil
	}
	var all []string
	for _, h := range answer.RemoteHosts {
		all = append(all, h.Name)
	}
	for _, name := range c.Name {
		if !slices.Contains(all, name) {
			return fmt.Errorf("there is no remote host %q; there is %s", name, cmp.Or(printable(strings.Join(all, ", ")), "none"))
		}
	}
	answer.RemoteHosts = slices.DeleteFunc(answer.RemoteHosts, func(h engine.RemoteHost) bool { return !slices.Contains(c.Name, h.Name) })
	return nil
}

func writeRemoteHosts(w io.Writer, hosts []engine.RemoteHost, now time.Time) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "HOST\tADDRESS\tPRIORITY\tWEIGHT\tSTATE\tOPEN\tRESPONSE\tWHY")
	for _, h := range hosts {
		limit := ""
		if h.Limit > 0 {
			limit = fmt.Sprintf("/%d", h.Limit)
		}
		if h.Breaker != nil {
			fmt.Fprintf(out, "%s\t(all)\t\t\tbreaker open\t%d%s\t\t%s\n", printable(h.Name), h.Open, limit, setbackText(h.Breaker, now))
		}
		for _, a := range h.Addresses {
			fmt.Fprintf(out, "%s\t%s\t%s\t%d\t%s\t%d\t%s\t%s\n", printable(h.Name), printable(a.Address), printable(a.Priority), a.Weight,
				addressState(&a), a.Open, responseText(a.Response), setbackText(a.Out, now))
		}
	}
	return out.Flush()
}

func addressState(a *engine.RemoteHostAddress) string {
	switch {
	case a.Removed:
		return "removed"
	case a.In:
		return "in"
	}
	return "out"
}

func responseText(millis float64) string {
	if millis == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f ms", millis)
}

// setbackText says why something is out, since when, and until when.
func setbackText(s *engine.Setback, now time.Time) string {
	if s == nil {
		return ""
	}
	next := "is tried by the next upgrade"
	if left := s.Until.Sub(now); left > 0 {
		next = "is tried in " + left.Round(time.Second).String()
	}
	return fmt.Sprintf("%s (for %s, %d failures, %s)", printable(s.Why), now.Sub(s.Since).Round(time.Second), s.Failures, next)
}
