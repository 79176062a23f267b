// Package monitor is Azure Traffic Manager's monitoring of the endpoints of its profiles, and what the profiles answer by it.
//
// Intervals and timeouts are cloud time; what package probe says about time holds here.
package monitor
