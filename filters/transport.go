package filters

import "net/http"

// transport is how filters ask servers: by the remote hosts' settings.
func (env *Env) transport() http.RoundTripper {
	return http.DefaultTransport
}
