package azure

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/resource"
)

// Tokens of custom domains.
const (
	tokenCertificate = "azure-native:web:SiteCertificate"
	tokenBinding     = "azure-native:web:WebAppHostNameBinding"
)

// siteCertificate is a certificate that belongs to one app, as Flex Consumption wants it.
func siteCertificate() *resource.Type {
	t := arm(tokenCertificate, "Microsoft.Web/sites/certificates", "certificateName",
		resource.Property{Name: "name", Kind: resource.String, Required: true, Immutable: true, Fold: true}, // of the site
		named("certificateName", `^[A-Za-z0-9][A-Za-z0-9._-]{0,259}$`), location, tags,
		resource.Property{Name: "pfxBlob", Kind: resource.String, Required: true, Secret: true},
		resource.Property{Name: "password", Kind: resource.String, Secret: true, Immutable: true},
		resource.Property{Name: "serverFarmId", Kind: resource.String, Same: func(o, n any) bool { return Equal(text(o), text(n)) }},
		resource.Property{Name: "hostNames", Kind: resource.Array, Set: true, Elem: &resource.Property{Kind: resource.String}},
	)
	t.Unmodelled = []string{"canonicalName", "domainValidationMethod", "keyVaultId", "keyVaultSecretName", "kind"}
	t.Computed = append(t.Computed, "thumbprint", "subjectName", "issuer", "issueDate", "expirationDate", "friendlyName", "siteName", "selfLink", "valid", "publicKeyHash")
	t.Volatile = []string{"thumbprint", "subjectName", "issuer", "issueDate", "expirationDate"}
	t.Unique = []string{"resourceGroupName", "name", "certificateName"}
	t.AutoName = autoName("certificateName", 260)
	t.Create = func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
		app, err := appIn(env.View(), in.Str("resourceGroupName"), in.Str("name"))
		if err != nil {
			return "", nil, err
		}
		id, err := ParseID(app.ID + "/certificates/" + in.Str("certificateName"))
		if err != nil {
			return "", nil, err
		}
		out, err := uploaded(env, in)
		if err != nil {
			return "", nil, err
		}
		return id.String(), made(id, "2024-11-01").With(out).With(resource.Props{"location": first(in.Str("location"), app.Computed.Str("location")), "siteName": app.Inputs.Str("name")}), nil
	}
	t.Update = func(_ context.Context, env *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
		return uploaded(env, in)
	}
	t.Delete = func(_ context.Context, env *resource.Env, old resource.Record) error {
		app, err := appIn(env.View(), old.Inputs.Str("resourceGroupName"), old.Inputs.Str("name"))
		if err != nil {
			return nil // it goes with its app
		}
		for _, b := range bindingsOf(env.View(), app) {
			if strings.EqualFold(b.Inputs.Str("thumbprint"), old.Computed.Str("thumbprint")) {
				return conflict("Cannot delete the certificate '%s' because it is used by host name '%s'.", old.Computed.Str("thumbprint"), b.Inputs.Str("hostName"))
			}
		}
		return nil
	}
	return t
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return normal(v)
		}
	}
	return ""
}

// uploaded reads the PFX: what Azure tells of it, and what it keeps.
func uploaded(env *resource.Env, in resource.Props) (resource.Props, error) {
	c, err := readPFX(in.Str("pfxBlob"), in.Str("password"), env.Now())
	if err != nil {
		return nil, err
	}
	names := make([]any, len(c.HostNames))
	for i, n := range c.HostNames {
		names[i] = n
	}
	return resource.Props{
		"thumbprint": c.Thumbprint, "subjectName": c.Leaf.Subject.CommonName, "issuer": c.Leaf.Issuer.CommonName, "friendlyName": "", "selfLink": "", "valid": true,
		"issueDate": c.Leaf.NotBefore.UTC().Format(time.RFC3339), "expirationDate": c.Leaf.NotAfter.UTC().Format(time.RFC3339), "hostNames": names, "publicKeyHash": "",
		resource.PrivateKey: resource.Props{"cert": string(c.Chain), "key": string(c.Key)},
	}, nil
}

var hostName = regexp.MustCompile(`^([A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?$`)

// hostNameBinding makes an app answer for a name. Ownership is proved by a TXT record asuid.<name> with the
// subscription's verification id; a CNAME that leads to the app proves it, too.
// Source: "Map an existing custom DNS name", learn.microsoft.com/azure/app-service/app-service-web-tutorial-custom-domain;
// the words of the refusal: rcl-letsencrypt-auto-ssl/Lets-Encrypt-Auto issue #25.
func hostNameBinding() *resource.Type {
	t := arm(tokenBinding, "Microsoft.Web/sites/hostNameBindings", "hostName",
		resource.Property{Name: "name", Kind: resource.String, Required: true, Immutable: true, Fold: true}, // of the site
		resource.Property{Name: "hostName", Kind: resource.String, Required: true, Immutable: true, Fold: true, Pattern: hostName},
		resource.Property{Name: "siteName", Kind: resource.String, Fold: true},
		choice("sslState", "Disabled", "SniEnabled"),
		resource.Property{Name: "thumbprint", Kind: resource.String, Fold: true},
		choice("hostNameType", "Verified", "Managed"),
		choice("customHostNameDnsRecordType", "CName", "A"),
	)
	t.Unmodelled = []string{"azureResourceName", "azureResourceType", "domainId", "kind"}
	t.Unique = []string{"resourceGroupName", "name", "hostName"}
	t.Conflict = func(in resource.Props) error {
		return exists("/resourceGroups/" + in.Str("resourceGroupName") + "/providers/Microsoft.Web/sites/" + in.Str("name") + "/hostNameBindings/" + in.Str("hostName"))
	}
	t.Create = func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
		app, err := appIn(env.View(), in.Str("resourceGroupName"), in.Str("name"))
		if err != nil {
			return "", nil, err
		}
		if err := checkOwnership(env, app, in.Str("hostName")); err != nil {
			return "", nil, err
		}
		if err := checkBinding(env.View(), app, in); err != nil {
			return "", nil, err
		}
		id, err := ParseID(app.ID + "/hostNameBindings/" + in.Str("hostName"))
		if err != nil {
			return "", nil, err
		}
		return id.String(), made(id, "2024-11-01"), nil
	}
	t.Update = func(_ context.Context, env *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
		app, err := appIn(env.View(), in.Str("resourceGroupName"), in.Str("name"))
		if err != nil {
			return nil, err
		}
		return nil, checkBinding(env.View(), app, in)
	}
	return t
}

func checkOwnership(env *resource.Env, app resource.Record, host string) error {
	want := app.Computed.Str("customDomainVerificationId")
	name := "asuid." + strings.ToLower(host)
	if slices.ContainsFunc(env.LookupTXT(name), func(v string) bool { return strings.EqualFold(v, want) }) {
		return nil
	}
	if strings.EqualFold(env.LookupCNAME(strings.ToLower(host)), defaultHost(app.Inputs)) {
		return nil
	}
	return badRequest("A TXT record pointing from %s to %s was not found.", name, want)
}

// checkBinding checks that no other app of the scale unit has the name, and the certificate. A scale unit is taken to be a
// region here. Source: "Custom hostnames with App Service", Azure App Service Team Blog, 2017.
func checkBinding(v resource.View, app resource.Record, in resource.Props) error {
	host := in.Str("hostName")
	for _, other := range v.List(tokenApp) {
		if other.ID == app.ID || other.Computed.Str("location") != app.Computed.Str("location") {
			continue
		}
		for _, b := range bindingsOf(v, other) {
			if strings.EqualFold(b.Inputs.Str("hostName"), host) {
				return conflict("Hostname '%s' already exists. Please use a different hostname. It is bound to '%s'.", host, other.Inputs.Str("name"))
			}
		}
	}
	if in.Str("sslState") != "SniEnabled" {
		return nil
	}
	if in.Str("thumbprint") == "" {
		return badRequest("Thumbprint is required when SslState is SniEnabled.")
	}
	c, ok := certificateOf(v, app, in.Str("thumbprint"))
	if !ok {
		return refuse(http.StatusNotFound, "NotFound", "Certificate with thumbprint '%s' was not found in app '%s'.", in.Str("thumbprint"), app.Inputs.Str("name"))
	}
	leaf, err := parseLeaf([]byte(c.Private.Str("cert")))
	if err != nil {
		return err
	}
	if err := leaf.VerifyHostname(host); err != nil {
		return badRequest("The certificate with thumbprint '%s' does not match the host name '%s': %v.", in.Str("thumbprint"), host, err)
	}
	return nil
}

// certificateOf finds a certificate of an app by its thumbprint.
func certificateOf(v resource.View, app resource.Record, thumbprint string) (resource.Record, bool) {
	for _, c := range v.List(tokenCertificate) {
		if Covers(app.ID, c.ID) && strings.EqualFold(c.Computed.Str("thumbprint"), thumbprint) {
			return c, true
		}
	}
	return resource.Record{}, false
}

func bindingsOf(v resource.View, app resource.Record) []resource.Record {
	return slices.DeleteFunc(v.List(tokenBinding), func(b resource.Record) bool { return !Covers(app.ID, b.ID) })
}
