package pack

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"polygate.example/shared/artefact"
	"polygate.example/shared/clientcert/clientcerttest"
	"polygate.example/shared/gateway"
)

// TestFront: the fronts are to tell what some policy goes by, and to trust whom some policy trusts for itself.
func TestFront(t *testing.T) {
	root, other := clientcerttest.Root(t, "Root"), clientcerttest.Root(t, "Other")
	sub := root.Sub(t, "Sub")
	certificate := func(ca string) gateway.Policy {
		p := &gateway.ClientCertificate{CA: ca, Consumer: "cn"}
		if ca == "" {
			p.Fingerprints = []string{"5d34f4be11ae8238a6e4397c1137ebfbed462736eba8dc0827cdf5b258017f18"}
		}
		return gateway.Policy{ClientCertificate: p}
	}
	when := func(text string) gateway.Policy { return gateway.Policy{Authorize: &gateway.Authorize{When: text}} }
	for _, c := range []struct {
		name     string
		policies map[string]gateway.Policy
		want     artefact.Front
	}{
		{"nothing", map[string]gateway.Policy{"a": when(`client.ip != ""`)}, artefact.Front{}},
		{"countries", map[string]gateway.Policy{"a": {Authorize: &gateway.Authorize{Geo: &gateway.Geo{Deny: []string{"DE"}, Unknown: gateway.UnknownDeny}}}}, artefact.Front{Country: true}},
		{"a country that is none of the client's", map[string]gateway.Policy{"a": when(`request.query("country") == "client.country"`)}, artefact.Front{}},
		{"a country in an expression", map[string]gateway.Policy{"a": when(`client.ip != ""`), "b": when(`client.country == "DE"`)}, artefact.Front{Country: true}},
		{"fingerprints alone", map[string]gateway.Policy{"a": certificate("")}, artefact.Front{Certificates: &artefact.Certificates{Required: true}}},
		{"a root and a step, in a text", map[string]gateway.Policy{"a": certificate("# ours\n" + sub.PEM(root) + "# end\n")},
			artefact.Front{Certificates: &artefact.Certificates{Anchors: []string{root.PEM()}, Steps: []string{sub.PEM()}, Required: true}}},
		{"a step that another policy trusts", map[string]gateway.Policy{"a": certificate(root.PEM(sub)), "b": certificate(sub.PEM()), "c": certificate("")},
			artefact.Front{Certificates: &artefact.Certificates{Anchors: once([]string{root.PEM(), sub.PEM()}), Required: true}}},
		{"two policies with one root", map[string]gateway.Policy{"a": certificate(root.PEM()), "b": certificate(other.PEM(root))},
			artefact.Front{Certificates: &artefact.Certificates{Anchors: once([]string{root.PEM(), other.PEM()}), Required: true}}},
		{"on some routes", map[string]gateway.Policy{"a": certificate(root.PEM()), "b": when(`client.ip != ""`)}, artefact.Front{Certificates: &artefact.Certificates{Anchors: []string{root.PEM()}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := gateway.Spec{Version: gateway.Version, Policies: c.policies}
			for name := range c.policies {
				spec.Routes = append(spec.Routes, gateway.Route{Name: name, Match: gateway.Match{Path: "/" + name}, Policies: []string{name}, Respond: &gateway.Respond{Status: 200}})
			}
			m, err := gateway.New(spec)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Front(m)
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Errorf("%v, (-want +got):\n%s", err, diff)
			}
		})
	}
}
