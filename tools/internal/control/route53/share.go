package route53

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	infra "polygate.example/infra/failover/route53"
	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control"
)

// weighted is the steering whose records have weights.
const weighted = "weighted"

// maxWeight: "For a resource record set that has a weight, specify an integer between 0 and 255" (API reference, ResourceRecordSet, Weight).
const maxWeight = 255

// records is what is used of Route 53's zones.
type records interface {
	ListResourceRecordSets(context.Context, *route53.ListResourceRecordSetsInput, ...func(*route53.Options)) (*route53.ListResourceRecordSetsOutput, error)
	ChangeResourceRecordSets(context.Context, *route53.ChangeResourceRecordSetsInput, ...func(*route53.Options)) (*route53.ChangeResourceRecordSetsOutput, error)
}

// weights are the stack's records with a weight, by the region that each leads to. They are all below the shared name, and so next to it in
// the list, which is sorted "first by DNS name with the labels reversed" (API reference, ListResourceRecordSets).
func (m *Manager) weights(ctx context.Context) (map[string][]types.ResourceRecordSet, error) {
	if m.zone == "" {
		return nil, fmt.Errorf("the topology does not name the hosted zone of %s: run `polygate up` with this version to have it written anew", m.hostname)
	}
	out := map[string][]types.ResourceRecordSet{}
	in := &route53.ListResourceRecordSetsInput{HostedZoneId: aws.String(m.zone), StartRecordName: aws.String(m.hostname)}
	for {
		page, err := patiently(ctx, m.pause, func() (*route53.ListResourceRecordSetsOutput, error) {
			return m.records.ListResourceRecordSets(ctx, in)
		})
		if err != nil {
			return nil, fmt.Errorf("list the records of the hosted zone %s: %w", m.zone, err)
		}
		for _, set := range page.ResourceRecordSets {
			name := fold(aws.ToString(set.Name))
			if name != fold(m.hostname) && !strings.HasSuffix(name, "."+fold(m.hostname)) {
				return out, nil
			}
			if set.Weight == nil || len(set.ResourceRecords) != 1 {
				continue
			}
			for _, r := range m.regions {
				if fold(aws.ToString(set.ResourceRecords[0].Value)) == fold(r.Hostname) {
					out[r.Name] = append(out[r.Name], set)
				}
			}
		}
		if !page.IsTruncated {
			return out, nil
		}
		in.StartRecordName, in.StartRecordType, in.StartRecordIdentifier = page.NextRecordName, page.NextRecordType, page.NextRecordIdentifier
	}
}

// Steps looks at the regions' records: each has one with a weight, unless the deployment ramps by itself.
func (m *Manager) Steps(ctx context.Context, regions []string, percents []int) error {
	wanted, err := m.named(regions)
	if err != nil {
		return err
	}
	have, err := m.weights(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range wanted {
		names := map[string]int{}
		for _, set := range have[r.Name] {
			names[fold(aws.ToString(set.Name))]++
		}
		switch {
		case len(names) == 0:
			errs = append(errs, fmt.Errorf("%s: %w: it has no record with a weight, because it shares its group with nobody: give it back without --ramp", r.Name, control.ErrNoSteps))
			continue
		case len(have[r.Name]) > len(names):
			errs = append(errs, fmt.Errorf("%s: %w: it has a record for each step of polygate:ramp, whose weights say nothing alone: give it back without --ramp, or take polygate:ramp out and `polygate up`", r.Name, control.ErrNoSteps))
			continue
		}
		for _, percent := range percents {
			if part(r.Weight, percent) < 1 {
				errs = append(errs, fmt.Errorf("%s: %w: its weight is %d, of which Route 53 has no %d %%: begin with %d %%, or give all regions of the group greater weights (polygate:weights, up to %d)",
					r.Name, control.ErrNoSteps, r.Weight, percent, int(math.Ceil(50/float64(max(1, r.Weight)))), maxWeight))
				break
			}
		}
	}
	return errors.Join(errs...)
}

// Share changes the weight of a region's record. "You can slowly change the balance by changing the weights" ("Weighted routing",
// docs.aws.amazon.com/Route53/latest/DeveloperGuide/routing-policy-weighted.html). An UPSERT of one of several records of a name wants all
// that the record is to have, so that it is sent back as it was read.
func (m *Manager) Share(ctx context.Context, region string, percent int) error {
	wanted, err := m.named([]string{region})
	if err != nil {
		return err
	}
	have, err := m.weights(ctx)
	if err != nil {
		return err
	}
	if len(have[region]) == 0 {
		return fmt.Errorf("%s: the hosted zone %s has no record with a weight that leads there: %w", region, m.zone, control.ErrUnknown)
	}
	weight := int64(part(wanted[0].Weight, percent))
	var changes []types.Change
	for _, set := range have[region] {
		if *set.Weight != weight {
			set.Weight = &weight
			changes = append(changes, types.Change{Action: types.ChangeActionUpsert, ResourceRecordSet: &set})
		}
	}
	if len(changes) == 0 {
		return nil
	}
	_, err = patiently(ctx, m.pause, func() (*route53.ChangeResourceRecordSetsOutput, error) {
		return m.records.ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{
			HostedZoneId: aws.String(m.zone), ChangeBatch: &types.ChangeBatch{Changes: changes},
		})
	})
	if err != nil {
		return fmt.Errorf("%s: give its record the weight %d: %w", region, weight, err)
	}
	return nil
}

// held is how much of its share a ramp keeps from a region, by its records: 0 where it has none, or several of which each is a step.
func held(r topology.Region, sets []types.ResourceRecordSet) int {
	if len(sets) != 1 || r.Weight == 0 || *sets[0].Weight >= int64(r.Weight) {
		return 0
	}
	return min(99, max(1, 100-int(math.Round(100*float64(*sets[0].Weight)/float64(r.Weight)))))
}

// part is so many percent of a weight, to the nearest whole.
func part(weight, percent int) int { return (weight*percent + 50) / 100 }

func fold(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// detailZone is the hosted zone's id among a topology's details.
const detailZone = infra.DetailZone

var _ control.Ramp = (*Manager)(nil)
