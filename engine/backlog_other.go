//go:build !unix

package engine

import (
	"errors"
	"syscall"
)

// setBacklog cannot do on this system what it does on others.
func setBacklog(syscall.Conn, int) error {
	return errors.New("this system does not let it be chosen")
}
