package reference

import (
	"slices"
	"strings"

	"polygate.example/infra/permission"
	"polygate.example/infra/settings"
	"polygate.example/shared/artefact"
)

// everything is a stack that uses all there is, for what the guide enables.
func everything() settings.Settings {
	return settings.Settings{
		Manager: "route53", Spare: "trafficmanager", Alarms: &settings.Alarms{}, Budget: &settings.Budget{}, Secrets: map[string]map[string]string{"A": nil},
		Regions: []settings.Region{{Provider: "aws"}, {Provider: "gcp"}, {Provider: "azure"}},
	}
}

// guidePage is the guide to a first deployment on real clouds.
func guidePage() (string, error) {
	policy, err := permission.Policy(false)
	if err != nil {
		return "", err
	}
	stores, err := permission.StorePolicy()
	if err != nil {
		return "", err
	}
	bounded, err := permission.Bounded()
	if err != nil {
		return "", err
	}
	boundary, err := permission.Boundary()
	if err != nil {
		return "", err
	}
	role, err := permission.Role()
	if err != nil {
		return "", err
	}
	drills, err := permission.LeverPolicy()
	if err != nil {
		return "", err
	}
	p := &page{}
	p.line(`# A first deployment on real clouds

%s

What is tested here is the program and the artefacts, on local clouds that keep the documented rules: nobody has run this on real
accounts yet. The permissions are those of the resource types that the program declares; leave out the clouds your stack does not use.

## 1. An environment of your own

Build the command and put it on your PATH; all that follows is run in the checkout.

    make build && export PATH="$PWD/bin:$PATH"    # the first time compiles the provider SDKs, ten to fifteen minutes
    cp stacks/Pulumi.dev.yaml stacks/Pulumi.<env>.yaml
    cp stacks/dev.gateway.yaml stacks/<env>.gateway.yaml

Put in hostname, zone, Google project and Azure subscription. The zone has to exist at its traffic manager and be delegated to it;
a stack neither creates nor deletes one. Then say where Pulumi keeps the state, and how it encrypts secrets:

    export PULUMI_BACKEND_URL=s3://<bucket>        # or gs://, azblob://, file://; or `+"`pulumi login`"+`
    pulumi stack init <env> --secrets-provider=awskms://<key>    # or export PULUMI_CONFIG_PASSPHRASE=<passphrase>
`, generated)
	p.line(`## 2. AWS: an identity that may deploy

Save the policy as ` + "`polygate-deployer.json`" + ` and give it to the role that deploys. Everything a stack makes is named ` + "`polygate-*`" + ` where AWS
lets names be chosen: the role that deploys must have another name, or it might change itself. What depends on your stack you can narrow by hand:
` + "`hostedzone/*`" + ` to the id of your zone, ` + "`domainnames/*`" + ` to ` + "`domainnames/<hostname>`, `domainnames/<label>.aws.<hostname>`" + ` and both with
` + "`/*`" + ` after them, and the statements of dials that you leave out.

    aws iam create-policy --policy-name polygate-deployer --policy-document file://polygate-deployer.json
    aws iam attach-role-policy --role-name <deployer> --policy-arn arn:aws:iam::<account>:policy/polygate-deployer
    aws sso login && export AWS_PROFILE=<profile>
`)
	p.line("```json\n%s\n```\n", policy)
	p.line(`A policy has no room for more, so that what the stack's store needs, a bucket with its topology and its lock, is one of its own. Who operates a stack
and does not deploy it (status, failover) has of it ` + "`s3:ListBucket`, `s3:GetObject` and `s3:PutObject`" + `.

    aws iam create-policy --policy-name polygate-deployer-store --policy-document file://polygate-deployer-store.json
    aws iam attach-role-policy --role-name <deployer> --policy-arn arn:aws:iam::<account>:policy/polygate-deployer-store
`)
	p.line("```json\n%s\n```\n", stores)
	p.line(`### A boundary for what it makes

By the statement ` + "`Identities`" + ` the deployer writes what policies it likes into roles, and hands them to functions: that is a way to everything in the
account. Have somebody else make a permissions boundary, which no role goes beyond whatever its own policies say. Save it as
` + "`polygate-boundary.json`" + `, with the names of your secrets in place of ` + "`secret:*` and `parameter/*`" + `: what it names, whoever deploys can read. The last
three statements are for polygate:secrets; the very last is for secrets under a key of your own.

    aws iam create-policy --policy-name polygate-boundary --policy-document file://polygate-boundary.json
`)
	p.line("```json\n%s\n```\n", boundary)
	p.line(`Name it in the stack file of each environment, and `+"`up`"+` those that are there already as whoever may do everything, so that each of their roles has it:

    polygate:permissionsBoundary: %s

Then take `+"`Identities`"+` out of `+"`polygate-deployer.json`"+`, and give the deployer this policy beside it, with the account's id in it. It makes no role
without the boundary, and takes it from none; taking the dial out of a stack file again is for somebody else.

    aws iam create-policy --policy-name polygate-deployer-roles --policy-document file://polygate-deployer-roles.json
    aws iam attach-role-policy --role-name <deployer> --policy-arn arn:aws:iam::<account>:policy/polygate-deployer-roles
`, permission.BoundaryARN)
	p.line("```json\n%s\n```\n", bounded)
	p.line("New accounts may run ten instances of functions at a time, and Lambda keeps 100 for functions that reserve nothing: ask for more first.\n")
	p.line("    aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value 1000 --region <region>\n")

	p.line("## 3. Google Cloud: APIs and roles\n")
	p.line("    gcloud services enable --project <project> \\\n      %s\n", strings.Join(permission.APIs(everything(), artefact.Front{}), " \\\n      "))
	var grants, elsewhere []string
	for _, g := range permission.Grants() {
		if g.Role == permission.ProjectIAM {
			continue // under a condition
		}
		if g.On == "" {
			grants = append(grants, g.Role)
			continue
		}
		elsewhere = append(elsewhere, "`"+g.Role+"` on "+g.On)
	}
	p.line("    for role in \\\n      %s; do\n      gcloud projects add-iam-policy-binding <project> --member serviceAccount:<deployer> --role $role --condition None\n    done\n    gcloud projects add-iam-policy-binding <project> --member serviceAccount:<deployer> --role %s \\\n      --condition '^:^title=roles of polygate:expression=%s'\n    gcloud auth application-default login --impersonate-service-account=<deployer>    # wants roles/iam.serviceAccountTokenCreator on it\n",
		strings.Join(grants, " \\\n      "), permission.ProjectIAM, permission.GrantCondition())
	p.line(`By its condition the deployer grants the roles that a stack's builds have, and no others; without it, it could make itself owner. Where it has
`+"`%s`"+` without one already, take that away: `+"`gcloud projects remove-iam-policy-binding`"+` with `+"`--condition None`"+`.
It may act as every service account of the project, and say who else may: give the stacks a project of their own, in which no account has more than
they need. The default ones are editors where the organisation does not forbid it (`+"`iam.automaticIamGrantsForDefaultServiceAccounts`"+`).
`, permission.ProjectIAM)
	slices.Sort(elsewhere)
	p.line("Beside these: %s.\n", strings.Join(slices.Compact(elsewhere), "; "))
	roles, apis := permission.GrantsFor(permission.ByCertificates)
	p.line("Only for a document with the policy `clientCertificate`: `gcloud services enable %s`, and `%s`, which is wide: no narrower role may make a server TLS policy.\n",
		strings.Join(apis, " "), strings.Join(roles, "` and `"))
	p.line("%s", "The function takes requests without an identity, which a load balancer has not: `allUsers` may invoke it. An organisation that restricts sharing\n"+
		"(`iam.allowedPolicyMemberDomains`, as new ones do, or `iam.managed.allowedPolicyMembers`) refuses that grant, which `polygate doctor` sees where the deployer\n"+
		"also has `roles/orgpolicy.policyViewer` and `orgpolicy.googleapis.com` is enabled. Each of the two refuses for itself. Have who administers its policies exempt\n"+
		"the project first from those that are set:\n\n"+
		"    printf 'name: projects/<project>/policies/iam.allowedPolicyMemberDomains\\nspec: {rules: [{allowAll: true}]}\\n' > policy.yaml\n"+
		"    gcloud org-policies set-policy policy.yaml\n"+
		"    printf 'name: projects/<project>/policies/iam.managed.allowedPolicyMembers\\nspec: {rules: [{enforce: false}]}\\n' > policy.yaml\n"+
		"    gcloud org-policies set-policy policy.yaml\n")

	p.line("## 4. Azure: resource providers and a role\n")
	for _, namespace := range permission.ResourceProviders(everything()) {
		p.line("    az provider register --subscription <subscription> --namespace %s", namespace)
	}
	p.line(`
Save the role as ` + "`polygate-deployer-role.json`" + `, with the subscription's id in it. It may assign roles, because the functions' identities get
theirs from the stack: without a condition it could make itself owner. Save the condition as ` + "`polygate-deployer-condition.txt`" + `: by it the
deployer assigns, and takes away, the roles that a stack assigns, and no others. Those open storage and secrets of vaults to whomever it likes, and
it may run as every managed identity there is: give the stacks a subscription of their own, in which none has more than they need. Where polygate:secrets names a
vault of another subscription, add that one to AssignableScopes, and assign the role on the vault as well, under the same condition. An assignment
that is there without one gives more: delete it.

    az role definition create --role-definition @polygate-deployer-role.json
    az role assignment create --assignee <deployer> --role "polygate deployer" --scope /subscriptions/<subscription> \
      --condition "$(cat polygate-deployer-condition.txt)" --condition-version "2.0"
    az login    # or ARM_TENANT_ID, ARM_CLIENT_ID and ARM_CLIENT_SECRET
`)
	p.line("```text\n%s\n```\n", permission.AssignCondition())
	p.line("```json\n%s\n```\n", role)
	p.line("## 5. Cloudflare, where it is the manager or the spare\n\nAn API token for the zone and its account with: %s.\n\n    export CLOUDFLARE_API_TOKEN=<token>\n", strings.Join(permission.Groups(), "; "))
	p.line(`## 6. A certificate for the Azure regions

It covers the shared name and the own name of each Azure region. With ` + "`polygate:certificate.acme`" + ` set, it is issued by ACME DNS-01 before
anything is deployed; else bring one as PKCS #12. Without Azure regions none is wanted.

    polygate cert issue -s <env>

## 7. Look, then leap

    polygate check -s <env>      # both files, every problem at its line
    polygate doctor -s <env>     # credentials, regions, quotas, APIs, zone, CAA, this machine; what is wrong and what to do
    polygate preview -s <env>    # what would be made, what failures and months would cost
    polygate up -s <env>
    polygate doctor -s <env>     # and again: names and certificates
    polygate status -s <env>

A first ` + "`up`" + ` takes long for reasons that are the clouds': a function's first build on Google waits for its identity's roles, certificates for their
validation, and role assignments on Azure take minutes to act. Interrupted, it can be run again.
`)
	google, _ := permission.Lever(permission.Google) // both are there
	azure, _ := permission.Lever(permission.Azure)
	p.line(`## 8. An identity for drills

Who has regions fail on purpose changes one variable of their functions, and needs no more than this. On Google Cloud: %s. On Azure a role of its
own with %s. On AWS this policy, which removes versions and no function:
`, "`"+strings.Join(google.Roles, "`, `")+"`", "`"+strings.Join(azure.Actions, "`, `")+"`")
	p.line("```json\n%s\n```", drills)
	return p.String(), nil
}
