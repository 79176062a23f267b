// Package quiet keeps polygate from questioning the terminal when it starts. The Pulumi SDK links a library for live
// displays (github.com/charmbracelet/bubbletea v1, init in tea_init.go) that, as soon as standard output is a terminal, asks
// for its background colour, whatever NO_COLOR says: two escape sequences on the screen, and up to five seconds of waiting
// for a terminal that does not answer. It asks no terminal that is "dumb", so TERM says that while packages are initialised.
//
// It works because of the order in which they are: of those that have all their imports initialised, the first by import
// path (go.dev/ref/spec#Program_initialization). This one imports nothing but syscall, so that its turn comes before that of
// package time, on which package os and with it every library that reads TERM depends.
package quiet

import "syscall"

// term is what TERM was; it is hidden before any other package can read it.
var term, hidden = hide()

func hide() (string, bool) {
	was, ok := syscall.Getenv("TERM")
	return was, ok && syscall.Setenv("TERM", "dumb") == nil
}

// End gives TERM back; it is called first thing in main.
func End() error {
	if !hidden {
		return nil
	}
	return syscall.Setenv("TERM", term)
}
