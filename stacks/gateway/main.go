// Command gateway is the Pulumi program of every environment. `pulumi up` builds and runs it; `polygate up` runs the
// same program through the Automation API.
//
// An environment is a stack file, Pulumi.<environment>.yaml, and a gateway document, <environment>.gateway.yaml, in
// the folder above. The stack file turns dials and has no logic; what the dials mean is in package infra/settings.
//
// The artefacts must have been built before:
//
//	polygate build -s dev
//	pulumi up -s dev
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra"
)

func main() {
	// Pulumi knows where the project is; nothing here depends on the working directory.
	pulumi.Run(infra.Program(""))
}
