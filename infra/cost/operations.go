package cost

import (
	"maps"
	"slices"
	"strings"

	"polygate.example/infra/settings"
)

// How many alarms a region has, as they are paid for.

func alarmsAWS(settings.Settings) float64   { return 6 } // metrics of five alarms: the share of errors is made of two
func alarmsGCP(settings.Settings) float64   { return 4 } // conditions
func alarmsAzure(settings.Settings) float64 { return 3 } // time series

// isParameter reports whether a reference is to a parameter of Systems Manager, which costs nothing, and not to a secret.
func isParameter(reference string) bool { return strings.HasPrefix(reference, "arn:aws:ssm:") }

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
