package lambda

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"polygate.example/shared/health"
	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
)

const (
	// alias is what the front invokes, as infra/provider/aws calls it.
	alias = "live"
	// leverPatience is how long a lever may take: while a version with provisioned concurrency gets its instances, its alias stays where it is.
	leverPatience = 5 * time.Minute
)

// A fault is a version of its own: the function as it serves with one variable more, published, and the alias moved to it. The version
// before stays as it was, and to go back is to move the alias. In $LATEST the variable is for a moment only, so that whatever is published
// next, by whomever, is without it. What the version is for and where the way back leads is in its description, so that alias and function
// are as their deployment wrote them. Source: "Manage Lambda function versions", docs.aws.amazon.com/lambda/latest/dg/
// configuration-versions.html: a version's code and configuration cannot change, its description is given when it is published.

// Pull implements control.Lever.
func (p *Provider) Pull(ctx context.Context, region string, l control.Lease) error {
	doc, err := l.Document(time.Now())
	if err != nil {
		return fmt.Errorf("%s: %w", region, err)
	}
	return p.atLever(ctx, region, func(ctx context.Context, t lever) error { return t.pull(ctx, l, doc) })
}

// Release implements control.Lever.
func (p *Provider) Release(ctx context.Context, region string, token uint64) error {
	return p.atLever(ctx, region, func(ctx context.Context, t lever) error { return t.release(ctx, token) })
}

// Pulled implements control.Lever. A lease is in force where the alias leads; one in $LATEST alone is what a run left that was stopped
// halfway.
func (p *Provider) Pulled(ctx context.Context) (map[string]control.Lease, error) {
	type lease struct {
		control.Lease
		found bool
	}
	leases, err := each(ctx, p.regions, func(ctx context.Context, r topology.Region) (lease, error) {
		t, err := p.lever(r)
		if err != nil {
			return lease{}, err
		}
		for _, qualifier := range []string{alias, ""} {
			c, err := t.configuration(ctx, qualifier)
			if err != nil {
				return lease{}, err
			}
			if l, found, err := control.LeaseIn(c.variables()); found {
				return lease{l, found}, err
			}
		}
		return lease{}, nil
	})
	out := map[string]control.Lease{}
	for name, l := range leases {
		if l.found {
			out[name] = l.Lease
		}
	}
	return out, err
}

// atLever does something to a region's function, and again when somebody changed the function meanwhile.
func (p *Provider) atLever(ctx context.Context, region string, do func(context.Context, lever) error) error {
	for _, r := range p.regions {
		if r.Name != region {
			continue
		}
		t, err := p.lever(r)
		if err != nil {
			return fmt.Errorf("%s: %w", region, err)
		}
		ctx, cancel := context.WithTimeout(ctx, leverPatience)
		defer cancel()
		if err := control.Repeat(ctx, p.pause, func() error { return do(ctx, t) }); err != nil {
			return fmt.Errorf("%s: %w", region, err)
		}
		return nil
	}
	return fmt.Errorf("%s: %w: the topology has no such region on AWS", region, control.ErrUnknown)
}

// lever is the function of a region, to be changed.
type lever struct {
	functions
	region topology.Region
	pause  time.Duration
}

func (p *Provider) lever(r topology.Region) (lever, error) {
	client, err := p.client(r)
	return lever{client, r, p.pause}, err
}

// seat is a function as it was found.
type seat struct {
	latest configuration
	live   configuration // what the alias leads to
	alias  *lambda.GetAliasOutput
}

func (t lever) read(ctx context.Context, token uint64) (seat, error) {
	var s seat
	var err error
	if s.latest, err = t.settled(ctx, ""); err != nil {
		return s, err
	}
	if s.alias, err = t.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: &t.region.Function, Name: aws.String(alias)}); err != nil {
		return s, t.failed("read the alias "+alias+" of", err)
	}
	if s.live, err = t.configuration(ctx, aws.ToString(s.alias.FunctionVersion)); err != nil {
		return s, err
	}
	if r := s.alias.RoutingConfig; r != nil && len(r.AdditionalVersionWeights) > 0 {
		return s, fmt.Errorf("the alias %s of function %s shares its requests among versions: wait until that release is done", alias, t.region.Function)
	}
	return s, errors.Join(control.Fence(s.live.variables(), token), control.Fence(s.latest.variables(), token))
}

func (t lever) pull(ctx context.Context, l control.Lease, doc string) error {
	s, err := t.read(ctx, l.Token)
	if err != nil {
		return err
	}
	if s.live.variables()[health.EnvDrill] == doc {
		return t.tidy(ctx, s.latest, s.live.version())
	}
	base := s.live
	if _, drilled := s.live.variables()[health.EnvDrill]; drilled {
		back, ok := s.live.back()
		if !ok {
			return fmt.Errorf("the version %s of function %s has %s from elsewhere: release the region first", s.live.version(), t.region.Function, health.EnvDrill)
		}
		if base, err = t.configuration(ctx, back); err != nil {
			return err
		}
	}
	// To publish is to publish what there is: a release that is uploaded and not yet live must not become so by a drill.
	if !s.latest.like(base) {
		return fmt.Errorf("function %s has other code or configuration than its version %s, which serves: finish the release that is under way, by `polygate up`",
			t.region.Function, base.version())
	}
	version, err := t.publish(ctx, s.latest, doc, describe(l.Drill, base.version()))
	if err == nil {
		err = t.point(ctx, s.alias, version)
	}
	if err != nil {
		// Nothing may stay behind that the next release would publish. Whoever gave up has a moment for this all the same.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		latest, again := t.settled(ctx, "")
		if again == nil && latest.variables()[health.EnvDrill] == doc {
			again = t.tidy(ctx, latest, s.live.version())
		}
		return errors.Join(err, again)
	}
	latest, err := t.settled(ctx, "")
	if err != nil {
		return err
	}
	return t.tidy(ctx, latest, version)
}

func (t lever) release(ctx context.Context, token uint64) error {
	s, err := t.read(ctx, token)
	if err != nil {
		return err
	}
	serves := s.live.version()
	if _, drilled := s.live.variables()[health.EnvDrill]; drilled {
		back, ok := s.live.back()
		if !ok { // somebody published while the variable was in $LATEST
			if !s.latest.like(s.live) {
				return fmt.Errorf("the version %s of function %s has %s, and is no drill's own: run `polygate up`, which publishes one without", serves, t.region.Function, health.EnvDrill)
			}
			if back, err = t.publish(ctx, s.latest, "", aws.ToString(s.live.Description)); err != nil {
				return err
			}
			if s.latest, err = t.settled(ctx, ""); err != nil {
				return err
			}
		}
		if err := t.point(ctx, s.alias, back); err != nil {
			return err
		}
		serves = back
	}
	return t.tidy(ctx, s.latest, serves)
}

// publish publishes $LATEST with the variable, or with "" without it, and returns the version's number once it can be invoked.
func (t lever) publish(ctx context.Context, latest configuration, doc, description string) (string, error) {
	latest, err := t.set(ctx, latest, doc)
	if err != nil {
		return "", err
	}
	made, err := t.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: &t.region.Function, CodeSha256: latest.CodeSha256, RevisionId: latest.RevisionId, Description: &description})
	if err != nil {
		return "", t.failed("publish a version of", err)
	}
	version := aws.ToString(made.Version)
	if doc != "" && aws.ToString(made.Description) != description {
		// "Lambda doesn't publish a version if the function's configuration and code haven't changed since the last version"
		// (PublishVersion): this one is of a run that was stopped, with a way back that may not be the right one.
		return "", errors.Join(fmt.Errorf("version %s of function %s is left from before: %w", version, t.region.Function, control.ErrChanged), t.remove(ctx, version))
	}
	_, err = t.settled(ctx, version)
	return version, err
}

// set gives $LATEST the variable, or takes it away, and leaves all other variables as they are.
func (t lever) set(ctx context.Context, latest configuration, doc string) (configuration, error) {
	variables := maps.Clone(latest.variables())
	if variables == nil {
		variables = map[string]string{}
	}
	if variables[health.EnvDrill] == doc { // "" for both is for none
		return latest, nil
	}
	delete(variables, health.EnvDrill)
	if doc != "" {
		variables[health.EnvDrill] = doc
	}
	if _, err := t.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{
		FunctionName: &t.region.Function, RevisionId: latest.RevisionId, Environment: &types.Environment{Variables: variables},
	}); err != nil {
		return latest, t.failed("change the variables of", err)
	}
	after, err := t.settled(ctx, "")
	if err == nil && !maps.Equal(after.variables(), variables) {
		err = fmt.Errorf("the variables of function %s: %w", t.region.Function, control.ErrChanged)
	}
	return after, err
}

// point moves the alias, unless somebody has moved it.
func (t lever) point(ctx context.Context, from *lambda.GetAliasOutput, version string) error {
	_, err := t.UpdateAlias(ctx, &lambda.UpdateAliasInput{FunctionName: &t.region.Function, Name: aws.String(alias), FunctionVersion: &version, RevisionId: from.RevisionId})
	return t.failed("move the alias "+alias+" of", err)
}

// tidy takes the variable out of $LATEST and removes versions of drills, but for the one that serves.
func (t lever) tidy(ctx context.Context, latest configuration, serves string) error {
	if _, there := latest.variables()[health.EnvDrill]; there {
		if _, err := t.set(ctx, latest, ""); err != nil {
			return err
		}
	}
	var marker *string
	for {
		page, err := t.ListVersionsByFunction(ctx, &lambda.ListVersionsByFunctionInput{FunctionName: &t.region.Function, Marker: marker})
		if err != nil {
			return t.failed("list the versions of", err)
		}
		for _, v := range page.Versions {
			if _, ours := backIn(aws.ToString(v.Description)); ours && aws.ToString(v.Version) != serves {
				if err := t.remove(ctx, aws.ToString(v.Version)); err != nil {
					return err
				}
			}
		}
		if marker = page.NextMarker; aws.ToString(marker) == "" {
			return nil
		}
	}
}

// remove removes a version that no alias leads to. "You can't delete a version that an alias references" (DeleteFunction, Qualifier).
func (t lever) remove(ctx context.Context, version string) error {
	if _, err := backNumber(version); err != nil { // without a version the whole function would go
		return err
	}
	_, err := t.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: &t.region.Function, Qualifier: &version})
	if gone := (*types.ResourceNotFoundException)(nil); errors.As(err, &gone) {
		return nil
	}
	return t.failed("remove version "+version+" of", err)
}

var _ control.Lever = (*Provider)(nil)
