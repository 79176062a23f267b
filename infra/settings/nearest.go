package settings

import (
	"slices"
	"strings"
)

// Nearest asks after the one of the known names that a misspelt one is closest to, for a message: ` (did you mean "manager"?)`; "" when
// none is close. Close are names that one or two letters tell apart, left out, put in or changed, whatever their case.
func Nearest(name string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < least && d < len(k) {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return " (did you mean " + quote(best) + "?)"
}

// providerKeys are what the clouds' own providers read of a stack file, but for endpoints. Source: package config of the SDKs that go.mod
// pins, pulumi-aws, pulumi-gcp, pulumi-azure-native and pulumi-cloudflare.
var providerKeys = map[string][]string{
	"aws": {"accessKey", "allowedAccountIds", "assumeRoleWithWebIdentity", "assumeRoles", "customCaBundle", "defaultTags", "endpoints", "forbiddenAccountIds", "httpProxy",
		"httpsProxy", "ignoreTags", "insecure", "maxRetries", "noProxy", "profile", "region", "retryMode", "secretKey", "sharedConfigFiles", "sharedCredentialsFiles",
		"skipCredentialsValidation", "skipMetadataApiCheck", "skipRegionValidation", "skipRequestingAccountId", "stsRegion", "tagPolicyCompliance", "token",
		"tokenBucketRateLimiterCapacity", "useDualstackEndpoint", "useFipsEndpoint", "userAgents"},
	"gcp": {"accessToken", "addPulumiAttributionLabel", "batching", "billingProject", "credentials", "defaultLabels", "deletionPolicy", "disableGlobalProjectWarning",
		"disableGooglePartnerName", "externalCredentials", "googlePartnerName", "impersonateServiceAccount", "impersonateServiceAccountDelegates", "pollInterval",
		"preferGlobalEndpoints", "preferRegionalEndpoints", "project", "pulumiAttributionLabelAdditionStrategy", "region", "requestReason", "requestTimeout", "scopes",
		"skipRegionValidation", "universeDomain", "userProjectOverride", "zone"},
	"azure-native": {"auxiliaryTenantIds", "clientCertificatePassword", "clientCertificatePath", "clientId", "clientSecret", "disableInstanceDiscovery", "disablePulumiPartnerId",
		"environment", "location", "metadataHost", "msiEndpoint", "oidcRequestToken", "oidcRequestUrl", "oidcToken", "oidcTokenFilePath", "partnerId", "subscriptionId", "tenantId",
		"useDefaultAzureCredential", "useMsi", "useOidc"},
	"cloudflare": {"apiKey", "apiToken", "apiUserServiceKey", "baseUrl", "email", "userAgentOperatorSuffix"},
}

// misspelt reports whether a key of a provider is none that it reads, and nearly one. What is far from all of them may be a later version's.
func misspelt(namespace, name string) bool {
	known := providerKeys[namespace]
	return !slices.Contains(known, name) && Nearest(name, known) != ""
}

// distance counts the letters to leave out, put in or change until one word is the other (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, before+1, row[j]+1)
		}
	}
	return row[len(b)]
}
