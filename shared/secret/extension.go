package secret

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// defaultPort is where the extension listens.
const defaultPort = "2773"

// tokenHeader proves to the extension that a request comes from the function beside it.
const tokenHeader = "X-Aws-Parameters-Secrets-Token"

// maxAnswer is the longest answer that is read: a secret in which every byte is escaped, and what stands around it.
const maxAnswer = 6*MaxBytes + 16<<10

// extension is a Source of secrets that the AWS Parameters and Secrets Lambda Extension serves on localhost. It asks Secrets
// Manager or Parameter Store with the function's own role, and keeps a value for SECRETS_MANAGER_TTL or SSM_PARAMETER_STORE_TTL,
// 300 seconds each unless set lower. Sources: "Use AWS Secrets Manager secrets in AWS Lambda functions", docs.aws.amazon.com/
// secretsmanager/latest/userguide/retrieving-secrets_lambda.html; "Using Parameter Store parameters in AWS Lambda functions",
// docs.aws.amazon.com/systems-manager/latest/userguide/ps-integration-lambda-extensions.html.
type extension struct {
	references  map[string]string // name, ARN
	base, token string
	client      *http.Client
}

func newExtension(references map[string]string, port, token string) *extension {
	return &extension{
		references: references, base: "http://localhost:" + cmp.Or(port, defaultPort), token: token,
		// A transport of its own, without the proxies of the environment; a connection is not kept longer than it is worth in a
		// process that may be frozen.
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1, IdleConnTimeout: 10 * time.Second}},
	}
}

// Read asks the extension for the secret that the name refers to.
func (e *extension) Read(ctx context.Context, name string) (string, error) {
	arn, ok := e.references[name]
	if !ok {
		return "", &Error{Name: name, Reason: Missing, Detail: EnvReferences + " does not name it: name it in polygate:secrets and deploy again"}
	}
	path, text := "/secretsmanager/get?secretId=", secretString
	if strings.HasPrefix(arn, "arn:aws:ssm:") {
		path, text = "/systemsmanager/parameters/get?withDecryption=true&name=", parameterValue
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.base+path+url.QueryEscape(arn), nil)
	if err != nil {
		return "", fmt.Errorf("ask the extension: %w", err)
	}
	req.Header.Set(tokenHeader, e.token)
	res, err := e.client.Do(req)
	if err != nil {
		return "", &Error{Name: name, Reason: Unreachable, Detail: fmt.Sprintf("the extension that reads %s: %v", arn, bare(err))}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return "", &Error{Name: name, Reason: Unreachable, Detail: fmt.Sprintf("the answer for %s broke off: %v", arn, err)}
	case res.StatusCode != http.StatusOK:
		return "", refusal(name, arn, res.StatusCode, string(body))
	}
	value, err := text(body)
	if err != nil { // without the decoder's words, which quote what they read
		return "", &Error{Name: name, Reason: Unusable, Detail: fmt.Sprintf("the extension's answer for %s holds no text: want SecretString, or a parameter's Value", arn)}
	}
	return value, nil
}

// bare is an error of the client without the URL in front of it, which the message has already.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

var errNoText = errors.New("no text")

// secretString takes the value out of the answer of GetSecretValue.
func secretString(body []byte) (string, error) {
	var answer struct{ SecretString *string }
	if err := json.Unmarshal(body, &answer); err != nil || answer.SecretString == nil {
		return "", errNoText
	}
	return *answer.SecretString, nil
}

// parameterValue takes it out of the answer of GetParameter.
func parameterValue(body []byte) (string, error) {
	var answer struct{ Parameter struct{ Value *string } }
	if err := json.Unmarshal(body, &answer); err != nil || answer.Parameter.Value == nil {
		return "", errNoText
	}
	return *answer.Parameter.Value, nil
}

// refusal words an answer that is none. The store's own words are passed on as the code that they contain, no further.
func refusal(name, arn string, status int, body string) *Error {
	switch {
	case strings.Contains(body, "AccessDenied"):
		return &Error{Name: name, Reason: Denied, Detail: fmt.Sprintf("the function's role may not read %s: see its policy, and that of the secret's key", arn)}
	case strings.Contains(body, "ResourceNotFoundException"), strings.Contains(body, "ParameterNotFound"):
		return &Error{Name: name, Reason: Missing, Detail: "there is no " + arn + ": make it, or replicate it to this region"}
	case strings.Contains(body, "not ready"):
		return &Error{Name: name, Reason: Unreachable, Detail: "the extension is not ready before the function is"}
	}
	return &Error{Name: name, Reason: Unreachable, Detail: fmt.Sprintf("the extension answered %d for %s", status, arn)}
}

var _ Source = (*extension)(nil)
