package engine

import (
	"net/netip"
	"time"
)

// ClientSettings are what clients of some networks get instead of what a port
// and its websockets say for all: Axway's remote hosts with the port "incoming".
// A nil field leaves things as they are.
type ClientSettings struct {
	From        []netip.Prefix
	PerClient   *int           // open connections of one address, and its open sessions on one websocket; 0: no limit
	Message     *int64         // bytes of one message; 1009 past it
	MessageTime *time.Duration // from the first byte of a message to its last; 0: no limit
	Idle        *time.Duration // 0: never
	Expire      *time.Duration // 0: never
}

// settingsFor is the index of the settings whose longest network contains a
// client's address; -1 when none does.
func settingsFor(all []ClientSettings, client netip.Addr) int {
	found, longest := -1, -1
	client = client.Unmap()
	for i := range all {
		for _, network := range all[i].From {
			if network.Bits() > longest && network.Contains(client) {
				found, longest = i, network.Bits()
			}
		}
	}
	return found
}

// limitsFor is the port's limits as they are for a client.
func (p *Port) limitsFor(client netip.Addr) PortLimits {
	limits := p.Limits
	if i := settingsFor(p.Clients, client); i >= 0 && p.Clients[i].PerClient != nil {
		limits.PerClient = *p.Clients[i].PerClient
	}
	return limits
}

// forClients makes what the websocket is for each of the port's client settings.
func (w *Websocket) forClients(all []ClientSettings) {
	w.clients, w.variants = all, nil
	for i := range all {
		settings, variant := &all[i], *w
		variant.override(settings)
		w.variants = append(w.variants, &variant)
	}
}

func (w *Websocket) override(c *ClientSettings) {
	setIf(&w.Limits.PerClient, c.PerClient)
	setIf(&w.Limits.Message, c.Message)
	setIf(&w.Limits.MessageTime, c.MessageTime)
	setIf(&w.Idle, c.Idle)
	setIf(&w.Expire, c.Expire)
}

func setIf[T any](to *T, value *T) {
	if value != nil {
		*to = *value
	}
}

// forClient is the websocket as it is for a client.
func (w *Websocket) forClient(client netip.Addr) *Websocket {
	if i := settingsFor(w.clients, client); i >= 0 {
		return w.variants[i]
	}
	return w
}
