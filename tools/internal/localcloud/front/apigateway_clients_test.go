package front

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"polygate.example/shared/clientcert/clientcerttest"
	"polygate.example/tools/internal/localcloud/plane"
)

// today has a certificate valid now, as fronts go by the clock of the wall.
func today(c *x509.Certificate) {
	c.NotBefore, c.NotAfter = time.Now().Add(-12*time.Hour), time.Now().Add(12*time.Hour)
}

// with is the client of a gateway with a certificate, and others beside it.
func with(c *http.Client, chain ...clientcerttest.Issued) *http.Client {
	tr := c.Transport.(*http.Transport).Clone()
	if len(chain) > 0 {
		one := tls.Certificate{PrivateKey: chain[0].Key}
		for _, i := range chain {
			one.Certificate = append(one.Certificate, i.Cert.Raw)
		}
		tr.TLSClientConfig.Certificates = []tls.Certificate{one}
	}
	return &http.Client{Transport: tr}
}

// TestMutualTLS: a name with a trust store answers clients of it alone, 403 to those of others, and fails the handshake of who shows nothing. Source:
// "How to turn on mutual TLS authentication for your HTTP APIs in API Gateway",
// docs.aws.amazon.com/apigateway/latest/developerguide/http-api-mutual-tls.html.
func TestMutualTLS(t *testing.T) {
	root, other := clientcerttest.Root(t, "Root", today), clientcerttest.Root(t, "Root", today)
	chain := []clientcerttest.Issued{root}
	for range 4 {
		chain = append(chain, chain[len(chain)-1].Sub(t, "Sub", today))
	}
	alone := clientcerttest.Root(t, "Without its root", today).Sub(t, "Step", today)
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var e map[string]any
	plain := gateway(t, capture(&e), func(_ *Options, s *plane.Site) {
		s.Hosts[0].Clients = []byte(root.PEM(append(chain[1:], alone)...))
		s.Hosts = append(s.Hosts, host(t, "own.example.test"))
	})
	server := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }
	past := func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	}
	future := func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
	}
	unlisted := other.Sub(t, "Unlisted", today)
	for _, c := range []struct {
		name   string
		chain  []clientcerttest.Issued
		status int // 0 for no answer
	}{
		{"of the root", []clientcerttest.Issued{root.Client(t, "acme", today)}, 200},
		{"of an authority below", []clientcerttest.Issued{chain[3].Client(t, "acme", today)}, 200},
		{"of one that is too far down", []clientcerttest.Issued{chain[4].Client(t, "acme", today)}, 403},
		{"of one without its root", []clientcerttest.Issued{alone.Client(t, "acme", today)}, 403},
		{"for servers, which nobody looks at", []clientcerttest.Issued{root.Client(t, "acme", today, server)}, 200},
		{"of another of the same name", []clientcerttest.Issued{other.Client(t, "acme", today)}, 403},
		{"of one that only the client shows", []clientcerttest.Issued{unlisted.Client(t, "acme", today), unlisted, other}, 403},
		{"of itself", []clientcerttest.Issued{clientcerttest.Alone(t, "acme", today)}, 403},
		{"that has ended", []clientcerttest.Issued{root.Client(t, "acme", past)}, 403},
		{"that has not begun", []clientcerttest.Issued{root.Client(t, "acme", future)}, 403},
		{"with a key of another kind", []clientcerttest.Issued{root.With(t, "acme", edwards, today)}, 403},
		{"none", nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			e = nil
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+name+"/", nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := with(plain, c.chain...).Do(req)
			if c.status == 0 {
				if err == nil {
					t.Fatalf("answered %d", resp.StatusCode)
				}
				if op := new(net.OpError); !errors.As(err, &op) || op.Op != "remote error" {
					t.Errorf("no alert: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			body := read(t, resp)
			if resp.StatusCode != c.status || c.status == 403 && body != `{"message":"Forbidden"}` {
				t.Errorf("answered %d: %s, want %d", resp.StatusCode, body, c.status)
			}
			if invoked := e != nil; invoked != (c.status == 200) {
				t.Errorf("the function is invoked: %t", invoked)
			}
		})
	}
	t.Run("by a name that asks nobody", func(t *testing.T) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://own.example.test/", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []*http.Client{with(plain), with(plain, root.Client(t, "acme", today))} {
			resp, err := c.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if read(t, resp); resp.StatusCode != 200 || e["requestContext"].(map[string]any)["authentication"] != nil {
				t.Errorf("answered %d, and the event has %v", resp.StatusCode, e["requestContext"])
			}
		}
		// Who has connected to it cannot ask for the other.
		req.Host = name
		resp, err := with(plain).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if read(t, resp); resp.StatusCode != 403 {
			t.Errorf("past the other name's handshake: %d", resp.StatusCode)
		}
	})
}

// TestClientCertificateOfAnEvent: the event has what the documentation's example has.
func TestClientCertificateOfAnEvent(t *testing.T) {
	root := clientcerttest.Root(t, "Root", today)
	acme := root.Client(t, "acme", today, func(c *x509.Certificate) {
		c.Subject.Organization = []string{"Acme, Inc."}
		c.SerialNumber.SetBytes([]byte{0xa1, 0x0b, 0x00})
		c.NotAfter = time.Date(2031, 8, 5, 9, 36, 4, 0, time.UTC)
	})
	var e map[string]any
	c := gateway(t, capture(&e), func(_ *Options, s *plane.Site) { s.Hosts[0].Clients = []byte(root.PEM()) })
	request(t, with(c, acme), http.MethodGet, "/", nil, nil)
	got := e["requestContext"].(map[string]any)["authentication"].(map[string]any)["clientCert"].(map[string]any)
	for field, want := range map[string]any{"clientCertPem": acme.PEM(), "subjectDN": `CN=acme,O=Acme\, Inc.`, "issuerDN": "CN=Root", "serialNumber": "a1:0b:00"} {
		if got[field] != want {
			t.Errorf("%s is %v, want %v", field, got[field], want)
		}
	}
	validity := got["validity"].(map[string]any)
	if before, _ := validity["notBefore"].(string); validity["notAfter"] != "Aug  5 09:36:04 2031 GMT" || !strings.HasSuffix(before, " GMT") {
		t.Errorf("valid %v", validity)
	}
}

// TestBeganBefore: a connection that was there before its name asked for certificates goes on as it began; the next one is asked.
func TestBeganBefore(t *testing.T) {
	root := clientcerttest.Root(t, "Root", today)
	var e map[string]any
	s := siteOf(t, plane.APIGateway, freePort(t))
	f := serve(t, Options{Runtimes: functions{lambdaID: {Event: capture(&e)}}}, s)
	old := client(t, s.Listen)
	if resp, body := request(t, old, http.MethodGet, "/", nil, nil); resp.StatusCode != 200 {
		t.Fatalf("before: %d, %s", resp.StatusCode, body)
	}
	s.Hosts[0].Clients = []byte(root.PEM())
	if err := f.Apply([]plane.Site{s}); err != nil {
		t.Fatal(err)
	}
	reused := false
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+name+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := old.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if read(t, resp); !reused || resp.StatusCode != 200 || e["requestContext"].(map[string]any)["authentication"] != nil {
		t.Errorf("on the connection of before (%t): %d, and the event has %v", reused, resp.StatusCode, e["requestContext"])
	}
	if resp, err := with(old).Do(req.WithContext(t.Context())); err == nil {
		t.Errorf("a new connection without a certificate is answered %d", resp.StatusCode)
	}
}
