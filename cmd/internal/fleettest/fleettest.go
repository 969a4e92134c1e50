// Package fleettest has helpers for tests of the whole program: the program under its own
// name, lines and entries of a fleet, strace and a terminal. Only tests import it.
package fleettest
