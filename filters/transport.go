package filters

import "net/http"

// transport is how filters ask servers: by the settings of the remote hosts.
func (env *Env) transport() http.RoundTripper {
	if env.Hosts == nil {
		return nil
	}
	return env.Hosts.Transport()
}
