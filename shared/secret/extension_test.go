package secret

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

const (
	keyARN       = "arn:aws:secretsmanager:us-east-1:000000000000:secret:team/key-a1B2c3"
	parameterARN = "arn:aws:ssm:us-east-1:000000000000:parameter/team/key"
)

// lambda is a Store as a Lambda function has it whose extension answers with f.
func lambda(t *testing.T, f http.HandlerFunc) *Store {
	t.Helper()
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	references, _ := json.Marshal(map[string]string{"KEY": keyARN, "PARAMETER": parameterARN})
	env := map[string]string{EnvReferences: string(references), envPort: port, envToken: "token", "AWS_SECRET_ACCESS_KEY": "the function's own"}
	s, err := FromEnvironment(func(k string) string { return env[k] }, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestExtensionIsAsked: path, parameters and header as AWS documents them. Source: "Use AWS Secrets Manager secrets in AWS
// Lambda functions"; "Using Parameter Store parameters in AWS Lambda functions".
func TestExtensionIsAsked(t *testing.T) {
	var asked *url.URL
	var token string
	s := lambda(t, func(w http.ResponseWriter, r *http.Request) {
		asked, token = r.URL, r.Header.Get("X-Aws-Parameters-Secrets-Token")
		if r.URL.Path == "/secretsmanager/get" {
			_, _ = w.Write([]byte(`{"ARN":"` + keyARN + `","Name":"team/key","SecretString":"hu\"sh","VersionStages":["AWSCURRENT"]}`))
			return
		}
		_, _ = w.Write([]byte(`{"Parameter":{"ARN":"` + parameterARN + `","Type":"SecureString","Value":"hush, too","Version":3},"ResultMetadata":{}}`))
	})
	for _, c := range []struct{ name, value, url string }{
		{"KEY", `hu"sh`, "/secretsmanager/get?secretId=" + url.QueryEscape(keyARN)},
		{"PARAMETER", "hush, too", "/systemsmanager/parameters/get?withDecryption=true&name=" + url.QueryEscape(parameterARN)},
	} {
		if got, err := s.Value(t.Context(), c.name); got != c.value || err != nil {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.value)
		}
		if asked.String() != c.url || token != "token" {
			t.Errorf("%s was asked for by %s with %q", c.name, asked, token)
		}
	}
}

// TestExtensionRefuses: each refusal has its reason, and none shows a value, the token or the store's own words.
func TestExtensionRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   Reason
	}{
		{"denied", 400, "operation error Secrets Manager: GetSecretValue, api error AccessDeniedException: User hush is not authorized", Denied},
		{"no secret", 400, "api error ResourceNotFoundException: Secrets Manager can't find the hush", Missing},
		{"no parameter", 400, "ParameterNotFound: hush", Missing},
		{"before the function is ready", 400, "not ready to serve traffic, please wait", Unreachable},
		{"wrong token", 401, "hush", Unreachable},
		{"failing", 500, "hush", Unreachable},
		{"no JSON", 200, "hush", Unusable},
		{"bytes in place of text", 200, `{"SecretBinary":"aHVzaA=="}`, Unusable},
		{"another type", 200, `{"SecretString":{"hush":1}}`, Unusable},
		{"too long", 200, `{"SecretString":"` + strings.Repeat("hush", maxAnswer/4) + `"}`, Unusable},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := lambda(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			})
			got, err := s.Value(t.Context(), "KEY")
			if got != "" || ReasonOf(err) != c.want {
				t.Fatalf("%q, %v; want %q", got, err, c.want)
			}
			if text := err.Error(); !strings.Contains(text, "secret KEY: ") || strings.Contains(text, "hush") || strings.Contains(text, "token") {
				t.Errorf("the error says %q", text)
			}
		})
	}
}

// A Lambda function has the secrets that it is told of, and no variable is taken for one: its own credentials are there.
func TestExtensionKnowsNoOtherNames(t *testing.T) {
	s := lambda(t, func(http.ResponseWriter, *http.Request) { t.Error("the extension was asked") })
	if got, err := s.Value(t.Context(), "AWS_SECRET_ACCESS_KEY"); got != "" || ReasonOf(err) != Missing {
		t.Errorf("%q, %v", got, err)
	}
}

// An extension that is not there is a secret that cannot be read, not a value that is empty.
func TestExtensionIsGone(t *testing.T) {
	e := newExtension(map[string]string{"KEY": keyARN}, "1", "token") // port 1 is reserved: nobody listens
	_, err := New(e, nil).Value(t.Context(), "KEY")
	if ReasonOf(err) != Unreachable || strings.Contains(err.Error(), "secretId") {
		t.Errorf("%v", err)
	}
	if got := newExtension(nil, "", "").base; got != "http://localhost:2773" {
		t.Errorf("without a port it is asked at %s", got)
	}
}

// An extension that does not answer keeps nobody for longer than the limit, whoever asks.
func TestExtensionHangs(t *testing.T) {
	s := lambda(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	started := time.Now()
	if _, err := s.Value(t.Context(), "KEY"); ReasonOf(err) != Unreachable {
		t.Errorf("%v", err)
	}
	if took := time.Since(started); took < limit {
		t.Errorf("given up after %s", took)
	}
}
