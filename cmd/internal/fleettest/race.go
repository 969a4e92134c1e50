//go:build race

package fleettest

// RaceDetector reports whether the tests run with it.
const RaceDetector = true
