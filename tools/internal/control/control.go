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

// ErrUnknown says that a manager or provider has nothing of a region that the topology names: somebody removed it, or the topology is of
// another deployment.
var ErrUnknown = errors.New("there is no such thing there")
