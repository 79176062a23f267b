package pack

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"

	"polygate.example/shared/artefact"
	"polygate.example/shared/clientcert"
	"polygate.example/shared/gateway"
)

// Front is what a model needs of the fronts before it.
func Front(m *gateway.Model) (artefact.Front, error) {
	var out artefact.Front
	for name, p := range m.Policies() {
		out.Country = out.Country || p.OfCountry()
		if p.ClientCertificate == nil {
			continue
		}
		if out.Certificates == nil {
			out.Certificates = &artefact.Certificates{}
		}
		if p.ClientCertificate.CA == "" {
			continue
		}
		bundle, bad := clientcert.ParseBundle(p.ClientCertificate.CA)
		if len(bad) > 0 {
			return artefact.Front{}, fmt.Errorf("the policy %q: the bundle %w", name, bad[0]) // no model has one
		}
		out.Certificates.Anchors = append(out.Certificates.Anchors, texts(bundle.Anchors())...)
		out.Certificates.Steps = append(out.Certificates.Steps, texts(bundle.Steps())...)
	}
	if c := out.Certificates; c != nil {
		c.Anchors, c.Steps = once(c.Anchors), once(c.Steps)
		// What one policy trusts may be a step of another's: it is trusted then.
		c.Steps = slices.DeleteFunc(c.Steps, func(step string) bool { return slices.Contains(c.Anchors, step) })
		if len(c.Steps) == 0 {
			c.Steps = nil
		}
		c.Required = len(m.Uncertified()) == 0
	}
	return out, nil
}

// texts are certificates in PEM, without what may stand around them in a document.
func texts(all []*x509.Certificate) []string {
	var out []string
	for _, c := range all {
		out = append(out, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})))
	}
	return out
}

// once are texts sorted, each once.
func once(all []string) []string {
	slices.Sort(all)
	return slices.Compact(all)
}
