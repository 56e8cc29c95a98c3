//go:build race

package engine

// racing: the race detector makes sync.Pool drop values at random.
const racing = true
