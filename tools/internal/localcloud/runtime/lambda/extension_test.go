package lambda

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/runtime/runtimetest"
)

const (
	secretARN    = "arn:aws:secretsmanager:us-east-1:000000000000:secret:team/key-a1B2c3"
	parameterARN = "arn:aws:ssm:us-east-1:000000000000:parameter/team/key"
)

// extended makes a function with the extension and asks for it as the function would. Source of paths and header: "Use AWS
// Secrets Manager secrets in AWS Lambda functions"; of the answers: GetSecretValue, GetParameter.
func extended(t *testing.T) (get func(token bool, path string) (int, string), env []string) {
	t.Helper()
	f := setup(t, func(o *Options) {
		o.Function.Secrets = map[string]plane.Secret{
			secretARN: {Version: 2, Value: "hush"}, parameterARN: {Version: 1, Value: "hush, too"},
			secretARN + "0": {}, parameterARN + "0": {}, // allowed, and not there
		}
	})
	if err := json.Unmarshal(do(t, f, "env").Payload, &env); err != nil {
		t.Fatal(err)
	}
	return func(token bool, path string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:"+variable(env, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT")+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if token {
			req.Header.Set("X-Aws-Parameters-Secrets-Token", variable(env, "AWS_SESSION_TOKEN"))
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b)
	}, env
}

func variable(env []string, name string) string {
	i := slices.IndexFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
	if i < 0 {
		return ""
	}
	return strings.TrimPrefix(env[i], name+"=")
}

func TestExtension(t *testing.T) {
	get, _ := extended(t)
	for _, c := range []struct {
		name, path string
		token      bool
		status     int
		words      string
	}{
		{"secret", "/secretsmanager/get?secretId=" + url.QueryEscape(secretARN), true, 200, `"SecretString":"hush"`},
		{"name of the secret", "/secretsmanager/get?secretId=" + url.QueryEscape(secretARN), true, 200, `"Name":"team/key"`},
		{"parameter by its name", "/systemsmanager/parameters/get?withDecryption=true&name=%2Fteam%2Fkey", true, 200, `"Value":"hush, too"`},
		{"parameter by its ARN", "/systemsmanager/parameters/get?withDecryption=true&name=" + url.QueryEscape(parameterARN), true, 200, `"Type":"SecureString"`},
		{"without the token", "/secretsmanager/get?secretId=" + url.QueryEscape(secretARN), false, 401, "AWS_SESSION_TOKEN"},
		{"secret of someone else", "/secretsmanager/get?secretId=" + url.QueryEscape(secretARN+"1"), true, 400, "AccessDeniedException"},
		{"secret that is not there", "/secretsmanager/get?secretId=" + url.QueryEscape(secretARN+"0"), true, 400, "ResourceNotFoundException"},
		{"secret by a version", "/secretsmanager/get?versionId=a&secretId=" + url.QueryEscape(secretARN), true, 501, "leave versionId out"},
		{"parameter by a label", "/systemsmanager/parameters/get?label=a&name=" + url.QueryEscape(parameterARN), true, 501, "leave label out"},
		{"parameter that is not there", "/systemsmanager/parameters/get?name=" + url.QueryEscape(parameterARN+"0"), true, 400, "ParameterNotFound"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := get(c.token, c.path)
			if status != c.status || !strings.Contains(body, c.words) {
				t.Errorf("got %d %s, want %d and %s", status, body, c.status, c.words)
			}
			if status != 200 && strings.Contains(body, "hush") {
				t.Error("a refusal shows the value")
			}
		})
	}
	if status, body := get(true, "/systemsmanager/parameters/get?name=%2Fteam%2Fkey"); status != 200 || strings.Contains(body, "hush") {
		t.Errorf("a SecureString without decryption comes as %d %s", status, body)
	}
}

// TestExtensionKeepsValues: how long a value serves before its store is asked again, and that what is kept outlives the right to
// read it. Source: "AWS Parameters and Secrets Lambda Extension environment variables", docs.aws.amazon.com/secretsmanager/
// latest/userguide/retrieving-secrets_lambda.html; "If the secret is available and hasn't expired, it's returned immediately",
// "Use Secrets Manager secrets in Lambda functions", docs.aws.amazon.com/lambda/latest/dg/with-secrets-manager.html.
func TestExtensionKeepsValues(t *testing.T) {
	const secret, parameter = "/secretsmanager/get?secretId=", "/systemsmanager/parameters/get?withDecryption=true&name="
	for _, c := range []struct {
		name, path, arn string
		variables       map[string]string
		ttl             time.Duration // 0: not at all
	}{
		{"secret by default", secret, secretARN, nil, 300 * time.Second},
		{"secret as asked for", secret, secretARN, map[string]string{"SECRETS_MANAGER_TTL": "20"}, 20 * time.Second},
		{"secret not at all", secret, secretARN, map[string]string{"SECRETS_MANAGER_TTL": "0"}, 0},
		{"secret, with the parameters' figure", secret, secretARN, map[string]string{"SSM_PARAMETER_STORE_TTL": "0"}, 300 * time.Second},
		{"parameter by default", parameter, parameterARN, nil, 300 * time.Second},
		{"parameter as asked for", parameter, parameterARN, map[string]string{"SSM_PARAMETER_STORE_TTL": "20"}, 20 * time.Second},
		{"cache off", secret, secretARN, map[string]string{"PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED": "false"}, 0},
		{"cache without room", parameter, parameterARN, map[string]string{"PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE": "0"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
			there := map[string]plane.Secret{c.arn: {Version: 1, Value: "old"}}
			ready := make(chan struct{})
			close(ready)
			e, err := NewExtension(ExtensionOptions{
				Function: plane.Function{ID: arn, Environment: c.variables}, Ready: ready,
				Secrets: func() map[string]plane.Secret { return there }, Now: func() time.Time { return now },
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(e.Close)
			says := func(when, want string) {
				t.Helper()
				w := &recorder{header: http.Header{}}
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost:2773"+c.path+url.QueryEscape(c.arn), nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("X-Aws-Parameters-Secrets-Token", e.token)
				if e.server.Handler.ServeHTTP(w, r); !strings.Contains(w.body.String(), want) {
					t.Errorf("%s it says %s, want %s", when, w.body.String(), want)
				}
			}
			says("at first", `"old"`)
			there = map[string]plane.Secret{c.arn: {Version: 2, Value: "new"}}
			if c.ttl > 0 {
				now = now.Add(c.ttl - time.Second)
				says("before its time is over", `"old"`)
				there = nil
				says("without the right to read it", `"old"`)
				there = map[string]plane.Secret{c.arn: {Version: 2, Value: "new"}}
				now = now.Add(time.Second)
			}
			says("after that", `"new"`)
			there, now = nil, now.Add(c.ttl)
			says("without the right to read it", "AccessDeniedException")
			there = map[string]plane.Secret{c.arn: {Version: 3, Value: "newest"}}
			says("with it again", `"newest"`) // a refusal is not kept
		})
	}
}

// An instance goes on when a secret changes: what it asks for later is what there is then.
func TestGrantEndsNoInstance(t *testing.T) {
	f := setup(t, func(o *Options) {
		o.Function.Secrets = map[string]plane.Secret{secretARN: {Version: 1, Value: "old"}}
		o.Function.Environment["SECRETS_MANAGER_TTL"] = "0"
	})
	var env []string
	if err := json.Unmarshal(do(t, f, "env").Payload, &env); err != nil {
		t.Fatal(err)
	}
	before := do(t, f, "pid")
	f.Grant(map[string]plane.Secret{secretARN: {Version: 2, Value: "new"}})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:"+variable(env, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT")+"/secretsmanager/get?secretId="+url.QueryEscape(secretARN), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Aws-Parameters-Secrets-Token", variable(env, "AWS_SESSION_TOKEN"))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err != nil || !strings.Contains(string(b), `"new"`) {
		t.Errorf("the extension says %s (%v)", b, err)
	}
	if after := do(t, f, "pid"); string(after.Payload) != string(before.Payload) {
		t.Errorf("another process answers: %s, then %s", before.Payload, after.Payload)
	}
}

// No value is in the environment, and a function without the layer has neither the extension nor a token for it.
func TestExtensionIsTheOnlyWay(t *testing.T) {
	_, env := extended(t)
	if slices.ContainsFunc(env, func(e string) bool { return strings.Contains(e, "hush") }) {
		t.Error("the environment holds a value")
	}
	var bare []string
	if err := json.Unmarshal(do(t, setup(t, nil), "env").Payload, &bare); err != nil {
		t.Fatal(err)
	}
	if variable(bare, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT") != "" || variable(bare, "AWS_SESSION_TOKEN") != "" {
		t.Error("a function without the layer is led to the extension")
	}
	if shown := fmt.Sprintf("%v %+v %#v", plane.Secret{Version: 1, Value: "hush"}, plane.Secret{Value: "hush"}, plane.Secret{Value: "hush"}); strings.Contains(shown, "hush") {
		t.Errorf("a secret prints as %s", shown)
	}
}

// It does not answer before the function is initialised. Source: middyjs/middy pull request 1270 and others who asked then.
func TestExtensionIsNotReadyDuringInit(t *testing.T) {
	f := setup(t, func(o *Options) {
		o.Function.Secrets = map[string]plane.Secret{secretARN: {Version: 1, Value: "hush"}}
		o.Function.Environment[runtimetest.EnvInit] = "hang"
	})
	inst, err := newInstance(f.o, onDemand)
	if err != nil {
		t.Fatal(err)
	}
	defer inst.stop()
	if _, ok := inst.initialise(50 * time.Millisecond); ok {
		t.Fatal("the instance is initialised")
	}
	w := &recorder{header: http.Header{}}
	inst.secrets.handler().ServeHTTP(w, &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/secretsmanager/get"}, Header: http.Header{"X-Aws-Parameters-Secrets-Token": {inst.secrets.token}}})
	if w.status != http.StatusBadRequest || !strings.Contains(w.body.String(), "not ready to serve traffic") {
		t.Errorf("during init it answers %d %s", w.status, w.body.String())
	}
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	status int
	body   strings.Builder
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }
