package config

import (
	"slices"

	"github.com/goccy/go-yaml/ast"

	"polygate.example/shared/clientcert"
	"polygate.example/shared/gateway"
)

func (d *decoder) clientCertificate(at gateway.Pointer, n ast.Node) *gateway.ClientCertificate {
	p := &gateway.ClientCertificate{Consumer: clientcert.FieldCN}
	d.mapping(at, n,
		field{"ca", func(at gateway.Pointer, n ast.Node) { p.CA = d.hidden(at, n, "write certificates in PEM, under ca: |") }},
		field{"fingerprints", func(at gateway.Pointer, n ast.Node) { p.Fingerprints = d.texts(at, n) }},
		field{"subjects", func(at gateway.Pointer, n ast.Node) { p.Subjects = d.names(at, n) }},
		field{"sans", func(at gateway.Pointer, n ast.Node) {
			d.mapping(at, n,
				field{"dns", func(at gateway.Pointer, n ast.Node) { p.SANs.DNS = d.names(at, n) }},
				field{"uri", func(at gateway.Pointer, n ast.Node) { p.SANs.URI = d.names(at, n) }},
				field{"email", func(at gateway.Pointer, n ast.Node) { p.SANs.Email = d.names(at, n) }},
			)
		}},
		field{"consumer", func(at gateway.Pointer, n ast.Node) { p.Consumer = d.filled(at, n) }},
		field{"holders", func(at gateway.Pointer, n ast.Node) {
			d.credentials(at, n, func(at gateway.Pointer, n ast.Node) { p.Holders = append(p.Holders, d.certificateHolder(at, n)) })
		}},
		field{"revoked", func(at gateway.Pointer, n ast.Node) {
			d.mapping(at, n,
				field{"serials", func(at gateway.Pointer, n ast.Node) { p.Revoked.Serials = d.texts(at, n) }},
				field{"fingerprints", func(at gateway.Pointer, n ast.Node) { p.Revoked.Fingerprints = d.texts(at, n) }},
			)
		}},
		field{"optional", func(at gateway.Pointer, n ast.Node) { p.Optional = d.boolean(at, n) }},
		field{"forward", func(at gateway.Pointer, n ast.Node) { p.Forward = d.textMap(at, n) }},
		field{"forwardAs", func(at gateway.Pointer, n ast.Node) { p.ForwardAs = d.forwardAs(at, n) }},
	)
	return p
}

func (d *decoder) certificateHolder(at gateway.Pointer, n ast.Node) gateway.CertificateHolder {
	var h gateway.CertificateHolder
	d.mapping(at, n, slices.Concat([]field{
		field{"name", func(at gateway.Pointer, n ast.Node) { h.Name = d.filled(at, n) }},
		field{"consumer", func(at gateway.Pointer, n ast.Node) { h.Consumer = d.filled(at, n) }},
	}, d.holder(&h.Holder))...)
	return h
}

// names reads a list that narrows who may call: an empty one would narrow nothing, whatever its writer meant by it.
func (d *decoder) names(at gateway.Pointer, n ast.Node) []string {
	out := d.texts(at, n)
	if len(out) == 0 && !d.doc.broken[at] {
		d.wrong(at, n, "the list is empty", "list at least one, or remove the key to take any")
	}
	return out
}
