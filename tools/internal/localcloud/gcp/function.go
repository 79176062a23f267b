package gcp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
)

const tokenFunction = "gcp:cloudfunctionsv2/function:Function"

// Values of serviceConfig.ingressSettings.
const (
	IngressAll      = "ALLOW_ALL"
	IngressInternal = "ALLOW_INTERNAL_ONLY"
	IngressBalancer = "ALLOW_INTERNAL_AND_GCLB"
)

// Runtimes are the Go runtimes the builder has. Source: "Cloud Run functions runtimes", cloud.google.com/functions/docs/runtime-support.
var Runtimes = []string{"go122", "go123", "go124", "go125", "go126"}

// Defaults Google fills in. Source: the provider's schema and "Quotas" of Cloud Run functions.
const (
	defaultMemory    = "256M"
	defaultTimeout   = 60.0
	defaultInstances = 100
)

// reservedEnv are the names a function may not set. Source: "Environment variables", cloud.google.com/functions/docs/configuring/env-var
// (Cloud Run's container contract reserves PORT and the K_ names).
var reservedEnv = []string{"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION", "FUNCTION_TARGET", "FUNCTION_SIGNATURE_TYPE"}

var envName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

func function() *resource.Type {
	text := &resource.Property{Kind: resource.String}
	return &resource.Type{
		Token: tokenFunction, Label: "function",
		Properties: []resource.Property{
			named(functionName), project, description, labels,
			{Name: "location", Kind: resource.String, Required: true, Immutable: true, Complain: complainLocation},
			{
				Name: "buildConfig", Kind: resource.Object, Required: true, Computed: []string{"build", "dockerRepository"},
				Fields: []resource.Property{
					{Name: "runtime", Kind: resource.String, Required: true},
					{Name: "entryPoint", Kind: resource.String, Required: true},
					{Name: "serviceAccount", Kind: resource.String, Pattern: regexp.MustCompile(`^projects/[^/]+/serviceAccounts/[^/]+$`)},
					{Name: "dockerRepository", Kind: resource.String, Complain: complainDockerRepository},
					{Name: "environmentVariables", Kind: resource.Map, Elem: text},
					{Name: "source", Kind: resource.Object, Required: true, Unmodelled: []string{"repoSource"}, Fields: []resource.Property{
						{Name: "storageSource", Kind: resource.Object, Required: true, Unmodelled: []string{"generation"}, Fields: []resource.Property{
							{Name: "bucket", Kind: resource.String, Required: true},
							{Name: "object", Kind: resource.String, Required: true},
						}},
					}},
				},
				Unmodelled: []string{"automaticUpdatePolicy", "build", "onDeployUpdatePolicy", "workerPool"},
			},
			{
				Name: "serviceConfig", Kind: resource.Object, Default: resource.Props{}, Computed: []string{"gcfUri", "service", "uri"},
				Fields: []resource.Property{
					{Name: "availableMemory", Kind: resource.String, Default: defaultMemory},
					{Name: "availableCpu", Kind: resource.String},
					{Name: "timeoutSeconds", Kind: resource.Int, Default: defaultTimeout, Min: resource.At(1), Max: resource.At(3600)},
					{Name: "maxInstanceCount", Kind: resource.Int, Min: resource.At(1), Max: resource.At(1000)},
					{Name: "minInstanceCount", Kind: resource.Int, Min: resource.At(0)},
					{Name: "maxInstanceRequestConcurrency", Kind: resource.Int, Default: 1.0, Min: resource.At(1), Max: resource.At(1000)},
					oneOf("ingressSettings", IngressAll, IngressInternal, IngressBalancer),
					{Name: "allTrafficOnLatestRevision", Kind: resource.Bool, Default: true, OneOf: []any{true}}, // there is no older one to keep it on
					{Name: "serviceAccountEmail", Kind: resource.String},
					{Name: "environmentVariables", Kind: resource.Map, Elem: text},
					secretVariables,
				},
				Unmodelled: []string{
					"binaryAuthorizationPolicy", "directVpcEgress", "directVpcNetworkInterfaces", "gcfUri",
					"secretVolumes", "service", "uri", "vpcConnector", "vpcConnectorEgressSettings",
				},
			},
		},
		Unmodelled: []string{"deletionPolicy", "eventTrigger", "kmsKeyName"},
		Computed:   append([]string{"environment", "state", "updateTime", "url"}, labelOutputs...),
		Volatile:   append([]string{"updateTime"}, labelOutputs...),
		Unique:     []string{"name", "location", "project"},
		AutoName:   autoName(63),
		Conflict: func(in resource.Props) error {
			return apiError(409, ReasonExists, "Resource '%s' already exists", functionID(in)) // firebase/firebase-tools issue 6075
		},
		Prepare: deploy,
		Create: func(_ context.Context, env *resource.Env, in resource.Props) (string, resource.Props, error) {
			out, err := deployed(env, in)
			if err != nil {
				return "", nil, err
			}
			cert, key, err := env.CA.Issue(defaultHost(in))
			if err != nil {
				return "", nil, fmt.Errorf("issue the certificate of the default URL: %w", err)
			}
			kept := out[resource.PrivateKey].(resource.Props)
			kept["cert"], kept["key"] = string(cert), string(key)
			return functionID(in), out, nil
		},
		Update: func(_ context.Context, env *resource.Env, _ resource.Record, in resource.Props) (resource.Props, error) {
			return deployed(env, in)
		},
		// Delete is left out: Google lets a function go while a load balancer points at it.
	}
}

func complainLocation(v any) string {
	if _, ok := regions[v.(string)]; !ok {
		return apiError(403, ReasonForbidden, "Permission denied on 'locations/%s' (or it may not exist)", v).Error()
	}
	return ""
}

func functionID(in resource.Props) string {
	return fmt.Sprintf("projects/%s/locations/%s/functions/%s", in.Str("project"), in.Str("location"), in.Str("name"))
}

// serviceName is the Cloud Run service behind a function: underscores are not allowed there.
func serviceName(project, location, function string) string {
	return fmt.Sprintf("projects/%s/locations/%s/services/%s", project, location, strings.ReplaceAll(function, "_", "-"))
}

func serviceOfFunction(in resource.Props) string {
	return serviceName(in.Str("project"), in.Str("location"), in.Str("name"))
}

// functionBehind finds the function whose service it is.
func functionBehind(v resource.View, service string) (resource.Record, bool) {
	for _, r := range v.List(tokenFunction) {
		if serviceOfFunction(r.Inputs) == service {
			return r, true
		}
	}
	return resource.Record{}, false
}

// defaultHost is the name in a service's default URL: service, a hash that stays the same, region code.
// Source: "Cloud Run service URLs", cloud.google.com/run/docs/triggering/https-request#url.
func defaultHost(in resource.Props) string {
	service := last(serviceOfFunction(in))
	return fmt.Sprintf("%s-%s-%s.a.run.app", service, short(10, "run.app", Account, in.Str("project")), regions[in.Str("location")])
}

// deploy checks all that a deployment needs, and lets the data plane build and try the function.
func deploy(ctx context.Context, env *resource.Env, old *resource.Record, in resource.Props) error {
	f, err := candidate(env, in)
	if err != nil {
		return err
	}
	if old != nil && same(*old, in, f.Digest) || env.Build == nil {
		return nil
	}
	err = env.Build(ctx, f)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return err // called off: nothing is known of the function
	case errors.Is(err, resource.ErrUnready):
		return unreadyError(in, err)
	}
	return buildError("%s", err)
}

// same reports whether an update leaves what was built as it is.
func same(old resource.Record, in resource.Props, digest string) bool {
	was, _ := old.Private.Blob("source")
	o, n := old.Inputs.Object("buildConfig"), in.Object("buildConfig")
	return was.SHA256 == digest && o.Str("runtime") == n.Str("runtime") && o.Str("entryPoint") == n.Str("entryPoint") &&
		dockerRepository(old.Inputs) == dockerRepository(in) &&
		resource.Property{}.Equal(old.Inputs.Object("serviceConfig"), in.Object("serviceConfig"))
}

// buildError is how a failed build shows at the operation that asked for it.
func buildError(format string, a ...any) error {
	return &resource.Error{Code: ReasonBuild, Message: fmt.Sprintf(
		"Error code 3, message: Build failed with status: FAILURE and message: %s. For more details see the logs at https://console.cloud.google.com/cloud-build/builds",
		fmt.Sprintf(format, a...))}
}

// unreadyError is how a function that was built and does not start shows. Source of the words:
// hashicorp/terraform-provider-google issue #18638; what follows them is the local function's own output.
func unreadyError(in resource.Props, cause error) error {
	service := last(serviceOfFunction(in))
	return &resource.Error{Code: ReasonUnready, Message: fmt.Sprintf(
		"Error code 3, message: Could not create or update Cloud Run service %[1]s, Container Healthcheck failed. Revision '%[1]s' is not ready and cannot serve "+
			"traffic. The user-provided container failed to start and listen on the port defined provided by the PORT=8080 environment variable. %[2]v", service, cause)}
}

// candidate is the function as the data plane would get it, after every check that does not need a build.
func candidate(env *resource.Env, in resource.Props) (plane.Function, error) {
	build, service := in.Object("buildConfig"), in.Object("serviceConfig")
	if rt := build.Str("runtime"); !slices.Contains(Runtimes, rt) {
		return plane.Function{}, apiError(400, ReasonBad, "Validation failed for trigger %s: Runtime %s is not supported on GCF Gen2. Supported here: %s",
			functionID(in), rt, strings.Join(Runtimes, ", "))
	}
	if err := checkService(service); err != nil {
		return plane.Function{}, err
	}
	v := env.View()
	if err := checkDockerRepository(v, in); err != nil {
		return plane.Function{}, err
	}
	if err := checkIdentities(v, in); err != nil {
		return plane.Function{}, err
	}
	from := build.Object("source").Object("storageSource")
	object, err := sourceObject(v, from.Str("bucket"), from.Str("object"))
	if err != nil {
		return plane.Function{}, apiError(404, ReasonNotFound, "Could not read the function source: Object %s/%s not found: %v", from.Str("bucket"), from.Str("object"), err)
	}
	blob, ok := object.Inputs.Blob("source")
	if !ok {
		return plane.Function{}, buildError("the source object %s/%s is not an archive", from.Str("bucket"), from.Str("object"))
	}
	if err := checkSource(env.BlobFile(blob), builder{runtime: build.Str("runtime"), toolchain: goVersion()}); err != nil {
		return plane.Function{}, buildError("%s", strings.TrimPrefix(err.Error(), errBuild.Error()+": "))
	}
	secrets, err := secretEnvironment(v, in)
	if err != nil {
		return plane.Function{}, err
	}
	return planeFunction(env, in, blob, secrets), nil
}

// goVersion is this machine's Go, which is what the local builder builds with.
func goVersion() string {
	v, _, _ := strings.Cut(runtime.Version(), " ") // development versions say more
	return v
}

// checkService checks memory, CPU, concurrency, instances and environment.
// Source: "Configure CPU limits" and "Concurrency" of Cloud Run: less than one CPU takes one request at a time.
func checkService(s resource.Props) error {
	memory, err := parseMemory(s.Str("availableMemory"))
	if err != nil {
		return apiError(400, ReasonBad, "Invalid value for availableMemory: %v", err)
	}
	cpu := defaultCPU(memory)
	if text := s.Str("availableCpu"); text != "" {
		if cpu, err = strconv.ParseFloat(text, 64); err != nil || cpu < 0.08 || cpu > 8 || cpu > 1 && !slices.Contains([]float64{2, 4, 6, 8}, cpu) {
			return apiError(400, ReasonBad, "Invalid value specified for cpu: %q. For the specified value, CPU must be at least 0.08 and at most 1, or 2, 4, 6 or 8", text)
		}
	}
	if n := s.Int("maxInstanceRequestConcurrency"); n > 1 && cpu < 1 {
		return apiError(400, ReasonBad, "Could not create Cloud Run service. spec.template.spec.containers.resources.limits.cpu: "+
			"Invalid value specified for cpu. Total cpu < 1 is not supported with concurrency > 1 (cpu %g, concurrency %d): set availableCpu to 1 or more", cpu, n)
	}
	if lo, hi := s.Int("minInstanceCount"), s.Int("maxInstanceCount"); s.Has("maxInstanceCount") && lo > hi {
		return apiError(400, ReasonBad, "Min instances (%d) cannot be larger than max instances (%d)", lo, hi)
	}
	names := s.Object("environmentVariables").Keys()
	for _, secret := range s.Objects("secretEnvironmentVariables") {
		names = append(names, secret.Str("key"))
	}
	for i, name := range names {
		switch {
		case slices.Contains(names[:i], name):
			return apiError(400, ReasonBad, "Environment variable %s is set twice: as a variable and a secret, or by two secrets", name)
		case slices.Contains(reservedEnv, name), strings.HasPrefix(name, "X_GOOGLE_"):
			return apiError(400, ReasonBad, "The following reserved env names were provided: %s. These values are automatically set by the system.", name)
		case !envName.MatchString(name):
			return apiError(400, ReasonBad, "Invalid environment variable name %q", name)
		}
	}
	return nil
}

// checkIdentities checks that the accounts exist, and that the build's may do what a build does.
// Source: "Custom service account for Cloud Build", cloud.google.com/functions/docs/securing/build-custom-sa (the three roles).
func checkIdentities(v resource.View, in resource.Props) error {
	build, service := in.Object("buildConfig"), in.Object("serviceConfig")
	if email := service.Str("serviceAccountEmail"); email != "" && !accountExists(v, email) {
		return apiError(403, ReasonForbidden, "Permission 'iam.serviceaccounts.actAs' denied on service account %s (or it may not exist).", email)
	}
	name := build.Str("serviceAccount")
	if name == "" {
		return nil
	}
	email := last(name)
	if !accountExists(v, email) {
		return apiError(403, ReasonForbidden, "Permission 'iam.serviceaccounts.actAs' denied on service account %s (or it may not exist).", email)
	}
	who := "serviceAccount:" + email
	// The source is copied before it is built. Source: "Build process overview", cloud.google.com/functions/docs/building.
	source := fmt.Sprintf("projects/_/buckets/gcf-v2-sources-%s-%s/objects/%s/function-source.zip", Account, in.Str("location"), in.Str("name"))
	var missing []string
	if !holds(v, who, RoleLogWriter, nameless) {
		missing = append(missing, RoleLogWriter)
	}
	if to := dockerRepository(in); !mayPush(v, who, to) {
		missing = append(missing, RoleArtifactWriter+" on "+to)
	}
	if !holds(v, who, RoleObjectViewer, source) {
		missing = append(missing, RoleObjectViewer)
	}
	if len(missing) > 0 {
		return buildError("Could not build the function due to a missing permission on the build service account %s. Grant it %s", email, strings.Join(missing, ", "))
	}
	return nil
}

// deployed are the outputs of a function that was deployed, and what the cloud keeps of it: the source it was built from
// stays with the function when the object goes.
func deployed(env *resource.Env, in resource.Props) (resource.Props, error) {
	from := in.Object("buildConfig").Object("source").Object("storageSource")
	object, err := sourceObject(env.View(), from.Str("bucket"), from.Str("object"))
	if err != nil {
		return nil, apiError(404, ReasonNotFound, "Could not read the function source: Object %s/%s not found", from.Str("bucket"), from.Str("object"))
	}
	uri := "https://" + defaultHost(in)
	service := in.Object("serviceConfig").With(resource.Props{"service": serviceOfFunction(in), "uri": uri, "gcfUri": uri})
	if !service.Has("maxInstanceCount") {
		service["maxInstanceCount"] = float64(defaultInstances)
	}
	if !service.Has("serviceAccountEmail") {
		service["serviceAccountEmail"] = defaultAccount()
	}
	build := in.Object("buildConfig").With(resource.Props{
		"build":            fmt.Sprintf("projects/%s/locations/%s/builds/%s", Account, in.Str("location"), uuid("build", functionID(in), object.ID)),
		"dockerRepository": dockerRepository(in),
	})
	blob, _ := object.Inputs.Blob("source")
	return computedLabels(in).With(resource.Props{
		"environment": "GEN_2", "state": "ACTIVE", "updateTime": env.Now().Format(time.RFC3339),
		"url":           fmt.Sprintf("https://%s-%s.cloudfunctions.net/%s", in.Str("location"), in.Str("project"), in.Str("name")),
		"serviceConfig": service, "buildConfig": build,
		resource.PrivateKey: resource.Props{"source": blob},
	}), nil
}

// planeFunction is what the data plane runs; secrets are the values of the variables that come from Secret Manager.
func planeFunction(env *resource.Env, in resource.Props, source resource.Blob, secrets map[string]string) plane.Function {
	build, service := in.Object("buildConfig"), in.Object("serviceConfig")
	memory, err := parseMemory(service.Str("availableMemory"))
	if err != nil { // checked when it was created
		memory = minMemory
	}
	instances := service.Int("maxInstanceCount")
	if instances == 0 {
		instances = defaultInstances
	}
	variables := service.StringMap("environmentVariables")
	maps.Copy(variables, secrets)
	return plane.Function{
		ID: functionID(in), Region: regionOf(in), Runtime: plane.CloudFunction,
		Package: env.BlobFile(source), Digest: source.SHA256, Entry: build.Str("entryPoint"), Architecture: runtime.GOARCH,
		Environment: variables, Fetched: secretReferences(in),
		Memory: int(memory >> 20), Timeout: time.Duration(service.Int("timeoutSeconds")) * time.Second, Instances: instances, Warm: service.Int("minInstanceCount"),
		Concurrency: service.Int("maxInstanceRequestConcurrency"),
	}
}

func regionOf(in resource.Props) string { return "gcp/" + in.Str("location") }
