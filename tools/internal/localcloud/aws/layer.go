package aws

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
	"polygate.example/tools/internal/localcloud/runtime/lambda"
)

// layerARN is the form of a layer version's ARN. Source: Lambda API reference, CreateFunction, Layers (up to five).
var layerARN = regexp.MustCompile(`^arn:aws[a-zA-Z-]*:lambda:[a-z0-9-]+:\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+$`)

// secretsLayer is the AWS Parameters and Secrets Lambda Extension, the one layer the local clouds know what to do for. Each
// region has it from an account of its own.
const secretsLayer = "AWS-Parameters-and-Secrets-Lambda-Extension"

// checkLayers refuses layers that the function cannot have, and those whose content the local clouds do not have.
func checkLayers(a action, in resource.Props) error {
	for _, layer := range in.Strings("layers") {
		parts := strings.Split(layer, ":")
		region, name := parts[3], parts[6]
		bare := strings.TrimSuffix(name, "-Arm64")
		switch {
		case region != in.Str("region"):
			return a.refuse(codeInvalidParameter, "Layers are not in the same region as the function. Layers are expected to be in region %s.", in.Str("region"))
		case bare != secretsLayer:
			return &resource.Error{Code: resource.CodeUnsupported, Message: "the local clouds do not have the layer " + layer +
				": they stand in for " + secretsLayer + " only"}
		case (name != bare) != (len(in.Strings("architectures")) == 1 && in.Strings("architectures")[0] == "arm64"):
			// Lambda takes it, and the extension then ends with Extension.LaunchError at the first invocation.
			return &resource.Error{Code: "Extension.LaunchError", Message: "the layer " + layer + " is built for another architecture than the function " + a.id}
		}
		if err := checkExtension(in.Object("environment").StringMap("variables")); err != nil {
			return err
		}
	}
	return nil
}

// checkExtension refuses variables that tell the extension what the local one does not do, and figures that it does not have.
// Source: "AWS Parameters and Secrets Lambda Extension environment variables", docs.aws.amazon.com/secretsmanager/latest/
// userguide/retrieving-secrets_lambda.html. What the real one makes of a wrong figure is not documented: it is refused here.
func checkExtension(variables map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		value := variables[name]
		n, err := strconv.Atoi(value)
		within := func(least, most int) bool { return err == nil && n >= least && n <= most }
		ok, want := true, ""
		switch {
		case name == lambda.EnvSecretsTTL, name == lambda.EnvParametersTTL:
			ok, want = within(0, lambda.MaxTTL), "want 0 to 300 seconds"
		case name == lambda.EnvCacheSize:
			ok, want = within(0, 1000), "want 0 to 1000 values"
		case name == lambda.EnvCache:
			ok, want = slices.Contains([]string{"true", "false"}, strings.ToLower(value)), "want true or false"
		case name == lambda.EnvPort:
			ok, want = within(1, 65535), "want a port"
		case name == lambda.EnvLogLevel:
		case strings.HasPrefix(name, "PARAMETERS_SECRETS_EXTENSION_"), strings.HasPrefix(name, "SECRETS_MANAGER_"), strings.HasPrefix(name, "SSM_PARAMETER_STORE_"):
			ok, want = false, "the local extension does not know it"
		}
		if !ok {
			return &resource.Error{Code: resource.CodeUnsupported, Message: "the variable " + name + " of the secrets extension is \"" + value + "\": " + want}
		}
	}
	return nil
}
