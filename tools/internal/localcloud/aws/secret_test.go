package aws_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polygate.example/tools/internal/localcloud/aws"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
)

const (
	key    = "arn:aws:secretsmanager:us-east-1:000000000000:secret:key-a1B2c3"
	absent = "arn:aws:secretsmanager:us-east-1:000000000000:secret:absent-a1B2c3"
	others = "arn:aws:secretsmanager:us-east-1:000000000000:secret:others-a1B2c3"
	token  = "arn:aws:ssm:us-east-1:000000000000:parameter/team/token"
)

// TestSecretsByPolicy: a function reads of its extension what its role may, and no more. Source: "Policy evaluation logic", IAM
// user guide; "Permissions reference for AWS Secrets Manager".
func TestSecretsByPolicy(t *testing.T) {
	t.Parallel()
	statement := func(effect, action, resource, more string) string {
		return fmt.Sprintf(`{"Effect":%q,"Action":[%q],"Resource":[%q]%s}`, effect, action, resource, more)
	}
	get := statement("Allow", "secretsmanager:GetSecretValue", key, "")
	for _, c := range []struct {
		name       string
		statements string // "" for no policy
		want       map[string]plane.Secret
	}{
		{"none", "", map[string]plane.Secret{}},
		{"one", get, map[string]plane.Secret{key: {Version: 2, Value: "second"}}},
		{"one that is not there", statement("Allow", "secretsmanager:GetSecretValue", absent, ""), map[string]plane.Secret{absent: {}}},
		{"a parameter", statement("Allow", "ssm:GetParameter", token, ""), map[string]plane.Secret{token: {Version: 1, Value: "t"}}},
		{"the other store's action", statement("Allow", "ssm:GetParameter", key, ""), map[string]plane.Secret{}},
		{"another action", statement("Allow", "secretsmanager:DescribeSecret", key, ""), map[string]plane.Secret{}},
		{"a wildcard", statement("Allow", "secretsmanager:Get*", "arn:aws:secretsmanager:us-east-1:000000000000:secret:*", ""),
			map[string]plane.Secret{key: {Version: 2, Value: "second"}, others: {Version: 1, Value: "o"}}},
		{"allowed and denied", get + "," + statement("Deny", "secretsmanager:*", key, ""), map[string]plane.Secret{}},
		{"on a condition", statement("Allow", "secretsmanager:GetSecretValue", key, `,"Condition":{"StringEquals":{"aws:PrincipalTag/a":"b"}}`), map[string]plane.Secret{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.deploy("us-east-1", "use1")
			for _, s := range [][2]string{{key, "first"}, {key, "second"}, {others, "o"}, {token, "t"}} {
				if _, err := b.store.AddSecret("aws", s[0], s[1]); err != nil {
					t.Fatal(err)
				}
			}
			if c.statements != "" {
				b.must(tRolePolicy, resource.Props{"name": "secrets", "role": "polygate-use1", "policy": `{"Version":"2012-10-17","Statement":[` + c.statements + `]}`})
			}
			for _, f := range b.project().Functions {
				if diff := cmp.Diff(c.want, f.Secrets); diff != "" {
					t.Errorf("%s may read (-want +got):\n%s", f.ID, diff)
				}
			}
		})
	}
}

// Without the extension nobody asks for secrets.
func TestNoSecretsWithoutTheLayer(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	r := b.deploy("us-east-1", "use1")
	if _, err := b.change(r.made["function"], resource.Props{"layers": nil}); err != nil {
		t.Fatal(err)
	}
	w := b.project()
	if w.Functions[0].Secrets != nil {
		t.Error("the newest code has no layer, and is given secrets")
	}
	if w.Functions[1].Secrets == nil {
		t.Error("the published version has the layer still")
	}
}

func TestSecretNames(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		key: true, token: true, "key": false, "arn:aws:secretsmanager:{region}:000000000000:secret:key-a1B2c3": false,
		"arn:aws:secretsmanager:us-east-1:000000000000:secret:key": false, "arn:aws:s3:::bucket": false,
	} {
		if err := aws.Cloud().SecretName(name); (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
