package cli

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"polygate.example/shared/gateway"
	"polygate.example/shared/handler"
	"polygate.example/tools/internal/localcloud/pki"
)

// authority is the one on this machine that issues what dev shows clients. It is kept where it can be trusted for longer than one run.
func authority() (*pki.CA, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("find a place to keep the authority of --tls: %w", err)
	}
	dir := filepath.Join(cache, "polygate", "dev")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make a place for the authority of --tls: %w", err)
	}
	return pki.Open(dir)
}

// invitation says how to call what is served with TLS.
func invitation(ca string, asks bool, at net.Addr) string {
	_, port, _ := net.SplitHostPort(at.String()) // an address has one
	line := "curl --cacert " + shellQuote(ca)
	if asks {
		line += " --cert client.pem --key client-key.pem"
	}
	return line + " https://localhost:" + port + "/"
}

// byClients are the policies that go by certificates, and by countries, of clients.
func byClients(m *gateway.Model) (certificates, countries []string) {
	all := m.Policies()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name].ClientCertificate != nil {
			certificates = append(certificates, name)
		}
		if all[name].OfCountry() {
			countries = append(countries, name)
		}
	}
	return certificates, countries
}

// note says, once, what the document goes by and nobody tells here, as fronts would.
func (d *devRun) note(certificates, countries []string) {
	var lines []string
	if len(certificates) > 0 && !d.tls {
		lines = append(lines, goBy(certificates, "certificates of clients")+", which they show over TLS only: without --tls no request has one")
	}
	if len(countries) > 0 && d.country == "" {
		lines = append(lines, goBy(countries, "the country of clients")+", which only a front tells: without --country, such as --country DE, it is not known")
	}
	if text := strings.Join(lines, "\n"); text != d.noted {
		d.noted = text
		for _, line := range lines {
			d.app.step("note: %s", line)
		}
	}
}

func goBy(policies []string, what string) string {
	if len(policies) == 1 {
		return "the policy " + policies[0] + " goes by " + what
	}
	return "the policies " + strings.Join(policies, ", ") + " go by " + what
}

// inCountry has requests come from a country, as if a front had written it down.
func inCountry(h http.Handler, country string) http.Handler {
	if country == "" {
		return h
	}
	told := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(handler.WithFront(r.Context(), handler.Front{Country: country})))
	})
	if c, ok := h.(io.Closer); ok { // which holds connections
		return struct {
			http.Handler
			io.Closer
		}{told, c}
	}
	return told
}
