//go:build race

package scripts

// raceEnabled tells tests that the race detector is on: it wants more address space than a limit leaves.
const raceEnabled = true
