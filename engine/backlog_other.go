//go:build !unix

package engine

import (
	"errors"
	"net"
)

// setBacklog cannot do on this system what it does on others.
func setBacklog(net.Listener, int) error {
	return errors.New("this system does not let it be chosen")
}
