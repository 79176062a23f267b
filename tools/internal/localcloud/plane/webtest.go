package plane

import "time"

// WebTest is a standard availability test of Azure's Application Insights: a request from several places, again and again.
type WebTest struct {
	ID       string // ARM id
	Host     string // of the URL
	Port     int
	TLS      bool
	Path     string // with its query
	Method   string // "" is GET
	Headers  map[string]string
	Places   []string
	Interval time.Duration // cloud time, from each place
	Timeout  time.Duration // cloud time
	Retried  bool          // a failure counts when three attempts in a row have failed
	Status   int           // that is wanted; 0: below 400, -1: any
	Validate bool          // the certificate must be valid
	Lasting  time.Duration // and for this long
	Alarms   []TestAlarm
}

// TestAlarm is an alert rule on a web test.
type TestAlarm struct {
	ID     string // ARM id
	Failed int    // how many places must fail
}
