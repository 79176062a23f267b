// Package control is the control seat of a deployed gateway: what its traffic manager and its providers say of the regions, and how
// traffic is moved through them. Everything here goes by the topology that `up` saved, so that neither Pulumi's state nor the API of
// what is lost has to answer. Each manager and provider is a folder below this one, on its cloud's own SDK; the local clouds answer the
// same calls.
package control

import (
	"context"
	"errors"
	"time"
)

// Manager is the traffic manager of one stack.
type Manager interface {
	// Regions tells what the manager says of each region of the topology, by the region's name.
	Regions(ctx context.Context) (map[string]Region, error)
	// Drain takes regions out of traffic, whatever their health, or with false gives it back to them. Those that are as asked for are left
	// alone, so that it can be repeated. What is done to some of the regions stays when it fails at another.
	Drain(ctx context.Context, regions []string, drained bool) error
}

// Region is what a manager says of a region.
type Region struct {
	Healthy     bool      // by the manager's checks, whatever is made of it
	Drained     bool      // it is to have no traffic, whatever its health
	State       string    // in the manager's own word
	Passing, Of int       // places that look at it, and those of them that call it healthy; 0 of 0 where the manager does not tell
	Why         string    // what the checks last found wrong; "" for nothing
	At          time.Time // of the youngest of these data, in the manager's time; zero where it does not tell
	Held        int       // percent of its share that a ramp keeps from it, 0 to 99; 0 where it has all that the deployment gives it
	Votes       []Vote    // what each place last found, by its name; none where the manager tells only what follows from them, as Traffic Manager does
}

// Vote is what one place that looks at a region found when it last did.
type Vote struct {
	From    string    // the place, in the manager's own word, with what tells it from others there: "eu-west-1 15.177.2.3", "Amsterdam, NL"
	Healthy bool      // by this one look; a manager may want several of them in a row
	Why     string    // what was found; "" for nothing wrong
	At      time.Time // of the look, in the manager's time; zero where it does not tell
}

// Ramp is what a manager can do besides that leads clients by weights: give a region its traffic back in steps.
type Ramp interface {
	// Steps looks whether regions can have these parts of their shares, in percent from 1 to 100, and changes nothing. An error that wraps
	// ErrNoSteps says why they cannot, and what would work; any other one, that it could not be looked at.
	Steps(ctx context.Context, regions []string, percents []int) error
	// Share gives a region so many percent of the share that the deployment gives it, 1 to 100, whatever it has now: at 100 all is as deployed.
	// It neither drains a region nor gives one back, and what is as asked for is left alone. Clients go by it once answers that they remember
	// have ended.
	Share(ctx context.Context, region string, percent int) error
}

// Provider is one provider's account, as far as the regions of a stack are in it.
type Provider interface {
	// Functions tells what the provider says of the function of each of its regions in the topology, by the region's name.
	Functions(ctx context.Context) (map[string]Function, error)
}

// Function is what a provider says of a function.
type Function struct {
	Ready   bool      // it takes requests
	State   string    // in the provider's own word
	Why     string    // what keeps it from being ready; "" for nothing
	Updated time.Time // its last change, in the provider's time; zero where it does not tell
}

// Lever is what a provider has that can make a region of its own fail, for a time that ends at the region itself: the gateway obeys the
// lease until it is over, whether whoever pulled it is still there or not. It is an optional interface of a
// Provider.
type Lever interface {
	// Pull puts a region under a lease, in place of the one that it is under, and returns when the provider says that this is done, which
	// can be a moment before every instance has it. It can be repeated. The error is ErrFenced where a lease with a higher token is found, over or not; ErrUnknown where there is no such function.
	Pull(ctx context.Context, region string, l Lease) error
	// Release takes a region from under its lease, over or not, and leaves nothing of it. Without a lease there it does nothing. The error is
	// ErrFenced where the lease found has a higher token.
	Release(ctx context.Context, region string, token uint64) error
	// Pulled tells of the leases that are found, by the region's name, also of those that are over. Those that are known come with the error
	// about others.
	Pulled(ctx context.Context) (map[string]Lease, error)
}

// Lease is a fault that a region has until a time.
type Lease struct {
	Fault string        // a health.Drill… constant
	Until time.Time     // to the second; at most health.DrillLimit away
	Token uint64        // grows with each run of a drill, so that a run that was thought dead can be refused
	Drill string        // id of the run: 1 to 64 letters, digits, dots, hyphens and underscores
	Rate  float64       // share of requests that fail, above 0 to 1; health.DrillErrorRate only
	Delay time.Duration // of each request, in whole milliseconds; health.DrillLatency only
}

// Expired reports whether the lease has no effect any more.
func (l Lease) Expired(now time.Time) bool { return !now.Before(l.Until) }

// ErrFenced says that a region is under a lease with a higher token: another run began after this one, which has lost its hold.
var ErrFenced = errors.New("a later drill has this region")

// ErrUnknown says that a manager or provider has nothing of a region that the topology names: somebody removed it, or the topology is of
// another deployment.
var ErrUnknown = errors.New("there is no such thing there")

// ErrNoSteps says that a manager cannot give a region its traffic back in the steps that are asked for.
var ErrNoSteps = errors.New("not in these steps")
