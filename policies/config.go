package policies

import (
	"embed"
	"time"

	"framegate/engine"
	"framegate/remotehosts"
)

// Source is this package's own source: the comments of [Config] and what is in
// it are the descriptions of the schema.
//
//go:embed config.go port_config.go route_config.go
var Source embed.FS

// Config is what the author wrote, decoded: the top-level keys of all files of
// the gateway together.
type Config struct {
	// Version is the version of the configuration's language.
	Version int `yaml:"version" default:"1" min:"1" max:"1"`
	// Include names more files, by pattern (extra/*.yaml), relative to the gateway's directory.
	Include []string `yaml:"include"`
	// Values is the file with the values for {{name}}, relative to the gateway's directory.
	Values string `yaml:"values" default:"values.yaml"`
	// FaultHandler is the policy that runs when a policy fails or aborts and has no fault handler of its own. It is left out in hooks in which one of its filters makes no sense: with json-error it answers upgrades, and messages end as onFrameFault says.
	FaultHandler reference `yaml:"faultHandler"`
	// ShowReason sends the reason of a refusal to the client. Reasons name filters and attributes: for development.
	ShowReason bool `yaml:"showReason" default:"false"`
	// Console says where the console and its REST API listen.
	Console Console `yaml:"console"`
	// TrafficLog says what the traffic log keeps, unless a websocket says otherwise.
	TrafficLog TrafficLog `yaml:"trafficLog"`
	// Limits bounds all sessions together.
	Limits GatewayLimits `yaml:"limits"`
	// Shutdown says how the process ends when it is told to.
	Shutdown Shutdown `yaml:"shutdown"`
	// Scripts bounds what scripts may do.
	Scripts Scripts `yaml:"scripts"`
	// State says where counts of quotas, and what scripts put into state, are kept: disk, memory (they end with the process), or its keys.
	State State `yaml:"state" default:"disk"`
	// Ports are the listeners, by name.
	Ports map[string]*Port `yaml:"ports"`
	// RemoteHosts are the back ends, by name.
	RemoteHosts map[string]*remotehosts.Definition `yaml:"remoteHosts"`
	// Policies are the graphs of filters, by name.
	Policies map[string]*Policy `yaml:"policies"`
	// Stores are sets of keyed records, by name.
	Stores map[string]*Store `yaml:"stores"`
}

// Console says where the console listens and who may use it.
type Console struct {
	// Listen is the address of the console, host:port; off switches it off.
	Listen string `yaml:"listen" default:"127.0.0.1:8090"`
	// Token is asked of everybody when set. It is required when the console listens on more than loopback.
	Token string `yaml:"token"`
}

// TrafficLog says what the traffic log keeps.
type TrafficLog struct {
	// Records is how many records are kept in memory; the oldest go first.
	Records int `yaml:"records" default:"10000" min:"100" max:"1000000"`
	// Enabled keeps records at all. Off, the traffic log has nothing of upgrades, frames and closes.
	Enabled *bool `yaml:"enabled"`
	// Frames keeps a record of each message, ping and pong, not only of upgrades and closes.
	Frames *bool `yaml:"frames"`
	// Payloads is how much of a message's payload is kept, before and after. 0 keeps metadata only.
	Payloads *engine.Size `yaml:"payloads" max:"1MiB"`
	// Trails keeps times, log lines and changed attributes of one message in so many. 0 keeps those of failures only.
	Trails *int `yaml:"trails" min:"0"`
}

// WebsocketLog says what the traffic log keeps of one websocket. What is left
// out is as trafficLog has it.
type WebsocketLog struct {
	// Enabled keeps records at all. Off, the traffic log has nothing of upgrades, frames and closes.
	Enabled *bool `yaml:"enabled"`
	// Frames keeps a record of each message, ping and pong, not only of upgrades and closes.
	Frames *bool `yaml:"frames"`
	// Payloads is how much of a message's payload is kept, before and after. 0 keeps metadata only.
	Payloads *engine.Size `yaml:"payloads" max:"1MiB"`
	// Trails keeps times, log lines and changed attributes of one message in so many. 0 keeps those of failures only.
	Trails *int `yaml:"trails" min:"0"`
}

// GatewayLimits bounds all sessions together.
type GatewayLimits struct {
	// Buffered is how much half-received messages may hold in memory, all sessions together.
	Buffered engine.Size `yaml:"buffered" default:"1GiB" min:"1MiB"`
}

// Shutdown says how the process ends when it gets SIGTERM or an interrupt; a
// second signal ends it at once.
type Shutdown struct {
	// Delay is for how long the ports go on accepting while /ready says 503 already, so that a load balancer sends new clients elsewhere before connections are refused. As long as the balancer takes to notice is right.
	Delay time.Duration `yaml:"delay" default:"0s" min:"0s" max:"1h"`
	// Timeout is how long sessions may take to end once they have been closed with 1001; then what is left is cut.
	Timeout time.Duration `yaml:"timeout" default:"15s" min:"0s" max:"1h"`
}

// Scripts bounds what scripts may do. Over a bound the call aborts. A change
// takes effect when the gateway is started anew.
type Scripts struct {
	// Timeout is how long one call may run.
	Timeout time.Duration `yaml:"timeout" default:"50ms" min:"1ms" max:"60s"`
	// LoadTimeout is how long a script's top level may run.
	LoadTimeout time.Duration `yaml:"loadTimeout" default:"2s" min:"1ms" max:"60s"`
	// CallDepth is how deep calls may nest.
	CallDepth int `yaml:"callDepth" default:"200" min:"10" max:"2000"`
	// StringSize bounds a string or buffer.
	StringSize engine.Size `yaml:"stringSize" default:"16MiB" min:"64KiB" max:"256MiB"`
	// ArrayLength bounds an array that is given to a function of the language itself.
	ArrayLength int `yaml:"arrayLength" default:"1000000" min:"1000"`
	// SendsPerCall is how many messages one call may send.
	SendsPerCall int `yaml:"sendsPerCall" default:"100" min:"1" max:"100"`
	// ErrorsPerMinute is after how many aborts within a minute a script is not run in a session and direction until the minute is over.
	ErrorsPerMinute int `yaml:"errorsPerMinute" default:"60" min:"1"`
}

// State says where what outlives a session is kept. It is always in memory, and
// written to a file behind, within a second, so that it is there again after a restart. A change of the file
// takes effect when the gateway is started anew.
type State struct {
	// File is the state file, relative to the gateway's directory. It is made when something is to be kept. No two gateways may have the same.
	File string `yaml:"file" default:".framegate/state.db"`
	// Size is how much may be kept, in memory and in the file. Past it nothing new is taken in: a script's put throws, and a quota aborts for keys that it has not seen.
	Size engine.Size `yaml:"size" default:"64MiB" min:"1MiB" max:"64GiB"`

	memory bool
	located
}

// Websocket is a path on a port with its hooks and limits.
type Websocket struct {
	// Path is the path of the URL, as it comes, beginning with a slash. A segment in braces stands for any one: of /rooms/{id}
	// filters read ${params.path.id}, decoded, or ${http.path["id"]}. Where several paths match, the one with more segments
	// wins, then the one that spells out what the other leaves open.
	Path string `yaml:"path" required:"true"`
	// Match says whether longer paths belong to it too (by whole segments, the longest websocket wins), or only the path itself.
	Match string `yaml:"match" default:"longest" oneof:"longest exact"`
	// Host is the host name that the request must name, or a list of them; *.example.test stands for one label. The most precise name goes before the most precise path. Without it every host is served.
	Host []string `yaml:"host"`
	// Enabled makes the path be served.
	Enabled bool `yaml:"enabled" default:"true"`
	// OnUpgrade is the policy that runs on the upgrade request. It connects to a remote host, or answers.
	OnUpgrade reference `yaml:"onUpgrade" required:"true"`
	// OnClientFrame is the policy for messages from the client. Without it they are relayed untouched.
	OnClientFrame reference `yaml:"onClientFrame"`
	// OnServerFrame is the policy for messages from the remote host. Without it they are relayed untouched.
	OnServerFrame reference `yaml:"onServerFrame"`
	// OnClose is the policy that runs once, after the session.
	OnClose reference `yaml:"onClose"`
	// Origins are the origins of web pages that may connect, such as https://app.example.test, https://*.example.test, http://127.0.0.1:*, or * for any but null. Without it: pages of the same host, and clients that are no browser.
	Origins []string `yaml:"origins"`
	// Subprotocols are those that the gateway lets through, the best first. Without it client and remote host agree.
	Subprotocols []string `yaml:"subprotocols"`
	// SubprotocolRequired refuses, with 400, clients that offer none of them.
	SubprotocolRequired bool `yaml:"subprotocolRequired" default:"false"`
	// ContentType is the media type of content.body, the attribute content.type, of text messages; frames carry none of their own.
	ContentType string `yaml:"contentType" default:"application/json"`
	// Limits bounds the sessions.
	Limits WebsocketLimits `yaml:"limits"`
	// IdleTimeout ends a session that carries no data message for so long. Without it the port's counts; 0 is never.
	IdleTimeout *time.Duration `yaml:"idleTimeout" min:"0s"`
	// Expire ends every session at that age. 0 is never.
	Expire time.Duration `yaml:"expire" default:"0" min:"0s"`
	// Ping is the gateway's own keep-alive towards the client.
	Ping Ping `yaml:"ping"`
	// OnFrameFault says what happens when a frame policy fails or aborts.
	OnFrameFault FrameFaults `yaml:"onFrameFault"`
	// OnChange says what open sessions do when the websocket or a policy of it changes: pin (finish with what they started with), migrate (the new policy from the next message on), drain (are closed politely).
	OnChange string `yaml:"onChange" default:"pin" oneof:"pin migrate drain"`
	// OnRemove says what open sessions do when the websocket is removed: drain, or keep (finish).
	OnRemove string `yaml:"onRemove" default:"drain" oneof:"drain keep"`
	// Mode says how messages are relayed: auto (untouched wire frames where no policy runs), or message (always as whole messages).
	Mode string `yaml:"mode" default:"auto" oneof:"auto message"`
	// Compression says with whom messages are compressed (permessage-deflate): on, off, or its keys. It is for websockets with a frame policy or mode: message; without, client and remote host agree on it themselves. Do not switch it on where a message has both a secret and text that somebody else chose: its length then tells of the secret (CRIME).
	Compression Compression `yaml:"compression" default:"off"`
	// Log says what the traffic log keeps of this websocket.
	Log WebsocketLog `yaml:"log"`

	located
}

// Compression says with whom messages are compressed, each side for itself.
type Compression struct {
	// Client accepts a client's offer of compression.
	Client string `yaml:"client" default:"on" oneof:"on off"`
	// Host offers compression to the remote host.
	Host string `yaml:"host" default:"on" oneof:"on off"`
	// MinSize is how long a message must be to be compressed.
	MinSize engine.Size `yaml:"minSize" default:"128" max:"1MiB"`
	// Context is how much of what was sent to a peer is kept, so that the next messages can be said in its words; that much memory each session and side. 0 compresses every message by itself.
	Context engine.Size `yaml:"context" default:"2KiB" max:"16KiB"`
	// PeerContext is how much of what a peer sent is kept, so that the peer can do the same: 0, or a power of two from 512 to 32KiB. With 0 peers are asked to compress every message by itself; those that no policy changed then go on as they came.
	PeerContext engine.Size `yaml:"peerContext" default:"0" max:"32KiB"`

	located
}

// WebsocketLimits bounds the sessions of a websocket.
type WebsocketLimits struct {
	// Message is how long a message may be; past it the session is closed with 1009.
	Message engine.Size `yaml:"message" default:"1MiB" min:"1" max:"1GiB"`
	// MessageTime is how long a message may take from its first byte to its last.
	MessageTime time.Duration `yaml:"messageTime" default:"60s" min:"100ms"`
	// Total is how many sessions may be open. 0 is no limit.
	Total int `yaml:"total" min:"0"`
	// PerClient is how many sessions one client address may have open. 0 is no limit.
	PerClient int `yaml:"perClient" min:"0"`
	// PerSubject is how many sessions one authentication.subject.id may have open. 0 is no limit.
	PerSubject int `yaml:"perSubject" min:"0"`
}

// Ping is the gateway's own keep-alive.
type Ping struct {
	// Every is the time between pings. 0 switches them off: dead peers are found by TCP keep-alive.
	Every time.Duration `yaml:"every" default:"0" min:"0s"`
	// Timeout is how long the pong may take before the peer counts as dead.
	Timeout time.Duration `yaml:"timeout" default:"10s" min:"100ms"`
}

// FrameFaults says what happens when a frame policy fails or aborts.
type FrameFaults struct {
	// Fail is for failures: close CODE, drop, forward or reply TEXT.
	Fail FrameFault `yaml:"fail" default:"close 1008"`
	// Abort is for aborts: close CODE, drop, forward or reply TEXT.
	Abort FrameFault `yaml:"abort" default:"close 1011"`
}

// Policy is a graph of filters, written as a list.
type Policy struct {
	// Fault is the filter of this policy that runs when a filter aborts, or when the policy fails at top level.
	Fault reference `yaml:"fault"`
	// Filters are run from the first on. Success leads to the next in the list, or where its arrow says; failure ends the policy, or leads where its arrow says.
	Filters []*Step `yaml:"filters" required:"true"`

	name string
	located
}

// Step is a filter of a policy: what every filter has. The other keys are those
// of its type.
type Step struct {
	// Type is the type of the filter; `framegate list filters` shows all.
	Type string `yaml:"type" required:"true"`
	// Name is what trails and arrows call the filter. Without it the name is the type.
	Name string `yaml:"name"`
	// Success is where to go on when the filter passes: the name of a filter of this policy, pass or fail. Without it: the next filter in the list.
	Success reference `yaml:"success"`
	// Failure is where to go on when the filter fails: the name of a filter of this policy, pass or fail. Without it the policy fails.
	Failure reference `yaml:"failure"`

	step
}

// Store is a set of keyed records: users, keys, plans. Records are a map from
// keys to what is known under them, in a file of their own or in place:
//
//	alice: {key: 'sha256:…', rooms: [lobby]}
//	bob: {password: '$2a$10$…'}
type Store struct {
	// File is the YAML file of the records, relative to the gateway's directory: a map from keys to records.
	File string `yaml:"file"`
	// Records are the records themselves, by their keys.
	Records map[string]any `yaml:"records"`

	located
}
