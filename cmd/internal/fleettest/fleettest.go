// Package fleettest is what the tests of the whole program share: the program under
// its name, a fleet's lines and entries, strace and a terminal. Only tests import it.
package fleettest
