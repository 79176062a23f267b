//go:build without_expression

package expression

// Check finds nothing in a binary without the language: who makes a document has one with it.
func Check(string, Result) (what, remedy string) { return "", "" }

// OfCountry reports whether an expression may look at the client's country: without the language, wherever it says client.
func OfCountry(text string) bool { return mayBeOfCountry(text) }
