package trafficmanager_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/trafficmanager/armtrafficmanager"
	"github.com/google/go-cmp/cmp"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
)

// sharing is a cloud whose profile gw-w leads by weight, with us at 100 and eu at 4 of 8, beside one by priority.
func sharing() (*cloud, topology.Topology) {
	of := three()
	for i, weight := range []int{100, 8, 50} {
		of.Regions[i].Weight = weight
	}
	e := func(name, target string, weight int64) *armtrafficmanager.Endpoint {
		out := external(name, target, armtrafficmanager.EndpointMonitorStatusOnline)
		out.Properties.Weight = &weight
		return out
	}
	led := func(name string, method armtrafficmanager.TrafficRoutingMethod, endpoints ...*armtrafficmanager.Endpoint) *armtrafficmanager.Profile {
		p := profile(name, endpoints...)
		p.Properties.TrafficRoutingMethod = to.Ptr(method)
		return p
	}
	return &cloud{profiles: []*armtrafficmanager.Profile{
		led("gw-w", armtrafficmanager.TrafficRoutingMethodWeighted, e("us", usName, 100), e("eu", euName, 4)),
		led("gw-p", armtrafficmanager.TrafficRoutingMethodPriority, e("us", usName, 1), e("asia", asiaURL, 1)),
	}}, of
}

func TestShare(t *testing.T) {
	c, of := sharing()
	m := c.manager(t, of)
	for _, step := range []struct {
		region  string
		percent int
	}{{us, 25}, {eu, 50}, {eu, 100}} {
		if err := m.Share(t.Context(), step.region, step.percent); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"gw-w/us weight 25", "gw-w/eu weight 8"}, c.written); diff != "" {
		t.Errorf("sent, what is so already being left alone (-want +got):\n%s", diff)
	}
	seen, err := m.Regions(t.Context())
	if err != nil || seen[us].Held != 0 || seen[eu].Held != 50 || seen[asia].Held != 0 {
		t.Errorf("%v: %+v", err, seen)
	}
	c.fail = map[string]string{"gw-w/us": "Conflict"}
	if err := m.Share(t.Context(), us, 5); err == nil || !strings.Contains(err.Error(), "give the endpoint us of the Traffic Manager profile gw-w the weight 5") {
		t.Errorf("refused: %v", err)
	}
}

func TestStepsRefused(t *testing.T) {
	c, of := sharing()
	m := c.manager(t, of)
	for _, tt := range []struct {
		name     string
		region   string
		percents []int
		want     string
		noSteps  bool
	}{
		{"possible", us, []int{1, 100}, "", false},
		{"too small a part", eu, []int{5, 100}, "its weight is 8, of which Traffic Manager has no 5 %: begin with 7 %", true},
		{"by priority alone", asia, []int{50, 100}, "none of the profiles that have its endpoint lead clients by weight", true},
		{"unknown", "aws/mars", []int{50, 100}, "it is not in the topology", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := m.Steps(t.Context(), []string{tt.region}, tt.percents)
			if (err != nil) != (tt.want != "") || err != nil && !strings.Contains(err.Error(), tt.want) || errors.Is(err, control.ErrNoSteps) != tt.noSteps {
				t.Errorf("got %v, want ...%s...", err, tt.want)
			}
		})
	}
	if len(c.written) > 0 {
		t.Errorf("it was only asked: %q", c.written)
	}
}
