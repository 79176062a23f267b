package config

import (
	"math"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"polygate.example/shared/gateway"
)

// units of sizes: those of the power of two (IEC 80000-13) and of ten.
var units = []struct {
	name  string
	bytes int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}}

// size reads a number of bytes above zero, with or without a unit.
func (d *decoder) size(at gateway.Pointer, n ast.Node) int64 {
	const remedy = `write a whole number and a unit, such as "64KiB", "1MiB" or "500kB"; without a unit it is bytes`
	text := ""
	switch n := n.(type) {
	case *ast.StringNode:
		d.probed.text(FormSize)
		text = n.Value
	case *ast.IntegerNode:
		text = n.GetToken().Value
	default:
		d.wrong(at, n, "want a size, found "+describe(n), remedy)
		return 0
	}
	unit := int64(1)
	for _, u := range units {
		if digits, ok := strings.CutSuffix(text, u.name); ok {
			text, unit = digits, u.bytes
			break
		}
	}
	v, err := strconv.ParseInt(strings.TrimSuffix(text, " "), 10, 64)
	if err != nil || text[0] == '+' || v > math.MaxInt64/unit {
		d.wrong(at, n, "size "+short(n.GetToken().Value)+" cannot be read", remedy)
		return 0
	}
	if v <= 0 {
		d.wrong(at, n, "size "+short(n.GetToken().Value)+" is not above zero", "write how much there may be, or leave it out")
		return 0
	}
	return v * unit
}
