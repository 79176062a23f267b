package certificate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/dns/armdns"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/dns/armdns/fake"

	"polygate.example/infra/settings"
)

// azureZone is an Azure DNS zone with record sets by name, each with an etag.
type azureZone struct {
	sets map[string][]string
	etag int
}

func (z *azureZone) server() fake.RecordSetsServer {
	where := func(group, zone string, kind armdns.RecordType) error {
		if group != "dns" || zone != "example.com" || kind != armdns.RecordTypeTXT {
			return fmt.Errorf("asked for %s of %s in %s", kind, zone, group)
		}
		return nil
	}
	tag := func() *string { return new(fmt.Sprint(z.etag)) }
	return fake.RecordSetsServer{
		Get: func(_ context.Context, group, zone, name string, kind armdns.RecordType, _ *armdns.RecordSetsClientGetOptions) (r azfake.Responder[armdns.RecordSetsClientGetResponse], e azfake.ErrorResponder) {
			values, ok := z.sets[name]
			if err := where(group, zone, kind); err != nil || !ok {
				e.SetResponseError(http.StatusNotFound, "NotFound")
				return r, e
			}
			set := armdns.RecordSet{Etag: tag(), Properties: &armdns.RecordSetProperties{}}
			for _, v := range values {
				set.Properties.TxtRecords = append(set.Properties.TxtRecords, &armdns.TxtRecord{Value: []*string{new(v[:1]), new(v[1:])}})
			}
			r.SetResponse(http.StatusOK, armdns.RecordSetsClientGetResponse{RecordSet: set}, nil)
			return r, e
		},
		CreateOrUpdate: func(_ context.Context, group, zone, name string, kind armdns.RecordType, set armdns.RecordSet, o *armdns.RecordSetsClientCreateOrUpdateOptions) (r azfake.Responder[armdns.RecordSetsClientCreateOrUpdateResponse], e azfake.ErrorResponder) {
			_, there := z.sets[name]
			free := !there && o.IfNoneMatch != nil && *o.IfNoneMatch == "*"
			same := there && o.IfMatch != nil && *o.IfMatch == *tag()
			if where(group, zone, kind) != nil || !free && !same {
				e.SetResponseError(http.StatusPreconditionFailed, "PreconditionFailed")
				return r, e
			}
			z.etag++
			z.sets[name] = nil
			for _, t := range set.Properties.TxtRecords {
				z.sets[name] = append(z.sets[name], *t.Value[0])
			}
			r.SetResponse(http.StatusOK, armdns.RecordSetsClientCreateOrUpdateResponse{}, nil)
			return r, e
		},
		Delete: func(_ context.Context, group, zone, name string, kind armdns.RecordType, o *armdns.RecordSetsClientDeleteOptions) (r azfake.Responder[armdns.RecordSetsClientDeleteResponse], e azfake.ErrorResponder) {
			if where(group, zone, kind) != nil || o.IfMatch == nil || *o.IfMatch != *tag() {
				e.SetResponseError(http.StatusPreconditionFailed, "PreconditionFailed")
				return r, e
			}
			delete(z.sets, name)
			r.SetResponse(http.StatusOK, armdns.RecordSetsClientDeleteResponse{}, nil)
			return r, e
		},
	}
}

func TestAzure(t *testing.T) {
	z := &azureZone{sets: map[string][]string{}}
	a, err := openAzure(settings.Settings{Zone: "example.com", TrafficManager: settings.TrafficManager{ZoneGroup: "dns"}}, Access{Subscription: "s"}, &azfake.TokenCredential{},
		&arm.ClientOptions{ClientOptions: policy.ClientOptions{Transport: fake.NewRecordSetsServerTransport(new(z.server()))}})
	if err != nil {
		t.Fatal(err)
	}
	const name = "_acme-challenge.api"
	must := func(step string, err error, want ...string) {
		t.Helper()
		slices.Sort(want)
		got := slices.Clone(z.sets[name])
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v; want %v", step, got, err, want)
		}
	}
	one, two := recordValue("one"), recordValue("two")
	must("the first", a.Present(t.Context(), "api.example.com", "", "one"), one)
	must("a second beside it", a.Present(t.Context(), "api.example.com", "", "two"), one, two)
	must("the second again", a.Present(t.Context(), "api.example.com", "", "two"), one, two)
	must("the first gone", a.CleanUp(t.Context(), "api.example.com", "", "one"), two)
	must("both gone", a.CleanUp(t.Context(), "api.example.com", "", "two"))
	must("gone already", a.CleanUp(t.Context(), "api.example.com", "", "two"))
	if len(z.sets) > 0 {
		t.Errorf("record sets are left: %v", slices.Collect(maps.Keys(z.sets)))
	}
	// Who does not know the resource group is told so by Azure, and we by it.
	a.group = "elsewhere"
	var refused *azcore.ResponseError
	if err := a.Present(t.Context(), "api.example.com", "", "one"); !errors.As(err, &refused) || !strings.Contains(err.Error(), "write the TXT records of "+name) {
		t.Errorf("another group: %v", err)
	}
}

// What is missing is said before anything is written, with what would do.
func TestSolvers(t *testing.T) {
	env := func(values map[string]string) func(string) string { return func(k string) string { return values[k] } }
	for name, c := range map[string]struct {
		settings settings.Settings
		access   Access
		says     string // "" for none
	}{
		"route53":                        {settings.Settings{Manager: "route53"}, Access{Getenv: env(nil)}, ""},
		"cloudflare":                     {settings.Settings{Manager: "cloudflare"}, Access{Getenv: env(map[string]string{"CLOUDFLARE_API_TOKEN": "t"})}, ""},
		"cloudflare without token":       {settings.Settings{Manager: "cloudflare"}, Access{Getenv: env(nil)}, "want CLOUDFLARE_API_TOKEN"},
		"trafficmanager":                 {settings.Settings{Manager: "trafficmanager", TrafficManager: settings.TrafficManager{ZoneGroup: "g"}}, Access{Getenv: env(nil), Subscription: "s"}, ""},
		"trafficmanager without a place": {settings.Settings{Manager: "trafficmanager"}, Access{Getenv: env(nil)}, "polygate:trafficmanager.zoneGroup"},
		"another":                        {settings.Settings{Manager: "pigeon"}, Access{Getenv: env(nil)}, "want route53, trafficmanager or cloudflare"},
		"a spare alone":                  {settings.Settings{Manager: "trafficmanager", Spare: "route53"}, Access{Getenv: env(nil)}, ""},
		"neither":                        {settings.Settings{Manager: "trafficmanager", Spare: "cloudflare"}, Access{Getenv: env(nil)}, "want CLOUDFLARE_API_TOKEN"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Solver(c.settings, c.access, t.Logf)(t.Context())
			if c.says == "" && (err != nil || p == nil) || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%v, %v; want %q", p, err, c.says)
			}
		})
	}
}

// Both zones are written to, and one that is out of reach keeps nothing from the other.
func TestZones(t *testing.T) {
	lost := errors.New("unreachable")
	for name, c := range map[string]struct {
		first, second error
		fails         bool
	}{
		"both": {nil, nil, false}, "the second is lost": {nil, lost, false}, "the first is lost": {lost, nil, false}, "both are lost": {lost, lost, true},
	} {
		t.Run(name, func(t *testing.T) {
			var did, said []string
			one := func(name string, err error) named {
				do := func(what string) func(context.Context, string, string) error {
					return func(context.Context, string, string) error { did = append(did, what+" "+name); return err }
				}
				return named{name, solverOf{do("present"), do("clean up")}}
			}
			z := &zones{all: []named{one("route53", c.first), one("cloudflare", c.second)}, progress: func(f string, a ...any) { said = append(said, fmt.Sprintf(f, a...)) }}
			for _, err := range []error{z.Present(t.Context(), own, "", ""), z.CleanUp(t.Context(), own, "", "")} {
				if (err != nil) != c.fails || c.fails && (!errors.Is(err, lost) || !strings.Contains(err.Error(), "cloudflare: unreachable")) {
					t.Errorf("%v, want a failure: %v", err, c.fails)
				}
			}
			if want := []string{"present route53", "present cloudflare", "clean up route53", "clean up cloudflare"}; !slices.Equal(did, want) {
				t.Errorf("did %v, want %v", did, want)
			}
			if lostOnes := 2 * (len(said) / 2); (c.first != nil || c.second != nil) != (lostOnes > 0) {
				t.Errorf("said %v", said)
			}
		})
	}
	p := credentialed{solverOf{func(context.Context, string, string) error { return lost }, nil}, "a key"}
	if err := p.Present(t.Context(), own, "", ""); !errors.Is(err, lost) || !strings.HasSuffix(err.Error(), "; want a key") {
		t.Errorf("says %v", err)
	}
}
