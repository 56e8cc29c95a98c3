package engine

import "time"

// RemoteHost is a remote host as it is now.
type RemoteHost struct {
	Name      string              `json:"name"`
	Host      string              `json:"host"` // the Host header and the name for TLS
	Balancing string              `json:"balancing"`
	Open      int                 `json:"open"`            // connections
	Limit     int                 `json:"limit,omitempty"` // maxConnections; 0: none
	Waiting   int                 `json:"waiting"`         // upgrades that wait for a connection
	Breaker   *Setback            `json:"breaker,omitempty"`
	Addresses []RemoteHostAddress `json:"addresses"`
}

// RemoteHostAddress is an address of a remote host as it is now.
type RemoteHostAddress struct {
	Address   string   `json:"address"`
	Priority  string   `json:"priority"`
	Weight    int      `json:"weight"`
	In        bool     `json:"in"`
	Out       *Setback `json:"out,omitempty"`  // why it is not in
	Open      int      `json:"open"`           // WebSockets
	Connected int64    `json:"connected"`      // WebSockets since the remote host is known
	Response  float64  `json:"responseMillis"` // decayed average, in milliseconds; 0: none measured
	Removed   bool     `json:"removed,omitempty"`
}

// Setback is why and since when something is kept away from.
type Setback struct {
	Since    time.Time `json:"since"`
	Until    time.Time `json:"until"` // when it is tried again
	Failures int       `json:"failures"`
	Why      string    `json:"why"`
}
