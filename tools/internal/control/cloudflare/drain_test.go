package cloudflare_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polygate.example/tools/internal/control"
)

// What origins of the group are sent back as: all they had, without what Cloudflare adds.
func origins(aws, gcp string) string {
	return `"origins":[{"address":"aws-a.api.example.com","enabled":` + aws + `,"flatten_cname":true,"header":{"Host":["aws-a.api.example.com"]},"name":"aws-a","port":8443,"weight":0.25},` +
		`{"address":"gcp-b.api.example.com","enabled":` + gcp + `,"name":"gcp-b","virtual_network_id":"a5624d4e-044a-4ff0-b3e1-e2465353d4b4","weight":1}]`
}

func TestDrain(t *testing.T) {
	for _, c := range []struct {
		name    string
		pools   []string
		regions []string
		drained bool
		want    []string // what is sent, by pool
	}{
		{"a pool of its own", []string{single("p1", "aws-a", "true"), single("p2", "gcp-b", "true")}, []string{"aws/a"}, true, []string{`lb1 {"fallback_pool":"p2"}`, `p1 {"enabled":false}`}},
		{"and back", []string{single("p1", "aws-a", "false"), single("p2", "gcp-b", "true")}, []string{"aws/a"}, false, []string{`p1 {"enabled":true}`, `lb1 {"fallback_pool":"p1"}`}},
		{"one that is not the fallback pool", []string{single("p1", "aws-a", "true"), single("p2", "gcp-b", "true")}, []string{"gcp/b"}, true, []string{`p2 {"enabled":false}`}},
		{"its origin was disabled as well", []string{strings.Replace(single("p1", "aws-a", "false"), `"enabled": true`, `"enabled": false`, 1), single("p2", "gcp-b", "true")}, []string{"aws/a"}, false,
			[]string{`p1 {"enabled":true,"origins":[{"address":"aws-a.api.example.com","enabled":true,"header":{"Host":["aws-a.api.example.com"]},"name":"aws-a","weight":1}]}`, `lb1 {"fallback_pool":"p1"}`}},
		{"all steps of a ramp", []string{single("p1", "aws-a", "true"), single("p1-2", "aws-a", "false"), single("p1-3", "aws-a", "true"), single("p2", "gcp-b", "true")}, []string{"aws/a"}, true,
			[]string{`lb1 {"fallback_pool":"p2"}`, `p1 {"enabled":false}`, `p1-3 {"enabled":false}`}},
		{"one of a group", []string{group("true", "true", "true")}, []string{"aws/a"}, true, []string{"g1 {" + origins("false", "true") + "}"}},
		{"the last of a group", []string{group("true", "true", "false")}, []string{"aws/a"}, true, []string{`g1 {"enabled":false,` + origins("false", "false") + "}"}},
		{"a whole group", []string{group("true", "true", "true")}, []string{"aws/a", "gcp/b"}, true, []string{`g1 {"enabled":false,` + origins("false", "false") + "}"}},
		{"one of a group back", []string{group("false", "false", "false")}, []string{"gcp/b"}, false, []string{`g1 {"enabled":true,` + origins("false", "true") + "}"}},
		{"one of a group that somebody disabled as a whole", []string{group("false", "true", "true")}, []string{"gcp/b"}, false, []string{`g1 {"enabled":true,` + origins("false", "true") + "}"}},
		{"a group and a pool of its own", []string{group("true", "true", "true"), single("p1", "aws-a", "true")}, []string{"aws/a"}, true, []string{"g1 {" + origins("false", "true") + "}", `p1 {"enabled":false}`}},
		{"none", []string{single("p1", "aws-a", "true")}, nil, true, nil},
		{"drained already", []string{single("p1", "aws-a", "false"), group("true", "false", "true")}, []string{"aws/a"}, true, nil},
		{"a group that somebody disabled as a whole is drained", []string{group("false", "true", "true")}, []string{"aws/a"}, true, nil},
		{"serving already", []string{single("p1", "aws-a", "true"), group("true", "true", "false")}, []string{"aws/a"}, false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, append(c.pools, single("p9", "of-somebody-else", "true"))...)
			m := manage(t, f, world())
			if err := m.Drain(t.Context(), c.regions, c.drained); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, f.writes); diff != "" {
				t.Errorf("sent:\n%s", diff)
			}
			if err := m.Drain(t.Context(), c.regions, c.drained); err != nil || len(f.writes) != len(c.want) {
				t.Errorf("again: %v, and sent %q", err, f.writes)
			}
		})
	}
}

func TestDrainRefused(t *testing.T) {
	both := []string{single("p1", "aws-a", "true"), single("p2", "gcp-b", "true")}
	for _, c := range []struct {
		name    string
		pools   []string
		regions []string
		says    string
		unknown bool
		sent    int
	}{
		{"no such region", both, []string{"aws/a", "azure/c"}, `the topology has no region "azure/c"`, true, 0},
		{"no pool", both[:1], []string{"aws/a", "gcp/b"}, "has gcp-b.api.example.com, the own name of gcp/b", true, 0},
		{"a pool that cannot be changed", both, []string{"aws/a", "gcp/b"}, "change the pool api-example-com-gcp-b in Cloudflare: 400 Bad Request: no: validation failed (code 1002)", false, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, c.pools...)
			f.fail["PATCH "+prefix+"/p2"] = `400 {"success":false,"errors":[{"code":1002,"message":"no: validation failed"}]}`
			err := manage(t, f, world()).Drain(t.Context(), c.regions, true)
			if err == nil || !strings.Contains(err.Error(), c.says) || errors.Is(err, control.ErrUnknown) != c.unknown || len(f.writes) != c.sent {
				t.Errorf("%v after %d changes: want ...%s... after %d, unknown: %t", err, len(f.writes), c.says, c.sent, c.unknown)
			}
		})
	}
}

// The fallback pool is answered whatever its health, so that it follows a drain; what an interrupted one has left is done by the next; what
// somebody named by hand that is no pool of the stack stays.
func TestFallbackPool(t *testing.T) {
	for _, c := range []struct {
		name     string
		enabled  [2]string // p1 and p2
		fallback string
		drain    bool
		want     []string
	}{
		{"a drain that was cut short", [2]string{"false", "true"}, "p1", true, []string{`lb1 {"fallback_pool":"p2"}`}},
		{"an undrain that was cut short", [2]string{"true", "true"}, "p2", false, []string{`lb1 {"fallback_pool":"p1"}`}},
		{"the last one that was left", [2]string{"true", "false"}, "p1", true, []string{`p1 {"enabled":false}`}},
		{"somebody's own", [2]string{"true", "true"}, "p9", true, []string{`p1 {"enabled":false}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, single("p1", "aws-a", c.enabled[0]), single("p2", "gcp-b", c.enabled[1]), single("p9", "of-somebody-else", "true"))
			f.lb["fallback_pool"] = c.fallback
			m := manage(t, f, world())
			for range 2 { // it can be repeated
				if err := m.Drain(t.Context(), []string{"aws/a"}, c.drain); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(c.want, f.writes); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
		})
	}
	f := newFake(t, single("p1", "aws-a", "true"), single("p2", "gcp-b", "true"))
	w := world()
	delete(w.Details, "loadBalancer")
	if err := manage(t, f, w).Drain(t.Context(), []string{"aws/a"}, true); err == nil || !strings.Contains(err.Error(), "does not name the Cloudflare load balancer") || len(f.writes) > 0 {
		t.Errorf("without its id: %v, and sent %q", err, f.writes)
	}
}
