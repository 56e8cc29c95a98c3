//go:build !linux

package remotehosts

import "syscall"

// setUserTimeout does nothing: only Linux has the option, elsewhere keep-alive alone finds dead hosts.
func setUserTimeout(_, _ string, _ syscall.RawConn) error { return nil }
