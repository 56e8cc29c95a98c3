package engine

import (
	"context"
	"crypto/tls"
	"io"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
)

// Snapshot is everything compiled from one state of the configuration. It does
// not change once made; a [Gateway] serves it until the next one.
type Snapshot struct {
	Revision     string // a hash of all that was read
	Loaded       time.Time
	Ports        map[string]*Port
	Policies     map[string]*Policy
	FaultHandler *Policy // the gateway's, or nil
	ShowReason   bool    // refusals carry the reason
	Console      Console
	Journal      int   // how many records the journal holds
	Buffered     int64 // bytes that may wait in half-received messages, all sessions together; 0: no limit
	Shutdown     Shutdown
	State        StateFile
	Starters     []Starter           // started before the filters, when the snapshot is going to be served
	Closers      []io.Closer         // closed when the last session of the snapshot has ended
	RemoteHosts  func() []RemoteHost // how the remote hosts are now; nil: there are none
	Origin       any                 // the loader's own: what it keeps to build the next snapshot from

	refs      atomic.Int64
	concealed []string // headers with secrets that a filter looks for
}

// Shutdown says how the process ends.
type Shutdown struct {
	Delay   time.Duration // between [Gateway.Leave] and [Gateway.Shutdown]
	Timeout time.Duration // what the sessions have to end
}

// StateFile says where the loader wants the gateway's [State] to be kept.
type StateFile struct {
	Path   string // relative to the gateway's directory; empty: in memory only
	Size   int64  // how many bytes may be kept
	Needed bool   // a filter keeps what must outlive a restart
}

// Console says where the console listens.
type Console struct {
	Listen string // host:port; empty: no console
	Token  string // asked of everybody when set; required off loopback
}

// Port is a listener: an alias for an address, and what is attached to it.
type Port struct {
	Name      string
	Listen    []string // host:port each
	Disabled  bool
	TLS       *tls.Config // nil: none
	TLSListen []string    // those of Listen that speak TLS; empty: all do when TLS is set
	Backlog   int         // of the accept queue; 0: the system's
	Access    Access
	// TrustedProxies may say in X-Forwarded-For, and in a header of the PROXY
	// protocol, for whom they speak.
	TrustedProxies []netip.Prefix
	ProxyProtocol  ProxyProtocol
	// ForwardedHeader is the header Forwarded (RFC 7239), instead of X-Forwarded-For and its kin, by which they say it.
	ForwardedHeader bool
	Limits          PortLimits
	Clients         []ClientSettings // for clients of some networks
	Requires        []string         // remote hosts without which the port does not listen
	Health, Ready   string           // paths of the gateway's own answers; empty: none
	Websockets      []*Websocket
	Routes          []*Route
	At              Position

	shut bool // it was disabled when its snapshot came
}

// SpeaksTLS tells whether clients come to an address of the port with wss://.
func (p *Port) SpeaksTLS(address string) bool {
	return p.TLS != nil && (len(p.TLSListen) == 0 || slices.Contains(p.TLSListen, address))
}

// PortLimits bounds what a port accepts.
type PortLimits struct {
	Connections int           // open connections in all; 0: no limit
	PerClient   int           // open connections from one address; 0: no limit
	AcceptRate  int           // connections a second; past it they wait in the system's queue; 0: no limit
	AcceptBurst int           // how many of them may come at once
	Header      int           // bytes of a request's header block; 431 past it
	URI         int           // bytes of a request's target; 414 past it
	Handshake   time.Duration // time to send the request
}

// Access is a port's access list.
type Access struct {
	DenyByDefault bool
	Allow, Deny   []netip.Prefix
}

// Allows tells whether a client may connect: the most specific list entry that
// contains the address decides, deny before allow, then the default.
func (a *Access) Allows(addr netip.Addr) bool {
	addr = addr.Unmap()
	longest, allowed := -1, !a.DenyByDefault
	for _, p := range a.Allow {
		if p.Bits() > longest && p.Contains(addr) {
			longest, allowed = p.Bits(), true
		}
	}
	for _, p := range a.Deny {
		if p.Bits() >= longest && p.Contains(addr) {
			longest, allowed = p.Bits(), false
		}
	}
	return allowed
}

// Websocket is a path on a port with its hooks and limits.
type Websocket struct {
	Port         string // the port's name
	Path         string
	Exact        bool     // match the path exactly, not by its longest segments
	Hosts        []string // see [HostRank]
	Disabled     bool
	Upgrade      *Policy // required
	FirstMessage bool    // it may answer the client before it connects, see [Message.FirstMessage]
	ClientFrame  *Policy // nil: relayed untouched
	ServerFrame  *Policy // nil: relayed untouched
	Closed       *Policy // nil: nothing runs
	Origins      []string
	Subprotocols []string
	NeedSub      bool // 400 when there is no common subprotocol
	ContentType  string
	Limits       Limits
	Idle         time.Duration // 0: never
	Expire       time.Duration // 0: never
	Ping         Ping
	OnFail       FrameFault // what a failed frame policy does
	OnAbort      FrameFault // what an aborted frame policy does
	OnChange     ChangeRule
	KeepRemoved  bool // onRemove: keep
	MessageMode  bool // mode: message
	Compression  Compression
	Log          LogRules
	Hash         string // changes when anything the websocket does changes
	At           Position

	snapshot *Snapshot
	clients  []ClientSettings // of the port
	variants []*Websocket     // the websocket as it is for each of them
}

// Limits bounds the sessions of a websocket.
type Limits struct {
	Message     int64         // bytes of one message; 1009 past it
	MessageTime time.Duration // from the first byte of a message to its last
	Total       int           // open sessions; 0: no limit
	PerClient   int           // open sessions of one client address; 0: no limit
	PerSubject  int           // open sessions of one authentication.subject.id; 0: no limit
}

// Ping is the gateway's own keep-alive, separate from the pings that peers send
// each other.
type Ping struct {
	Every   time.Duration // 0: off
	Timeout time.Duration // without a pong, the peer is dead
}

// FrameFault says what becomes of a session when a frame policy fails or aborts.
type FrameFault struct {
	Verdict Verdict // Forward, Drop, Reply or Close
	Code    uint16  // of Close
	Body    string  // of Reply
}

// ChangeRule says what open sessions of a changed websocket do.
type ChangeRule uint8

// The answers to a change.
const (
	Pin     ChangeRule = iota // finish with what they started with
	Migrate                   // the new policy from the next message on
	Drain                     // are closed politely
)

// Loader builds the snapshot of the configuration as it is now. It may reuse
// parts of old. With problems that are more than warnings the snapshot is nil.
type Loader func(ctx context.Context, old *Snapshot) (*Snapshot, []Problem)
