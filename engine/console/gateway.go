package console

import (
	"errors"
	"time"

	"github.com/valyala/fasthttp"

	"framegate/engine"
)

// Gateway is what GET /api/v1/gateway says.
type Gateway struct {
	Version  string    `json:"version"`
	Instance string    `json:"instance"` // changes when the gateway is started again
	Revision string    `json:"revision"` // of the configuration
	Loaded   time.Time `json:"loaded,omitzero"`
	Ports    []Port    `json:"ports"`
	Sessions int       `json:"sessions"` // how many are open
	Records  uint64    `json:"records"`  // sequence number of the newest record
	Problems []Problem `json:"problems"` // of the last load, warnings included
}

// Problem is something wrong with the configuration.
type Problem struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"` // from 1; missing where no place is known
	Col     int    `json:"col,omitempty"`  // from 1
	What    string `json:"what"`
	Hint    string `json:"hint,omitempty"` // what to write instead
	Warning bool   `json:"warning,omitempty"`
	Excerpt string `json:"excerpt"` // all of it as a person reads it, with the source line and a caret
}

func problemsOf(problems []engine.Problem) []Problem {
	out := make([]Problem, len(problems))
	for i, p := range problems {
		out[i] = Problem{File: p.File, Line: p.Line, Col: p.Col, What: p.What, Hint: p.Hint, Warning: p.Warning, Excerpt: p.Excerpt()}
	}
	return out
}

// getGateway is GET /api/v1/gateway.
func (c *Console) getGateway(ctx *fasthttp.RequestCtx, _ string) error {
	if err := known(ctx); err != nil {
		return err
	}
	g := Gateway{
		Version: c.version, Instance: c.instance, Ports: []Port{}, Sessions: c.gateway.Sessions().Len(),
		Records: c.gateway.Journal().Last(), Problems: problemsOf(c.gateway.Problems()),
	}
	if snapshot := c.gateway.Snapshot(); snapshot != nil {
		g.Revision, g.Loaded = snapshot.Revision, snapshot.Loaded
		g.Ports = portsOf(snapshot, c.gateway.Ports())
	}
	return answer(ctx, fasthttp.StatusOK, g)
}

// Reloaded is the answer to POST /api/v1/reload. With an Error, the
// configuration that ran before still runs.
type Reloaded struct {
	Error    string    `json:"error,omitempty"`
	Revision string    `json:"revision"` // that runs now
	Problems []Problem `json:"problems"`
}

// reload is POST /api/v1/reload: 200 when the new configuration runs, 422 when
// it has errors.
func (c *Console) reload(ctx *fasthttp.RequestCtx, _ string) error {
	if err := known(ctx); err != nil {
		return err
	}
	if err := body(ctx, &struct{}{}); err != nil {
		return err
	}
	problems, err := c.gateway.Reload(c.ending)
	result, status := Reloaded{Problems: problemsOf(problems)}, fasthttp.StatusOK
	switch {
	case errors.Is(err, engine.ErrConfiguration):
		result.Error, status = err.Error(), fasthttp.StatusUnprocessableEntity
	case err != nil:
		return refuse(fasthttp.StatusServiceUnavailable, "%v", err)
	}
	if snapshot := c.gateway.Snapshot(); snapshot != nil {
		result.Revision = snapshot.Revision
	}
	return answer(ctx, status, result)
}
