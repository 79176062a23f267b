package cost

import (
	"maps"
	"slices"
	"strings"
)

// How many alarms a region has, as they are paid for.
const (
	alarmsAWS    = 6 // metrics of five alarms: the share of errors is made of two
	alarmsGCP    = 4 // conditions
	alarmsAzure  = 2 // time series of metric alerts
	queriesAzure = 2 // log search alerts
	// GB that a store holds at most: topology and lock, with the versions of two weeks. A lock that is held for an hour a day leaves 5,000.
	stored = 0.01
	// Executions of the web test a month: at three places every 15 minutes.
	executionsAzure = 3 * hours * 4
)

// isParameter reports whether a reference is to a parameter of Systems Manager, which costs nothing, and not to a secret.
func isParameter(reference string) bool { return strings.HasPrefix(reference, "arn:aws:ssm:") }

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
