package engine

// healthAnswer answers the probes of whoever watches over the gateway.
func healthAnswer(status int, word string) Answer {
	a := Answer{Status: status, Body: []byte(`{"status":"` + word + `"}` + "\n")}
	a.Headers.Set("Content-Type", "application/json")
	a.Headers.Set("Cache-Control", "no-store")
	return a
}

// Health says that the process serves: 200 as long as it can answer at all.
func (g *Gateway) Health() Answer { return healthAnswer(200, "up") }

// Ready says whether new sessions should come here: 200, or 503 before the first
// configuration is served and once the gateway leaves or shuts down.
func (g *Gateway) Ready() Answer {
	switch {
	case g.draining.Load(), g.leaving.Load():
		return healthAnswer(503, "shutting down")
	case g.now_.Load() == nil:
		return healthAnswer(503, "starting")
	}
	return healthAnswer(200, "ready")
}

// probe answers a request for a port's own paths; ok is false for all others.
func (g *Gateway) probe(p *Port, q *Request) (a Answer, ok bool) {
	switch {
	case q.Path == "" || q.Path != p.Health && q.Path != p.Ready:
		return a, false
	case q.Method != "GET" && q.Method != "HEAD":
		a = refusal(405, "this path takes GET and HEAD", "", "")
		a.Headers.Set("Allow", "GET, HEAD")
		return a, true
	case q.Path == p.Health:
		return g.Health(), true
	}
	return g.Ready(), true
}
