package appservice

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/appservice/armappservice/v4"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/appservice/armappservice/v4/fake"
	"github.com/google/go-cmp/cmp"

	"polygate.example/shared/health"
	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
)

const eastus = "azure/eastus"

// settings are an app's, as the SDK's own fake of App Service keeps them.
type settings struct {
	have   map[string]*string
	puts   int
	refuse map[string]int  // status of calls
	before func(*settings) // runs once, as the settings are written
	after  func(*settings) // runs once, when they have been
}

func (s *settings) list(context.Context, string, string, *armappservice.WebAppsClientListApplicationSettingsOptions) (
	out azfake.Responder[armappservice.WebAppsClientListApplicationSettingsResponse], refused azfake.ErrorResponder) {
	if code := s.refuse["list"]; code != 0 {
		refused.SetResponseError(code, "AuthorizationFailed")
		return out, refused
	}
	out.SetResponse(http.StatusOK, armappservice.WebAppsClientListApplicationSettingsResponse{StringDictionary: armappservice.StringDictionary{Properties: maps.Clone(s.have)}}, nil)
	return out, refused
}

func (s *settings) put(_ context.Context, _, _ string, in armappservice.StringDictionary, _ *armappservice.WebAppsClientUpdateApplicationSettingsOptions) (
	out azfake.Responder[armappservice.WebAppsClientUpdateApplicationSettingsResponse], refused azfake.ErrorResponder) {
	if s.before != nil {
		do := s.before
		s.before = nil
		do(s)
	}
	if code := s.refuse["put"]; code != 0 {
		if code == http.StatusConflict {
			delete(s.refuse, "put")
		}
		refused.SetResponseError(code, "AuthorizationFailed")
		return out, refused
	}
	s.puts++
	s.have = in.Properties
	if s.after != nil {
		do := s.after
		s.after = nil
		do(s)
	}
	out.SetResponse(http.StatusOK, armappservice.WebAppsClientUpdateApplicationSettingsResponse{StringDictionary: in}, nil)
	return out, refused
}

func (s *settings) only(t *testing.T, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, plain(s.have)); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

func levered(t *testing.T) (*settings, *Provider) {
	t.Helper()
	s := &settings{have: map[string]*string{"KEPT": to.Ptr("hush"), "EMPTY": to.Ptr("")}, refuse: map[string]int{}}
	p, err := New(&azfake.TokenCredential{}, &arm.ClientOptions{ClientOptions: policy.ClientOptions{
		Transport: fake.NewWebAppsServerTransport(&fake.WebAppsServer{ListApplicationSettings: s.list, UpdateApplicationSettings: s.put}), Retry: policy.RetryOptions{MaxRetries: -1},
	}}, topology.Topology{Environment: "staging", Regions: []topology.Region{{Name: eastus, Provider: "azure",
		Function: "/subscriptions/5ca1ab1e-0000-4000-a000-00000000a2e5/resourceGroups/gw/providers/Microsoft.Web/sites/gw-app"}}})
	if err != nil {
		t.Fatal(err)
	}
	p.pause = time.Millisecond
	return s, p
}

func lease(token uint64) control.Lease {
	return control.Lease{Fault: health.DrillLatency, Delay: 2 * time.Second, Until: time.Now().Add(10 * time.Minute).UTC().Truncate(time.Second), Token: token, Drill: "d-1"}
}

var untouched = map[string]string{"KEPT": "hush", "EMPTY": ""}

func TestLever(t *testing.T) {
	s, p := levered(t)
	l := lease(7)
	for range 2 {
		if err := p.Pull(t.Context(), eastus, l); err != nil {
			t.Fatal(err)
		}
	}
	if got := plain(s.have); got["KEPT"] != "hush" || !strings.Contains(got[health.EnvDrill], `"delay_ms":2000`) || s.puts != 1 {
		t.Errorf("%d settings after %d updates", len(got), s.puts)
	}
	if got, err := p.Pulled(t.Context()); err != nil || got[eastus] != l {
		t.Errorf("pulled: %+v, %v", got, err)
	}
	for range 2 {
		if err := p.Release(t.Context(), eastus, 7); err != nil {
			t.Fatal(err)
		}
	}
	s.only(t, untouched)
	if got, err := p.Pulled(t.Context()); err != nil || len(got) != 0 || s.puts != 2 {
		t.Errorf("pulled: %+v, %v, after %d updates: want one for each change, as every one restarts the app", got, err, s.puts)
	}
}

func TestLeverFence(t *testing.T) {
	s, p := levered(t)
	s.have[health.EnvDrill] = to.Ptr(`{"fault":"region-down","until":"2001-01-01T00:00:00Z","token":9,"drill":"theirs"}`)
	if got, err := p.Pulled(t.Context()); err != nil || got[eastus].Token != 9 || !got[eastus].Expired(time.Now()) {
		t.Errorf("pulled: %+v, %v", got, err)
	}
	if err := p.Pull(t.Context(), eastus, lease(8)); !errors.Is(err, control.ErrFenced) {
		t.Errorf("pull: %v", err)
	}
	if err := p.Release(t.Context(), eastus, 8); !errors.Is(err, control.ErrFenced) || s.puts != 0 {
		t.Errorf("release: %v after %d updates", err, s.puts)
	}
	if err := p.Release(t.Context(), eastus, 9); err != nil {
		t.Error(err)
	}
	s.only(t, untouched)
}

func TestLeverRaces(t *testing.T) {
	later := map[string]*string{"NEW": to.Ptr("3")}
	for what, c := range map[string]struct {
		prepare func(*settings)
		others  map[string]string
	}{
		"another operation, which changes the settings": {func(s *settings) {
			s.refuse["put"] = http.StatusConflict
			s.before = func(s *settings) { s.have = maps.Clone(later) }
		}, map[string]string{"NEW": "3"}},
		"somebody writes over ours": {func(s *settings) { s.after = func(s *settings) { s.have = maps.Clone(later) } }, map[string]string{"NEW": "3"}},
		"somebody adds to ours":     {func(s *settings) { s.after = func(s *settings) { s.have["NEW"] = to.Ptr("3") } }, map[string]string{"KEPT": "hush", "EMPTY": "", "NEW": "3"}},
	} {
		t.Run(what, func(t *testing.T) {
			s, p := levered(t)
			c.prepare(s)
			if err := p.Pull(t.Context(), eastus, lease(7)); err != nil {
				t.Fatal(err)
			}
			if plain(s.have)[health.EnvDrill] == "" {
				t.Error("the lease is not there")
			}
			if err := p.Release(t.Context(), eastus, 7); err != nil {
				t.Fatal(err)
			}
			s.only(t, c.others)
		})
	}
	t.Run("a later drill comes first", func(t *testing.T) {
		s, p := levered(t)
		s.refuse["put"] = http.StatusConflict
		s.before = func(s *settings) {
			s.have[health.EnvDrill] = to.Ptr(`{"fault":"region-down","until":"2001-01-01T00:00:00Z","token":9,"drill":"theirs"}`)
		}
		if err := p.Pull(t.Context(), eastus, lease(7)); !errors.Is(err, control.ErrFenced) || s.puts != 0 {
			t.Errorf("got %v after %d updates", err, s.puts)
		}
	})
}

func TestLeverRefused(t *testing.T) {
	for call, code := range map[string]int{"list": 403, "put": 403} {
		t.Run(call, func(t *testing.T) {
			s, p := levered(t)
			s.refuse[call] = code
			err := p.Pull(t.Context(), eastus, lease(7))
			if err == nil || !strings.Contains(err.Error(), "region azure/eastus: ") || !strings.Contains(err.Error(), "403 Forbidden: AuthorizationFailed") || strings.Contains(err.Error(), "hush") {
				t.Errorf("got %v", err)
			}
			s.only(t, untouched)
		})
	}
	s, p := levered(t)
	s.refuse["list"] = 404
	if err := p.Release(t.Context(), eastus, 7); !errors.Is(err, control.ErrUnknown) {
		t.Errorf("an app that is gone: %v", err)
	}
	if _, err := p.Pulled(t.Context()); !errors.Is(err, control.ErrUnknown) {
		t.Errorf("an app that is gone: %v", err)
	}
	if err := p.Pull(t.Context(), "azure/mars", lease(7)); !errors.Is(err, control.ErrUnknown) {
		t.Errorf("a region that is not there: %v", err)
	}
}
