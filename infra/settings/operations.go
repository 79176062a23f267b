package settings

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Route53 are the options of the manager route53.
type Route53 struct {
	AcceleratedRecovery bool `json:"acceleratedRecovery"` // change records within 60 minutes of losing us-east-1
	RoutingControls     bool `json:"routingControls"`     // an Application Recovery Controller cluster: a switch per region, about 1,825 USD a month
	AtLeastOn           int  `json:"atLeastOn"`           // with routingControls: regions that a safety rule keeps switched on, 1 by default
}

// TrafficManager are the options of the manager trafficmanager.
type TrafficManager struct {
	ZoneGroup string `json:"zoneGroup"` // resource group of the Azure DNS zone, which exists already
}

// Cloudflare are the options of the manager cloudflare.
type Cloudflare struct {
	Proxied             bool `json:"proxied"`             // clients talk to Cloudflare, which talks to the regions; else DNS only
	FailoverAcrossPools bool `json:"failoverAcrossPools"` // a request that fails to connect is tried in the next pool
}

// Alarms say when and whom to call.
type Alarms struct {
	Email        string  `json:"email"`
	ErrorPercent float64 `json:"errorPercent"` // server errors in per cent of requests over five minutes; 1 by default
	LatencyMS    int     `json:"latencyMs"`    // 99th percentile over five minutes; 3000 by default
}

// Budget is what a provider's part of the stack may cost.
type Budget struct {
	Monthly int    `json:"monthly"` // US dollars a month on each provider; told at 80 % and forecast 100 %
	Email   string `json:"email"`
	// BillingAccount is Google Cloud's, which keeps its budgets there and not in the project; the others need none.
	BillingAccount string `json:"billingAccount"`
}

// Secret is text that must not be shown: printing it says so.
type Secret string

// String hides the secret.
func (Secret) String() string { return "[secret]" }

// IsEncrypted reports whether it is what a stack file holds in place of the secret.
func (s Secret) IsEncrypted() bool { return isEncrypted(string(s)) }

// GoString hides the secret.
func (Secret) GoString() string { return "[secret]" }

// Defaults of what the operational dials leave out.
const (
	DefaultErrorPercent = 1    // per cent
	DefaultLatencyMS    = 3000 // milliseconds
	DefaultConcurrency  = 100  // instances
	minFrontSecret      = 32   // characters: too many to guess, so that its digest may be known
)

// operations reads the dials of how regions are run. The regions and the manager have been read before.
func (r *reader) operations(s *Settings) {
	s.Warm = r.whole(keyWarm, 0, 0, 100, "instances")
	s.ZoneRedundant = r.boolean(keyZoneRedundant)
	s.Concurrency = r.whole(keyConcurrency, DefaultConcurrency, 1, 1000, "instances")
	s.CAA = r.boolean(keyCAA)
	s.Spare = r.spare(*s)
	managerOptions(r, keyRoute53, *s, &s.Route53)
	if s.Route53.RoutingControls && s.Route53.AtLeastOn == 0 {
		s.Route53.AtLeastOn = 1
	}
	switch n := s.Route53.AtLeastOn; {
	case n != 0 && !s.Route53.RoutingControls:
		r.bad(keyRoute53, []string{"atLeastOn"}, "is %d, and there are no switches: want routingControls: true with it", n)
	case n < 0 || n > len(s.Regions):
		r.bad(keyRoute53, []string{"atLeastOn"}, "is %d: want 1 to %d, the number of regions", n, len(s.Regions))
	}
	managerOptions(r, keyTrafficManager, *s, &s.TrafficManager)
	managerOptions(r, keyCloudflare, *s, &s.Cloudflare)
	s.Alarms, s.Budget, s.Secrets = r.alarms(), r.budget(), r.secrets(*s)
	s.Variables = r.variables(s.Secrets)
	s.FrontSecret = r.frontSecret(*s)
	s.FrontSecretBefore = r.frontSecretBefore(*s)
	s.PermissionsBoundary = r.permissionsBoundary()
}

// managerOptions reads the options of one manager; set without that manager they are a mistake.
func managerOptions(r *reader, key string, s Settings, v any) {
	if r.object(key, v) && s.Manager != "" && s.Manager != key && s.Spare != key {
		r.bad(key, nil, "is set, and the manager is %q: take it out, or change polygate:%s", s.Manager, keyManager)
	}
}

func (r *reader) spare(s Settings) string {
	v, set := r.lookup(keySpare)
	switch {
	case set && v == "":
		r.bad(keySpare, nil, "is empty: want the name of a second manager, for example cloudflare, or take it out")
		return ""
	case set && v == s.Manager:
		r.bad(keySpare, nil, "is %q as polygate:%s is: a spare is another provider's DNS", v, keyManager)
		return ""
	}
	return v
}

func (r *reader) alarms() *Alarms {
	a := Alarms{ErrorPercent: DefaultErrorPercent, LatencyMS: DefaultLatencyMS}
	if !r.object(keyAlarms, &a) {
		return nil
	}
	r.email(keyAlarms, a.Email)
	if a.ErrorPercent <= 0 || a.ErrorPercent > 100 {
		r.bad(keyAlarms, []string{"errorPercent"}, "is %g: want above 0 and up to 100", a.ErrorPercent)
	}
	if a.LatencyMS < 1 || a.LatencyMS > 900000 {
		r.bad(keyAlarms, []string{"latencyMs"}, "is %d: want 1 to 900000 milliseconds", a.LatencyMS)
	}
	return &a
}

// reachable reports an alarm that cannot come: a request is ended before it has taken so long.
func (r *reader) reachable(s Settings) {
	if s.Alarms != nil && s.Timeout > 0 && s.Alarms.LatencyMS > s.Timeout*1000 {
		r.bad(keyAlarms, []string{"latencyMs"}, "is %d, and no request takes longer than %s (polygate:%s), so that the alarm never comes: want at most %d",
			s.Alarms.LatencyMS, Count(s.Timeout, "second"), keyTimeout, s.Timeout*1000)
	}
}

func (r *reader) budget() *Budget {
	var b Budget
	if !r.object(keyBudget, &b) {
		return nil
	}
	r.email(keyBudget, b.Email)
	if b.Monthly < 1 {
		r.bad(keyBudget, []string{"monthly"}, "is %d: want whole US dollars a month, at least 1", b.Monthly)
	}
	return &b
}

func (r *reader) email(key, address string) {
	if !isEmail(address) {
		r.bad(key, []string{"email"}, "is %s: want an address to write to, for example ops@example.com", quote(address))
	}
}

func isEmail(address string) bool {
	name, domain, ok := strings.Cut(address, "@")
	return ok && name != "" && strings.Contains(domain, ".") && !strings.ContainsAny(address, " \t\n,;<>\"")
}

// secrets reads where the function's secrets are kept: for each variable of its environment, a reference into the secret
// store of each provider that the stack uses. The form of a reference is the provider's to check.
func (r *reader) secrets(s Settings) map[string]map[string]string {
	text, ok := r.lookup(keySecrets)
	if !ok {
		return nil
	}
	var all map[string]map[string]string
	if json.Unmarshal([]byte(text), &all) != nil || all == nil {
		r.bad(keySecrets, nil, "is not a map: want {VARIABLE: {aws: ARN, gcp: secret name, azure: resource id}}")
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !isVariable(name) {
			r.bad(keySecrets, []string{name}, "is no name of a variable: want A-Z, 0-9 and _, beginning with a letter")
		}
		if strings.HasPrefix(name, "POLYGATE_") {
			r.bad(keySecrets, []string{name}, "is a variable of polygate's own: want another name")
		}
		for _, p := range s.Providers() {
			if all[name][p] == "" {
				r.bad(keySecrets, []string{name}, "has no reference for %s: want one for each provider of the stack", p)
			}
		}
		for _, p := range slices.Sorted(maps.Keys(all[name])) {
			if len(s.Regions) > 0 && !slices.Contains(s.Providers(), p) {
				r.bad(keySecrets, []string{name, p}, "no region of the stack is of %s: take it out", p)
			}
		}
	}
	return all
}

// MaxVariables is how many bytes the names and values of a function's variables may have, polygate's own aside: AWS takes 4 KB of all
// variables, of which 1 KB is left for those. Source: "Lambda quotas", docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
const MaxVariables = 3 << 10

// variables reads what the functions' environment has beside polygate's own.
func (r *reader) variables(secrets map[string]map[string]string) map[string]string {
	text, ok := r.lookup(keyVariables)
	if !ok {
		return nil
	}
	var all map[string]string
	if json.Unmarshal([]byte(text), &all) != nil || all == nil {
		r.bad(keyVariables, nil, "is not a map of text: want {VARIABLE: text}, with numbers and true or false in quotes")
		return nil
	}
	size := 0
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !isVariable(name) || len(name) < 2 {
			r.bad(keyVariables, []string{name}, "is no name of a variable: want two or more of A-Z, 0-9 and _, beginning with a letter")
		}
		if whose := reserved(name); whose != "" {
			r.bad(keyVariables, []string{name}, "is a variable of %s own: want another name", whose)
		}
		if secrets[name] != nil {
			r.bad(keyVariables, []string{name}, "is in polygate:%s as well: want it in one of them", keySecrets)
		}
		if all[name] == "" || strings.ContainsRune(all[name], 0) {
			r.bad(keyVariables, []string{name}, "is empty, or has a character that no variable can hold: give it text, or take it out")
		}
		size += len(name) + len(all[name])
	}
	if size > MaxVariables {
		r.bad(keyVariables, nil, "has %d bytes, and %d are free in a function's environment: keep long lists of credentials as a secret", size, MaxVariables)
	}
	return all
}

// reserved says whose a variable is, "" for nobody's. Sources: "Defined runtime environment variables", docs.aws.amazon.com/lambda/latest/dg/
// configuration-envvars.html; "Reserved environment variables", docs.cloud.google.com/run/docs/configuring/services/
// overview-environment-variables; "App settings reference for Azure Functions", learn.microsoft.com/azure/azure-functions/
// functions-app-settings.
func reserved(name string) string {
	for _, of := range []struct {
		whose           string
		names, prefixes []string
	}{
		{"polygate's", nil, []string{"POLYGATE_"}},
		{"Lambda's", []string{"TZ"}, []string{"AWS_", "LAMBDA_"}},
		{"Google's", []string{"PORT", "FUNCTION_TARGET", "FUNCTION_SIGNATURE_TYPE"}, []string{"K_", "CLOUD_RUN_", "X_GOOGLE_"}},
		{"Azure's", nil, []string{"FUNCTIONS_", "WEBSITE_", "WEBSITES_", "APPLICATIONINSIGHTS_"}},
	} {
		if slices.Contains(of.names, name) || slices.ContainsFunc(of.prefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
			return of.whose
		}
	}
	return ""
}

func isVariable(s string) bool {
	return s != "" && s[0] >= 'A' && s[0] <= 'Z' && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}

// frontSecret is what the traffic manager's own front shows to the regions. In a stack file it is encrypted, and cannot be
// measured there. Without a front that shows it, the regions would take no request at all.
func (r *reader) frontSecret(s Settings) Secret {
	v, ok := r.lookup(keyFrontSecret)
	if !ok {
		return ""
	}
	if !r.isFrontSecret(keyFrontSecret, v) {
		return ""
	}
	if s.Manager != "" && !s.Fronted() {
		r.bad(keyFrontSecret, nil, "is set, and no front shows it: take it out, or have Cloudflare proxy (polygate:%s: %s with polygate:%s: {proxied: true})",
			keyManager, keyCloudflare, keyCloudflare)
		return ""
	}
	return Secret(v)
}

// boundaryForm is the ARN of a policy of one's own: AWS's are of the account aws, and none of them is as narrow as a function's role.
// Sources: "IAM identifiers", docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html; CreatePolicy, PolicyName and Path,
// docs.aws.amazon.com/IAM/latest/APIReference.
var boundaryForm = regexp.MustCompile(`^arn:aws:iam::\d{12}:policy/(?:[!-.0-~]+/)*[\w+=,.@-]{1,128}$`)

func (r *reader) permissionsBoundary() string {
	v, ok := r.lookup(keyBoundary)
	if !ok {
		return ""
	}
	if !boundaryForm.MatchString(v) {
		r.bad(keyBoundary, nil, "is %s: want the ARN of an IAM policy of your own, for example arn:aws:iam::123456789012:policy/polygate-boundary", quote(v))
		return ""
	}
	return v
}

// FrontOpen in place of the secret of before lets regions take requests that show none.
const FrontOpen Secret = "open"

// frontSecretBefore is what the regions take beside the secret while it is changed, so that no request is refused in between.
func (r *reader) frontSecretBefore(s Settings) Secret {
	v, ok := r.lookup(keyFrontBefore)
	if !ok {
		return ""
	}
	if s.FrontSecret == "" && s.Manager != "" {
		r.bad(keyFrontBefore, nil, "is set, and there is no polygate:%s that it was before: take it out", keyFrontSecret)
		return ""
	}
	if Secret(v) != FrontOpen && !r.isFrontSecret(keyFrontBefore, v) {
		return ""
	}
	if Secret(v) == s.FrontSecret {
		r.bad(keyFrontBefore, nil, "is what polygate:%s is: want the secret that it was before, or take it out", keyFrontSecret)
		return ""
	}
	return Secret(v)
}

// isFrontSecret reports secrets that can be guessed or that no header carries. One that is encrypted cannot be measured.
func (r *reader) isFrontSecret(key, v string) bool {
	switch {
	case isEncrypted(v):
	case len(v) < minFrontSecret:
		r.bad(key, nil, "has %s: want at least %d, random ones (openssl rand -hex 32)", Count(len(v), "character"), minFrontSecret)
		return false
	case strings.IndexFunc(v, func(c rune) bool { return c <= ' ' || c > '~' }) >= 0:
		r.bad(key, nil, "has characters that no header carries as they are: want letters and digits (openssl rand -hex 32)")
		return false
	}
	return true
}

// isEncrypted reports whether a value is one that Pulumi has encrypted, as a stack file holds it.
func isEncrypted(v string) bool { return strings.HasPrefix(v, `{"secure":`) }

// Fronted reports whether clients talk to the manager's own front, which talks to the regions, and not to the regions.
func (s Settings) Fronted() bool { return s.Manager == keyCloudflare && s.Cloudflare.Proxied }

// credentials are keys of the clouds' own providers that hold a secret. Source: their configuration references, www.pulumi.com/
// registry/packages/{aws,gcp,azure-native,cloudflare}.
var credentials = []string{
	"aws:secretKey", "aws:token", "azure-native:clientCertificatePassword", "azure-native:clientSecret", "azure-native:oidcToken",
	"cloudflare:apiKey", "cloudflare:apiToken", "cloudflare:apiUserServiceKey", "gcp:accessToken", keyGoogleCredentials,
}

// keyGoogleCredentials is the key of a service account, or the path of a file that has it, which is no secret.
const keyGoogleCredentials = "gcp:credentials"

// inClear reports secrets that lie in a stack file for everyone to read. The local environment keeps nothing from anybody.
func inClear(environment string, get Lookup) []Problem {
	var problems []Problem
	for _, key := range []string{keyFrontSecret, keyFrontBefore} {
		v, ok := get(Namespace + ":" + key)
		if !ok || v == "" || isEncrypted(v) || Secret(v) == FrontOpen || environment == Local {
			continue
		}
		problems = append(problems, Problemf(key, nil, "is in clear: take it out and set another one encrypted, `openssl rand -hex 32 | pulumi config set --stack <env> --secret polygate:%s`", key))
	}
	for _, key := range credentials {
		v, ok := get(key)
		isPath := key == keyGoogleCredentials && !strings.Contains(v, "{")
		if ok && v != "" && !isEncrypted(v) && !isPath && environment != Local {
			problems = append(problems, Problem{Key: key, Message: "is in clear: revoke it, and set another one encrypted, `pulumi config set --stack <env> --secret " + key + "`, or leave it to the environment"})
		}
	}
	return problems
}
