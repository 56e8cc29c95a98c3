package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"

	"framegate/engine/console"
)

type portsCommand struct {
	Action string `arg:"" enum:"list,enable,disable,reset" default:"list" help:"What to do: ${enum} (${default})."`
	Name   string `arg:"" optional:"" placeholder:"NAME" help:"The port's name."`
	Drain  bool   `help:"Close the sessions of a port that is disabled, within 10 seconds; else they go on."`
	URL    string `default:"http://127.0.0.1:8090" placeholder:"URL" help:"The console of the gateway (${default})."`
	Token  string `env:"FRAMEGATE_TOKEN" placeholder:"TOKEN" help:"The token that the console asks for; the environment shows it to fewer people."`
}

func (portsCommand) Help() string {
	return `
A disabled port accepts nothing more; its sessions go on unless --drain closes them (1012). What is enabled or disabled so stays
over reloads, until the gateway ends or the configuration changes the port's enabled:. reset gives it back to the configuration.

    framegate ports
    framegate ports disable public --drain
    framegate ports enable public
    framegate ports reset public`
}

// Validate is called by kong once all flags are known.
func (c *portsCommand) Validate() error {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("--url %q is not the address of a console; want one like http://127.0.0.1:8090", c.URL)
	case c.Action == "list" && c.Name != "":
		return fmt.Errorf("ports list takes no name; did you mean ports enable %s or ports disable %s?", c.Name, c.Name)
	case c.Action != "list" && c.Name == "":
		return fmt.Errorf("ports %s needs the name of a port", c.Action)
	case c.Drain && c.Action != "disable" && c.Action != "reset":
		return fmt.Errorf("--drain is for a port that is disabled")
	}
	return nil
}

// Run prints the ports, or the one that was switched as it is now.
func (c *portsCommand) Run(ctx context.Context, std stdio) error {
	client := &consoleClient{base: strings.TrimSuffix(c.URL, "/"), token: c.Token, http: http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	if c.Action == "list" {
		var all console.Ports
		if err := client.get(ctx, "ports", nil, &all); err != nil {
			return err
		}
		return writePorts(std, all.Ports)
	}
	order := map[string]any{"reset": true}
	if c.Action != "reset" {
		order = map[string]any{"enabled": c.Action == "enable"}
	}
	if c.Drain {
		order["sessions"] = "drain"
	}
	var one console.Port
	if err := client.post(ctx, "ports/"+url.PathEscape(c.Name), order, &one); err != nil {
		return err
	}
	return writePorts(std, []console.Port{one})
}

// writePorts prints one line for each port.
func writePorts(std stdio, ports []console.Port) error {
	out := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	for _, p := range ports {
		state := "enabled"
		if p.Disabled {
			state = "disabled"
		}
		if p.Switched {
			state += " by hand"
		}
		if p.Missing != "" {
			state = "waits for " + printable(p.Missing)
		}
		var urls []string
		for _, address := range p.Addresses {
			scheme := "ws"
			if slices.Contains(p.TLS, address) {
				scheme = "wss"
			}
			urls = append(urls, scheme+"://"+address)
		}
		fmt.Fprintf(out, "%s\t%s\t%d sessions\t%s\n", printable(p.Name), state, p.Sessions, printable(strings.Join(urls, " ")))
	}
	return out.Flush()
}
