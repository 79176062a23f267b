// Package expression evaluates conditions and keys that a gateway document writes over a request and its caller.
//
// What an expression costs is known when it is compiled: it has no loops but over one list at a time, no variables and no functions
// that make much out of little, so that it takes at most as many steps as it has nodes times what the request has of data. An
// expression that could take more is an error of the document.
//
// The build tag without_expression leaves the language out of a binary.
package expression

import (
	"regexp"
	"time"
)

// MaxBytes is how long an expression may be.
const MaxBytes = 1000

// Result is what an expression has to give.
type Result string

// The results.
const (
	Truth Result = "true or false"
	Text  Result = "text"
)

// Error says why a text is no expression, and what would be right.
type Error struct{ What, Remedy string }

// Error is both parts in one line.
func (e *Error) Error() string { return e.What + "; " + e.Remedy }

// ValueError is why a function has no value, in words for logs that hold nothing of it.
type ValueError struct{ Why string }

// Error is why.
func (e *ValueError) Error() string { return e.Why }

// Values are what expressions are over. What there is not is empty.
type Values struct {
	Caller  Caller  `expr:"caller"`
	Request Request `expr:"request"`
	Client  Client  `expr:"client"`
	Region  string  `expr:"region"` // that answers, provider/region
	Time    Clock   `expr:"time"`
}

// Caller is who calls.
type Caller struct {
	Consumer string         `expr:"consumer"`
	Plan     string         `expr:"plan"`
	Roles    []string       `expr:"roles"`
	Scopes   []string       `expr:"scopes"`
	Claims   map[string]any `expr:"claims"`
}

// Request is what the client sent. An error of a function ends the evaluation.
type Request struct {
	Method string                            `expr:"method"`
	Path   string                            `expr:"path"` // escaped
	Host   string                            `expr:"host"` // with its port
	Header func(name string) (string, error) `expr:"header"`
	Query  func(name string) (string, error) `expr:"query"`
	Params map[string]string                 `expr:"params"` // of the route's path, decoded
}

// Client is where the request comes from, as the front recorded it.
type Client struct {
	IP      string `expr:"ip"`
	Country string `expr:"country"` // ISO 3166-1 alpha-2
}

// Clock is a point in time, in UTC.
type Clock struct {
	Unix    int    `expr:"unix"` // seconds
	Date    string `expr:"date"` // 2027-01-31
	Hour    int    `expr:"hour"`
	Minute  int    `expr:"minute"`
	Weekday string `expr:"weekday"` // Monday
}

// At is the clock at a time.
func At(t time.Time) Clock {
	t = t.UTC()
	return Clock{Unix: int(t.Unix()), Date: t.Format(time.DateOnly), Hour: t.Hour(), Minute: t.Minute(), Weekday: t.Weekday().String()}
}

var (
	callerWord = regexp.MustCompile(`\bcaller\b`)
	clientWord = regexp.MustCompile(`\bclient\b`)
	paramWord  = regexp.MustCompile(`\brequest\s*\.\s*params\s*\.\s*([A-Za-z_][A-Za-z0-9_]*)`)
	headerWord = regexp.MustCompile(`\brequest\s*\??\.\s*header\s*\(\s*(?:"([^"]*)"|'([^']*)'|` + "`([^`]*)`" + `)`)
)

// OfCaller reports whether a text speaks of the caller, be it in quotes.
func OfCaller(text string) bool { return callerWord.MatchString(text) }

// mayBeOfCountry reports whether a text that is not understood may be of the client's country: it may be wherever it says client, by any of the ways to
// write the rest.
func mayBeOfCountry(text string) bool { return clientWord.MatchString(text) }

// Params are the names of the path's parameters that a text speaks of, as request.params.NAME.
func Params(text string) []string {
	var names []string
	for _, m := range paramWord.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	return names
}

// Headers are the names of headers that a text speaks of, as request.header("NAME").
func Headers(text string) []string {
	var names []string
	for _, m := range headerWord.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1]+m[2]+m[3])
	}
	return names
}

var (
	_ error = (*Error)(nil)
	_ error = (*ValueError)(nil)
)
