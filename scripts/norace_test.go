//go:build !race

package scripts

// raceEnabled tells tests that the race detector is on.
const raceEnabled = false
