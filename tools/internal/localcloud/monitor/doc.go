// Package monitor watches the endpoints of the local traffic managers. Probe is one probe, for any of them; Monitor is Azure
// Traffic Manager's monitoring of its profiles, and what the profiles answer by it.
//
// Intervals and timeouts are cloud time. What is said in package checker about the floor of a probe's time and about injected
// delays holds here as well.
package monitor
