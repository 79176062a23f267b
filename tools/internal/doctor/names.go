package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"polygate.example/infra/settings"
	"polygate.example/shared/topology"
)

// renewBefore is when a certificate that is about to expire is spoken of: all of the authorities in use renew earlier.
const renewBefore = 21 * 24 * time.Hour

// names are the checks of what is deployed: that names lead to it, and that it presents certificates for them.
func (d *doctor) names() []Own {
	if d.Deployed == nil {
		return []Own{{Name: "names and certificates", Run: func(context.Context) Finding { return Skip("nothing is deployed, or it cannot be told") }}}
	}
	out := []Own{{Name: "name " + d.Deployed.Hostname, Run: d.shared}}
	for _, r := range d.Deployed.Regions {
		out = append(out,
			Own{Name: "name " + r.Hostname, Run: func(ctx context.Context) Finding { return d.own(ctx, r) }},
			Own{Name: "certificates of " + r.Name, Run: func(ctx context.Context) Finding { return d.certificates(ctx, r) }})
	}
	return out
}

// chain are the names and addresses that a name leads to.
func (d *doctor) chain(ctx context.Context, name string) ([]string, error) {
	in, err := d.query(ctx, name, dns.TypeA, "")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, rr := range in.Answer {
		switch rr := rr.(type) {
		case *dns.CNAME:
			out = append(out, strings.ToLower(strings.TrimSuffix(rr.Target, ".")))
		case *dns.A:
			out = append(out, rr.A.String())
		}
	}
	return out, nil
}

const upAgain = "run `polygate up`; after a change of delegation wait for the old answers' TTL"

func (d *doctor) own(ctx context.Context, r topology.Region) Finding {
	chain, err := d.chain(ctx, r.Hostname)
	switch {
	case err != nil:
		return Bad("see that this machine can resolve names", "%v", err)
	case len(chain) == 0:
		return Bad(upAgain, "there is no such name")
	case !slices.Contains(chain, strings.ToLower(strings.TrimSuffix(r.Target, "."))):
		return Bad(upAgain, "leads to %s, and %s was deployed as %s", strings.Join(chain, " -> "), r.Name, r.Target)
	}
	return OK("leads to %s", r.Target)
}

func (d *doctor) shared(ctx context.Context) Finding {
	chain, err := d.chain(ctx, d.Deployed.Hostname)
	switch {
	case err != nil:
		return Bad("see that this machine can resolve names", "%v", err)
	case len(chain) == 0:
		return Bad(upAgain, "there is no such name")
	}
	for _, r := range d.Deployed.Regions {
		if slices.Contains(chain, r.Hostname) {
			return OK("leads to %s", r.Name)
		}
	}
	if d.Deployed.Manager != "cloudflare" && d.Deployed.Spare != "cloudflare" {
		return Bad(upAgain, "leads to %s, which is none of the deployed regions", strings.Join(chain, " -> "))
	}
	last := chain[len(chain)-1]
	if d.Settings.Cloudflare.Proxied {
		return OK("leads to Cloudflare, at %s", last)
	}
	if net.ParseIP(chain[0]) != nil { // it resolves the regions' names itself, and answers with addresses, which name nobody
		for _, r := range d.Deployed.Regions {
			if own, err := d.chain(ctx, r.Hostname); err == nil && slices.Contains(own, last) {
				return OK("leads to %s", r.Name)
			}
		}
		return OK("leads to %s, by Cloudflare, which names no region", last)
	}
	return Bad(upAgain, "leads to %s, which is none of the deployed regions", strings.Join(chain, " -> "))
}

// certificates looks at what a region presents for its own name and for the shared one. Health checks do not validate
// certificates, so that a bad one shows when traffic comes, and not before.
func (d *doctor) certificates(ctx context.Context, r topology.Region) Finding {
	var said []string
	soon := false
	for _, name := range []string{r.Hostname, d.Deployed.Hostname} {
		leaf, err := d.presented(ctx, r.Hostname, name)
		if err != nil {
			return Bad("for a certificate that you bring, renew it and `polygate up`; others are renewed by their cloud while CAA and DNS allow it", "for %s: %v", name, err)
		}
		left := leaf.NotAfter.Sub(d.Now())
		soon = soon || left < renewBefore
		said = append(said, name+": "+settings.Count(int(left.Hours()/24), "day")+" left")
	}
	if soon {
		return Warn("for a certificate that you bring, renew it and `polygate up`; others should have been renewed by their cloud: see CAA", "%s", strings.Join(said, ", "))
	}
	return OK("%s", strings.Join(said, ", "))
}

// presented is the certificate that a host presents for a name, verified for it.
func (d *doctor) presented(ctx context.Context, host, name string) (*x509.Certificate, error) {
	conn, err := d.Dial(ctx, host)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if deadline, set := ctx.Deadline(); set {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, err
		}
	}
	var peers []*x509.Certificate
	c := tls.Client(conn, &tls.Config{ServerName: name, RootCAs: d.Roots, MinVersion: tls.VersionTLS12, Time: d.Now, VerifyConnection: func(state tls.ConnectionState) error {
		peers = state.PeerCertificates // also of one that goes on to ask for a certificate of ours, and ends the handshake without
		return nil
	}})
	if err := c.HandshakeContext(ctx); err != nil && len(peers) == 0 {
		return nil, err
	}
	if len(peers) == 0 {
		return nil, errors.New("no certificate is presented")
	}
	return peers[0], nil
}

// DialNames connects to port 443 of what the resolver says of a name.
func DialNames(ctx context.Context, host string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", net.JoinHostPort(host, "443"))
}
