package drill

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"polygate.example/tools/internal/report"
)

// Names of prechecks. Those before gateQuiet are of the environment's own status: its steady state. steadyClients is held when all others are.
const (
	gateQuiet     = "nothing is broken already"
	gateLever     = "faults can be made here"
	steadyClients = "clients are answered"
)

// premise is what the prechecks go by.
type premise struct {
	world   World
	drill   Drill
	options Options
	look    Look
	inForce []InForce
	engaged string // why the emergency lever is; "" when it is not
	now     time.Time
	beside  bool    // what is broken already, and red with it, is no obstacle
	load    float64 // that the survivor which gets most has afterwards, by what it has now, or one that serves; 0 where nobody takes over
}

// gates are the prechecks: one that failed refuses the drill before anything is broken.
func gates(p premise) []report.Check {
	own := []report.Check{p.lever(), p.emergency(), p.release(), p.window(), p.approval(), p.radius(), p.survivors(), p.capacity()}
	if p.beside {
		return own
	}
	return append(append(slices.Clone(p.look.Checks), p.quiet()), own...)
}

// gate makes a check: ok unless it says why not.
func gate(name, good, bad, remedy string) report.Check {
	if bad == "" {
		return report.Check{Name: name, Result: report.OK, Detail: good}
	}
	return report.Check{Name: name, Result: report.Failed, Detail: bad, Remedy: remedy}
}

func (p premise) lever() report.Check {
	var cannot []string
	for _, f := range p.drill.Faults {
		if err := p.world.Lever.Can(f); err != nil {
			cannot = append(cannot, fmt.Sprintf("%s: %v", f, err))
		}
	}
	if len(cannot) == 0 {
		if cannot = p.tooLong(); len(cannot) > 0 {
			return gate(gateLever, "", strings.Join(cannot, "\n"), "a shorter --lease, or a shorter pause after the step")
		}
	}
	return gate(gateLever, fmt.Sprintf("%d, each with a lease", len(p.drill.Faults)), strings.Join(cannot, "\n"), "take another fault, or run it on local clouds, which have all of them")
}

// tooLong says which leases the lever cannot give.
func (p premise) tooLong() []string {
	lever, ok := p.world.Lever.(Limited)
	if !ok || len(p.drill.Steps) == 0 {
		return nil
	}
	r := runner{world: p.world, drill: p.drill}
	r.plan()
	var out []string
	for _, s := range r.steps {
		if most := lever.Longest(s.Fault); s.Lease > most {
			out = append(out, fmt.Sprintf("%s: its lease of %s is longer than a fault may have there, %s: the gateway obeys none beyond %s, of which the cloud takes some to carry the order out", s.Fault, s.Lease, most, LongestLease))
		}
	}
	return out
}

func (p premise) emergency() report.Check {
	return gate("emergency lever", "not engaged", p.engaged, "ask whoever engaged it; `polygate drill lever release -s "+p.world.Environment+"` when all is clear")
}

func (p premise) quiet() report.Check {
	var are []string
	for _, f := range p.inForce {
		who := cmp.Or(f.Drill, "somebody, by hand")
		are = append(are, fmt.Sprintf("%s, by %s", f.Fault, who))
	}
	return gate(gateQuiet, "no fault is in force", strings.Join(are, "\n"), "`polygate drill mend -s "+p.world.Environment+"`, or wait until its lease is over")
}

func (p premise) release() report.Check {
	bad := ""
	for what, by := range map[string]map[string]string{"release": p.look.Releases, "model": p.look.Models} {
		seen := map[string][]string{}
		for region, v := range by {
			seen[v] = append(seen[v], region)
		}
		if len(seen) > 1 && bad == "" {
			bad = fmt.Sprintf("regions run %d different %ss", len(seen), what)
		}
	}
	return gate("no release runs", "all regions run the same", bad, "wait until it is through, or `polygate up -s "+p.world.Environment+"`")
}

func (p premise) window() report.Check {
	w := p.drill.Extension.Window
	if w == nil {
		return report.Check{Name: "window", Result: report.Skipped, Detail: "the experiment has none"}
	}
	open, err := w.open(p.now)
	bad := ""
	if err != nil {
		bad = err.Error()
	} else if !open {
		bad = "it is closed now: it is open " + w.String()
	}
	return gate("window", "open "+w.String(), bad, "run it within the window")
}

func (p premise) approval() report.Check {
	if p.drill.Extension.Approval == "" {
		return report.Check{Name: "approval", Result: report.Skipped, Detail: "the experiment wants none"}
	}
	bad := ""
	if p.options.ApprovedBy == "" {
		bad = "it is missing"
	}
	return gate("approval", "by "+p.options.ApprovedBy, bad, "--approved-by <who>")
}

func (p premise) radius() report.Check {
	n, limit := len(p.drill.Affected), p.drill.Extension.Limits.Regions
	bad := ""
	if n > limit {
		bad = fmt.Sprintf("it breaks %d regions (%s), and %d are allowed", n, strings.Join(p.drill.Affected, ", "), limit)
	}
	return gate("blast radius", fmt.Sprintf("%d of at most %d regions", n, limit), bad, fmt.Sprintf("--max-regions %d, or limits.regions in the experiment", n))
}

// left are the regions that would serve on.
func (p premise) left() []string {
	var out []string
	for _, r := range p.world.Topology.Regions {
		if !slices.Contains(p.drill.Affected, r.Name) && p.look.Well[r.Name] && !p.look.Drained[r.Name] {
			out = append(out, r.Name)
		}
	}
	return out
}

func (p premise) survivors() report.Check {
	left, want := p.left(), p.drill.Extension.Limits.Survivors
	bad := ""
	if len(left) < want {
		bad = fmt.Sprintf("%d regions would be left that are well and in traffic, and %d have to be", len(left), want)
	}
	return gate("survivors", strings.Join(left, ", "), bad, "mend or undrain others first, or break less")
}

func (p premise) capacity() report.Check {
	limit := p.drill.Extension.Limits.Load
	if p.load == 0 {
		return report.Check{Name: "capacity", Result: report.OK, Detail: "nobody takes anything over"}
	}
	bad := ""
	if p.load > limit+1e-6 { // what was rounded up: a fifth by a sixth is more than 1.2 by a bit
		bad = fmt.Sprintf("a survivor would get %.2f times its present load, and %.2f is allowed: as much as when all regions are well, unless the experiment says", p.load, limit)
	}
	return gate("capacity", fmt.Sprintf("at most %.2f times its present load for any survivor, %.2f allowed", p.load, limit), bad, "have all regions in traffic first, or add some, or raise polygate:concurrency and limits.load")
}
