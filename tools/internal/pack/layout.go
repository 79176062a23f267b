package pack

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// lambdaTags leave out the RPC server of the retired go1.x runtime.
const lambdaTags = "lambda.norpc"

// lambdaFiles is a deployment package for an OS-only runtime: an executable named bootstrap at the root ("Building Lambda
// functions with Go"), with the model beside it.
func lambdaFiles(ctx context.Context, b *build, t target) ([]file, error) {
	bin, err := b.binary(ctx, "aws", "bootstrap", t)
	if err != nil {
		return nil, err
	}
	return []file{{"bootstrap", modeExec, bin}, {modelFile, modePlain, b.model}}, nil
}

// azureSettings are a function app's files beside its handler.
var azureSettings = []string{"functions/azure/host.json", "functions/azure/gateway/function.json"}

// azureFiles is a function app with a custom handler ("Azure Functions custom handlers"): host.json at the root, a folder
// with function.json for the one function, and the executable that host.json names. Both texts lie with the handler,
// because the handler's wrapper is written for what they switch on.
func azureFiles(ctx context.Context, b *build, t target) ([]file, error) {
	bin, err := b.binary(ctx, "azure", "handler", t)
	if err != nil {
		return nil, err
	}
	files := []file{{"handler", modeExec, bin}, {modelFile, modePlain, b.model}}
	for _, name := range azureSettings {
		text, err := os.ReadFile(filepath.Join(b.Root, filepath.FromSlash(name)))
		if err != nil {
			return nil, fmt.Errorf("read the function app's settings: %w", err)
		}
		files = append(files, file{strings.TrimPrefix(name, "functions/azure/"), modePlain, text})
	}
	return files, nil
}
