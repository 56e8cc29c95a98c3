package console

import (
	"strconv"

	"github.com/valyala/fasthttp"

	"framegate/engine"
)

const (
	defaultLimit = 100  // records of one answer
	maxLimit     = 1000 // records of one answer at most
	window       = 256  // records looked at in one go
)

// Frames is the answer to GET /api/v1/frames.
type Frames struct {
	Records []Record `json:"records"` // oldest first
	Lost    uint64   `json:"lost"`    // how many after the asked one, whatever they were, are no longer kept
	Next    uint64   `json:"next"`    // the after of the next page
}

// getFrames is GET /api/v1/frames: the records after a sequence number, or the
// last so many, that match a filter.
func (c *Console) getFrames(ctx *fasthttp.RequestCtx, _ string) error {
	if err := known(ctx, append([]string{"after", "last", "limit"}, filterNames...)...); err != nil {
		return err
	}
	args := ctx.QueryArgs()
	f, err := newFilter(args)
	if err != nil {
		return err
	}
	after, _, err := number(args, "after", 0)
	if err != nil {
		return err
	}
	limit, _, err := number(args, "limit", defaultLimit)
	if err != nil {
		return err
	}
	last, newest, err := number(args, "last", 0)
	if err != nil {
		return err
	}
	if limit < 1 || limit > maxLimit || last > maxLimit {
		return refuse(fasthttp.StatusBadRequest, "limit and last must be at most %d, and limit at least 1", maxLimit)
	}
	var page Frames
	if newest {
		page = lastFrames(c.gateway.Journal(), &f, int(last))
	} else {
		page = framesAfter(c.gateway.Journal(), &f, after, int(limit))
	}
	return answer(ctx, fasthttp.StatusOK, page)
}

// number reads a parameter that counts.
func number(args *fasthttp.Args, name string, otherwise uint64) (n uint64, given bool, err error) {
	for k, v := range args.All() {
		if string(k) != name {
			continue
		}
		given = true
		if n, err = strconv.ParseUint(string(v), 10, 64); err != nil {
			return 0, true, refuse(fasthttp.StatusBadRequest, "%s must be a number, not %q", name, v)
		}
	}
	if !given {
		n = otherwise
	}
	return n, given, nil
}

// framesAfter collects what matches after a sequence number, up to limit.
func framesAfter(j *engine.Journal, f *filter, after uint64, limit int) Frames {
	page := Frames{Records: []Record{}, Next: after}
	for {
		records, lost := j.Read(page.Next, window)
		page.Lost += lost
		if len(records) == 0 {
			return page
		}
		for i := range records {
			page.Next = records[i].Seq
			if !f.match(&records[i]) {
				continue
			}
			page.Records = append(page.Records, recordOf(&records[i]))
			if len(page.Records) == limit {
				return page
			}
		}
	}
}

// lastFrames collects the newest n that match, going back through the journal.
func lastFrames(j *engine.Journal, f *filter, n int) Frames {
	newest := j.Last()
	var found []Record // newest first
	for to := newest; to > 0 && len(found) < n; {
		from := to - min(to, window)
		records, lost := j.Read(from, int(to-from))
		for i := len(records) - 1; i >= 0 && len(found) < n; i-- {
			if r := &records[i]; r.Seq <= to && f.match(r) {
				found = append(found, recordOf(r))
			}
		}
		if lost > 0 {
			break
		}
		to = from
	}
	page := Frames{Records: make([]Record, 0, len(found)), Next: newest}
	for i := len(found) - 1; i >= 0; i-- {
		page.Records = append(page.Records, found[i])
	}
	return page
}
