package engine

import "strings"

// Filter is one step of a policy, a whole policy, or a script.
//
// Run returns true for success, false for failure, and an error for an abort:
// the filter could not decide. A false result may carry its reason through
// [Message.Fail]. Run must not keep m, nor a slice reached through m, once it
// has returned. Filters are shared by all sessions and run concurrently.
type Filter interface {
	Run(m *Message) (pass bool, err error)
}

// Starter is a filter, or something else of a snapshot, with something to start
// once the snapshot is going to be served: a goroutine, a connection. Start is not called by check.
type Starter interface{ Start() error }

// Closer is a filter that holds something until its snapshot's last session
// has ended.
type Closer interface{ Close() error }

// Inheritor is a filter that takes over state from the filter of the same
// policy, name, type and settings in the snapshot before: counters of a
// throttle, cached keys. Inherit is called before Start and must not change old.
type Inheritor interface{ Inherit(old Filter) }

// Concealer is a filter that looks for secrets in headers whose names do not tell
// ([SecretName]): records hide them whether the filter has run or not. Conceals is
// called once the filter is prepared.
type Concealer interface{ Conceals() (headers []string) }

// Hook says at which point of a websocket's life a policy runs. Values combine
// to sets: a filter type names all the hooks in which it makes sense.
type Hook uint8

// The hooks, in the order of a session's life.
const (
	OnUpgrade     Hook = 1 << iota // the client's upgrade request
	OnClientFrame                  // a data message on its way from the client
	OnServerFrame                  // a data message on its way to the client
	OnClose                        // once, after a session that got its 101
	OnRequest                      // a plain HTTP request on a route

	OnFrame = OnClientFrame | OnServerFrame
	OnHTTP  = OnUpgrade | OnRequest
	OnAny   = OnHTTP | OnFrame | OnClose
)

var hookNames = [...]string{"onUpgrade", "onClientFrame", "onServerFrame", "onClose", "onRequest"}

// Names lists the hooks of the set by the names authors write.
func (h Hook) Names() []string {
	var names []string
	for i, name := range hookNames {
		if h&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// String joins the names with commas.
func (h Hook) String() string { return strings.Join(h.Names(), ", ") }
