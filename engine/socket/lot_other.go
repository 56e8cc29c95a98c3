//go:build !linux

package socket

import (
	"errors"
	"syscall"
)

// Lot is where connections wait on Linux; elsewhere there is none.
type Lot struct{}

// NewLot gives none.
func NewLot() (*Lot, error) { return nil, nil }

// Close does nothing.
func (*Lot) Close() {}

// Enter gives no place.
func (*Lot) Enter(Waker) int32 { return 0 }

// Leave does nothing.
func (*Lot) Leave(int32) {}

// Arm is not supported.
func (*Lot) Arm(int32, syscall.RawConn) error { return errors.ErrUnsupported }
