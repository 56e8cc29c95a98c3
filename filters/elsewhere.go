package filters

import "strings"

// elsewhere is what filters are called in other gateways, or by what they are about,
// without separators: nobody can write these names, but everybody who does is told ours.
var elsewhere = map[string]string{
	"acl": "check-group", "addheader": "add-http-header", "alert": "log-message", "apikeyauth": "api-key", "auth": "http-basic",
	"basic": "http-basic", "basicauth": "http-basic", "bearer": "jwt-verify", "block": "false-filter", "cache": "cache-attribute",
	"callout": "call-url", "circuit": "policy", "close": "close-websocket", "connect": "connect-to-url", "cors": "origin",
	"delay": "pause", "delete": "remove-attribute", "deny": "false-filter", "digest": "http-digest", "digestauth": "http-digest",
	"drop": "drop-frame", "false": "false-filter", "header": "add-http-header", "if": "compare-attribute", "introspection": "oauth-introspect",
	"ipfilter": "ip-address", "iprestriction": "ip-address", "ipwhitelist": "ip-address", "javascript": "script", "js": "script",
	"jwt": "jwt-verify", "jwtauth": "jwt-verify", "jwtvalidate": "jwt-verify", "jwtgenerate": "jwt-sign", "keyauth": "api-key",
	"log": "log-message", "logger": "log-message", "mask": "json-mask", "mtls": "client-certificate", "oauth": "oauth-introspect",
	"oauth2": "oauth-introspect", "oidc": "jwt-verify", "proxy": "connect-to-url", "proxypass": "connect-to-url", "ratelimit": "throttling",
	"ratelimiter": "throttling", "ratelimiting": "throttling", "redact": "json-mask", "redirect": "http-redirect", "reject": "http-status",
	"removeheader": "remove-http-header", "respond": "http-status", "return": "http-status", "rewrite": "rewrite-url", "route": "connect-to-url",
	"schema": "json-schema", "send": "send-frame", "setheader": "add-http-header", "shortcut": "policy", "sleep": "pause",
	"sslauth": "client-certificate", "throttle": "throttling", "time": "time-window", "timefilter": "time-window", "true": "true-filter",
	"validate": "json-schema", "validatejson": "json-schema", "waf": "threatening-content",
	"abortfilter": "abort", "addhttpheaderfilter": "add-http-header", "removehttpheaderfilter": "remove-http-header", "circuitreference": "policy",
	"filtercircuit": "policy", "setattributefilter": "set-attribute", "jsonschemavalidationfilter": "json-schema", "jsonerror": "json-error",
}

// Called finds the filter type that does what a name of another gateway, or a word
// for it, says: rate-limit is throttling, cors is origin.
func Called(name string) (string, bool) {
	ours, ok := elsewhere[strings.ToLower(strings.NewReplacer("-", "", "_", "", " ", "").Replace(name))]
	return ours, ok
}
