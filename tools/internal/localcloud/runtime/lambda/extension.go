package lambda

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
)

// tokenHeader proves to the extension that a request comes from the function beside it: it holds AWS_SESSION_TOKEN.
const tokenHeader = "X-Aws-Parameters-Secrets-Token"

// Variables of a function by which the extension is told what to keep. Source: "AWS Parameters and Secrets Lambda Extension
// environment variables", docs.aws.amazon.com/secretsmanager/latest/userguide/retrieving-secrets_lambda.html.
const (
	EnvSecretsTTL    = "SECRETS_MANAGER_TTL"                        // seconds, 0 for not at all; 300 at most and by default
	EnvParametersTTL = "SSM_PARAMETER_STORE_TTL"                    // the same
	EnvCache         = "PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED" // true by default
	EnvCacheSize     = "PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE"    // 0 for no cache; 1000 values at most and by default
	EnvPort          = "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"
	EnvLogLevel      = "PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL"
)

// MaxTTL is how long a value may be kept, in seconds, and how long it is by default.
const MaxTTL = 300

// ExtensionOptions configure an Extension.
type ExtensionOptions struct {
	Function plane.Function                 // beside which it runs: whose variables say what to keep
	Secrets  func() map[string]plane.Secret // what the function's role may read at the time, by ARN
	Ready    <-chan struct{}                // closed when the function's init is over
	Now      func() time.Time               // in cloud time
}

// Extension stands in for the AWS Parameters and Secrets Lambda Extension of one instance. In Lambda it listens on port 2773
// unless the function says otherwise; here, where all instances share a machine, it always has a port of its own. Source: "Use
// AWS Secrets Manager secrets in AWS Lambda functions", docs.aws.amazon.com/secretsmanager/latest/userguide/
// retrieving-secrets_lambda.html.
type Extension struct {
	o      ExtensionOptions
	token  string
	port   string
	server *http.Server

	mu   sync.Mutex
	kept map[string]keptValue // by path and query
}

// keptValue is an answer that serves again until it is too old.
type keptValue struct {
	answer []byte
	at     time.Time
}

// NewExtension starts an extension; Close ends it.
func NewExtension(o ExtensionOptions) (*Extension, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("lambda: open the secrets extension for %s: %w", o.Function.ID, err)
	}
	var b [24]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	_, port, _ := net.SplitHostPort(l.Addr().String())
	e := &Extension{o: o, token: base64.StdEncoding.EncodeToString(b[:]), port: port, kept: map[string]keptValue{}}
	e.server = &http.Server{Handler: e.handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = e.server.Serve(l) }() // ends with ErrServerClosed in Close
	return e, nil
}

// Environment is what the function finds it with.
func (e *Extension) Environment() []string {
	return []string{"AWS_SESSION_TOKEN=" + e.token, EnvPort + "=" + e.port}
}

// Close ends it; its only client is gone.
func (e *Extension) Close() { _ = e.server.Close() }

// extend starts the extension of an instance, if the function has it, and returns the variables with which the function finds it.
func (i *instance) extend() ([]string, error) {
	if i.o.Function.Secrets == nil {
		return nil, nil
	}
	e, err := NewExtension(ExtensionOptions{Function: i.o.Function, Secrets: i.o.readable, Ready: i.ready, Now: i.o.Now})
	if err != nil {
		return nil, err
	}
	i.secrets = e
	i.o.Log.Add("EXTENSION\tName: AWSParametersAndSecretsLambdaExtension\tState: Ready\tEvents: [INVOKE, SHUTDOWN]")
	return e.Environment(), nil
}

// handler answers for secrets of Secrets Manager and parameters of SSM as their own APIs do, GetSecretValue and GetParameter.
func (e *Extension) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /secretsmanager/get", e.keeping(EnvSecretsTTL, e.secretValue))
	mux.HandleFunc("GET /systemsmanager/parameters/get", e.keeping(EnvParametersTTL, e.parameter))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get(tokenHeader)), []byte(e.token)) != 1 {
			http.Error(w, "unauthorized: the header "+tokenHeader+" must hold AWS_SESSION_TOKEN", http.StatusUnauthorized)
			return
		}
		select {
		case <-e.o.Ready: // init is over
			mux.ServeHTTP(w, r)
		default:
			http.Error(w, "not ready to serve traffic, please wait", http.StatusBadRequest)
		}
	})
}

// keeping answers from memory while what is there is young enough. What was refused is not kept. A value that is kept is given
// whatever has become of it, or of the right to read it, since.
func (e *Extension) keeping(variable string, read func(w http.ResponseWriter, r *http.Request) ([]byte, bool)) http.HandlerFunc {
	ttl := e.ttl(variable)
	return func(w http.ResponseWriter, r *http.Request) {
		key, now := r.URL.String(), e.o.Now()
		e.mu.Lock()
		have, ok := e.kept[key]
		e.mu.Unlock()
		if ok && now.Sub(have.at) < ttl {
			reply(w, http.StatusOK, have.answer)
			return
		}
		answer, ok := read(w, r)
		if !ok {
			return // it has been refused
		}
		e.mu.Lock()
		e.kept[key] = keptValue{answer, now}
		e.mu.Unlock()
		reply(w, http.StatusOK, answer)
	}
}

// ttl is how long values of one of the stores are kept.
func (e *Extension) ttl(variable string) time.Duration {
	env := e.o.Function.Environment
	if strings.EqualFold(env[EnvCache], "false") || env[EnvCacheSize] == "0" {
		return 0
	}
	seconds, err := strconv.Atoi(cmp.Or(env[variable], strconv.Itoa(MaxTTL)))
	if err != nil || seconds < 0 || seconds > MaxTTL {
		return MaxTTL * time.Second // the control plane takes no such function
	}
	return time.Duration(seconds) * time.Second
}

func (e *Extension) secretValue(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	arn := r.FormValue("secretId")
	s, ok := e.secret(w, r, "secretsmanager:GetSecretValue", arn, "ResourceNotFoundException")
	if !ok {
		return nil, false
	}
	name := arn[strings.LastIndex(arn, ":")+1:]
	return encode(w, map[string]any{
		"ARN": arn, "Name": name[:max(0, len(name)-len("-a1B2c3"))], "SecretString": s.Value, "VersionStages": []string{"AWSCURRENT"},
	})
}

func (e *Extension) parameter(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	arn := e.parameterARN(r.FormValue("name"))
	s, ok := e.secret(w, r, "ssm:GetParameter", arn, "ParameterNotFound")
	if !ok {
		return nil, false
	}
	value := s.Value
	if r.FormValue("withDecryption") != "true" { // a SecureString comes as it is kept
		sum := sha256.Sum256([]byte(value + e.token))
		value = hex.EncodeToString(sum[:])
	}
	_, name, _ := strings.Cut(arn, ":parameter")
	return encode(w, map[string]any{"Parameter": map[string]any{"ARN": arn, "Name": name, "Type": "SecureString", "Value": value, "Version": s.Version}})
}

// secret finds a secret, or answers with what the store's API says: who may not read it does not learn whether it is there.
func (e *Extension) secret(w http.ResponseWriter, r *http.Request, action, arn, missing string) (plane.Secret, bool) {
	for _, other := range []string{"versionId", "versionStage", "label", "version"} {
		if r.FormValue(other) != "" {
			http.Error(w, "the local clouds give the newest version only: leave "+other+" out", http.StatusNotImplemented)
			return plane.Secret{}, false
		}
	}
	s, allowed := e.o.Secrets()[arn]
	switch {
	case !allowed:
		http.Error(w, "AccessDeniedException: User is not authorized to perform: "+action+" on resource: "+arn+
			" because no identity-based policy allows the "+action+" action", http.StatusBadRequest)
	case s.Version == 0:
		http.Error(w, missing+": there is no "+arn, http.StatusBadRequest)
	default:
		return s, true
	}
	return plane.Secret{}, false
}

// parameterARN is the ARN of a parameter of the function's own account and region, which is asked for by its name or ARN.
func (e *Extension) parameterARN(name string) string {
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	parts := strings.SplitN(e.o.Function.ID, ":", 6)
	if len(parts) < 6 {
		return name
	}
	return "arn:aws:ssm:" + parts[3] + ":" + parts[4] + ":parameter/" + strings.TrimPrefix(name, "/")
}

func encode(w http.ResponseWriter, document map[string]any) ([]byte, bool) {
	b, err := json.Marshal(document)
	if err != nil {
		http.Error(w, "InternalServerError", http.StatusInternalServerError)
	}
	return b, err == nil
}
