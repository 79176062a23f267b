package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optrefresh"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"polygate.example/infra/settings"
)

// Resource types of ACM.
const (
	typeCertificate = "aws:acm/certificate:Certificate"
	typeValidation  = "aws:acm/certificateValidation:CertificateValidation"
)

// refusedForGood is the status of a certificate that ACM looks at no more, whatever is mended: it "must be requested again".
// Source: "Troubleshoot CAA problems", "Certificate validation failed", docs.aws.amazon.com/acm/latest/userguide/troubleshooting.html.
const refusedForGood = "FAILED"

// anew lists the certificates that are to be requested once more, by URN: those that ACM has refused for good. Nothing uses them,
// since what uses a certificate waits for its validation. Only those without one are looked at, so that an ordinary run does not
// wait for it. They are taken out of protection, which is for what serves.
func (s *Stack) anew(ctx context.Context, d apitype.DeploymentV3) ([]string, error) {
	waiting := unvalidated(d)
	if len(waiting) == 0 {
		return nil, nil
	}
	w := watch(s.opts.Progress)
	_, err := s.stack.Refresh(ctx, optrefresh.Target(waiting), optrefresh.EventStreams(w.events), optrefresh.SuppressProgress())
	reasons := w.wait()
	if err != nil {
		return nil, s.failed("up", ctx, err, reasons)
	}
	state, now, err := s.export(ctx)
	if err != nil {
		return nil, err
	}
	refused, protected := release(&now, waiting)
	if len(refused) == 0 {
		return nil, nil
	}
	names := make([]string, 0, len(refused))
	for _, urn := range refused {
		names = append(names, name(urn))
	}
	s.opts.Notice("ACM has refused %s for good and does not look again (%s): requesting anew", settings.Count(len(refused), "certificate"), strings.Join(names, ", "))
	if !protected {
		return refused, nil
	}
	if state.Deployment, err = json.Marshal(now); err != nil {
		return nil, fmt.Errorf("encode the state of stack %q: %w", s.opts.Environment, err)
	}
	if err := s.stack.Import(ctx, state); err != nil {
		return nil, fmt.Errorf("take the refused certificates of stack %q out of protection: %w", s.opts.Environment, s.cli.explain(err))
	}
	return refused, nil
}

// refusedByACM recognises that it is a refused certificate which a resource failed for, in the words of terraform-provider-aws.
func refusedByACM(reason string) bool {
	return strings.Contains(reason, "ACM Certificate") && strings.Contains(reason, "unexpected state '"+refusedForGood+"'")
}

// export reads the stack's state.
func (s *Stack) export(ctx context.Context) (apitype.UntypedDeployment, apitype.DeploymentV3, error) {
	var d apitype.DeploymentV3
	state, err := s.stack.Export(ctx)
	if err != nil {
		return state, d, fmt.Errorf("read the state of stack %q: %w", s.opts.Environment, s.cli.explain(err))
	}
	if len(state.Deployment) == 0 {
		return state, d, nil
	}
	if err := json.Unmarshal(state.Deployment, &d); err != nil {
		return state, d, fmt.Errorf("read the state of stack %q: %w", s.opts.Environment, err)
	}
	return state, d, nil
}

// unvalidated lists the certificates that no validation was ever completed for.
func unvalidated(d apitype.DeploymentV3) []string {
	var out []string
	for _, r := range d.Resources {
		if string(r.Type) == typeCertificate && !r.Delete && !slices.ContainsFunc(d.Resources, func(v apitype.ResourceV3) bool {
			return string(v.Type) == typeValidation && v.Inputs["certificateArn"] == string(r.ID)
		}) {
			out = append(out, string(r.URN))
		}
	}
	return out
}

// release lists those of the certificates that were refused, takes them out of protection, and reports whether any was in it.
func release(d *apitype.DeploymentV3, among []string) (refused []string, protected bool) {
	for i := range d.Resources {
		r := &d.Resources[i]
		if r.Delete || !slices.Contains(among, string(r.URN)) || r.Outputs["status"] != refusedForGood {
			continue
		}
		refused = append(refused, string(r.URN))
		protected = protected || r.Protect
		r.Protect = false
	}
	return refused, protected
}
