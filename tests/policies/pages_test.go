package policies

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"polygate.example/shared/clientcert"
	"polygate.example/shared/config"
	"polygate.example/shared/gateway"
	"polygate.example/shared/handler"
)

const pages = "../../shared/config/policies"

// Every kind of policy has a page, every page an example, and every example does what it says.
func TestPages(t *testing.T) {
	files, err := filepath.Glob(pages + "/*.md")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		kind := strings.TrimSuffix(filepath.Base(file), ".md")
		found = append(found, kind)
		t.Run(kind, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			explained(t, kind, text)
			run(t, text)
		})
	}
	for _, kind := range gateway.KindNames() {
		if !slices.Contains(found, kind) {
			t.Errorf("%s has no page in %s", kind, pages)
		}
	}
	if len(found) != len(gateway.KindNames()) {
		t.Errorf("pages of %v, kinds are %v", found, gateway.KindNames())
	}
}

// explained checks that the page names every key that its kind's decoder reads.
func explained(t *testing.T, kind string, text []byte) {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("../../shared/config", "policy_"+strings.ToLower(kind)+".go"))
	if err != nil {
		t.Fatal(err)
	}
	keys := regexp.MustCompile(`field\{"(\w+)"`).FindAllSubmatch(source, -1)
	if len(keys) == 0 {
		t.Fatalf("no keys found in the decoder of %s", kind)
	}
	for _, key := range keys {
		if !bytes.Contains(text, []byte("`"+string(key[1])+"`")) {
			t.Errorf("the page does not explain the key %s", key[1])
		}
	}
}

// fence is a block of a page. One with a name is a file beside the documents after it.
var fence = regexp.MustCompile("(?ms)^```(yaml|http)(?: ([a-z.]+))?\n(.*?)^```$")

// run runs the exchanges of a page against the document before them.
func run(t *testing.T, text []byte) {
	t.Helper()
	var h http.Handler
	var clock pageClock
	exchanges := 0
	files := fstest.MapFS{}
	for _, block := range fence.FindAllSubmatch(text, -1) {
		line := bytes.Count(text[:bytes.Index(text, block[3])], []byte("\n")) + 1
		if name := string(block[2]); name != "" {
			files[name] = &fstest.MapFile{Data: block[3]}
			continue
		}
		if string(block[1]) == "yaml" {
			m, err := config.ParseIn(files, "example", block[3])
			if err != nil {
				t.Fatalf("the example on line %d is no document:\n%v", line, err)
			}
			if h, err = handler.New(m, handler.Options{Transport: echo{}, Now: clock.read}); err != nil {
				t.Fatalf("the example on line %d: %v", line, err)
			}
			continue
		}
		if h == nil {
			t.Fatalf("line %d: an exchange without a document before it", line)
		}
		for one := range bytes.SplitSeq(block[3], []byte("\n\n")) {
			exchanges++
			exchange(t, h, &clock, string(one), line)
			line += bytes.Count(one, []byte("\n")) + 2
		}
	}
	if exchanges < 2 {
		t.Errorf("%d exchanges, want at least one that passes and one that does not", exchanges)
	}
}

// exchange sends the lines that begin with > and expects what those that begin with < say: the status, headers that have to be there, "!Name" for
// one that must not, and after an empty one a part of the body. "@client" is the address of the client, "@country" what the front tells of it, "@now" the time of this exchange and of those after it,
// "@certificate" one of testdata/certificates that the client has shown.
func exchange(t *testing.T, h http.Handler, clock *pageClock, text string, line int) {
	t.Helper()
	var request, want []string
	for l := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		switch {
		case strings.HasPrefix(l, ">"):
			request = append(request, strings.TrimPrefix(l[1:], " "))
		case strings.HasPrefix(l, "<"):
			want = append(want, strings.TrimPrefix(l[1:], " "))
		default:
			t.Fatalf("line %d: %q begins with neither > nor <", line, l)
		}
	}
	client, lines, sent := "203.0.113.9:4711", []string{}, ""
	var front handler.Front
	for i, l := range request {
		if address, ok := strings.CutPrefix(l, "@client "); ok {
			client = address + ":4711"
			continue
		}
		if told, ok := strings.CutPrefix(l, "@country "); ok {
			front.Country = told
			continue
		}
		if now, ok := strings.CutPrefix(l, "@now "); ok {
			clock.set(t, now)
			continue
		}
		if name, ok := strings.CutPrefix(l, "@certificate "); ok {
			front.Certificate = certificate(t, name)
			continue
		}
		if l == "" {
			sent = strings.Join(request[i+1:], "\n")
			break
		}
		lines = append(lines, l)
	}
	if sent != "" {
		lines = append(lines, fmt.Sprintf("Content-Length: %d", len(sent)))
	}
	if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "Host:") }) {
		lines = append(lines, "Host: api.example.com")
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.Join(lines, "\r\n") + "\r\n\r\n" + sent)))
	if err != nil {
		t.Fatalf("line %d: %v", line, err)
	}
	r.RemoteAddr = client
	r = r.WithContext(handler.WithFront(r.Context(), front))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	got := w.Result()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(want[0])
	if len(fields) < 2 || fields[1] != strconv.Itoa(got.StatusCode) {
		t.Errorf("line %d: %s is answered %s, want %s\n%s", line, request[0], got.Status, want[0], body)
	}
	for i, l := range want[1:] {
		if l == "" {
			if part := strings.Join(want[i+2:], "\n"); !strings.Contains(string(body), part) {
				t.Errorf("line %d: the body is\n%s\nwithout\n%s", line, body, part)
			}
			break
		}
		name, value, _ := strings.Cut(l, ": ")
		if forbidden, not := strings.CutPrefix(name, "!"); not {
			if v, there := got.Header[http.CanonicalHeaderKey(forbidden)]; there {
				t.Errorf("line %d: %s is there: %q", line, forbidden, v)
			}
			continue
		}
		if v := strings.Join(got.Header.Values(name), ", "); v != value {
			t.Errorf("line %d: %s is %q, want %q", line, name, v, value)
		}
	}
}

// certificate is what a front has written down of a certificate.
func certificate(t *testing.T, name string) clientcert.Record {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/certificates", name+".pem"))
	if err != nil {
		t.Fatal(err)
	}
	return clientcert.FromPEM(string(text))
}

// pageClock is the time that a page says, or the wall clock's.
type pageClock struct{ at time.Time }

func (c *pageClock) read() time.Time {
	if c.at.IsZero() {
		return time.Now()
	}
	return c.at
}

func (c *pageClock) set(t *testing.T, text string) {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	c.at = at
}

// echo is an upstream that answers with the request as JSON: method, url, headers, body.
type echo struct{}

func (echo) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	b, err := json.Marshal(map[string]any{"method": r.Method, "url": r.URL.String(), "headers": r.Header, "body": string(body)})
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, ContentLength: int64(len(b)),
		Header: http.Header{"Content-Type": {"application/json"}, "X-Upstream": {"echo"}}, Body: io.NopCloser(bytes.NewReader(b))}, nil
}
