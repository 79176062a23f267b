package route53

import (
	"fmt"

	"polygate.example/infra/failover"
)

// Bounds of Route 53. Sources: API reference, ResourceRecordSet, Weight; HealthCheckConfig, FailureThreshold.
const (
	maxWeight    = 255
	maxThreshold = 10
)

// sliceWeights splits each share's weight along the ramp: weights[i][k] is what the i-th share has more at the k-th step than at the
// one before. Without a ramp each has one slice. The weights are exact: the products of weight and per cent, divided by what all
// of them have in common. It fails when one does not fit a record.
func sliceWeights(g failover.Group, ramp []int) (weights [][]int, err error) {
	if len(ramp) == 0 {
		ramp = []int{1}
	}
	common := 0
	for _, sh := range g.Shares {
		row, before := make([]int, 0, len(ramp)), 0
		for _, percent := range ramp {
			row = append(row, sh.Weight*(percent-before))
			common, before = divisor(common, row[len(row)-1]), percent
		}
		weights = append(weights, row)
	}
	if len(ramp) == 1 {
		return weights, nil // the stack file's own numbers
	}
	most := 0
	for _, row := range weights {
		for k := range row {
			row[k] /= common
			most = max(most, row[k])
		}
	}
	if most > maxWeight {
		return nil, fmt.Errorf("a weight of %d is needed, and Route 53 has 0 to %d", most, maxWeight)
	}
	return weights, nil
}

// divisor is the greatest that two numbers have in common.
func divisor(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// slowThresholds are the failure thresholds of the checks that hold back the second slice and those after it, evenly from just
// above the fast check's to the highest there is. It fails when there are fewer thresholds than slices.
func slowThresholds(fast, steps int) ([]int, error) {
	if fast+steps-1 > maxThreshold {
		return nil, fmt.Errorf("each of the %d steps after the first needs a check of its own above the threshold %d, and the highest is %d",
			steps-1, fast, maxThreshold)
	}
	var out []int
	for k := 1; k < steps; k++ {
		out = append(out, fast+(maxThreshold-fast)*k/(steps-1))
	}
	return out, nil
}
