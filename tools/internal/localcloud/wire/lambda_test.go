package wire_test

import (
	"strings"
	"testing"

	"polygate.example/shared/topology"
	"polygate.example/tools/internal/control/lambda"
	"polygate.example/tools/internal/localcloud/resource"
)

func TestLambdaFunctions(t *testing.T) {
	t.Parallel()
	b := newAmazonBed(t)
	b.topo.Regions = append(b.topo.Regions, topology.Region{Name: "azure/eastus", Provider: "azure", Function: "/subscriptions/x"})
	fn, _ := b.store.View().GetIn(tFunction, "eu-west-1", "gateway")
	err := b.store.Amend(t.Context(), func(resource.View) ([]resource.Record, error) {
		fn.Inputs = fn.Inputs.With(resource.Props{"reservedConcurrentExecutions": 0.0})
		return []resource.Record{fn}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := lambda.New(b.config(token), b.topo).Functions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 {
		t.Errorf("%d functions, want AWS's two: %v", len(got), got)
	}
	if f := got["aws/us-east-1"]; !f.Ready || f.State != "Active" || f.Why != "" || f.Updated.IsZero() {
		t.Errorf("us-east-1: %+v, want it ready", f)
	}
	if f := got["aws/eu-west-1"]; f.Ready || !strings.Contains(f.Why, "reserved concurrency is 0") {
		t.Errorf("eu-west-1: %+v, want it not ready", f)
	}
}
