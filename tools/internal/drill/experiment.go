package drill

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"polygate.example/shared/topology"
)

// Experiment is a drill as a file says it, in the form of Chaos Toolkit (chaostoolkit.org/reference/api/experiment), in YAML or JSON. What
// is polygate's alone is in the extension of that name, which Chaos Toolkit carries along and leaves alone; the steps are processes that
// it can run as well.
type Experiment struct {
	Version       string            `yaml:"version" json:"version"`
	Title         string            `yaml:"title" json:"title"`
	Description   string            `yaml:"description" json:"description"`
	Tags          []string          `yaml:"tags,omitempty" json:"tags,omitempty"`
	Contributions map[string]string `yaml:"contributions,omitempty" json:"contributions,omitempty"` // to "reliability" and others: high, medium, low or none
	SteadyState   *Hypothesis       `yaml:"steady-state-hypothesis,omitempty" json:"steady-state-hypothesis,omitempty"`
	Method        []Activity        `yaml:"method" json:"method"`
	Rollbacks     []Activity        `yaml:"rollbacks,omitempty" json:"rollbacks,omitempty"`
	Extensions    []Extension       `yaml:"extensions,omitempty" json:"extensions,omitempty"`
	Foreign       `yaml:",inline"`
}

// Foreign is what Chaos Toolkit takes and polygate has no use for: what its own plugins are told. It is carried along.
type Foreign struct {
	Controls      any `yaml:"controls,omitempty" json:"controls,omitempty"`
	Configuration any `yaml:"configuration,omitempty" json:"configuration,omitempty"`
	Secrets       any `yaml:"secrets,omitempty" json:"secrets,omitempty"`
	Runtime       any `yaml:"runtime,omitempty" json:"runtime,omitempty"`
}

// Hypothesis is what has to hold before and after.
type Hypothesis struct {
	Title   string     `yaml:"title" json:"title"`
	Probes  []Activity `yaml:"probes" json:"probes"`
	Foreign `yaml:",inline"`
}

// Activity is a step: an action or a probe.
type Activity struct {
	Type       string  `yaml:"type" json:"type"` // action or probe
	Name       string  `yaml:"name" json:"name"`
	Tolerance  any     `yaml:"tolerance,omitempty" json:"tolerance,omitempty"` // of a hypothesis's probe: a number, or a list of them
	Provider   Process `yaml:"provider" json:"provider"`
	Pauses     *Pauses `yaml:"pauses,omitempty" json:"pauses,omitempty"`
	Background bool    `yaml:"background,omitempty" json:"background,omitempty"` // a step that breaks something returns at once either way
	Foreign    `yaml:",inline"`
}

// Process is what carries a step out.
type Process struct {
	Type      string   `yaml:"type" json:"type"` // process
	Path      string   `yaml:"path" json:"path"` // polygate
	Arguments []string `yaml:"arguments" json:"arguments"`
	Timeout   float64  `yaml:"timeout,omitempty" json:"timeout,omitempty"` // seconds; Chaos Toolkit's alone
}

// Pauses are taken around a step, in seconds of cloud time. The one after a fault is how long it is watched.
type Pauses struct {
	Before float64 `yaml:"before,omitempty" json:"before,omitempty"`
	After  float64 `yaml:"after,omitempty" json:"after,omitempty"`
}

// Extension is what other tools leave alone.
type Extension struct {
	Name      string         `yaml:"name" json:"name"` // polygate
	Objective *Aim           `yaml:"objective,omitempty" json:"objective,omitempty"`
	Clients   *Load          `yaml:"clients,omitempty" json:"clients,omitempty"`
	Limits    *Limits        `yaml:"limits,omitempty" json:"limits,omitempty"`
	Window    *Window        `yaml:"window,omitempty" json:"window,omitempty"`
	Approval  string         `yaml:"approval,omitempty" json:"approval,omitempty"` // required, or ""
	Repeat    int            `yaml:"repeat,omitempty" json:"repeat,omitempty"`
	foreign   map[string]any // all of it, where it is another tool's
}

// UnmarshalYAML reads polygate's own strictly, and any other as it is.
func (x *Extension) UnmarshalYAML(read func(any) error) error {
	var all map[string]any
	if err := read(&all); err != nil {
		return err
	}
	if name, _ := all["name"].(string); name != extension && name != "" {
		*x = Extension{Name: name, foreign: all}
		return nil
	}
	type own Extension
	return read((*own)(x))
}

// MarshalYAML writes it as it was read.
func (x Extension) MarshalYAML() (any, error) { return x.written(), nil }

// MarshalJSON writes it as it was read.
func (x Extension) MarshalJSON() ([]byte, error) { return json.Marshal(x.written()) }

func (x Extension) written() any {
	if x.foreign != nil {
		return x.foreign
	}
	type own Extension
	return own(x)
}

// Aim is what is asked for.
type Aim struct {
	RTO          Duration `yaml:"rto,omitempty" json:"rto,omitempty"`                   // cloud time; 0: the computed bound
	Availability float64  `yaml:"availability,omitempty" json:"availability,omitempty"` // percent over 30 days; a drill tolerates losses outside an outage within it
}

// Load is what clients ask, and how often.
type Load struct {
	Path    string  `yaml:"path,omitempty" json:"path,omitempty"`
	Rate    float64 `yaml:"rate,omitempty" json:"rate,omitempty"`       // requests a second over all clients, wall time
	Retries int     `yaml:"retries,omitempty" json:"retries,omitempty"` // of each client that is judged
}

// Limits are what a drill may cost; it is given up when more is lost.
type Limits struct {
	Regions      int     `yaml:"regions,omitempty" json:"regions,omitempty"`           // that may be broken
	Survivors    int     `yaml:"survivors,omitempty" json:"survivors,omitempty"`       // that have to be well beside them
	Load         float64 `yaml:"load,omitempty" json:"load,omitempty"`                 // times its present load that a survivor may get; 0: what it gets when all regions are well
	LostRequests int     `yaml:"lostRequests,omitempty" json:"lostRequests,omitempty"` // by clients that go by the TTL and connect anew; 0: no limit
	BudgetBurn   float64 `yaml:"budgetBurn,omitempty" json:"budgetBurn,omitempty"`     // percent of the error budget, by the same clients; 0: no limit
}

// Window is when a drill may run.
type Window struct {
	Days []string `yaml:"days" json:"days"` // mon to sun
	From string   `yaml:"from" json:"from"` // 15:04
	To   string   `yaml:"to" json:"to"`
	Zone string   `yaml:"zone,omitempty" json:"zone,omitempty"` // of the tz database; UTC unless given
}

// Duration is a time as Go writes it: 90s, 1m30s.
type Duration time.Duration

// UnmarshalText reads it.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil || v < 0 {
		return fmt.Errorf("%q: want a time such as 90s or 2m", b)
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// extension is polygate's own name in an experiment.
const extension = "polygate"

// Step is a fault of an experiment, and for how long it is watched.
type Step struct {
	Fault Fault
	Lease time.Duration // cloud time; 0: as long as it is watched, and some more
	Watch time.Duration // cloud time; 0: until its bound is over
	Wait  time.Duration // before it
	// Beside says that others may be in force already, those of the experiment's other steps: where each is ordered on its own it is not refused
	// for them, nor for a status that is red with them. Survivors and capacity are looked at all the same.
	Beside bool
	index  int // in the method
}

// Drill is an experiment that can be run against a deployment.
type Drill struct {
	Experiment Experiment
	Steps      []Step
	Extension  Extension // with every default filled in
	Faults     []Fault
	Affected   []string // regions, in failover order
}

// Read reads an experiment from a file. A problem is told with its place.
func Read(path string) (Experiment, []byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Experiment{}, nil, err
	}
	e, err := Decode(b)
	if err != nil {
		return e, b, fmt.Errorf("%s: %w", path, err)
	}
	return e, b, nil
}

// Decode reads an experiment strictly: what is not known is an error.
func Decode(b []byte) (Experiment, error) {
	var e Experiment
	dec := yaml.NewDecoder(bytes.NewReader(b), yaml.DisallowUnknownField())
	if err := dec.Decode(&e); err != nil {
		if errors.Is(err, io.EOF) {
			return e, errors.New("the file is empty: `polygate drill init` writes one")
		}
		return e, errors.New(strings.TrimSpace(yaml.FormatError(err, false, true)))
	}
	return e, nil
}

// Encode writes an experiment as YAML.
func (e Experiment) Encode() ([]byte, error) {
	return yaml.MarshalWithOptions(e, yaml.Indent(2), yaml.IndentSequence(true))
}

// Problems are all that is wrong with an experiment.
type Problems []string

// Error lists them, one a line.
func (p Problems) Error() string { return strings.Join(p, "\n") }

// Prepare holds an experiment against the deployment that it is to be run on, environment env, and fills in what it leaves open. The error
// is Problems.
func (e Experiment) Prepare(t topology.Topology, env string) (Drill, error) {
	var bad Problems
	wrong := func(where, format string, args ...any) { bad = append(bad, where+": "+fmt.Sprintf(format, args...)) }
	if e.Version != "1.0.0" && e.Version != "0.1.0" {
		wrong("version", "it is %q: want 1.0.0", e.Version)
	}
	for name, text := range map[string]string{"title": e.Title, "description": e.Description} {
		if strings.TrimSpace(text) == "" {
			wrong(name, "it is missing")
		}
	}
	d := Drill{Experiment: e}
	if e.SteadyState != nil {
		for i, p := range e.SteadyState.Probes {
			where := fmt.Sprintf("steady-state-hypothesis.probes[%d]", i)
			if err := p.steady(env); err != nil {
				wrong(where, "%v", err)
			}
		}
	}
	for i, act := range e.Method {
		where := fmt.Sprintf("method[%d]", i)
		s, err := act.step(env)
		if err == nil {
			err = s.Fault.check(t)
		}
		if err != nil {
			wrong(where, "%v", err)
			continue
		}
		s.index = i
		d.Steps = append(d.Steps, s)
		d.Faults = append(d.Faults, s.Fault)
	}
	if len(e.Method) == 0 {
		wrong("method", "it has no step: want at least one fault")
	}
	for i, act := range e.Rollbacks {
		if err := act.rollback(env); err != nil {
			wrong(fmt.Sprintf("rollbacks[%d]", i), "%v", err)
		}
	}
	if len(bad) == 0 {
		bad = append(bad, d.leases(t)...)
	}
	ext, problems := e.extension()
	bad = append(bad, problems...)
	d.Extension = ext
	for _, r := range t.Regions {
		if slices.ContainsFunc(d.Faults, func(f Fault) bool { return slices.Contains(f.Regions(t), r.Name) }) {
			d.Affected = append(d.Affected, r.Name)
		}
	}
	if d.Extension.Limits.Load == 0 {
		d.Extension.Limits.Load = hundredths(max(1, designed(t, d.Affected)))
	}
	if len(bad) > 0 {
		slices.Sort(bad)
		return d, bad
	}
	return d, nil
}

// hundredths rounds up.
func hundredths(x float64) float64 { return math.Ceil(x*100-1e-6) / 100 }

// leases says which faults would end before their watch is over, as what is seen then says nothing of them, and which would be leased for longer
// than any may be. Name servers that know nothing new are to learn it while others are watched.
func (d Drill) leases(t topology.Topology) (bad Problems) {
	r := runner{world: World{Topology: t, Speed: 1}, drill: d}
	r.plan()
	rest := time.Duration(0)
	for i, s := range slices.Backward(r.steps) {
		where := fmt.Sprintf("method[%d]", s.index)
		rest += s.Watch
		switch given := d.Steps[i].Lease; {
		case s.Lease > LongestLease && given > 0:
			bad = append(bad, fmt.Sprintf("%s: %s has a lease of %s, and no fault may last for longer than %s: a shorter --lease", where, s.Fault, given, LongestLease))
		case s.Lease > LongestLease:
			bad = append(bad, fmt.Sprintf("%s: %s is watched for %s, for which it would have a lease of %s, and no fault may last for longer than %s: a shorter pause after it", where, s.Fault, rest, s.Lease, LongestLease))
		case given > 0 && given < rest && s.Fault.Kind != DNSStale:
			bad = append(bad, fmt.Sprintf("%s: %s has a lease of %s and is watched for %s: a longer --lease, or a shorter pause after it", where, s.Fault, given, rest))
		}
		rest += s.Wait
	}
	return bad
}

// extension is polygate's own, with every default filled in.
func (e Experiment) extension() (Extension, Problems) {
	var bad Problems
	ext := Extension{Name: extension}
	found := 0
	for i, x := range e.Extensions {
		if x.Name != extension {
			if x.Name == "" {
				bad = append(bad, fmt.Sprintf("extensions[%d]: it has no name: want polygate, or that of another tool", i))
			}
			continue
		}
		ext = x
		found++
	}
	if found > 1 {
		bad = append(bad, "extensions: polygate has more than one")
	}
	ext.fill()
	for where, wrong := range map[string]bool{
		"objective.availability: want a percentage from 50 to 99.9999": !(ext.Objective.Availability >= 50 && ext.Objective.Availability <= 99.9999),
		"clients.rate: want requests a second from 1 to 20000":         !(ext.Clients.Rate >= 1 && ext.Clients.Rate <= 20000),
		"clients.retries: want 0 to 5":                                 ext.Clients.Retries < 0 || ext.Clients.Retries > 5,
		"clients.path: want a path that begins with a slash":           ext.Clients.Path != "" && !strings.HasPrefix(ext.Clients.Path, "/"),
		"limits.regions: want 1 or more":                               ext.Limits.Regions < 1,
		"limits.survivors: want 1 or more":                             ext.Limits.Survivors < 1,
		"limits.load: want 1 or more":                                  ext.Limits.Load != 0 && !(ext.Limits.Load >= 1),
		"limits.lostRequests: want 0 or more":                          ext.Limits.LostRequests < 0,
		"limits.budgetBurn: want a percentage of 0 or more":            !(ext.Limits.BudgetBurn >= 0),
		"repeat: want 1 to 100":                                        ext.Repeat < 1 || ext.Repeat > 100,
		"approval: want required, or nothing":                          ext.Approval != "" && ext.Approval != "required",
	} {
		if wrong {
			bad = append(bad, "extensions: polygate: "+where)
		}
	}
	if ext.Window != nil {
		if _, err := ext.Window.open(time.Time{}); err != nil {
			bad = append(bad, "extensions: polygate: window: "+err.Error())
		}
	}
	return ext, bad
}

// fill sets what is left open.
func (x *Extension) fill() {
	aim, load, limits := Aim{Availability: 99.9}, Load{Rate: 50}, Limits{Regions: 1, Survivors: 1}
	if x.Objective != nil {
		aim = *x.Objective
		if aim.Availability == 0 {
			aim.Availability = 99.9
		}
	}
	if x.Clients != nil {
		load = *x.Clients
		if load.Rate == 0 {
			load.Rate = 50
		}
	}
	if x.Limits != nil {
		limits = *x.Limits
		if limits.Regions == 0 {
			limits.Regions = 1
		}
		if limits.Survivors == 0 {
			limits.Survivors = 1
		}
	}
	x.Objective, x.Clients, x.Limits = &aim, &load, &limits
	if x.Repeat == 0 {
		x.Repeat = 1
	}
}

// open reports whether a moment is within the window.
func (w Window) open(at time.Time) (bool, error) {
	zone, err := time.LoadLocation(w.Zone)
	if err != nil {
		return false, fmt.Errorf("zone %q: want one of the tz database, such as Europe/Berlin", w.Zone)
	}
	from, err1 := time.Parse("15:04", w.From)
	to, err2 := time.Parse("15:04", w.To)
	if err1 != nil || err2 != nil || !from.Before(to) {
		return false, fmt.Errorf("from %q to %q: want two times of a day such as 09:00 and 16:30, the first one earlier", w.From, w.To)
	}
	if len(w.Days) == 0 {
		return false, errors.New("days: want some of mon, tue, wed, thu, fri, sat, sun")
	}
	at = at.In(zone)
	today := strings.ToLower(at.Weekday().String()[:3])
	day := false
	for _, d := range w.Days {
		if !slices.Contains([]string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}, d) {
			return false, fmt.Errorf("days: %q: want some of mon, tue, wed, thu, fri, sat, sun", d)
		}
		day = day || d == today
	}
	now := at.Hour()*60 + at.Minute()
	return day && now >= from.Hour()*60+from.Minute() && now < to.Hour()*60+to.Minute(), nil
}

// String says when it is open.
func (w Window) String() string {
	zone := w.Zone
	if zone == "" {
		zone = "UTC"
	}
	return fmt.Sprintf("%s from %s to %s %s", strings.Join(w.Days, ", "), w.From, w.To, zone)
}
