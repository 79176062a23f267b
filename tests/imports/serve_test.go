package imports

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// seen is what the upstream got.
type seen struct{ Method, Target, Body string }

// exchange is a request to a gateway and what has to become of it.
type exchange struct {
	request string // METHOD TARGET
	media   string // of the body; "" for none
	body    string
	status  int
	wrong   string // for one that is refused: what one of the problem's errors names, "in parameter" or "pointer"
	route   string // for one that passes: the route that takes it; "" is not looked at
}

// TestGitHub: a gateway made of GitHub's document passes the requests that its API takes, and refuses others by name of what is wrong.
func TestGitHub(t *testing.T) {
	served(t, github, nil, "", []exchange{
		{request: "GET /repos/octo/hello/issues?per_page=5&state=all", status: 200, route: "issues-list-for-repo"},
		{request: "GET /repos/octo/hello/issues?per_page=five", status: 400, wrong: "query per_page"},
		{request: "GET /repos/octo/hello/issues?state=odd", status: 400, wrong: "query state"},
		{request: "GET /repos/octo/hello/issues?per_page=1&per_page=2", status: 400, wrong: "query per_page"},
		{request: "GET /repos/octo/hello/issues/one", status: 400, wrong: "path issue_number"},
		{request: "POST /repos/octo/hello/issues", media: "application/json", body: `{"title":"It is broken","labels":["bug",{"name":"new"}]}`, status: 200},
		{request: "POST /repos/octo/hello/issues", media: "application/json", body: `{"body":"no title"}`, status: 422, wrong: "#/title"},
		{request: "POST /repos/octo/hello/issues", media: "application/json", body: `{"title":`, status: 400},
		{request: "POST /repos/octo/hello/issues", media: "text/plain", body: `title`, status: 415},
		{request: "GET /repos/octo/hello/contents/cmd/main.go?ref=main", status: 200, route: "repos-get-content"},
		{request: "GET /repos/octo/hello/contents/cmd%2Fmain.go", status: 200},
		{request: "PUT /repos/octo/hello/contents/a/b", media: "application/json", body: `{"message":"no content"}`, status: 422, wrong: "#/content"},
		{request: "GET /repos/octo/hello/contents/a/%2e%2e/b", status: 400},
		{request: "GET /repos/octo/hello/branches/fix%2Fit/protection", status: 200},
		{request: "GET /repos/octo/hello/branches/fix/it/protection", status: 404},
		{request: "PATCH /repos/octo/hello/nothing/7", status: 404},
		{request: "PUT /meta", status: 405},
	})
}

// TestStripe: Stripe's document has forms with parts, parameters that may be one thing or another, and a scheme for callers.
func TestStripe(t *testing.T) {
	const users = "BASIC_AUTH_USERS=$2a$10$KxCQufVNiISAeerfWJ.WNusfY/AP0FcoyoIR91W8c0q9WJGEttfRK ada\n" // open sesame
	const form = "application/x-www-form-urlencoded"
	served(t, stripe, []string{users}, "open sesame", []exchange{
		{request: "GET /v1/charges?limit=3&created[gte]=1700000000", status: 200},
		{request: "GET /v1/charges?created=1700000000&expand[]=data.customer", status: 200},
		{request: "GET /v1/charges?created[gte]=yesterday", status: 400, wrong: "query created"},
		{request: "GET /v1/charges?limit=many", status: 400, wrong: "query limit"},
		{request: "GET /v1/invoices/upcoming?subscription_billing_cycle_anchor=now&discounts[0][coupon]=ten", status: 200},
		{request: "GET /v1/invoices/upcoming?subscription_billing_cycle_anchor=never", status: 400, wrong: "query subscription_billing_cycle_anchor"},
		{request: "POST /v1/customers", media: form, body: "name=Ada&address[city]=London&metadata[a]=b&balance=-5", status: 200},
		{request: "POST /v1/customers", media: form, body: "address=&metadata=", status: 200},
		{request: "POST /v1/customers", media: form, body: "balance=much", status: 422, wrong: "#/balance"},
		{request: "POST /v1/customers", media: form, body: "nickname=ada", status: 422, wrong: "#/nickname"},
		{request: "POST /v1/refunds?x=1", media: form, body: "amount=7&amount=8", status: 422, wrong: "#/amount"},
	})
}

// served imports a document, serves it with an upstream that tells what it got, and makes the exchanges.
func served(t *testing.T, d document, env []string, password string, all []exchange) {
	t.Parallel()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(seen{r.Method, r.RequestURI, string(body)}); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(upstream.Close)
	folder, _ := imported(t, d, "--server", upstream.URL)
	gateway := dev(t, folder, env)
	for _, x := range all {
		t.Run(x.request, func(t *testing.T) {
			x.make(t, folder, gateway, password)
		})
	}
}

var serving = regexp.MustCompile(`serving gateway\.yaml at (http://[0-9.:]+)/ `)

// dev serves the gateway document of a folder until the test ends, and returns the gateway's URL.
func dev(t *testing.T, folder string, env []string) string {
	t.Helper()
	cmd := exec.Command(polygate(t), "dev", "gateway.yaml", "--port", "0")
	cmd.Dir, cmd.Env = folder, append(os.Environ(), env...)
	out, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Error(err)
		}
		for lines.Scan() { // until it has ended
			continue
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("polygate dev: %v", err)
		}
	})
	var said []string
	for lines.Scan() {
		if at := serving.FindStringSubmatch(lines.Text()); at != nil {
			return at[1]
		}
		said = append(said, lines.Text())
	}
	t.Fatalf("polygate dev does not serve:\n%s", strings.Join(said, "\n"))
	return ""
}

// make sends the request and compares what comes back.
func (x exchange) make(t *testing.T, folder, gateway, password string) {
	t.Helper()
	method, target, _ := strings.Cut(x.request, " ")
	req, err := http.NewRequestWithContext(t.Context(), method, gateway+target, strings.NewReader(x.body))
	if err != nil {
		t.Fatal(err)
	}
	if x.media != "" {
		req.Header.Set("Content-Type", x.media)
	}
	if password != "" {
		req.SetBasicAuth("ada", password)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != x.status {
		t.Fatalf("%s, want %d\n%s", resp.Status, x.status, text)
	}
	if x.status == http.StatusOK {
		var got seen
		if err := json.Unmarshal(text, &got); err != nil || got != (seen{method, target, x.body}) {
			t.Errorf("the upstream got %+v (%v)", got, err)
		}
		if x.route != "" {
			x.explained(t, folder, method, target)
		}
		return
	}
	var p struct {
		Status int
		Errors []struct{ In, Parameter, Pointer string }
	}
	if err := json.Unmarshal(text, &p); err != nil || resp.Header.Get("Content-Type") != "application/problem+json" || p.Status != x.status {
		t.Errorf("no problem: %v\n%s", err, text)
	}
	if x.wrong == "" {
		return
	}
	var named []string
	for _, e := range p.Errors {
		if e.In != "" {
			named = append(named, e.In+" "+e.Parameter)
		} else {
			named = append(named, e.Pointer)
		}
	}
	if !slices.Contains(named, x.wrong) {
		t.Errorf("the errors name %v, want %s\n%s", named, x.wrong, text)
	}
}

// explained asks `polygate explain` for the route of the request.
func (x exchange) explained(t *testing.T, folder, method, target string) {
	t.Helper()
	var by struct{ Route struct{ Name string } }
	run(t, folder, &by, []string{"explain", method, target, "gateway.yaml", "--json"}, 0)
	if by.Route.Name != x.route {
		t.Errorf("route %s takes it, want %s", by.Route.Name, x.route)
	}
}
