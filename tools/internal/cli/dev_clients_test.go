package cli

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"polygate.example/shared/clientcert/clientcerttest"
)

// devving is a run of the verb dev.
type devving struct {
	out, errs heard
	stop      context.CancelFunc
	ended     chan int
}

func startDev(t *testing.T, args ...string) *devving {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	ctx, stop := context.WithCancel(t.Context())
	d := &devving{stop: stop, ended: make(chan int, 1)}
	go func() { d.ended <- Main(ctx, append([]string{"dev", "--port", "0"}, args...), &d.out, &d.errs) }()
	t.Cleanup(func() {
		stop()
		if code := <-d.ended; code != 0 {
			t.Errorf("exit code %d:\n%s", code, d.errs.text.String())
		}
	})
	return d
}

const byCountry = `version: 1
policies: {near: {authorize: {geo: {allow: [DE]}}}, far: {authorize: {when: 'client.country != "FR"'}}}
everywhere: [near, far]
routes: [{name: one, match: {path: /one}, respond: {status: 200}}]
`

// TestDevCountry: requests come from the country that was said, and from none that is known else, which is told of.
func TestDevCountry(t *testing.T) {
	for _, c := range []struct {
		args   []string
		status int
		noted  bool
	}{{nil, 403, true}, {[]string{"--country", "DE"}, 200, false}, {[]string{"--country", "FR"}, 403, false}} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			file := writeDocument(t, byCountry)
			d := startDev(t, append([]string{file}, c.args...)...)
			url := d.errs.waitFor(t, `at (http://127\.0\.0\.1:\d+)/`)
			if err := os.WriteFile(file, []byte(byCountry+"# saved again\n"+"colour: red\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			d.errs.waitFor(t, `unknown key "colour"`)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/one", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("CF-IPCountry", "DE")
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != c.status {
				t.Errorf("%s, want %d", resp.Status, c.status)
			}
			const note = "note: the policies far, near go by the country of clients, which only a front tells: without --country, such as --country DE, it is not known\n"
			d.errs.mu.Lock()
			defer d.errs.mu.Unlock()
			if n := strings.Count(d.errs.text.String(), note); n > 1 || (n == 1) != c.noted {
				t.Errorf("it is told %d times:\n%s", n, d.errs.text.String())
			}
		})
	}
}

// TestDevCountryOfNone: a country that is none is refused.
func TestDevCountryOfNone(t *testing.T) {
	for _, country := range []string{"de", "XX", "Germany"} {
		if code, _, stderr := run(t, "dev", writeDocument(t, byCountry), "--country", country); code != 2 || !strings.Contains(stderr, `--country is "`+country+`": want a code of ISO 3166-1 alpha-2 in capitals, such as DE`) {
			t.Errorf("%s: exit code %d: %s", country, code, stderr)
		}
	}
}

// TestDevCertificates: with TLS a document that goes by clients' certificates can be tried out, and dev says how; without, that it cannot.
func TestDevCertificates(t *testing.T) {
	own := clientcerttest.Alone(t, "sensor-1")
	file := writeDocument(t, fmt.Sprintf("version: 1\npolicies: {sensors: {clientCertificate: {fingerprints: [%x]}}}\n"+
		"routes: [{name: one, match: {host: api.example.com, path: /one}, policies: [sensors], respond: {status: 200}}]\n", sha256.Sum256(own.Cert.Raw)))
	t.Run("without TLS", func(t *testing.T) {
		d := startDev(t, file)
		d.errs.waitFor(t, `note: the policy sensors goes by certificates of clients, which they show over TLS only: without --tls no request has one\n`)
		d.errs.waitFor(t, `at http://`)
	})
	t.Run("with TLS", func(t *testing.T) {
		d := startDev(t, file, "--tls")
		port := d.errs.waitFor(t, `at https://127\.0\.0\.1:(\d+)/`)
		ca := d.errs.waitFor(t, `curl --cacert (\S+) --cert client\.pem --key client-key\.pem https://localhost:`+port+`/\n`)
		roots := x509.NewCertPool()
		if text, err := os.ReadFile(strings.Trim(ca, "'")); err != nil || !roots.AppendCertsFromPEM(text) {
			t.Fatal(err)
		}
		if info, err := os.Stat(filepath.Join(filepath.Dir(strings.Trim(ca, "'")), "ca-key.pem")); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the authority's key: %v, %v", info, err)
		}
		for want, config := range map[int]*tls.Config{
			401: {RootCAs: roots},
			200: {RootCAs: roots, Certificates: []tls.Certificate{{Certificate: [][]byte{own.Cert.Raw}, PrivateKey: own.Key}}},
		} {
			transport := &http.Transport{TLSClientConfig: config, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, "127.0.0.1:"+port)
			}}
			defer transport.CloseIdleConnections()
			resp, err := (&http.Client{Transport: transport}).Get("https://api.example.com/one")
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("%s, want %d", resp.Status, want)
			}
		}
		d.errs.mu.Lock()
		defer d.errs.mu.Unlock()
		if said := d.errs.text.String(); strings.Contains(said, "note:") || strings.Contains(said, "PRIVATE") {
			t.Errorf("said too much:\n%s", said)
		}
	})
}

// TestDevListensLast: nobody can connect before there is somebody to answer, such as while the routes are told.
func TestDevListensLast(t *testing.T) {
	l := listenAnywhere(t)
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	out, told := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var errs heard
	ended := make(chan int, 1)
	go func() {
		ended <- Main(ctx, []string{"dev", writeDocument(t, gatewayDocument), "--port", port}, told, &errs)
	}()
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
		c.Close()
		t.Error("it listens, and does not answer yet")
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	errs.waitFor(t, `serving .* at http://127\.0\.0\.1:`+port)
	resp, err := http.Get("http://127.0.0.1:" + port + "/health")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("exit code %d: %s", code, errs.text.String())
	}
}

// TestDevOfPages: what the pages of policies say to type is what dev takes, with the documents that stand before it.
func TestDevOfPages(t *testing.T) {
	blocks := regexp.MustCompile("(?ms)^```(yaml|sh)\n(.*?)^```$")
	for page, answers := range map[string]map[string]int{
		"clientCertificate": {"/measurements": http.StatusUnauthorized}, // whose key nobody has any more: see TestDevCertificates
		"authorize":         {"/shop": http.StatusOK, "/elsewhere": http.StatusOK},
	} {
		t.Run(page, func(t *testing.T) {
			text, err := os.ReadFile("../../../shared/config/policies/" + page + ".md")
			if err != nil {
				t.Fatal(err)
			}
			var document, line string
			for _, b := range blocks.FindAllStringSubmatch(string(text), -1) {
				if b[1] == "yaml" {
					document = b[2]
				} else if line = regexp.MustCompile(`(?m)^polygate dev .*$`).FindString(b[2]); line != "" {
					break
				}
			}
			args := strings.Fields(line)
			if len(args) < 3 {
				t.Fatalf("the page has no line that runs dev: %q", line)
			}
			args[2] = writeDocument(t, document)
			d := startDev(t, args[2:]...)
			url := d.errs.waitFor(t, `at (https?://127\.0\.0\.1:\d+)/`)
			transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // TestDevCertificates verifies
			defer transport.CloseIdleConnections()
			for path, status := range answers {
				resp, err := (&http.Client{Transport: transport}).Get(url + path)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if resp.StatusCode != status {
					t.Errorf("%s: %s, want %d", path, resp.Status, status)
				}
			}
		})
	}
}
