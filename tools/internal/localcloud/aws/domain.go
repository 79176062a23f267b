package aws

import (
	"context"
	"regexp"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenDomainName = "aws:apigatewayv2/domainName:DomainName"
	tokenAPIMapping = "aws:apigatewayv2/apiMapping:ApiMapping"

	labelDomainName = "API Gateway v2 Domain Name"
	labelAPIMapping = "API Gateway v2 API Mapping"
)

// domainNameType is aws:apigatewayv2/domainName:DomainName, regional. Source: "Set up a Regional custom domain name for
// HTTP APIs", docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-regional-api-custom-domain-create.html:
// the certificate is from ACM in the region of the API, and it is issued.
func domainNameType() *resource.Type {
	return &resource.Type{
		Token: tokenDomainName, Label: labelDomainName,
		Properties: []resource.Property{
			{Name: "domainName", Kind: resource.String, Required: true, Immutable: true, Min: resource.At(1), Max: resource.At(512), Pattern: hostPattern},
			{Name: "domainNameConfiguration", Kind: resource.Object, Required: true,
				Unmodelled: []string{"ownershipVerificationCertificateArn"}, Computed: []string{"hostedZoneId", "targetDomainName"},
				Fields: []resource.Property{
					{Name: "certificateArn", Kind: resource.String, Required: true},
					{Name: "endpointType", Kind: resource.String, Required: true, Fold: true, OneOf: oneOf("REGIONAL")},
					{Name: "securityPolicy", Kind: resource.String, Required: true, Fold: true, OneOf: oneOf("TLS_1_2")},
					{Name: "ipAddressType", Kind: resource.String, Default: "ipv4", OneOf: oneOf("ipv4", "dualstack")},
				}},
			{Name: "routingMode", Kind: resource.String, Default: "API_MAPPING_ONLY", OneOf: oneOf("API_MAPPING_ONLY")},
			mutualTLS(), regionProperty(), tagsProperty(),
		},
		Computed: []string{"apiMappingSelectionExpression", "arn", "domainNameConfiguration", "tagsAll"},
		Volatile: []string{"tagsAll"},
		Scope:    []string{"region"},
		Unique:   []string{"domainName", "region"},
		Conflict: func(in resource.Props) error {
			return domainAction(resource.OpCreate, in).refuse(codeConflict, "The domain name resource already exists.")
		},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			region, name := in.Str("region"), in.Str("domainName")
			target := "d-" + serial(env, 10, tokenDomainName, region, name) + "." + executeZone(region)
			if err := checkDomain(env, resource.OpCreate, in); err != nil {
				return "", nil, err
			}
			trust, err := readTrust(env, domainAction(resource.OpCreate, in), in)
			return name, resource.Props{
				"arn":                           "arn:aws:apigateway:" + region + "::/domainnames/" + name,
				"apiMappingSelectionExpression": "$request.basepath",
				"domainNameConfiguration":       domainConfiguration(in, target),
				"tagsAll":                       tagsAll(in),
				resource.PrivateKey:             resource.Props{privateTrust: trust},
			}, err
		},
		Update: func(_ context.Context, env *resource.Env, old resource.Record, in resource.Props) (resource.Props, error) {
			target := old.Computed.Object("domainNameConfiguration").Str("targetDomainName")
			if err := checkDomain(env, resource.OpUpdate, in); err != nil {
				return nil, err
			}
			trust, err := readTrust(env, domainAction(resource.OpUpdate, in), in)
			return resource.Props{
				"domainNameConfiguration": domainConfiguration(in, target), "tagsAll": tagsAll(in),
				resource.PrivateKey: resource.Props{privateTrust: trust},
			}, err
		},
	}
}

// domainConfiguration is the configuration with what API Gateway adds to it.
func domainConfiguration(in resource.Props, target string) resource.Props {
	return in.Object("domainNameConfiguration").With(resource.Props{"targetDomainName": target, "hostedZoneId": regionalZoneID(in.Str("region"))})
}

// regionalZoneID is the hosted zone of a region's API Gateway endpoints, as an alias names it. The real ones are fixed
// per region ("Amazon API Gateway endpoints and quotas"); here they only need to be stable.
func regionalZoneID(region string) string {
	return "Z" + strings.ToUpper(derive(13, "execute-api", region))
}

func domainAction(op resource.Op, in resource.Props) action {
	a := action{op, labelDomainName, in.Str("domainName"), serviceAPI, "CreateDomainName"}
	if op == resource.OpUpdate {
		a.call = "UpdateDomainName"
	}
	return a
}

func checkDomain(env *resource.Env, op resource.Op, in resource.Props) error {
	a, region, name := domainAction(op, in), in.Str("region"), in.Str("domainName")
	certARN := in.Object("domainNameConfiguration").Str("certificateArn")
	parts := strings.Split(certARN, ":")
	if len(parts) != 6 || parts[2] != "acm" {
		return a.refuse(codeBadRequest, "Invalid certificate ARN: %s", certARN)
	}
	if parts[3] != region {
		return a.refuse(codeBadRequest, "Invalid certificate ARN: %s. Certificate must be in '%s'.", certARN, region)
	}
	cert, ok := env.View().Find(tokenCertificate, "arn", certARN)
	if !ok {
		return a.refuse(codeBadRequest, "The provided certificate does not exist: %s", certARN)
	}
	if !issued(env, cert) {
		return a.refuse(codeBadRequest, "Unsupported certificate state. The certificate must have been issued: %s is %s", certARN, statusPending)
	}
	if !covers(certificateNames(cert.Inputs), name) {
		return a.refuse(codeBadRequest, "The provided certificate does not cover the domain name %s: %s", name, certARN)
	}
	return nil
}

// apiMappingType is aws:apigatewayv2/apiMapping:ApiMapping. Source: API Gateway v2 API reference, CreateApiMapping.
func apiMappingType() *resource.Type {
	return &resource.Type{
		Token: tokenAPIMapping, Label: labelAPIMapping,
		Properties: []resource.Property{
			required(text("apiId")),
			fixed(required(text("domainName"))),
			required(text("stage")),
			{Name: "apiMappingKey", Kind: resource.String, Max: resource.At(300), Pattern: regexp.MustCompile(`^[a-zA-Z0-9._+!*'()/$-]*$`)},
			regionProperty(),
		},
		Scope:  []string{"region"},
		Unique: []string{"domainName", "apiMappingKey", "region"},
		Conflict: func(in resource.Props) error {
			return action{resource.OpCreate, labelAPIMapping, in.Str("domainName"), serviceAPI, "CreateApiMapping"}.refuse(codeConflict,
				"ApiMapping key already exists for this domain name")
		},
		Check: func(_ context.Context, _ *resource.Env, in resource.Props) []resource.Failure {
			if k := in.Str("apiMappingKey"); k != "" {
				return []resource.Failure{unsupported("apiMappingKey", "mappings below a path, got %q", k)}
			}
			return nil
		},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			id := serial(env, 6, tokenAPIMapping, in.Str("region"), in.Str("domainName"))
			return id, nil, checkMapping(env, action{resource.OpCreate, labelAPIMapping, id, serviceAPI, "CreateApiMapping"}, in)
		},
		Update: func(_ context.Context, env *resource.Env, old resource.Record, in resource.Props) (resource.Props, error) {
			return nil, checkMapping(env, action{resource.OpUpdate, labelAPIMapping, old.ID, serviceAPI, "UpdateApiMapping"}, in)
		},
	}
}

func checkMapping(env *resource.Env, a action, in resource.Props) error {
	v, region := env.View(), in.Str("region")
	if _, ok := v.GetIn(tokenAPI, region, in.Str("apiId")); !ok {
		return invalidAPI(a, in.Str("apiId"))
	}
	if _, ok := v.GetIn(tokenDomainName, region, in.Str("domainName")); !ok {
		return a.refuse(codeNotFound, "Invalid domain name identifier specified")
	}
	if _, ok := v.GetIn(tokenStage, region+"/"+in.Str("apiId"), in.Str("stage")); !ok {
		return a.refuse(codeBadRequest, "Invalid stage identifier specified")
	}
	return nil
}
