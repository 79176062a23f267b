// Command scale stands stacks of growing size up on local clouds and compares what each costs: a first `up`, a `preview` and an
// `up` that change nothing. It prints the times and how they grow from size to size, writes dist/scale.json and dist/scale.svg, and fails
// when one grows faster than the number of regions. Sizes are named as arguments; none means 6, 12, 24 and 48.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"polygate.example/tests/command"
	"polygate.example/tests/harness"
)

// sizes are the numbers of regions, each the double of the one before.
var sizes = []int{6, 12, 24, 48}

// speed is that of the checkout's own local environment. Probes of every region from all over the world go on while the next one is
// stood up, as many a second as the clouds are faster than the wall clock: at a speed that nobody works at, it would be them that are
// measured.
const speed = 10

// noise is by how much a time may grow beyond the number of regions before it counts as faster than linear: two runs of the
// same size differ by as much on a machine that others use as well.
const noise = 1.2

// row is one size. Times are seconds.
type row struct {
	Regions int     `json:"regions"`
	Up      float64 `json:"up"`
	Preview float64 `json:"preview"`
	Again   float64 `json:"again"` // an up that changes nothing
}

func main() {
	os.Exit(command.Main(run))
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	sizes, err := wanted(args)
	if err != nil {
		return err
	}
	results, err := command.Begin(ctx, "scale")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "on local clouds at speed %d\n", speed)
	fmt.Fprintf(out, "%8s %10s %10s %10s   growth of each beside that of the regions\n", "REGIONS", "UP", "PREVIEW", "UP AGAIN")
	var rows []row
	for _, n := range sizes {
		r, err := measure(ctx, n, progress)
		if err != nil {
			return fmt.Errorf("%d regions: %w", n, err)
		}
		rows = append(rows, r)
		fmt.Fprintf(out, "%8d %8.1f s %8.1f s %8.1f s   %s\n", r.Regions, r.Up, r.Preview, r.Again, growth(rows))
	}
	if err := results.Write(out, rows, picture(rows)); err != nil {
		return err
	}
	if found := faster(rows); len(found) > 0 {
		return fmt.Errorf("growing faster than the number of regions:\n  %s", strings.Join(found, "\n  "))
	}
	return nil
}

// measure stands one stack up and removes it again.
func measure(ctx context.Context, n int, progress io.Writer) (r row, err error) {
	env, err := harness.New(ctx, harness.Options{
		Regions: regions(n), Speed: speed, Document: harness.EchoDocument,
		Dials: map[string]any{"pattern": "active-active"},
		Log:   harness.LogTo(progress),
	})
	if err != nil {
		return row{}, err
	}
	defer func() { err = errors.Join(err, env.Close(context.WithoutCancel(ctx))) }()
	r.Regions = n
	if r.Up, err = timed(ctx, env, "up"); err != nil {
		return r, err
	}
	r.Preview, r.Again = math.Inf(1), math.Inf(1)
	for range rounds {
		preview, err := timed(ctx, env, "preview", "--exit-code")
		if err != nil {
			return r, err
		}
		again, err := timed(ctx, env, "up")
		if err != nil {
			return r, err
		}
		r.Preview, r.Again = min(r.Preview, preview), min(r.Again, again)
	}
	return r, nil
}

// rounds is how often what can be repeated is: whatever else a machine does only makes it slower, so that the least time is the nearest to
// what a command takes by itself.
const rounds = 3

// timed runs a command that has to succeed and returns its seconds.
func timed(ctx context.Context, env *harness.Environment, args ...string) (float64, error) {
	begun := time.Now()
	_, err := env.Must(ctx, args...)
	return time.Since(begun).Seconds(), err
}

// wanted are the sizes to measure, all there are for no arguments.
func wanted(args []string) ([]int, error) {
	if len(args) == 0 {
		return sizes, nil
	}
	var out []int
	for _, arg := range args {
		n, err := strconv.Atoi(arg)
		if err != nil || n < 3 || n%3 != 0 || n > 3*len(aws) {
			return nil, fmt.Errorf("%q is no number of regions: want a multiple of 3, at most %d", arg, 3*len(aws))
		}
		out = append(out, n)
	}
	return out, nil
}

// regions are n regions, a third on each provider.
func regions(n int) []string {
	var out []string
	for i := range n / 3 {
		out = append(out, "aws/"+aws[i], "gcp/"+gcp[i], "azure/"+azure[i])
	}
	return out
}

// Sixteen regions of each provider.
var (
	aws = []string{
		"us-east-1", "eu-west-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1", "eu-west-2",
		"eu-west-3", "eu-central-1", "eu-north-1", "ap-northeast-1", "ap-northeast-2", "ap-southeast-1", "ap-southeast-2", "ap-south-1",
	}
	gcp = []string{
		"us-central1", "europe-west1", "us-east1", "us-east4", "us-west1", "us-west2", "us-south1", "europe-west2",
		"europe-west3", "europe-west4", "europe-north1", "asia-east1", "asia-northeast1", "asia-southeast1", "asia-south1", "australia-southeast1",
	}
	azure = []string{
		"eastus", "westeurope", "eastus2", "centralus", "westus2", "westus3", "northeurope", "uksouth",
		"francecentral", "germanywestcentral", "swedencentral", "japaneast", "koreacentral", "southeastasia", "australiaeast", "brazilsouth",
	}
)

// times are a row's figures by name, in the order of the table.
func (r row) times() []struct {
	name string
	s    float64
} {
	return []struct {
		name string
		s    float64
	}{{"up", r.Up}, {"preview", r.Preview}, {"up again", r.Again}}
}

// growth compares the last row with the one before.
func growth(rows []row) string {
	if len(rows) < 2 {
		return ""
	}
	last, before := rows[len(rows)-1], rows[len(rows)-2]
	parts := []string{fmt.Sprintf("regions × %.1f:", float64(last.Regions)/float64(before.Regions))}
	for i, t := range last.times() {
		parts = append(parts, fmt.Sprintf("%s × %.2f", t.name, t.s/before.times()[i].s))
	}
	return strings.Join(parts, "  ")
}

// faster lists what grows faster than the number of regions, over the whole range: from size to size the fixed part of a short
// time hides how it grows.
func faster(rows []row) []string {
	var out []string
	first, last := rows[0], rows[len(rows)-1]
	by := float64(last.Regions) / float64(first.Regions)
	for i, t := range last.times() {
		if ratio := t.s / first.times()[i].s; ratio > by*noise {
			out = append(out, fmt.Sprintf("%s: %d regions take %.1f times as long as %d", t.name, last.Regions, ratio, first.Regions))
		}
	}
	// The last doubling alone as well: what is quadratic shows there first.
	if len(rows) > 1 {
		before := rows[len(rows)-2]
		by := float64(last.Regions) / float64(before.Regions)
		for i, t := range last.times() {
			if ratio := t.s / before.times()[i].s; ratio > by*noise {
				out = append(out, fmt.Sprintf("%s: %d regions take %.1f times as long as %d", t.name, last.Regions, ratio, before.Regions))
			}
		}
	}
	return out
}

// picture draws times over regions, with what linear growth from the first size would be. Marks tell the lines apart without
// colour.
func picture(rows []row) string {
	const left, bottom, width, height = 70, 420, 700, 360
	most, widest := 0.0, float64(rows[len(rows)-1].Regions)
	for _, r := range rows {
		for _, t := range r.times() {
			most = max(most, t.s)
		}
	}
	x := func(n float64) float64 { return left + n/widest*width }
	y := func(s float64) float64 { return bottom - s/most*height }
	var b strings.Builder
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 480" font-family="sans-serif" font-size="13"><rect width="960" height="480" fill="#fff"/>` + "\n")
	fmt.Fprintf(&b, `<text x="%d" y="30" font-size="16">Time over the number of regions, on local clouds</text>`+"\n", left)
	fmt.Fprintf(&b, `<path d="M%d %dV%dH%d" fill="none" stroke="#333"/>`+"\n", left, bottom-height, bottom, left+width)
	for _, r := range rows {
		fmt.Fprintf(&b, `<text x="%.0f" y="%d" text-anchor="middle">%d</text>`, x(float64(r.Regions)), bottom+20, r.Regions)
	}
	for _, share := range []float64{0.5, 1} {
		fmt.Fprintf(&b, `<text x="%d" y="%.0f" text-anchor="end">%.0f s</text>`, left-6, y(most*share)+4, most*share)
	}
	dashes := []string{"", "8 4", "2 4"}
	for i, t := range rows[0].times() {
		var points []string
		for _, r := range rows {
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(float64(r.Regions)), y(r.times()[i].s)))
		}
		fmt.Fprintf(&b, "\n"+`<polyline points="%s" fill="none" stroke="#1f4e8c" stroke-width="2" stroke-dasharray="%s"/>`, strings.Join(points, " "), dashes[i])
		last := rows[len(rows)-1]
		fmt.Fprintf(&b, `<text x="%d" y="%.0f">%s</text>`, left+width+10, y(last.times()[i].s)+4, t.name)
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#bbb"/>`,
			x(float64(rows[0].Regions)), y(t.s), x(widest), max(float64(bottom-height), y(t.s*widest/float64(rows[0].Regions))))
	}
	fmt.Fprintf(&b, "\n"+`<text x="%d" y="460">regions; thin lines: growth in proportion from the first size</text></svg>`+"\n", left)
	return b.String()
}
