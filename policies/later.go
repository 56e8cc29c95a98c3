package policies

import "strings"

// laterKeys are keys that the design has and this version has not, by what they
// stand in. They are refused by name: a key that does nothing would be worse.
var laterKeys = map[string]map[string]string{
	"gateway": {
		"apis": "APIs, plans and subscriptions come with a later version", "plans": "plans come with a later version",
		"applications": "applications come with a later version", "endpoints": "endpoints come with a later version",
		"bridges": "HTTP bridges come with a later version", "cluster": "fleets come with a later version",
	},
	"websocket": {
		"endpoint": "endpoints come with a later version",
	},
	"trafficLog": {
		"directory": "the traffic log is kept in memory in this version", "file": "the traffic log is kept in memory in this version",
		"redact": "Authorization, Cookie and API keys are always redacted; a list of one's own comes with a later version",
	},
}

// later says since when a key will be there; empty when it is unknown.
func later(what, key string) string { return laterKeys[what][key] }

// otherWords are what other gateways, and the sections themselves, call things.
var otherWords = map[string]map[string]string{
	"gateway": {
		"listeners": "write `ports:`", "remotehosts": "write `remoteHosts:`", "upstreams": "write `remoteHosts:`", "backends": "write `remoteHosts:`",
		"websockets": "websockets belong to a port: write them under `ports: {NAME: {websockets: […]}}`",
		"name":       "a gateway has no name; its directory is its name", "kind": "write the things themselves at top level: `ports:`, `policies:`, `remoteHosts:`, `stores:`",
		"filters": "filters belong to a policy: write `policies: {NAME: {filters: […]}}`",
	},
	"port": {
		"port": "write host and port into `listen: 127.0.0.1:8080`", "address": "write host and port into `listen: 127.0.0.1:8080`",
		"host": "write host and port into `listen: 127.0.0.1:8080`", "paths": "write `websockets:`", "bind": "write `listen:`",
	},
	"websocket": {
		"onOpen": "write `onUpgrade:`", "upgrade": "write `onUpgrade:`", "onMessage": "write `onClientFrame:` or `onServerFrame:`",
		"onFrame": "write `onClientFrame:` or `onServerFrame:`", "client": "write `onClientFrame:`", "server": "write `onServerFrame:`",
		"close": "write `onClose:`", "protocols": "write `subprotocols:`", "maxMessage": "write `limits: {message: 1MiB}`",
		"timeout": "write `idleTimeout:` or `expire:`", "policy": "write `onUpgrade:`",
	},
	"route": {
		"policy": "write `onRequest:`", "onUpgrade": "an upgrade is for a websocket: write `onRequest:`, or move it under `websockets:`", "method": "write `methods:`",
		"url": "write `path:`, and `connect-to-url` into the policy", "backend": "write `connect-to-url` into the policy", "proxy": "write `connect-to-url` into the policy",
		"cors": "let the policy answer: `methods` without OPTIONS answers it by itself, with Allow only", "hosts": "write `host:`",
	},
	"policy": {
		"start": "the first filter of the list is the start", "steps": "write `filters:`", "chain": "write `filters:`",
		"faultHandler": "write `fault:` with the name of a filter of this policy",
	},
	"remote host": {
		"loadBalancing": "write `balancing:`", "loadBalancer": "write `balancing:`", "retry": "write `retries:`", "circuitBreaker": "write `breaker:`",
		"healthCheck": "write `watchdog:`", "outlierDetection": "write `ejection:`",
		"url": "write `host:` and `port:`", "address": "write `host:` and `port:`", "alias": "the key above is the name",
		"name": "the key above is the name", "timeout": "write `connectTimeout:` or `activeTimeout:`",
	},
	"tls": {
		"verify": "certificates are always checked; `trustAll: true` switches that off, for tests only", "verifyHostname": "write `verifyHost:`",
		"insecure": "write `trustAll: true`, for tests only", "certificate": "write `cert:`", "privateKey": "write `key:`",
	},
	"compression": {
		"enabled": "write `compression: on`", "level": "there is one level, the fast one", "threshold": "write `minSize:`",
		"clientNoContextTakeover": "write `peerContext: 0`, the default", "serverNoContextTakeover": "write `context: 0`",
		"clientMaxWindowBits": "write `peerContext: 4KiB` for 12 bits", "server": "write `host:`",
	},
	"store": {"path": "write `file:`", "key": "the key of a record is the key of the map"},
}

// elsewhere says what a key of another gateway is called here.
func elsewhere(what, key string) string {
	if strings.HasPrefix(what, "filter type") {
		return filterWords[key]
	}
	return otherWords[what][key]
}

// filterWords are the words of other gateways for what every filter has.
var filterWords = map[string]string{
	"pass": "write `success:`", "onSuccess": "write `success:`", "then": "write `success:`",
	"fail": "write `failure:`", "onFailure": "write `failure:`", "else": "write `failure:`",
	"id": "write `name:`", "next": "write `success:`",
	"fault": "`fault:` belongs to the policy, beside `filters:`",
}
