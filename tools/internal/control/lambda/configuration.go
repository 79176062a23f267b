package lambda

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"polygate.example/shared/health"
	"polygate.example/tools/internal/control"
)

// configuration is that of $LATEST or of a version.
type configuration struct {
	*lambda.GetFunctionConfigurationOutput
}

func (c configuration) variables() map[string]string {
	if c.Environment == nil {
		return nil
	}
	return c.Environment.Variables
}

func (c configuration) version() string { return aws.ToString(c.Version) }

// like reports whether two configurations do the same, but for drills.
func (c configuration) like(d configuration) bool {
	same := func(a, b *string) bool { return aws.ToString(a) == aws.ToString(b) }
	plain := func(c configuration) map[string]string {
		v := maps.Clone(c.variables())
		delete(v, health.EnvDrill)
		return v
	}
	return same(c.CodeSha256, d.CodeSha256) && same(c.Handler, d.Handler) && same(c.Role, d.Role) && c.Runtime == d.Runtime &&
		aws.ToInt32(c.MemorySize) == aws.ToInt32(d.MemorySize) && aws.ToInt32(c.Timeout) == aws.ToInt32(d.Timeout) && maps.Equal(plain(c), plain(d))
}

// back is the version to go back to from a version that is a drill's.
func (c configuration) back() (string, bool) { return backIn(aws.ToString(c.Description)) }

// marked is the description of a drill's version.
var marked = regexp.MustCompile(`^polygate drill [A-Za-z0-9._-]+, back to version ([0-9]+)$`)

func describe(drill, back string) string {
	return fmt.Sprintf("polygate drill %s, back to version %s", drill, back)
}

func backIn(description string) (string, bool) {
	m := marked.FindStringSubmatch(description)
	if m == nil {
		return "", false
	}
	return m[1], true
}

// backNumber refuses what is no number of a version.
func backNumber(version string) (int, error) {
	n, err := strconv.Atoi(version)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is no number of a published version", version)
	}
	return n, nil
}

// configuration reads that of a qualifier, "" for $LATEST.
func (t lever) configuration(ctx context.Context, qualifier string) (configuration, error) {
	in := &lambda.GetFunctionConfigurationInput{FunctionName: &t.region.Function}
	if qualifier != "" {
		in.Qualifier = &qualifier
	}
	out, err := t.GetFunctionConfiguration(ctx, in)
	if err != nil {
		return configuration{}, t.failed("read", err)
	}
	// Who may not decrypt the variables is shown none, and would write none back. Source: Lambda API reference, EnvironmentResponse, Error:
	// "Error messages for environment variables that couldn't be applied".
	if e := out.Environment; e != nil && e.Error != nil {
		return configuration{}, fmt.Errorf("the variables of function %s cannot be read (%s): allow kms:Decrypt with its key", t.region.Function, aws.ToString(e.Error.ErrorCode))
	}
	return configuration{out}, nil
}

// settled reads a configuration when no update of it is under way. The revision after an update is another one than the update answered
// with: aws/aws-sdk issue #377. States: "Lambda function states", as judge has them.
func (t lever) settled(ctx context.Context, qualifier string) (configuration, error) {
	for {
		c, err := t.configuration(ctx, qualifier)
		if err != nil {
			return c, err
		}
		switch {
		case c.State == types.StateFailed || c.LastUpdateStatus == types.LastUpdateStatusFailed:
			return c, fmt.Errorf("function %s: state %s, last update %s: %s", t.region.Function, c.State, c.LastUpdateStatus,
				reason("it is to work again before it may fail on purpose", aws.ToString(c.LastUpdateStatusReason)))
		case c.State != types.StatePending && c.LastUpdateStatus != types.LastUpdateStatusInProgress:
			return c, nil
		}
		if err := control.Sleep(ctx, t.pause); err != nil {
			return c, fmt.Errorf("function %s is still being updated: %w", t.region.Function, err)
		}
	}
}

// failed says what an error ended. That a revision is not the newest, and that an update is under way, is control.ErrChanged: both go by
// reading again. Source: Lambda API reference, UpdateFunctionConfiguration, PreconditionFailedException and ResourceConflictException ("The
// resource already exists, or another operation is in progress").
func (t lever) failed(doing string, err error) error {
	var revision *types.PreconditionFailedException
	var busy *types.ResourceConflictException
	var gone *types.ResourceNotFoundException
	switch {
	case err == nil:
		return nil
	case errors.As(err, &revision), errors.As(err, &busy):
		return fmt.Errorf("%s function %s: %w: %w", doing, t.region.Function, control.ErrChanged, err)
	case errors.As(err, &gone):
		return explain(t.region, err)
	}
	return fmt.Errorf("%s function %s: %w", doing, t.region.Function, err)
}
