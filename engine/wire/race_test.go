//go:build race

package wire_test

// racing: the race detector makes sync.Pool drop values at random.
const racing = true
