package aws

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenCertificate           = "aws:acm/certificate:Certificate"
	tokenCertificateValidation = "aws:acm/certificateValidation:CertificateValidation"

	labelCertificate           = "ACM Certificate"
	labelCertificateValidation = "ACM Certificate Validation"

	statusPending = "PENDING_VALIDATION"
	statusIssued  = "ISSUED"
	statusFailed  = "FAILED"

	reasonCAA = "CAA_ERROR"
)

// authorities are the names of Amazon's authority in CAA records: any of them admits it. Source: "(Optional) Configure a CAA
// record", docs.aws.amazon.com/acm/latest/userguide/setup-caa.html.
var authorities = []string{"amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"}

// validity of a certificate that ACM issues. Source: "ACM Certificate", docs.aws.amazon.com/acm/latest/userguide/acm-concepts.html.
const validity = 198 * 24 * time.Hour

// hostPattern is a DNS name, with a wildcard as its left-most label at most. Source: ACM API reference,
// RequestCertificate, DomainName.
var hostPattern = regexp.MustCompile(`^(\*\.)?(((?i)[a-z0-9-]{1,63})\.)+((?i)[a-z0-9-]){1,63}$`)

// Names of private entries of a certificate.
const (
	privateCert   = "cert"
	privateKey    = "key"
	privateIssued = "issued" // "true" once it was issued; the records may go after that
)

// maxNames is how many names one certificate can have without a quota increase. Source: ACM, "Quotas", domain names
// per certificate.
const maxNames = 10

// validationLimit is how long pulumi-aws waits for a certificate, in cloud time (terraform-provider-aws,
// aws_acm_certificate_validation: default create timeout 75 minutes).
const validationLimit = 75 * time.Minute

// certificateType is aws:acm/certificate:Certificate, requested from ACM and validated by DNS. The local authority signs
// it at once and it is kept with the record; nobody sees it before it is issued.
func certificateType() *resource.Type {
	return &resource.Type{
		Token: tokenCertificate, Label: labelCertificate,
		Properties: []resource.Property{
			// The first name is the subject's common name, which holds 64 characters.
			{Name: "domainName", Kind: resource.String, Immutable: true, Min: resource.At(1), Max: resource.At(64), Pattern: hostPattern},
			{Name: "subjectAlternativeNames", Kind: resource.Array, Immutable: true, Set: true,
				Elem: &resource.Property{Kind: resource.String, Min: resource.At(1), Max: resource.At(253), Pattern: hostPattern}},
			{Name: "validationMethod", Kind: resource.String, Immutable: true, OneOf: oneOf("DNS", "EMAIL", "HTTP")},
			{Name: "keyAlgorithm", Kind: resource.String, Immutable: true, Default: "EC_prime256v1", OneOf: oneOf("EC_prime256v1", "EC_secp384r1", "RSA_2048", "RSA_3072", "RSA_4096")},
			regionProperty(), tagsProperty(),
		},
		Unmodelled: []string{"certificateAuthorityArn", "certificateBody", "certificateChain", "earlyRenewalDuration", "options", "privateKey",
			"privateKeyWo", "privateKeyWoVersion", "validationOptions"},
		Computed: []string{"arn", "domainValidationOptions", "notAfter", "notBefore", "pendingRenewal", "renewalEligibility", "renewalSummaries",
			"status", "subjectAlternativeNames", "tagsAll", "type", "validationEmails"},
		Volatile: []string{"tagsAll"},
		Scope:    []string{"region"},
		Check:    checkCertificate,
		Create:   createCertificate,
		Update: func(_ context.Context, _ *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
			return resource.Props{"tagsAll": tagsAll(in)}, nil
		},
		Read: func(env *resource.Env, rec resource.Record) resource.Props {
			status := resource.Props{"status": statusOf(env, rec)}
			// Source: DescribeCertificate, RenewalEligibility; "Managed certificate renewal", docs.aws.amazon.com/acm/latest/
			// userguide/managed-renewal.html: eligible is what another service uses.
			if status.Str("status") == statusIssued && inUse(env.View(), rec.ID) {
				status["renewalEligibility"] = "ELIGIBLE"
			}
			return status
		},
		Delete: func(_ context.Context, env *resource.Env, old resource.Record) error {
			if inUse(env.View(), old.ID) {
				return action{resource.OpDelete, labelCertificate, old.ID, "ACM", "DeleteCertificate"}.refuse(codeResourceInUse,
					"Certificate %s in account %s is in use.", old.ID, Account)
			}
			return nil
		},
	}
}

func checkCertificate(_ context.Context, _ *resource.Env, in resource.Props) []resource.Failure {
	var out []resource.Failure
	if in["domainName"] == nil {
		out = append(out, resource.Failure{Property: "domainName", Reason: "one of `certificateBody`, `domainName` must be specified"})
	}
	switch m := in.Str("validationMethod"); {
	case in["validationMethod"] == nil:
		out = append(out, resource.Failure{Property: "validationMethod", Reason: "\"validationMethod\": required when requesting a certificate"})
	case m == "EMAIL" || m == "HTTP":
		out = append(out, unsupported("validationMethod", "validation by %s", m))
	}
	// ACM's default is RSA_2048; the local authority has one kind of key. A client sees no difference worth modelling,
	// but who asks for a kind shall not get another.
	if k := in.Str("keyAlgorithm"); in.Has("keyAlgorithm") && k != "EC_prime256v1" {
		out = append(out, unsupported("keyAlgorithm", "keys of kind %s", k))
	}
	return out
}

func createCertificate(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
	region, names := in.Str("region"), certificateNames(in)
	id := serial(env, 32, tokenCertificate, append([]string{region}, names...)...)
	a := action{resource.OpCreate, labelCertificate, names[0], "ACM", "RequestCertificate"}
	if len(names) > maxNames {
		return "", nil, a.refuse("LimitExceededException", "Cannot request more than %d domain names in one certificate, got %d", maxNames, len(names))
	}
	cert, key, err := env.CA.IssueFor(validity, names...)
	if err != nil {
		return "", nil, fmt.Errorf("%s %s (%s): %w", a.op, a.label, a.id, err)
	}
	certARN := arn("acm", region, fmt.Sprintf("certificate/%s-%s-%s-%s-%s", id[:8], id[8:12], id[12:16], id[16:20], id[20:]))
	options := make([]any, len(names))
	for i, n := range names {
		name, value := validationRecord(n)
		// ACM writes both with a trailing dot.
		options[i] = resource.Props{"domainName": n, "resourceRecordName": name + ".", "resourceRecordType": "CNAME", "resourceRecordValue": value + "."}
	}
	return certARN, resource.Props{
		"arn": certARN, "status": statusPending, "type": "AMAZON_ISSUED", "domainValidationOptions": options,
		"subjectAlternativeNames": resource.List(names...), // the first name is one of them, as ACM reports it
		"notBefore":               "", "notAfter": "", "pendingRenewal": false, "renewalEligibility": "INELIGIBLE",
		"renewalSummaries": []any{}, "validationEmails": []any{}, "tagsAll": tagsAll(in),
		resource.PrivateKey: resource.Props{privateCert: string(cert), privateKey: string(key)},
	}, nil
}

// certificateNames lists a certificate's names, the first one first, each once.
func certificateNames(in resource.Props) []string {
	names := []string{strings.ToLower(in.Str("domainName"))}
	for _, n := range in.Strings("subjectAlternativeNames") {
		if n = strings.ToLower(n); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

// validationRecord is the CNAME that proves a name, without trailing dots. It depends on the account and the name only,
// so it is the same in every region, and a wildcard shares it with the name below it. Source: "DNS validation",
// docs.aws.amazon.com/acm/latest/userguide/dns-validation.html.
func validationRecord(name string) (record, value string) {
	name = strings.TrimPrefix(name, "*.")
	h := derive(32, "acm", Account, name)
	return "_" + h + "." + name, "_" + derive(32, "acm-value", Account, name) + "." + derive(10, "acm-zone", Account) + ".acm-validations.aws"
}

// inUse reports whether a domain name of API Gateway shows a certificate.
func inUse(v resource.View, certificate string) bool {
	return slices.ContainsFunc(v.List(tokenDomainName), func(d resource.Record) bool {
		return d.Inputs.Object("domainNameConfiguration").Str("certificateArn") == certificate
	})
}

// statusOf is a certificate's status: issued when every name's CNAME is in the DNS, or was once, and CAA admits Amazon for
// every name; that is looked at after the CNAMEs. Source: setup-caa.html ("After it validates your domain, ACM checks for the
// presence of a CAA record").
func statusOf(env *resource.Env, cert resource.Record) string {
	if cert.Private.Bool(privateIssued) {
		return statusIssued
	}
	if _, failed := env.Note(failureNote(cert)); failed {
		return statusFailed
	}
	names := certificateNames(cert.Inputs)
	if slices.ContainsFunc(names, func(n string) bool {
		record, value := validationRecord(n)
		return !strings.EqualFold(env.LookupCNAME(record), value)
	}) {
		return statusPending
	}
	if slices.ContainsFunc(names, func(n string) bool { return !env.Admitted(n, authorities...) }) {
		return statusFailed
	}
	return statusIssued
}

func issued(env *resource.Env, cert resource.Record) bool { return statusOf(env, cert) == statusIssued }

// failureNote is where it is kept that a certificate failed. That is for good: it has to be requested anew. Source:
// "Troubleshooting CAA issues", docs.aws.amazon.com/acm/latest/userguide/troubleshooting-caa.html.
func failureNote(cert resource.Record) string { return "acm-failed/" + cert.Scope + "/" + cert.ID }

// covers reports whether one of a certificate's names is for host. A wildcard stands for one label.
func covers(names []string, host string) bool {
	_, parent, _ := strings.Cut(host, ".")
	return slices.ContainsFunc(names, func(n string) bool {
		return strings.EqualFold(n, host) || strings.EqualFold(n, "*."+parent)
	})
}

// certificateValidationType is aws:acm/certificateValidation:CertificateValidation: no resource of AWS, but pulumi-aws
// waiting until the certificate is issued.
func certificateValidationType() *resource.Type {
	return &resource.Type{
		Token: tokenCertificateValidation, Label: labelCertificateValidation,
		Properties: []resource.Property{
			fixed(required(text("certificateArn"))),
			{Name: "validationRecordFqdns", Kind: resource.Array, Immutable: true, Set: true, Elem: &resource.Property{Kind: resource.String}},
			regionProperty(),
		},
		Scope:  []string{"region"},
		Unique: []string{"certificateArn", "region"}, // the id is the certificate's
		Prepare: func(ctx context.Context, env *resource.Env, _ *resource.Record, in resource.Props) error {
			certARN := in.Str("certificateArn")
			a := action{resource.OpCreate, labelCertificateValidation, certARN, "ACM", "DescribeCertificate"}
			cert, ok := env.View().GetIn(tokenCertificate, in.Str("region"), certARN)
			if !ok {
				return a.refuse(codeResourceNotFound, "Could not find certificate %s.", certARN)
			}
			if err := checkValidationNames(cert, in); err != nil {
				return err
			}
			ok, err := env.Wait(ctx, validationLimit, func(resource.View) (bool, error) {
				if statusOf(env, cert) != statusFailed {
					return issued(env, cert), nil
				}
				// The words are those of terraform-provider-aws: retry.UnexpectedStateError with the failure reason.
				return false, errors.Join(env.SetNote(failureNote(cert), reasonCAA), &resource.Error{Code: codeUnexpectedState, Message: fmt.Sprintf(
					"unexpected state '%s', wanted target '%s'. last error: %s", statusFailed, statusIssued, reasonCAA)})
			})
			if err != nil {
				return fmt.Errorf("waiting for ACM Certificate (%s) to be issued: %w", certARN, err)
			}
			if !ok {
				return &resource.Error{Code: codeUnexpectedState, Message: fmt.Sprintf("waiting for ACM Certificate (%s) to be issued: timeout while waiting for "+
					"state to become 'ISSUED' (last state: '%s', timeout: %s)", certARN, statusPending, validationLimit)}
			}
			return nil
		},
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			cert, ok := env.View().GetIn(tokenCertificate, in.Str("region"), in.Str("certificateArn"))
			if !ok {
				return "", nil, action{resource.OpCreate, labelCertificateValidation, in.Str("certificateArn"), "ACM", "DescribeCertificate"}.refuse(
					codeResourceNotFound, "Could not find certificate %s.", in.Str("certificateArn"))
			}
			cert.Private = cert.Private.With(resource.Props{privateIssued: true})
			now := env.Now()
			cert.Computed = cert.Computed.With(resource.Props{"status": statusIssued,
				"notBefore": now.Format(time.RFC3339), "notAfter": now.Add(validity).Format(time.RFC3339)})
			return cert.ID, nil, env.Amend(cert)
		},
	}
}

// checkValidationNames refuses a list of records that lacks one of the certificate's, before any waiting, as
// terraform-provider-aws does ("missing ... DNS validation record").
func checkValidationNames(cert resource.Record, in resource.Props) error {
	if !in.Has("validationRecordFqdns") {
		return nil
	}
	given := in.Strings("validationRecordFqdns")
	var missing []string
	for _, n := range certificateNames(cert.Inputs) {
		record, _ := validationRecord(n)
		if !slices.ContainsFunc(given, func(g string) bool { return strings.EqualFold(strings.TrimSuffix(g, "."), record) }) {
			missing = append(missing, n)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &resource.Error{Code: codeValidation, Message: fmt.Sprintf("creating ACM Certificate Validation (%s): missing DNS validation record: %s", cert.ID, strings.Join(missing, ", "))}
}
