package status

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"polygate.example/infra/settings"
	"polygate.example/shared/topology"
	"polygate.example/tools/internal/report"
)

// checks are what a look comes to, part by part: the shared name, its servers and resolvers, and of each region what clients see, what the
// traffic manager says, what its provider says, and its certificate; and what is of all of them. The status is the worst of these.
func (r *Report) checks(t topology.Topology) []report.Check {
	out := []report.Check{r.checkName()}
	out = append(out, r.checkAnswers(Authoritative, "name servers")...)
	out = append(out, r.checkAnswers(Resolver, "resolver")...)
	for _, reg := range r.Regions {
		out = append(out, reg.checkSeat(), reg.checkManager(), reg.checkFunction(), checkCertificate("certificate: "+reg.Name, reg.Certificate))
	}
	out = append(out, checkCertificate("certificate: "+r.Hostname, r.Certificate), r.checkDrift(t))
	if r.Spare != "" {
		out = append(out, r.checkSpare())
	}
	if slices.ContainsFunc(r.Regions, func(reg Region) bool { return reg.Off }) {
		out = append(out, r.checkControls())
	}
	for _, who := range r.Unasked {
		name, why, _ := strings.Cut(who, ": ")
		out = append(out, report.Check{Name: "control seat", Result: report.Warning, Detail: "not asked: " + name + ": " + why,
			Remedy: "see that its API answers, and that the credentials are good (`polygate doctor`); answers go on as they are"})
	}
	return out
}

func (r *Report) checkName() report.Check {
	c := report.Check{Name: "shared name", Result: report.OK, Detail: r.Hostname + " leads to " + r.Serving}
	if r.Serving == "" || r.refused {
		c.Result, c.Detail = report.Failed, r.Detail
		c.Remedy = "see what its name servers say below; `polygate failover --from <region> --mode ungraceful` takes out what fails, and `polygate doctor` looks at the delegation"
	}
	return c
}

// checkAnswers are one check of all authoritative servers, or one of each resolver.
func (r *Report) checkAnswers(kind, name string) []report.Check {
	var its []Answer
	for _, a := range r.Answers {
		if a.Kind == kind {
			its = append(its, a)
		}
	}
	if len(its) == 0 {
		return nil
	}
	if kind == Resolver {
		var out []report.Check
		for _, a := range its {
			c := report.Check{Name: name + " " + a.Name, Result: report.OK, Detail: a.leads()}
			switch a.Verdict {
			case Stale:
				c.Result, c.Detail = report.Warning, a.Detail
				c.Remedy = "wait until what it remembers has ended; one that goes on ignores the TTL, and its clients move later than the bound says"
			case NoAnswer:
				c.Result, c.Detail, c.Remedy = report.Warning, a.Detail, "see that it can be reached from here, and that it resolves other names"
			}
			out = append(out, c)
		}
		return out
	}
	c := report.Check{Name: name, Result: report.OK}
	var bad []string
	for _, a := range its {
		if a.Verdict == NoAnswer || a.Verdict == Differs {
			bad = append(bad, a.Name+": "+a.Detail)
		}
	}
	switch {
	case len(bad) == 0:
		c.Detail = fmt.Sprintf("%d of %d answer, and agree", len(its), len(its))
	default:
		c.Result, c.Detail = report.Warning, strings.Join(bad, "\n")
		c.Remedy = "a change takes up to a minute to reach all servers; after that see that they are the zone's, and that UDP and TCP port 53 lead out of here"
	}
	return []report.Check{c}
}

// leads says where an answer leads to.
func (a Answer) leads() string {
	text := cmp.Or(a.Region, strings.Join(a.Addresses, ", "))
	if a.TTL != nil {
		text += fmt.Sprintf(", for %d s more", *a.TTL)
	}
	return text
}

// checkSeat is what clients see of a region by its own name.
func (r Region) checkSeat() report.Check {
	c := report.Check{Name: "region " + r.Name, Result: report.OK, Detail: "answers under its own name"}
	if !r.Healthy {
		c.Result, c.Detail = report.Failed, cmp.Or(r.Detail, "it does not answer")
		c.Remedy = "see its logs and its provider's status page; clients are led elsewhere as long as another region is healthy"
	}
	return c
}

// checkManager is what the traffic manager says of a region.
func (r Region) checkManager() report.Check {
	c := report.Check{Name: "manager: " + r.Name, Result: report.OK}
	m := r.Manager
	switch {
	case m == nil:
		c.Result, c.Detail = report.Skipped, "it could not be asked"
	case r.Off:
		c.Result, c.Detail, c.Remedy = report.Warning, "switched off: its routing control is off", "`polygate undrain "+r.Name+"` switches it on"
	case r.Drained:
		c.Detail = "drained by the stack file"
	case m.Drained:
		c.Result, c.Detail, c.Remedy = report.Warning, "drained by hand", "`polygate undrain "+r.Name+"` gives its traffic back; or name it in polygate:drained"
	case m.Held > 0:
		c.Result, c.Detail = report.Warning, fmt.Sprintf("it has %d %% of its share: a failback in steps has not ended", 100-m.Held)
		c.Remedy = "`polygate failback " + r.Name + "` gives it the rest"
	case !m.Healthy:
		c.Result, c.Detail = report.Warning, "calls it "+cmp.Or(m.State, "unhealthy")+because(m.Why)+votes(r.Votes)
		c.Remedy = "it has no clients until its checks pass again: see what they ask (" + cmp.Or(r.HealthURL, "its health URL") + ") and from where"
	default:
		c.Detail = "calls it " + cmp.Or(m.State, "healthy") + votes(r.Votes)
		if m.Why != "" {
			c.Detail += ", though one found: " + m.Why
		}
	}
	return c
}

func votes(v string) string {
	if v == "" {
		return ""
	}
	return ", by " + v
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}

// checkFunction is what the provider says of a region's function.
func (r Region) checkFunction() report.Check {
	c := report.Check{Name: "function: " + r.Name, Result: report.OK}
	switch f := r.Function; {
	case f == nil:
		c.Result, c.Detail = report.Skipped, "its provider could not be asked"
	case !f.Ready:
		c.Result, c.Detail = report.Warning, "its function is "+f.State+because(f.Why)
		c.Remedy = "look at it in its provider's console; `polygate up` puts a function back that was changed or stopped by hand"
	default:
		c.Detail = f.State
	}
	return c
}

func checkCertificate(name string, seen Certificate) report.Check {
	c := report.Check{Name: name, Result: report.OK}
	switch days := seen.CertificateDays; {
	case days == nil:
		c.Result, c.Detail = report.Skipped, "none was seen"
	case *days < 0:
		c.Result, c.Detail, c.Remedy = report.Failed, "the certificate has expired", "`polygate cert renew` for the Azure regions; elsewhere the provider renews: see its validation record (`polygate doctor`)"
	case *days < soonDays:
		c.Result, c.Detail, c.Remedy = report.Warning, seen.warning(), "`polygate cert renew` for the Azure regions; elsewhere the provider renews: see its validation record (`polygate doctor`)"
	default:
		c.Detail = "ends in " + settings.Count(*days, "day")
	}
	return c
}

// checkDrift names the regions that run something else than was deployed: another release, model or artefact. Two of one provider whose
// artefacts differ, or any two whose releases or models do, are found by it, since both cannot be the deployed one.
func (r *Report) checkDrift(t topology.Topology) report.Check {
	c := report.Check{Name: "drift", Result: report.OK, Detail: "every region that answers runs what was deployed"}
	var odd []string
	for i, reg := range r.Regions {
		if !reg.Healthy || i >= len(t.Regions) {
			continue
		}
		var what []string
		for _, d := range []struct{ name, has, want string }{{"release", reg.Release, t.Release}, {"model", reg.Model, t.Model}, {"artefact", reg.Digest, t.Regions[i].Digest}} {
			if d.has != "" && d.want != "" && d.has != d.want {
				what = append(what, fmt.Sprintf("the %s %s, and %s was deployed", d.name, abridged(d.has), abridged(d.want)))
			}
		}
		if len(what) > 0 {
			odd = append(odd, reg.Name+" runs "+strings.Join(what, "; "))
		}
	}
	if len(odd) > 0 {
		c.Result, c.Detail, c.Remedy = report.Warning, strings.Join(odd, "\n"), "`polygate up` brings all regions level"
	}
	return c
}

// abridged is enough of a digest to tell two apart; anything else is whole.
func abridged(text string) string {
	if _, hex, ok := strings.Cut(text, ":"); ok {
		return hex[:min(12, len(hex))]
	}
	return text
}

// checkSpare is whether the spare's zone leads clients as the manager's does, where its servers are known.
func (r *Report) checkSpare() report.Check {
	c := report.Check{Name: "spare", Result: report.OK}
	var its []Answer
	for _, a := range r.Answers {
		if a.Kind == Spare {
			its = append(its, a)
		}
	}
	switch bad := slices.IndexFunc(its, func(a Answer) bool { return a.Verdict == NoAnswer || a.Verdict == Differs }); {
	case r.Led == r.Spare:
		c.Result, c.Detail = report.Warning, fmt.Sprintf("clients are led to %s, which is not the manager of the stack but its spare", r.Spare)
		c.Remedy = "delegate the zone back, or let manager and spare change places, and `polygate up`"
	case len(its) == 0:
		c.Result, c.Detail = report.Skipped, r.Spare+" was not asked: its servers are not known; name one with --spare-server"
	case bad >= 0:
		c.Result, c.Detail = report.Warning, fmt.Sprintf("%s is out of step: %s: %s", r.Spare, its[bad].Name, its[bad].Detail)
		c.Remedy = "`polygate up` brings both managers level; a region that is drained by hand at one of them is not at the other"
	default:
		c.Detail = r.Spare + " answers the same"
		if its[0].Verdict == Untold {
			c.Detail = r.Spare + " answers, and there is nothing to hold it against"
		}
	}
	return c
}

// checkControls is whether routing controls leave anybody to fail over to.
func (r *Report) checkControls() report.Check {
	on := 0
	for _, reg := range r.Regions {
		if !reg.Off {
			on++
		}
	}
	if on == 0 {
		return report.Check{Name: "routing controls", Result: report.Warning,
			Detail: "every routing control is off: all regions count as healthy, and nothing fails over until some are switched on", Remedy: "`polygate undrain <region>...` switches them on"}
	}
	return report.Check{Name: "routing controls", Result: report.OK, Detail: fmt.Sprintf("%d of %d are on", on, len(r.Regions))}
}

// worst is the status that follows from checks: of what serves nobody it is down, whatever else there is.
func (r *Report) worst(sum report.Report) string {
	serves := r.Serving != "" && !r.refused && slices.ContainsFunc(r.Regions, func(reg Region) bool { return reg.Healthy })
	switch {
	case r.unreached:
		return Unknown
	case !serves:
		return Down
	case sum.Result == report.Failed:
		return Degraded
	case sum.Result == report.Warning:
		return Warned
	}
	return OK
}
