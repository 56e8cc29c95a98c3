//go:build race

package filters

// racing: the race detector makes sync.Pool drop values at random, which regexp's matchers come from.
const racing = true
