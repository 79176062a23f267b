package cost

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	_ "embed"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Price is what one unit of an item costs.
type Price struct {
	USD         float64 `yaml:"usd"`
	Per         string  `yaml:"per"`   // one of the units
	AsOf        string  `yaml:"as_of"` // date at which it was read
	Source      string  `yaml:"source"`
	Unconfirmed bool    `yaml:"unconfirmed"` // not found at the vendor's own page
}

// Prices are those of all items there are.
type Prices map[string]Price

// Units of a price. What is held for a whole month is counted in seconds by the clouds that sell it so.
const (
	perMonth   = "month"
	perHour    = "hour"
	perMillion = "million"
	perGiB     = "GiB"
	perGBs     = "GB-second"
	perGiBs    = "GiB-second"
	perCPUs    = "vCPU-second"
	perRun     = "execution"
	perGBMonth = "GB-month"
)

// hours of a month, on average: what all three clouds' calculators take.
const hours = 730

// monthly is how many units of a price something uses that is held all month; executions are counted by the month.
var monthly = map[string]float64{perMonth: 1, perRun: 1, perGBMonth: 1, perHour: hours, perGBs: hours * 3600, perGiBs: hours * 3600, perCPUs: hours * 3600}

//go:embed prices.yaml
var list []byte

// List is the price list that comes with polygate.
func List() (Prices, error) { return decode("prices.yaml", list, nil) }

// Override is where a project keeps prices of its own.
func Override(root string) string { return filepath.Join(root, "stacks", "prices.yaml") }

// Load is the price list with the project's own prices in it, where the project has any.
func Load(root string) (Prices, error) {
	known, err := List()
	if err != nil {
		return nil, err
	}
	path := Override(root)
	src, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return known, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the project's own prices: %w", err)
	}
	own, err := decode(path, src, known)
	if err != nil {
		return nil, err
	}
	maps.Copy(known, own)
	return known, nil
}

// decode reads prices strictly. With known ones, an item must be among them, and its unit is theirs. The error lists every
// problem with its place.
func decode(name string, src []byte, known Prices) (Prices, error) {
	file, err := parser.ParseBytes(src, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	out := Prices{}
	var problems []error
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		m, ok := doc.Body.(ast.MapNode)
		if !ok {
			return nil, fmt.Errorf("%s: want a map from items to {usd: price, as_of: date, source: where it is from}", name)
		}
		for values := m.MapRange(); values.Next(); {
			key := values.Key().GetToken()
			bad := func(format string, args ...any) {
				problems = append(problems, fmt.Errorf("%s:%d:%d: %s: %w", name, key.Position.Line, key.Position.Column, key.Value, fmt.Errorf(format, args...)))
			}
			p, err := price(values.Value(), known[key.Value])
			switch {
			case known != nil && known[key.Value].Per == "":
				bad("is no item: want one of %s", strings.Join(slices.Sorted(maps.Keys(known)), ", "))
			case err != nil:
				bad("%w", err)
			default:
				out[key.Value] = p
			}
		}
	}
	return out, errors.Join(problems...)
}

// price reads one, which may leave out the unit where that is known.
func price(node ast.Node, known Price) (Price, error) {
	var p struct {
		Price `yaml:",inline"`
		USD   *float64 `yaml:"usd"`
	}
	p.Per = known.Per
	if err := yaml.NodeToValue(node, &p, yaml.Strict()); err != nil {
		return Price{}, fmt.Errorf("want {usd: price, as_of: date, source: where it is from}: %s", yaml.FormatError(err, false, false))
	}
	switch {
	case p.USD == nil || *p.USD < 0:
		return Price{}, errors.New("has no usd: want what one unit costs, in US dollars, 0 or more")
	case p.AsOf == "" || p.Source == "":
		return Price{}, errors.New("says not when and where the price was read: want as_of and source")
	case monthly[p.Per] == 0 && p.Per != perMillion && p.Per != perGiB:
		return Price{}, fmt.Errorf("is priced per %q: want month, hour, million, execution, GiB, GB-second, GiB-second or vCPU-second", p.Per)
	case known.Per != "" && p.Per != known.Per:
		return Price{}, fmt.Errorf("is priced per %s: want it per %s", p.Per, known.Per)
	}
	p.Price.USD = *p.USD
	return p.Price, nil
}
