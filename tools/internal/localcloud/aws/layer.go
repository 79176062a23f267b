package aws

import (
	"regexp"
	"strings"

	"polygate.example/tools/internal/localcloud/resource"
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
	}
	return nil
}
