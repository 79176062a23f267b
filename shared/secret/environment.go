package secret

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
)

// EnvReferences is the variable that tells a Lambda function where its secrets are: a JSON object from their names to ARNs.
// Where it is set, no other secret is there.
const EnvReferences = "POLYGATE_SECRETS"

// Variables of a Lambda function: the token that the extension wants to see, and the port it listens on if not on 2773.
// Source: "Use AWS Secrets Manager secrets in AWS Lambda functions", docs.aws.amazon.com/secretsmanager/latest/userguide/
// retrieving-secrets_lambda.html.
const (
	envToken = "AWS_SESSION_TOKEN"
	envPort  = "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"
)

// FromEnvironment returns the Store of a process: the extension's secrets if the environment refers to some, else its
// variables. getenv is os.Getenv outside tests. Nothing is read yet: the extension does not answer while a function starts.
func FromEnvironment(getenv func(string) string, log *slog.Logger) (*Store, error) {
	text := getenv(EnvReferences)
	if text == "" {
		return New(environment(getenv), log), nil
	}
	references := map[string]string{}
	if err := json.Unmarshal([]byte(text), &references); err != nil {
		return nil, fmt.Errorf("%s is not a JSON object of names and ARNs: %w", EnvReferences, err)
	}
	return New(newExtension(references, getenv(envPort), getenv(envToken)), log), nil
}

// environment is a Source of variables that the platform has put secrets into.
type environment func(string) string

// unresolved is how a reference begins that App Service could not resolve: the variable then holds the reference itself.
// Source: "Use Key Vault references as app settings", troubleshooting, learn.microsoft.com/azure/app-service/
// app-service-key-vault-references.
const unresolved = "@Microsoft.KeyVault("

// Read looks the variable up.
func (getenv environment) Read(_ context.Context, name string) (string, error) {
	text := getenv(name)
	switch {
	case text == "":
		return "", &Error{Name: name, Reason: Missing, Detail: "there is no variable " + name + ": name it in polygate:secrets and deploy again, or set it for a plain server"}
	case strings.HasPrefix(text, unresolved):
		return "", &Error{Name: name, Reason: Unresolved, Detail: "the variable " + name + " holds the reference itself: see that the secret is there, " +
			"that its vault uses role-based access control and can be reached, and restart the app"}
	}
	return text, nil
}

var _ Source = environment(nil)
