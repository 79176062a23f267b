package permission

import (
	"maps"
	"slices"
	"strings"
)

// google are the narrowest predefined roles that hold what Pulumi's provider calls to create, read, update and delete each
// type. Source: "IAM basic and predefined roles reference", docs.cloud.google.com/iam/docs/roles-permissions.
var google = map[string]Need{
	"gcp:artifactregistry/repository:Repository":                   {API: "artifactregistry.googleapis.com", Roles: []string{"roles/artifactregistry.admin"}},
	"gcp:artifactregistry/repositoryIamMember:RepositoryIamMember": {API: "artifactregistry.googleapis.com", Roles: []string{"roles/artifactregistry.admin"}},
	"gcp:billing/budget:Budget": {API: "billingbudgets.googleapis.com", Roles: []string{"roles/billing.costsManager"},
		Scope: "the billing account", Dial: "budget"},
	"gcp:certificatemanager/certificate:Certificate":                    {API: "certificatemanager.googleapis.com", Roles: []string{"roles/certificatemanager.owner"}},
	"gcp:certificatemanager/certificateMap:CertificateMap":              {API: "certificatemanager.googleapis.com", Roles: []string{"roles/certificatemanager.owner"}},
	"gcp:certificatemanager/certificateMapEntry:CertificateMapEntry":    {API: "certificatemanager.googleapis.com", Roles: []string{"roles/certificatemanager.owner"}},
	"gcp:certificatemanager/dnsAuthorization:DnsAuthorization":          {API: "certificatemanager.googleapis.com", Roles: []string{"roles/certificatemanager.owner"}},
	"gcp:certificatemanager/trustConfig:TrustConfig":                    {API: "certificatemanager.googleapis.com", Roles: []string{"roles/certificatemanager.owner"}, Policy: ByCertificates},
	"gcp:cloudfunctionsv2/function:Function":                            {API: "cloudfunctions.googleapis.com", Roles: []string{"roles/cloudfunctions.developer", "roles/iam.serviceAccountUser"}},
	"gcp:cloudrunv2/serviceIamMember:ServiceIamMember":                  {API: "run.googleapis.com", Roles: []string{"roles/run.admin"}},
	"gcp:compute/backendService:BackendService":                         {API: "compute.googleapis.com", Roles: []string{"roles/compute.loadBalancerAdmin"}},
	"gcp:compute/globalAddress:GlobalAddress":                           {API: "compute.googleapis.com", Roles: []string{"roles/compute.loadBalancerAdmin"}},
	"gcp:compute/globalForwardingRule:GlobalForwardingRule":             {API: "compute.googleapis.com", Roles: []string{"roles/compute.loadBalancerAdmin"}},
	"gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup": {API: "compute.googleapis.com", Roles: []string{"roles/compute.loadBalancerAdmin"}},
	"gcp:compute/sSLPolicy:SSLPolicy":                                   {API: "compute.googleapis.com", Roles: []string{"roles/compute.loadBalancerAdmin"}},
	"gcp:compute/targetHttpsProxy:TargetHttpsProxy":                     {API: "compute.googleapis.com", Roles: []string{"roles/compute.loadBalancerAdmin"}},
	"gcp:compute/uRLMap:URLMap":                                         {API: "compute.googleapis.com", Roles: []string{"roles/compute.loadBalancerAdmin"}},
	"gcp:logging/projectBucketConfig:ProjectBucketConfig":               {API: "logging.googleapis.com", Roles: []string{"roles/logging.configWriter"}},
	"gcp:logging/projectExclusion:ProjectExclusion":                     {API: "logging.googleapis.com", Roles: []string{"roles/logging.configWriter"}},
	"gcp:logging/projectSink:ProjectSink":                               {API: "logging.googleapis.com", Roles: []string{"roles/logging.configWriter"}},
	"gcp:monitoring/alertPolicy:AlertPolicy":                            {API: "monitoring.googleapis.com", Roles: []string{"roles/monitoring.alertPolicyEditor"}, Dial: "alarms"},
	"gcp:monitoring/notificationChannel:NotificationChannel":            {API: "monitoring.googleapis.com", Roles: []string{"roles/monitoring.notificationChannelEditor"}, Dial: "alarms or budget"},
	"gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig":                {API: "monitoring.googleapis.com", Roles: []string{"roles/monitoring.uptimeCheckConfigEditor"}, Dial: "alarms"},
	// No narrower role may make one: of those that may, the other is compute.networkAdmin. Load balancers use it by their own role.
	"gcp:networksecurity/serverTlsPolicy:ServerTlsPolicy": {API: "networksecurity.googleapis.com", Roles: []string{"roles/networksecurity.admin"}, Policy: ByCertificates},
	"gcp:projects/iAMMember:IAMMember":                    {API: "cloudresourcemanager.googleapis.com", Roles: []string{ProjectIAM}},
	"gcp:secretmanager/secretIamMember:SecretIamMember":   {API: "secretmanager.googleapis.com", Roles: []string{"roles/secretmanager.admin"}, Scope: "each secret of polygate:secrets", Dial: "secrets"},
	"gcp:serviceaccount/account:Account":                  {API: "iam.googleapis.com", Roles: []string{"roles/iam.serviceAccountAdmin"}},
	"gcp:storage/bucket:Bucket":                           {API: "storage.googleapis.com", Roles: []string{"roles/storage.admin"}},
	"gcp:storage/bucketObject:BucketObject":               {API: "storage.googleapis.com", Roles: []string{"roles/storage.admin"}},
}

// googleLookup are the roles that what is only looked up needs: the project's number, and what `polygate doctor` asks.
var googleLookup = []string{"roles/browser", "roles/serviceusage.serviceUsageViewer", "roles/compute.viewer"}

// ProjectIAM is the role that grants roles on the project: all there are, the owner's among them, unless a condition says which.
const ProjectIAM = "roles/resourcemanager.projectIamAdmin"

// granted are the roles that a stack grants on the project. A test compares them with what the program declares.
var granted = []string{"roles/logging.logWriter", "roles/storage.objectViewer"}

// Granted lists the roles that a stack grants on its Google Cloud project, in alphabetical order.
func Granted() []string { return granted }

// GrantCondition is the condition under which the deployer has ProjectIAM: it grants and takes away those of Granted, and no others.
// Source: "Set limits on granting roles", docs.cloud.google.com/iam/docs/setting-limits-on-granting-roles.
func GrantCondition() string {
	return `api.getAttribute("iam.googleapis.com/modifiedGrantsByRole", []).hasOnly(["` + strings.Join(granted, `", "`) + `"])`
}

// Grant is a role and what it is granted on, in words.
type Grant struct{ Role, On string }

// Grants lists the roles that the deployer has on Google Cloud whatever the document goes by, each once, those on the project first.
func Grants() []Grant {
	var out []Grant
	onProject := map[string]Need{"": {Roles: googleLookup}}
	for token, n := range google {
		if n.Scope == "" && n.Policy == "" {
			onProject[token] = n
		}
	}
	for _, r := range union(onProject, func(n Need) []string { return n.Roles }) {
		out = append(out, Grant{r, ""})
	}
	for _, token := range Types(Google) {
		if n := google[token]; n.Scope != "" {
			for _, r := range n.Roles {
				out = append(out, Grant{r, n.Scope})
			}
		}
	}
	return out
}

// GrantsFor lists the roles and the APIs of Google Cloud that a stack needs beside the others where its document goes by something, in alphabetical order.
func GrantsFor(policy string) (roles, apis []string) {
	for _, token := range Types(Google) {
		n := google[token]
		if n.Policy != policy {
			continue
		}
		for _, r := range n.Roles {
			if !slices.Contains(Grants(), Grant{r, n.Scope}) {
				roles = append(roles, r)
			}
		}
		if !slices.ContainsFunc(slices.Collect(maps.Values(google)), func(other Need) bool { return other.API == n.API && other.Policy == "" }) {
			apis = append(apis, n.API)
		}
	}
	slices.Sort(roles)
	slices.Sort(apis)
	return slices.Compact(roles), slices.Compact(apis)
}
