package engine

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// Ends that an arrow may lead to instead of a filter of the policy.
const (
	EndPass = -1 - iota
	EndFail
	endAbort
)

// Node is a filter in a policy, and its arrows.
type Node struct {
	Name    string // in trails and arrows
	Type    string // the filter type
	Filter  Filter
	Success int // index of the next node after success, or EndPass or EndFail
	Failure int // index of the next node after failure, or EndPass or EndFail
	At      Position

	results [3]atomic.Uint64
}

// Count tells how often the filter ended with a result, since its policy was loaded.
func (n *Node) Count(r Result) uint64 { return n.results[r].Load() }

// Policy is a graph of filters with one start: the first node. It is itself a
// filter, so that a policy can be called from a policy.
type Policy struct {
	Name  string
	Nodes []Node
	Fault int // index of the fault handler, or -1
	At    Position
	Hash  string // changes when anything that the policy does changes
	Unfit Hook   // hooks in which a filter of it makes no sense: as the gateway's fault handler it is left out there
}

// maxSteps is how many filters one run may go through, called policies included.
const maxSteps = 1000

// ErrLoop aborts a policy run that went through more than 1,000 filters.
var ErrLoop = errors.New("loop: the policy ran more than 1000 filters")

// Abort is the error of an aborted policy: the filter that could not decide and why.
type Abort struct {
	Policy, Filter string
	At             Position
	Err            error
}

func (e *Abort) Error() string {
	return fmt.Sprintf("filter %q of policy %q aborted: %v", e.Filter, e.Policy, e.Err)
}

// Unwrap returns why.
func (e *Abort) Unwrap() error { return e.Err }

// Run runs the policy as called from another: a failure is the caller's to
// handle; an abort goes to the policy's own fault handler, after which the
// policy has failed, and without one to the caller.
func (p *Policy) Run(m *Message) (bool, error) {
	caller := m.run.policy
	m.run.depth++
	pass, err := p.walk(m, 0)
	if err != nil && p.Fault >= 0 {
		pass, err = false, p.handle(m, p.Fault, err)
	}
	m.run.depth--
	m.run.policy = caller
	if !pass && err == nil {
		m.run.explained = m.run.reason != "" // by the last filter that failed, wherever its arrow led
	}
	return pass, err
}

// Outcome is how the policy of a hook ended.
type Outcome struct {
	Result Result
	Reason string // why it failed or aborted
	Err    error  // the abort
}

// Top runs the policy of a hook: whatever goes wrong ends here. Aborts and
// failures go to the policy's fault handler, else to the gateway's, which may
// be nil; a remote host's own answer to an upgrade stays as it is. What the
// handlers do does not change the outcome, unless [Message.Settle] does.
func (p *Policy) Top(m *Message, gatewayFault *Policy) Outcome {
	out := p.top(m, gatewayFault)
	switch settled := m.run.settled; {
	case settled == nil:
	case *settled:
		return Outcome{Result: Passed}
	case out.Result == Passed:
		return Outcome{Result: Failed, Reason: "set-response-status has made it fail"}
	}
	return out
}

func (p *Policy) top(m *Message, gatewayFault *Policy) Outcome {
	pass, err := p.walk(m, 0)
	if pass && err == nil {
		return Outcome{Result: Passed}
	}
	m.run.fault, m.run.settled = err, nil // only a fault handler can settle what has failed
	out := Outcome{Result: Failed, Reason: m.run.reason, Err: err}
	if err != nil {
		out.Result, out.Reason = Aborted, err.Error()
	}
	switch {
	case m.http != nil && m.Answer.FromHost: // a filter behind the host does not want its answer to go out
		m.dropAnswer()
	case m.Answer != nil && m.Answer.FromHost:
		return out
	}
	var handler error
	switch {
	case p.Fault >= 0:
		handler = p.handle(m, p.Fault, err)
	case gatewayFault != nil && gatewayFault.Unfit&m.Hook == 0:
		handler = gatewayFault.handle(m, 0, err)
	default:
		return out
	}
	if handler != nil {
		m.run.settled = nil
		m.Logger().Error("fault handler aborted", "policy", p.Name, "error", handler)
		if m.Answer != nil {
			*m.Answer = Answer{}
		}
	}
	return out
}

// handle runs a fault handler from its filter on. Its own abort is the error.
func (p *Policy) handle(m *Message, start int, fault error) error {
	m.run.fault = fault
	if fault != nil {
		m.run.reason, m.run.explained = fault.Error(), true
	}
	status, headers, reason := m.run.status, m.run.headers, m.run.reason
	_, err := p.walk(m, start)
	m.run.status, m.run.headers, m.run.reason = status, headers, reason
	return err
}

// walk goes from filter to filter until an arrow ends the policy.
func (p *Policy) walk(m *Message, at int) (bool, error) {
	for {
		node := &p.Nodes[at]
		m.run.policy = p
		if m.run.count++; m.run.count > maxSteps {
			return false, &Abort{p.Name, node.Name, node.At, ErrLoop}
		}
		result, err := p.visit(m, node, at)
		switch {
		case err != nil:
			return false, err
		case result == Passed:
			at = node.Success
		default:
			at = node.Failure
		}
		if at < 0 {
			return at == EndPass, nil
		}
	}
}

// visit runs one filter and leaves its step in the trail.
func (p *Policy) visit(m *Message, node *Node, at int) (Result, error) {
	r := &m.run
	mark, caller := len(r.steps), r.current
	r.steps = append(r.steps, step{policy: p, node: int32(at), depth: r.depth})
	r.current, r.explained = mark, false
	var began time.Time
	if r.following {
		began = time.Now()
	}
	pass, err := m.unread(node.runGuarded(m))
	r.current = caller
	if !pass && !r.explained {
		r.status, r.headers, r.reason, r.named = 0, Headers{}, "", false
	}
	s := &r.steps[mark]
	if r.following {
		s.took = time.Since(began)
	}
	switch {
	case err != nil:
		s.result, s.next, s.reason = Aborted, endAbort, err.Error()
		var inner *Abort
		if !errors.As(err, &inner) {
			err = &Abort{p.Name, node.Name, node.At, err}
		}
	case pass:
		s.result, s.next = Passed, int32(node.Success)
	default:
		if !r.named {
			r.reason = node.failure(r.reason)
		}
		r.named = true
		r.explained = true
		s.result, s.next, s.reason = Failed, int32(node.Failure), r.reason
	}
	node.results[s.result].Add(1)
	return s.result, err
}

// failure is the reason of a failure with the filter's name.
func (n *Node) failure(reason string) string {
	if reason == "" {
		return fmt.Sprintf("filter %q failed", n.Name)
	}
	return fmt.Sprintf("filter %q failed: %s", n.Name, reason)
}

// runGuarded runs the filter; a panic in it is an abort, never the end of the process.
func (n *Node) runGuarded(m *Message) (pass bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			pass, err = false, fmt.Errorf("panic in filter type %s: %v", n.Type, r)
			m.Logger().Error("panic in a filter", "filter", n.Name, "type", n.Type, "panic", r, "stack", string(debug.Stack()))
		}
	}()
	return n.Filter.Run(m)
}

// arrow is where a step went, in words.
func (p *Policy) arrow(s step) string {
	switch {
	case s.next == endAbort:
		return "abort"
	case s.next == EndPass:
		return "end: pass"
	case s.next == EndFail:
		return "end: fail"
	case s.result == Passed:
		return "success → " + p.Nodes[s.next].Name
	}
	return "failure → " + p.Nodes[s.next].Name
}
