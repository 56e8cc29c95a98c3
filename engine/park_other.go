//go:build !linux

package engine

import "errors"

// lot parks idle sessions on Linux; elsewhere they keep their goroutines.
type lot struct{}

func newLot() (*lot, error)    { return nil, nil }
func (*lot) close()            {}
func (*lot) enter(*pump) int32 { return 0 }
func (*lot) leave(int32)       {}
func (*lot) arm(*pump) error   { return errors.ErrUnsupported }
