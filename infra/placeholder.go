package infra

import (
	"strings"

	"polygate.example/infra/settings"
)

// exampleAccount is the billing account of the examples.
const exampleAccount = "012345-6789AB-CDEF01"

// placeholders finds what a stack file still has from the examples of this repository: nobody has such a zone, address, project,
// subscription or billing account, and the clouds would say so late. The local environment has names of its own.
func placeholders(s settings.Settings, get settings.Lookup) []settings.Problem {
	if s.Environment == settings.Local {
		return nil
	}
	var found []settings.Problem
	theirs := func(key, what string) {
		found = append(found, settings.Problem{Key: key, Message: "is the example's: put in " + what})
	}
	if reserved(s.Zone) {
		theirs(settings.Namespace+":zone", "a public DNS zone that you have")
	}
	address := func(key string, path []string, email string) {
		if _, domain, _ := strings.Cut(email, "@"); reserved(domain) {
			found = append(found, settings.Problemf(key, path, "is the example's: put in an address of yours"))
		}
	}
	if c := s.Certificate; c != nil && c.ACME != nil {
		address("certificate", []string{"acme", "email"}, c.ACME.Email)
	}
	if s.Alarms != nil {
		address("alarms", []string{"email"}, s.Alarms.Email)
	}
	if s.Budget != nil {
		address("budget", []string{"email"}, s.Budget.Email)
		if s.Budget.BillingAccount == exampleAccount {
			found = append(found, settings.Problemf("budget", []string{"billingAccount"}, "is the example's: put in the billing account that pays for the Google Cloud project"))
		}
	}
	if v, _ := get("gcp:project"); strings.HasPrefix(v, "your-project") {
		theirs("gcp:project", "the id of your Google Cloud project")
	}
	if v, _ := get("azure-native:subscriptionId"); v != "" && strings.Trim(v, "0-") == "" {
		theirs("azure-native:subscriptionId", "the id of your Azure subscription")
	}
	return found
}

// reserved reports whether a domain is kept for examples, and registered by nobody: RFC 2606, section 3.
func reserved(domain string) bool {
	for _, d := range []string{"example.com", "example.net", "example.org"} {
		if domain == d || strings.HasSuffix(domain, "."+d) {
			return true
		}
	}
	return false
}
