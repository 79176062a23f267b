// Package credential finds the credentials of each cloud where Pulumi's provider finds them: nobody logs in twice.
package credential

import (
	"context"
	"errors"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
)

// ErrNone says that nobody is logged in to a cloud.
var ErrNone = errors.New("no credentials")

// AWS finds credentials where the SDK does: environment, shared files, single sign-on, the machine's role. profile is the stack
// file's aws:profile, or "". They have been had once, so that they are there.
func AWS(ctx context.Context, profile string) (aws.Config, error) {
	opts := []func(*config.LoadOptions) error{config.WithDefaultRegion("us-east-1"), config.WithRetryMaxAttempts(2),
		config.WithLogger(logging.Nop{})} // it would write into the report that a machine outside of EC2 has no metadata of it
	if profile != "" {
		opts = append(opts, config.WithSharedConfigProfile(profile))
	}
	c, err := config.LoadDefaultConfig(ctx, opts...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("%w for AWS: %w", ErrNone, err)
	}
	if _, err := c.Credentials.Retrieve(ctx); err != nil {
		return aws.Config{}, fmt.Errorf("%w for AWS", ErrNone) // the SDK's own error is a page about the last place it looked at
	}
	return c, nil
}

// Azure finds credentials in ARM_TENANT_ID, ARM_CLIENT_ID and ARM_CLIENT_SECRET, else whoever is logged in. Whether they are any good is
// seen at the first call.
func Azure(getenv func(string) string) (azcore.TokenCredential, error) {
	credential, err := azure(getenv)
	if err != nil {
		return nil, fmt.Errorf("%w for Azure: %w", ErrNone, err)
	}
	return credential, nil
}

func azure(getenv func(string) string) (azcore.TokenCredential, error) {
	tenant, id, secret := getenv("ARM_TENANT_ID"), getenv("ARM_CLIENT_ID"), getenv("ARM_CLIENT_SECRET")
	if tenant != "" && id != "" && secret != "" {
		return azidentity.NewClientSecretCredential(tenant, id, secret, nil)
	}
	return azidentity.NewDefaultAzureCredential(nil)
}

// Cloudflare is the API token of the environment.
func Cloudflare(getenv func(string) string) (token string, err error) {
	if token = getenv("CLOUDFLARE_API_TOKEN"); token == "" {
		return "", fmt.Errorf("%w for Cloudflare: CLOUDFLARE_API_TOKEN is not set", ErrNone)
	}
	return token, nil
}
