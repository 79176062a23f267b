package permission

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polygate.example/infra/settings"
	"polygate.example/shared/artefact"
)

// forms are how each cloud spells what is allowed.
var forms = map[string]*regexp.Regexp{
	AWS:        regexp.MustCompile(`^[a-z0-9-]+:[A-Z][A-Za-z]+$`),
	Google:     regexp.MustCompile(`^roles/[a-z]+(\.[a-zA-Z]+)?$`),
	Azure:      regexp.MustCompile(`^Microsoft\.[A-Za-z]+/[A-Za-z/]+/(read|write|delete|action)$`),
	Cloudflare: regexp.MustCompile(`^(Zone|Account): [A-Z][A-Za-z: ]+ (Read|Write)$`),
}

func TestForms(t *testing.T) {
	for cloud, form := range forms {
		types := Types(cloud)
		if len(types) == 0 {
			t.Errorf("%s has no types", cloud)
		}
		for _, token := range types {
			n, ok := Of(token)
			if !ok || Cloud(token) != cloud {
				t.Errorf("%s is not found, or of another cloud than %s", token, cloud)
			}
			all := slices.Concat(n.Actions, n.Roles, n.Groups)
			if len(all) == 0 {
				t.Errorf("%s needs nothing", token)
			}
			for _, what := range all {
				if !form.MatchString(what) || strings.Contains(what, "*") {
					t.Errorf("%s needs %q, which is not spelt as %s does", token, what, cloud)
				}
			}
			if (cloud == AWS) != (len(n.Resources) > 0) || (cloud == Google) != (n.API != "") {
				t.Errorf("%s: resources are AWS's, and APIs are Google's: %+v", token, n)
			}
		}
	}
	if _, ok := Of("aws:lambda/function:Functions"); ok {
		t.Error("a type that is not there is found")
	}
	if types := Types("ibm"); len(types) != 0 {
		t.Errorf("a cloud that is not there has %v", types)
	}
}

// The policy allows every action of the table on what the table says, and nothing by a wildcard.
func TestPolicy(t *testing.T) {
	for _, always := range []bool{false, true} {
		text, err := Policy(always)
		if err != nil {
			t.Fatal(err)
		}
		beside, err := StorePolicy()
		if err != nil {
			t.Fatal(err)
		}
		type policy struct {
			Version   string
			Statement []struct {
				Sid, Effect      string
				Action, Resource []string
			}
		}
		var doc, stores policy
		if err := errors.Join(json.Unmarshal([]byte(text), &doc), json.Unmarshal([]byte(beside), &stores)); err != nil {
			t.Fatal(err)
		}
		doc.Statement = append(doc.Statement, stores.Statement...)
		allowed := map[string][]string{}
		sids := map[string]bool{}
		for _, st := range doc.Statement {
			if st.Sid == "" || sids[st.Sid] || st.Effect != "Allow" || len(st.Resource) == 0 {
				t.Errorf("statement %+v", st)
			}
			sids[st.Sid] = true
			for _, a := range st.Action {
				if strings.Contains(a, "*") {
					t.Errorf("%s allows %s", st.Sid, a)
				}
				allowed[a] = append(allowed[a], st.Resource...)
			}
		}
		for token, n := range aws {
			for _, a := range n.Actions {
				resources := n.Resources
				if slices.Contains([]string{"acm:RequestCertificate", "route53:CreateHealthCheck", "sns:GetSubscriptionAttributes", "sns:SetSubscriptionAttributes", "sns:Unsubscribe"}, a) {
					resources = []string{"*"} // they take none, and a policy that names one does not allow them
				}
				switch a { // they list all there are, whatever is asked for
				case "logs:DescribeLogGroups":
					resources = []string{"arn:aws:logs:*:*:log-group:*"}
				case "cloudwatch:DescribeAlarms":
					resources = []string{"arn:aws:cloudwatch:*:*:alarm:*"}
				}
				for _, r := range resources {
					if (n.Dial == "" || !always) && !slices.Contains(allowed[a], r) {
						t.Errorf("%s needs %s on %s, which is not allowed", token, a, r)
					}
				}
			}
		}
		for action, on := range allowed {
			for _, r := range on {
				if why, open := opened[r]; !strings.Contains(r, "polygate-") && (!open || !why.MatchString(action)) {
					t.Errorf("%s is allowed on %s, which is wider than it has to be", action, r)
				}
			}
		}
		if _, alarms := allowed["cloudwatch:PutMetricAlarm"]; alarms == always {
			t.Errorf("always %t: alarms are allowed %t", always, alarms)
		}
		// Source: "IAM and AWS STS quotas", docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: managed policies,
		// without white space.
		if n := len(strings.NewReplacer(" ", "", "\n", "").Replace(text)); n > 6144 {
			t.Errorf("the policy has %d characters without white space, and AWS takes 6144", n)
		}
	}
}

// A deployer of bounded roles makes none without the boundary, takes it from none, and may do all else that it may without one.
func TestBounded(t *testing.T) {
	var doc document
	text, err := Bounded()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	var free, held []string
	for _, st := range doc.Statement {
		if !slices.Equal(st.Resource, roles) || st.Effect != "Allow" {
			t.Errorf("statement %+v", st)
		}
		if st.Condition == nil {
			free = append(free, st.Action...)
			continue
		}
		if diff := cmp.Diff(map[string]any{"StringEquals": map[string]any{"iam:PermissionsBoundary": BoundaryARN}}, st.Condition); diff != "" {
			t.Errorf("condition (-want +got):\n%s", diff)
		}
		held = append(held, st.Action...)
	}
	if diff := cmp.Diff([]string{"iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"}, held); diff != "" {
		t.Errorf("on roles with the boundary (-want +got):\n%s", diff)
	}
	want := union(map[string]Need{"r": aws["aws:iam/role:Role"], "p": aws["aws:iam/rolePolicy:RolePolicy"]}, func(n Need) []string { return n.Actions })
	want = slices.DeleteFunc(want, func(a string) bool { return slices.Contains(held, a) })
	if diff := cmp.Diff(want, free); diff != "" {
		t.Errorf("on any of polygate's roles (-want +got):\n%s", diff)
	}
	if strings.Contains(text, "DeleteRolePermissionsBoundary") || strings.Contains(text, `\u003c`) {
		t.Errorf("%s", text)
	}
}

func TestBoundary(t *testing.T) {
	text, err := Boundary()
	if err != nil {
		t.Fatal(err)
	}
	var doc document
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	for _, st := range doc.Statement {
		for _, a := range st.Action {
			if !forms[AWS].MatchString(a) || strings.HasPrefix(a, "iam:") || strings.HasPrefix(a, "sts:") {
				t.Errorf("%s lets roles do %s", st.Sid, a)
			}
		}
		for _, r := range st.Resource {
			if !strings.HasPrefix(r, "arn:aws:") {
				t.Errorf("%s is on %s", st.Sid, r)
			}
		}
	}
}

// The conditions on what the deployer may grant are as Google and Azure write them.
func TestGrantConditions(t *testing.T) {
	list := `"roles/[a-z]+\.[a-zA-Z]+"`
	if form := regexp.MustCompile(`^api\.getAttribute\("iam\.googleapis\.com/modifiedGrantsByRole", \[\]\)\.hasOnly\(\[` + list + `(, ` + list + `)*\]\)$`); !form.MatchString(GrantCondition()) {
		t.Errorf("Google's condition is %s", GrantCondition())
	}
	id := `[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`
	ids := `\{` + id + `(, ` + id + `)*\}`
	half := func(action, of string) string {
		return `\(\(!\(ActionMatches\{'Microsoft\.Authorization/roleAssignments/` + action + `'\}\)\) OR \(@` + of +
			`\[Microsoft\.Authorization/roleAssignments:RoleDefinitionId\] ForAnyOfAnyValues:GuidEquals ` + ids + `\)\)`
	}
	if form := regexp.MustCompile(`^` + half("write", "Request") + ` AND ` + half("delete", "Resource") + `$`); !form.MatchString(AssignCondition()) {
		t.Errorf("Azure's condition is %s", AssignCondition())
	}
	if !slices.IsSorted(Granted()) || !slices.IsSorted(Assigned()) {
		t.Errorf("not in order: %v, %v", Granted(), Assigned())
	}
}

// opened are the resources that name nothing of polygate's own, and the actions that have to be on them: AWS chooses the ids, or the
// action takes no resource.
var opened = map[string]*regexp.Regexp{
	"*": regexp.MustCompile(`^(acm:RequestCertificate|route53:(CreateHealthCheck|ListHostedZones(ByName)?|GetChange|GetAccountLimit)|sns:((Get|Set)SubscriptionAttributes|Unsubscribe)|` +
		`route53-recovery-control-config:.*|logs:((Create|Get|Update|Delete)LogDelivery|ListLogDeliveries|PutResourcePolicy|DescribeResourcePolicies)|` +
		`sts:GetCallerIdentity|account:ListRegions|lambda:GetAccountSettings)$`),
	"arn:aws:cloudwatch:*:*:alarm:*":                                        regexp.MustCompile(`^cloudwatch:DescribeAlarms$`),
	"arn:aws:acm:*:*:certificate/*":                                         regexp.MustCompile(`^acm:`),
	"arn:aws:apigateway:*::/apis":                                           regexp.MustCompile(`^apigateway:`),
	"arn:aws:apigateway:*::/apis/*":                                         regexp.MustCompile(`^apigateway:`),
	"arn:aws:apigateway:*::/domainnames":                                    regexp.MustCompile(`^apigateway:`),
	"arn:aws:apigateway:*::/domainnames/*":                                  regexp.MustCompile(`^apigateway:`),
	"arn:aws:apigateway:*::/tags/*":                                         regexp.MustCompile(`^apigateway:`),
	"arn:aws:iam::*:role/aws-service-role/*":                                regexp.MustCompile(`^iam:CreateServiceLinkedRole$`), // of one service, by its condition
	"arn:aws:logs:*:*:log-group:*":                                          regexp.MustCompile(`^logs:DescribeLogGroups$`),
	"arn:aws:route53:::healthcheck/*":                                       regexp.MustCompile(`^route53:`),
	"arn:aws:route53:::hostedzone/*":                                        regexp.MustCompile(`^route53:`),
	"arn:aws:lambda:*:*:layer:AWS-Parameters-and-Secrets-Lambda-Extension*": regexp.MustCompile(`^lambda:GetLayerVersion$`),
}

func TestRole(t *testing.T) {
	text, err := Role()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Actions, NotActions, AssignableScopes []string }
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	for token, n := range azure {
		for _, a := range n.Actions {
			if !slices.Contains(doc.Actions, a) {
				t.Errorf("%s needs %s, which is not in the role", token, a)
			}
		}
	}
	if !slices.IsSorted(doc.Actions) || len(slices.Compact(slices.Clone(doc.Actions))) != len(doc.Actions) || doc.NotActions == nil {
		t.Errorf("the role is %s", text)
	}
}

func TestGrants(t *testing.T) {
	var on []string
	for _, g := range Grants() {
		if g.On != "" {
			on = append(on, g.Role+" on "+g.On)
		} else if len(on) > 0 {
			t.Errorf("%s comes after those on something else", g.Role)
		}
		if g.Role == "roles/owner" || g.Role == "roles/editor" || g.Role == "roles/viewer" {
			t.Errorf("%s is a basic role", g.Role)
		}
	}
	want := []string{"roles/billing.costsManager on the billing account", "roles/secretmanager.admin on each secret of polygate:secrets"}
	if diff := cmp.Diff(want, on); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is enabled and registered is what the stack uses.
func TestForAStack(t *testing.T) {
	regions := func(providers ...string) []settings.Region {
		var out []settings.Region
		for _, p := range providers {
			out = append(out, settings.Region{Provider: p, Name: "r"})
		}
		return out
	}
	for _, c := range []struct {
		name      string
		settings  settings.Settings
		has, not  []string // APIs
		providers []string
		front     artefact.Front
	}{
		{"AWS alone", settings.Settings{Regions: regions("aws"), Manager: "route53"}, nil, []string{"run.googleapis.com"}, nil, artefact.Front{Certificates: &artefact.Certificates{}}},
		{"Google", settings.Settings{Regions: regions("gcp")}, []string{"run.googleapis.com", "cloudbuild.googleapis.com", "compute.googleapis.com"},
			[]string{"monitoring.googleapis.com", "billingbudgets.googleapis.com", "secretmanager.googleapis.com", "networksecurity.googleapis.com"}, nil, artefact.Front{Country: true}},
		{"Google with clients' certificates", settings.Settings{Regions: regions("gcp")}, []string{"networksecurity.googleapis.com"}, nil, nil, artefact.Front{Certificates: &artefact.Certificates{}}},
		{"Google with a budget", settings.Settings{Regions: regions("gcp"), Budget: &settings.Budget{}},
			[]string{"monitoring.googleapis.com", "billingbudgets.googleapis.com"}, nil, nil, artefact.Front{}}, // which tells by a notification channel
		{"Google with all dials", settings.Settings{Regions: regions("gcp"), Alarms: &settings.Alarms{}, Budget: &settings.Budget{}, Secrets: map[string]map[string]string{"A": nil}},
			[]string{"monitoring.googleapis.com", "billingbudgets.googleapis.com", "secretmanager.googleapis.com"}, nil, nil, artefact.Front{}},
		{"Azure", settings.Settings{Regions: regions("azure")}, nil, nil,
			[]string{"Microsoft.Insights", "Microsoft.ManagedIdentity", "Microsoft.OperationalInsights", "Microsoft.Storage", "Microsoft.Web"}, artefact.Front{}},
		{"Azure with a budget", settings.Settings{Regions: regions("azure"), Budget: &settings.Budget{}}, nil, nil,
			[]string{"Microsoft.Consumption", "Microsoft.Insights", "Microsoft.ManagedIdentity", "Microsoft.OperationalInsights", "Microsoft.Storage", "Microsoft.Web"}, artefact.Front{}},
		{"Traffic Manager alone", settings.Settings{Regions: regions("aws"), Manager: "trafficmanager"}, nil, nil, []string{"Microsoft.Network"}, artefact.Front{}},
		{"Traffic Manager as the spare", settings.Settings{Regions: regions("aws"), Manager: "route53", Spare: "trafficmanager"}, nil, nil, []string{"Microsoft.Network"}, artefact.Front{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			apis := APIs(c.settings, c.front)
			for _, api := range c.has {
				if !slices.Contains(apis, api) {
					t.Errorf("%s is not in %v", api, apis)
				}
			}
			for _, api := range c.not {
				if slices.Contains(apis, api) {
					t.Errorf("%s is in %v", api, apis)
				}
			}
			if diff := cmp.Diff(c.providers, ResourceProviders(c.settings)); diff != "" {
				t.Errorf("resource providers (-want +got):\n%s", diff)
			}
		})
	}
}

// What only some documents need is none of what every deployer is given.
func TestGrantsForPolicies(t *testing.T) {
	roles, apis := GrantsFor(ByCertificates)
	if diff := cmp.Diff([][]string{{"roles/networksecurity.admin"}, {"networksecurity.googleapis.com"}}, [][]string{roles, apis}); diff != "" {
		t.Errorf("for clients' certificates (-want +got):\n%s", diff)
	}
	if slices.ContainsFunc(Grants(), func(g Grant) bool { return g.Role == roles[0] }) {
		t.Errorf("%s is given to every deployer", roles[0])
	}
	if roles, apis := GrantsFor(ByCountries); len(roles)+len(apis) != 0 {
		t.Errorf("for countries: %v, %v", roles, apis)
	}
}
