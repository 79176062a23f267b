package gcp

import (
	"fmt"
	"regexp"
	"strconv"
)

// Limits of availableMemory. Source: "Configure memory limits for services" (cloud.google.com/run/docs/configuring/services/memory-limits)
// and "Quotas", Cloud Run functions: at most 32 GiB, at least 128 MiB on the second-generation functions API.
const (
	minMemory = 128 << 20
	maxMemory = 32 << 30
)

var quantity = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)(k|M|G|Ki|Mi|Gi)?$`)

// units: Cloud Functions reads the decimal suffixes M and G as the binary amounts, so that "512M" is 512 MiB.
// Source: the provider's schema for serviceConfig.availableMemory ("Supported units are k, M, G, Mi, Gi") and
// gcloud functions deploy --memory ("512MB" and "512Mi" name the same instance size).
var units = map[string]float64{
	"": 1, "k": 1 << 10, "Ki": 1 << 10, "M": 1 << 20, "Mi": 1 << 20, "G": 1 << 30, "Gi": 1 << 30,
}

// parseMemory reads a memory quantity into bytes; an amount without a unit is bytes.
func parseMemory(s string) (int64, error) {
	m := quantity.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("invalid quantity %q: want digits and one of k, M, G, Mi, Gi, for example 512M or 1Gi", s)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0, fmt.Errorf("invalid quantity %q: %w", s, err)
	}
	bytes := n * units[m[2]]
	if bytes < minMemory || bytes > maxMemory {
		return 0, fmt.Errorf("memory %q is outside 128Mi to 32Gi", s)
	}
	return int64(bytes), nil
}

// tier is one step of the table by which Google derives CPU from memory when none is asked for.
type tier struct {
	memory int64
	cpu    float64
}

// cpuTiers is the memory-to-CPU table of Cloud Run functions.
// Source: "Configure memory and CPU", cloud.google.com/functions/docs/configuring/memory.
var cpuTiers = []tier{
	{128 << 20, 0.083}, {256 << 20, 0.167}, {512 << 20, 0.333}, {1 << 30, 0.583},
	{2 << 30, 1}, {4 << 30, 2}, {8 << 30, 2}, {16 << 30, 4}, {32 << 30, 8},
}

// defaultCPU is the share of a vCPU an instance of that memory gets.
func defaultCPU(memory int64) float64 {
	for _, t := range cpuTiers {
		if memory <= t.memory {
			return t.cpu
		}
	}
	return cpuTiers[len(cpuTiers)-1].cpu
}
