package certificate

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-acme/lego/v5/acme"
	"github.com/miekg/dns"
	"software.sslmate.com/src/go-pkcs12"

	"polygate.example/tools/internal/certificate/certificatetest"
)

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }

func file(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// txt asks the clouds' DNS for what stands at a challenge's name.
func (b *bed) txt(t *testing.T, name string) []dns.RR {
	t.Helper()
	answer, err := ask(t.Context(), b.state.DNS, recordName(name), dns.TypeTXT)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// From nothing to a certificate that clients take, and on to the next.
func TestIssueAndRenew(t *testing.T) {
	b := newBed(t)
	kept, err := b.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pfx, password := file(t, b.Files.PFX), file(t, b.Files.Password)
	b.check(t, kept)
	for _, name := range []string{shared, own} {
		if left := b.txt(t, name); len(left) > 0 {
			t.Errorf("the answer to the challenge of %s is still there: %v", name, left)
		}
	}
	for _, want := range []string{"_acme-challenge." + shared, "_acme-challenge." + own, "waiting for the certificate"} {
		if !strings.Contains(b.said(), want) {
			t.Errorf("said\n%s\nwant %q in it", b.said(), want)
		}
	}

	t.Run("not due", func(t *testing.T) {
		before := b.authority.Orders()
		again, reason, err := b.Renew(t.Context(), kept, kept.Due(b.Names, 30, time.Now()))
		if err != nil || reason != "" || !again.Leaf.Equal(kept.Leaf) {
			t.Errorf("renewed because %q, %v", reason, err)
		}
		if after := b.authority.Orders(); after != before {
			t.Errorf("%d certificates were ordered", after-before)
		}
		if !bytes.Equal(file(t, b.Files.PFX), pfx) {
			t.Error("the file was written all the same")
		}
	})

	t.Run("due", func(t *testing.T) {
		account := file(t, b.Files.account())
		renewed, reason, err := b.Renew(t.Context(), kept, kept.Due(b.Names, 91, time.Now()))
		if err != nil || reason != "it has 89 days left" {
			t.Fatalf("renewed because %q, %v", reason, err)
		}
		b.check(t, renewed)
		if renewed.Leaf.Equal(kept.Leaf) {
			t.Error("it is the same certificate")
		}
		if !bytes.Equal(file(t, b.Files.Password), password) || !bytes.Equal(file(t, b.Files.account()), account) {
			t.Error("the password or the account's key is another")
		}
		// The authority knows which one it replaces, and takes that once.
		again, err := b.open()
		if err != nil {
			t.Fatal(err)
		}
		if id, reason := again.advised(t.Context(), renewed); id == "" || reason != "" {
			t.Errorf("the authority advises %q of %q", reason, id)
		}
	})

	t.Run("a name more", func(t *testing.T) {
		more := b.Order
		more.Names = append(slices.Clone(b.Names), "westeurope.azure.api.polygate.test")
		now, err := b.Files.Read()
		if err != nil {
			t.Fatal(err)
		}
		wider, reason, err := more.Renew(t.Context(), now, now.Due(more.Names, 30, time.Now()))
		if err != nil || reason != "it does not cover westeurope.azure.api.polygate.test" || wider.Leaf.VerifyHostname(more.Names[2]) != nil {
			t.Errorf("renewed because %q, %v", reason, err)
		}
	})
	if strings.Contains(b.said(), strings.TrimSpace(string(password))) {
		t.Error("the password was said")
	}
}

// To name the certificate that is replaced is a courtesy: where the authority does not take it, the order goes on without. Pebble
// is such an authority just after it issued.
func TestReplacesRefused(t *testing.T) {
	b := newBed(t)
	kept, err := b.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	inner := b.Client.Transport
	b.Client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		if !replaces(t, r) {
			return inner.RoundTrip(r)
		}
		return &http.Response{
			StatusCode: 500, Header: http.Header{"Content-Type": {"application/problem+json"}, "Replay-Nonce": {"spent"}}, Request: r,
			Body: io.NopCloser(strings.NewReader(`{"type":"urn:ietf:params:acme:error:serverInternal","detail":"not on the books","status":500}`)),
		}, nil
	})
	renewed, reason, err := b.Renew(t.Context(), kept, "it is asked for")
	if err != nil || reason != "it is asked for" || renewed.Leaf.Equal(kept.Leaf) {
		t.Errorf("renewed because %q, %v", reason, err)
	}
	if want := "without naming the certificate that is replaced: not on the books"; !strings.Contains(b.said(), want) {
		t.Errorf("said\n%s\nwant %q in it", b.said(), want)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// replaces tells an order that names the certificate it replaces.
func replaces(t *testing.T, r *http.Request) bool {
	if r.GetBody == nil {
		return false
	}
	body, err := r.GetBody()
	if err != nil {
		t.Error(err)
		return false
	}
	var signed struct{ Payload string }
	var order struct{ Replaces string }
	if json.NewDecoder(body).Decode(&signed) != nil {
		return false
	}
	payload, err := base64.RawURLEncoding.DecodeString(signed.Payload)
	return err == nil && json.Unmarshal(payload, &order) == nil && order.Replaces != ""
}

// check holds a certificate and its files to what they have to be.
func (b *bed) check(t *testing.T, kept Kept) {
	t.Helper()
	dir := filepath.Dir(b.Files.PFX)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Contains(e.Name(), ".new-") {
			t.Errorf("%s was left behind", e.Name())
		}
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 && !strings.HasSuffix(e.Name(), ".lock") {
			t.Errorf("%s: mode %v, %v; want 0600", e.Name(), info.Mode(), err)
		}
	}
	first, _, _ := strings.Cut(string(file(t, b.Files.Password)), "\n")
	if len(first) < 26 {
		t.Errorf("the password has %d characters", len(first))
	}
	key, leaf, chain, err := pkcs12.DecodeChain(file(t, b.Files.PFX), first)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := pkcs12.DecodeChain(file(t, b.Files.PFX), "guess"); !errors.Is(err, pkcs12.ErrIncorrectPassword) {
		t.Errorf("another password: %v", err)
	}
	if private, ok := key.(*rsa.PrivateKey); !ok || private.N.BitLen() != 2048 || !private.PublicKey.Equal(leaf.PublicKey) {
		t.Errorf("the key is a %T, or another's", key)
	}
	intermediates := x509.NewCertPool()
	for _, c := range chain {
		intermediates.AddCert(c)
	}
	for _, name := range b.Names {
		if _, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: b.authority.Roots, Intermediates: intermediates}); err != nil {
			t.Error(err)
		}
	}
	read, err := b.Files.Read()
	if err != nil || !read.Leaf.Equal(leaf) || !kept.Leaf.Equal(leaf) || len(read.Chain) != len(chain) {
		t.Errorf("what was returned, what is read and what is in the file differ: %v", err)
	}
}

// Whatever goes wrong is told with the record or the name that it is about, and the certificate before stays.
func TestRefusals(t *testing.T) {
	b := newBed(t)
	if err := replace(b.Files.PFX, []byte("the one before")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		order func(o *Order, t *testing.T)
		says  []string
		asks  bool // a certificate is ordered
	}{
		"written where nobody looks": {func(o *Order, _ *testing.T) { o.Solver, o.Patience = always(nowhere), 100*time.Millisecond },
			[]string{"the TXT record _acme-challenge.", " is not in the DNS after 100ms: " + b.state.DNS + " does not have it", "see that " + zone + " is delegated to"}, true},
		"seen here, not by the authority": {func(o *Order, t *testing.T) {
			other := certificatetest.New(t, stub(t, nil))
			o.Directory, o.Client = other.Directory, other.Client
		}, []string{"the authority did not take ", " as proved by the TXT record _acme-challenge.", "see that the zone is delegated"}, false},
		"forbidden by CAA at the zone's top": {func(o *Order, t *testing.T) {
			o.DNS.Server = stub(t, map[string]string{zone: `0 issue "letsencrypt.org"`})
		},
			[]string{"the CAA record of " + zone + " does not let " + certificatetest.CAA + " issue for " + shared, `it has 0 issue "letsencrypt.org"`, "admit " + certificatetest.CAA + " there"}, false},
		"forbidden by CAA at the name": {func(o *Order, t *testing.T) {
			o.DNS.Server = stub(t, map[string]string{zone: `0 issue "` + certificatetest.CAA + `"`, own: `0 issue ";"`})
		}, []string{"the CAA record of " + own + " does not let"}, false},
		"no such directory":  {func(o *Order, _ *testing.T) { o.Directory += "x" }, []string{"reach the ACME authority: "}, false},
		"nobody there":       {func(o *Order, _ *testing.T) { o.Directory = "https://127.0.0.1:1/dir" }, []string{"reach the ACME authority: ", "connection refused"}, false},
		"a name it will not": {func(o *Order, _ *testing.T) { o.Names = []string{"under_score.polygate.test"} }, []string{"order a certificate for under_score.polygate.test: "}, true},
		"a zone that cannot be written to": {func(o *Order, _ *testing.T) {
			o.Solver = always(solverOf{func(context.Context, string, string) error { return errors.New("access denied") }, nowhere.cleanUp})
		}, []string{"write the TXT record _acme-challenge.", ": access denied"}, true},
		"a password file that is a folder": {func(o *Order, t *testing.T) { o.Files.Password = t.TempDir() }, []string{"keep the certificate's password: "}, true},
	} {
		t.Run(name, func(t *testing.T) {
			o := b.Order
			c.order(&o, t)
			before := b.authority.Orders()
			_, err := o.Issue(t.Context())
			if err == nil {
				t.Fatal("issued")
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("says\n%s\nwant %q in it", err, s)
				}
			}
			if asked := b.authority.Orders() > before; asked != c.asks {
				t.Errorf("a certificate was ordered: %v, want %v", asked, c.asks)
			}
			if got := string(file(t, b.Files.PFX)); got != "the one before" {
				t.Errorf("the certificate before is gone: %q", got)
			}
			for _, name := range []string{shared, own} {
				if left := b.txt(t, name); len(left) > 0 {
					t.Errorf("the answer to the challenge of %s is still there: %v", name, left)
				}
			}
		})
	}
}

// Who has had enough leaves nothing behind.
func TestInterrupted(t *testing.T) {
	b := newBed(t)
	ctx, cancel := context.WithCancel(t.Context())
	solver, err := b.Solver(ctx)
	if err != nil {
		t.Fatal(err)
	}
	o := b.Order
	o.Solver = always(solverOf{func(ctx context.Context, domain, keyAuth string) error {
		defer cancel() // with the first record written
		return solver.Present(ctx, domain, "", keyAuth)
	}, func(ctx context.Context, domain, keyAuth string) error {
		return solver.CleanUp(ctx, domain, "", keyAuth)
	}})
	if _, err := o.Issue(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want that it was cancelled", err)
	}
	for _, name := range []string{shared, own} {
		if left := b.txt(t, name); len(left) > 0 {
			t.Errorf("the answer to the challenge of %s is still there: %v", name, left)
		}
	}
	if _, err := os.Stat(b.Files.PFX); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a certificate: %v", err)
	}
}

func TestOneAtATime(t *testing.T) {
	b := newBed(t)
	unlock, err := b.Files.lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Issue(t.Context()); err == nil || !strings.Contains(err.Error(), "another run is at work on "+b.Files.PFX) {
		t.Errorf("two at once: %v", err)
	}
	unlock()
	if b.authority.Orders() != 0 {
		t.Error("a certificate was ordered")
	}
}

// An authority's problem is told with what to do about it, and is found behind it.
func TestExplain(t *testing.T) {
	for kind, remedy := range map[string]string{
		acme.CaaErrorType: "(caa): admit the authority", acme.RateLimitedErrorType: "(rateLimited): wait", acme.MalformedErrorType: "(malformed)",
		acme.UnauthorizedErrorType: "(unauthorized): see that the zone is delegated",
	} {
		p := &acme.ProblemDetails{Type: kind, Detail: "no", SubProblems: []acme.SubProblem{{Detail: "because", Identifier: acme.Identifier{Value: own}}}}
		err := explain(fmt.Errorf("wrapped: %w", p))
		var found *acme.ProblemDetails
		if !errors.As(err, &found) || found != p || !strings.HasPrefix(err.Error(), "no; "+own+": because "+remedy) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if other := errors.New("other"); !errors.Is(explain(other), other) || explain(other).Error() != "other" {
		t.Error("another error is changed")
	}
}
