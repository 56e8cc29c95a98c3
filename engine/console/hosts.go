package console

import (
	"github.com/valyala/fasthttp"

	"framegate/engine"
)

// RemoteHosts is the answer to GET /api/v1/remotehosts: the declared remote
// hosts by name, as they are now.
type RemoteHosts struct {
	RemoteHosts []engine.RemoteHost `json:"remoteHosts"`
}

// getRemoteHosts is GET /api/v1/remotehosts.
func (c *Console) getRemoteHosts(ctx *fasthttp.RequestCtx, _ string) error {
	if err := known(ctx); err != nil {
		return err
	}
	hosts := []engine.RemoteHost{}
	if snapshot := c.gateway.Snapshot(); snapshot != nil && snapshot.RemoteHosts != nil {
		hosts = snapshot.RemoteHosts()
	}
	return answer(ctx, fasthttp.StatusOK, RemoteHosts{hosts})
}
