package lambda

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
)

// tokenHeader proves to the extension that a request comes from the function beside it: it holds AWS_SESSION_TOKEN.
const tokenHeader = "X-Aws-Parameters-Secrets-Token"

// extend starts the AWS Parameters and Secrets Lambda Extension of an instance, if the function has it, and returns the
// variables with which the function finds it. In Lambda it listens on port 2773 unless the function says otherwise in
// PARAMETERS_SECRETS_EXTENSION_HTTP_PORT; here, where all instances share a machine, that variable always names a port of its
// own. Unlike there, no value is kept for a while: a new one comes with a new instance. Source: "Use AWS Secrets Manager
// secrets in AWS Lambda functions", docs.aws.amazon.com/secretsmanager/latest/userguide/retrieving-secrets_lambda.html.
func (i *instance) extend() ([]string, error) {
	if i.o.Function.Secrets == nil {
		return nil, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("lambda: open the secrets extension for %s: %w", i.o.Function.ID, err)
	}
	var b [24]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	token := base64.StdEncoding.EncodeToString(b[:])
	i.secrets = &http.Server{Handler: i.extension(token), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = i.secrets.Serve(l) }() // ends with ErrServerClosed in stop
	_, port, _ := net.SplitHostPort(l.Addr().String())
	i.o.Log.Add("EXTENSION\tName: AWSParametersAndSecretsLambdaExtension\tState: Ready\tEvents: [INVOKE, SHUTDOWN]")
	return []string{"AWS_SESSION_TOKEN=" + token, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=" + port}, nil
}

// extension answers for secrets of Secrets Manager and parameters of SSM as their own APIs do, GetSecretValue and GetParameter.
func (i *instance) extension(token string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /secretsmanager/get", func(w http.ResponseWriter, r *http.Request) {
		arn := r.FormValue("secretId")
		s, ok := i.secret(w, "secretsmanager:GetSecretValue", arn, "ResourceNotFoundException")
		if !ok {
			return
		}
		name := arn[strings.LastIndex(arn, ":")+1:]
		give(w, map[string]any{
			"ARN": arn, "Name": name[:max(0, len(name)-len("-a1B2c3"))], "SecretString": s.Value, "VersionStages": []string{"AWSCURRENT"},
		})
	})
	mux.HandleFunc("GET /systemsmanager/parameters/get", func(w http.ResponseWriter, r *http.Request) {
		arn := i.parameterARN(r.FormValue("name"))
		s, ok := i.secret(w, "ssm:GetParameter", arn, "ParameterNotFound")
		if !ok {
			return
		}
		value := s.Value
		if r.FormValue("withDecryption") != "true" { // a SecureString comes as it is kept
			sum := sha256.Sum256([]byte(value + token))
			value = hex.EncodeToString(sum[:])
		}
		_, name, _ := strings.Cut(arn, ":parameter")
		give(w, map[string]any{"Parameter": map[string]any{"ARN": arn, "Name": name, "Type": "SecureString", "Value": value, "Version": s.Version}})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get(tokenHeader)), []byte(token)) != 1 {
			http.Error(w, "unauthorized: the header "+tokenHeader+" must hold AWS_SESSION_TOKEN", http.StatusUnauthorized)
			return
		}
		select {
		case <-i.ready: // init is over
			mux.ServeHTTP(w, r)
		default:
			http.Error(w, "not ready to serve traffic, please wait", http.StatusBadRequest)
		}
	})
}

// secret finds a secret, or answers with what the store's API says: who may not read it does not learn whether it is there.
func (i *instance) secret(w http.ResponseWriter, action, arn, missing string) (plane.Secret, bool) {
	s, allowed := i.o.Function.Secrets[arn]
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
func (i *instance) parameterARN(name string) string {
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	parts := strings.SplitN(i.o.Function.ID, ":", 6)
	if len(parts) < 6 {
		return name
	}
	return "arn:aws:ssm:" + parts[3] + ":" + parts[4] + ":parameter/" + strings.TrimPrefix(name, "/")
}

func give(w http.ResponseWriter, document map[string]any) {
	b, err := json.Marshal(document)
	if err != nil {
		http.Error(w, "InternalServerError", http.StatusInternalServerError)
		return
	}
	reply(w, http.StatusOK, b)
}
