package drill

import (
	"context"
	"time"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/prober"
	"polygate.example/tools/internal/report"
)

// World is what a drill is run on, and how it is seen.
type World struct {
	Environment string
	Topology    topology.Topology
	Speed       float64 // cloud seconds per wall second; 1 on real clouds
	Lever       Lever
	// Look says how the environment is, from both seats.
	Look func(ctx context.Context) (Look, error)
	// Manager asks the traffic manager what it says of the regions, Every so often in wall time.
	Manager func(ctx context.Context) (map[string]control.Region, error)
	Every   time.Duration
	// Patience is how long mending may take, wall time; 0 is a minute.
	Patience time.Duration
	// Evidence looks past the traffic manager whether a fault is there, in all of its regions, or in none of them, and says what it saw.
	Evidence func(ctx context.Context, f Fault) (there, gone bool, text string)
	// Clients are what the prober and the watcher of DNS are started with; the experiment's path, rate and retries are filled in.
	Clients prober.Options
	DNS     prober.WatchOptions
	// Addresses are the regions that an address stands for, where answers name no region.
	Addresses map[string][]string
	// Engaged says whether the emergency lever is, and why. nil: there is none.
	Engaged func(ctx context.Context) (engaged bool, why string, err error)
	// Lost is closed when the lock is held no longer, LostWhy says why, and Token is what it is held with. nil: it is not known.
	Lost    <-chan struct{}
	LostWhy func() error
	Token   uint64
	// Wall is the clock on the wall, which may be set while a drill runs; nil is the system's. Nothing that is measured goes by it.
	Wall func() time.Time
	// Tell hears of each step as it is taken.
	Tell func(format string, args ...any)
}

// Look is how an environment is.
type Look struct {
	Checks    []report.Check    // what its status found
	Well      map[string]bool   // by region: it answers under its own name, and neither manager nor provider calls it ill
	Drained   map[string]bool   // it is to have no traffic
	Releases  map[string]string // by region that answers
	Models    map[string]string
	Artefacts map[string]string
}

// Options are what one run of an experiment is told besides.
type Options struct {
	ID         string
	File       []byte // the experiment as it was read
	ApprovedBy string
	Limits     Limits        // above zero each is in place of the experiment's
	Repeat     int           // above zero it is in place of the experiment's
	RTO        time.Duration // above zero it is in place of the experiment's
}
