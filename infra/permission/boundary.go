package permission

import "slices"

// BoundaryARN is where the guide has the boundary; the account is to be put in.
const BoundaryARN = "arn:aws:iam::<account>:policy/polygate-boundary"

// boundary is all that the policies of a stack's roles may ever allow: the functions write their own logs, and read the secrets that
// the stack file names. A test compares it with what the program declares, but for the last statement: a secret under a key of one's
// own is decrypted for the role by that key's policy, and what a resource's policy allows a role is held to the role's boundary, too.
// Sources: "Permissions boundaries for IAM entities", docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html;
// kms:ViaService, docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html.
var boundary = []statement{
	{Sid: "WriteOwnLog", Effect: "Allow", Action: []string{"logs:CreateLogStream", "logs:PutLogEvents"},
		Resource: []string{"arn:aws:logs:*:*:log-group:/aws/lambda/polygate-*:log-stream:*"}},
	{Sid: "ReadSecrets", Effect: "Allow", Action: []string{"secretsmanager:GetSecretValue"}, Resource: []string{"arn:aws:secretsmanager:*:*:secret:*"}},
	{Sid: "ReadParameters", Effect: "Allow", Action: []string{"ssm:GetParameter"}, Resource: []string{"arn:aws:ssm:*:*:parameter/*"}},
	{Sid: "DecryptThem", Effect: "Allow", Action: []string{"kms:Decrypt"}, Resource: []string{"arn:aws:kms:*:*:key/*"},
		Condition: map[string]any{"StringLike": map[string][]string{"kms:ViaService": {"secretsmanager.*.amazonaws.com", "ssm.*.amazonaws.com"}}}},
}

// Boundary is the IAM policy to set as polygate:permissionsBoundary, as JSON.
func Boundary() (string, error) { return text(document{version, boundary}) }

// withBoundary are the actions that make a role, or make it able to do more: they are allowed on roles that have the boundary, or get
// it by the action. PutRolePermissionsBoundary gives it to a role that is there already, as Pulumi's provider does when the dial is
// added. DeleteRolePermissionsBoundary, which would undo all this, is in no policy. Sources: "Delegating responsibility to others using
// permissions boundaries", docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html; condition key
// iam:PermissionsBoundary, "Actions, resources, and condition keys for AWS IAM", docs.aws.amazon.com/service-authorization/latest/reference.
var withBoundary = []string{"iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"}

// bounded are the statements that stand for the one on roles in the deployer's policy, where roles have to have the boundary.
func bounded() []statement {
	rest := statement{Sid: sids["iam"], Effect: "Allow", Resource: roles}
	for _, st := range statements(false) {
		if st.Sid == rest.Sid {
			rest.Action = slices.DeleteFunc(st.Action, func(a string) bool { return slices.Contains(withBoundary, a) })
		}
	}
	return []statement{rest, {Sid: "BoundedIdentities", Effect: "Allow", Action: withBoundary, Resource: roles,
		Condition: map[string]any{"StringEquals": map[string]string{"iam:PermissionsBoundary": BoundaryARN}}}}
}

// Bounded is the IAM policy that stands for the statement Identities of Policy, where a deployer may make no role without the
// boundary, as JSON.
func Bounded() (string, error) { return text(document{version, bounded()}) }
