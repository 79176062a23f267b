package pack

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestRefusesBinary links real binaries from a module made for it and looks at what it says of them.
func TestRefusesBinary(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "go.mod", `module tiny.example

go 1.26.0

require (
	github.com/aws/aws-sdk-go-v2/service/lambda v1.0.0
	github.com/pulumi/pulumi/sdk/v3 v3.0.0
)

replace (
	github.com/aws/aws-sdk-go-v2/service/lambda => ./lambda
	github.com/pulumi/pulumi/sdk/v3 => ./pulumi
)
`)
	put(t, dir, "lambda/go.mod", "module github.com/aws/aws-sdk-go-v2/service/lambda\n\ngo 1.26.0\n")
	put(t, dir, "lambda/lambda.go", "package lambda\n\nfunc Invoke() string { return \"invoked\" }\n")
	put(t, dir, "pulumi/go.mod", "module github.com/pulumi/pulumi/sdk/v3\n\ngo 1.26.0\n")
	put(t, dir, "pulumi/go/pulumi/pulumi.go", "package pulumi\n\nfunc Run() string { return \"ran\" }\n")
	put(t, dir, "deploy/deploy.go", "package deploy\n\nimport \"github.com/pulumi/pulumi/sdk/v3/go/pulumi\"\n\nfunc Do() string { return pulumi.Run() }\n")
	put(t, dir, "deployer/main.go", "package main\n\nimport \"tiny.example/deploy\"\n\nfunc main() { println(deploy.Do()) }\n")
	put(t, dir, "caller/main.go", "package main\n\nimport \"github.com/aws/aws-sdk-go-v2/service/lambda\"\n\nfunc main() { println(lambda.Invoke()) }\n")
	put(t, dir, "clean/main.go", "package main\n\nfunc main() {}\n")

	g, err := findGo(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, module, kind string
		chain              []string
	}{
		{"deployer", "github.com/pulumi/pulumi/sdk/v3", "Pulumi",
			[]string{"tiny.example/deployer", "tiny.example/deploy", "github.com/pulumi/pulumi/sdk/v3/go/pulumi"}},
		{"caller", "github.com/aws/aws-sdk-go-v2/service/lambda", "an AWS SDK",
			[]string{"tiny.example/caller", "github.com/aws/aws-sdk-go-v2/service/lambda"}},
		{"clean", "", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			binary := filepath.Join(dir, c.name+".bin")
			if err := g.compile(t.Context(), target{}, "./"+c.name, binary); err != nil {
				t.Fatal(err)
			}
			pkgs, err := g.deps(t.Context(), dir, target{}, "./"+c.name)
			if err != nil {
				t.Fatal(err)
			}
			bin, src := CheckBinary(binary), checkPackages(pkgs, nil)
			if c.module == "" {
				if bin != nil || src != nil {
					t.Errorf("refused: %v, %v", bin, src)
				}
				return
			}
			var e *ForbiddenError
			if !errors.As(bin, &e) || e.Module != c.module || e.Kind != c.kind || e.Binary != binary {
				t.Errorf("of the binary it says %v", bin)
			}
			if !errors.As(src, &e) || e.Module != c.module || !slices.Equal(e.Chain, c.chain) {
				t.Errorf("of the source it says %v, want the chain %v", src, c.chain)
			}
			wantError(t, src, c.module, c.chain[len(c.chain)-2]+" imports it")
		})
	}
	t.Run("no Go binary", func(t *testing.T) {
		path := filepath.Join(dir, "script")
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		wantError(t, CheckBinary(path), "cannot be told")
	})
}

// TestBuildRefuses: an import anywhere below a function stops the build of it, before anything is compiled.
func TestBuildRefuses(t *testing.T) {
	for _, c := range []struct {
		provider, where, src string
		want                 []string
	}{
		{"azure", "functions/azure/zz.go", "package main\n\nimport _ \"github.com/pulumi/pulumi/sdk/v3/go/common/version\"\n",
			[]string{"pack azure", "github.com/pulumi/pulumi/sdk/v3 (Pulumi)", "functions/azure imports it"}},
		{"aws", "functions/aws/zz.go", "package main\n\nimport _ \"cloud.google.com/go/functions/metadata\"\n",
			[]string{"pack aws", "cloud.google.com/go/functions", "functions/aws imports it"}},
		{"gcp", "shared/health/zz.go", "package health\n\nimport _ \"google.golang.org/grpc\"\n",
			[]string{"pack gcp", "google.golang.org/grpc", "shared/health imports it"}},
	} {
		t.Run(c.provider, func(t *testing.T) {
			root := copied(t)
			put(t, root, c.where, c.src)
			_, err := Build(t.Context(), Options{
				Root: root, Environment: "test", Document: "testdata/test.gateway.yaml", Out: t.TempDir(), Providers: []string{c.provider},
			})
			var e *ForbiddenError
			if !errors.As(err, &e) {
				t.Fatalf("error %v, want a *ForbiddenError", err)
			}
			wantError(t, err, c.want...)
		})
	}
}

func TestKind(t *testing.T) {
	for module, want := range map[string]string{
		"github.com/pulumi/pulumi-aws/sdk/v7":                   "Pulumi",
		"github.com/aws/aws-sdk-go":                             "an AWS SDK",
		"github.com/aws/aws-sdk-go-v2":                          "an AWS SDK",
		"github.com/aws/aws-sdk-go-v2/service/route53":          "an AWS SDK",
		"github.com/aws/aws-lambda-go":                          "",
		"github.com/awslabs/aws-lambda-go-api-proxy":            "",
		"github.com/Azure/azure-sdk-for-go/sdk/azcore":          "an Azure SDK",
		"cloud.google.com/go":                                   "a Google Cloud SDK",
		"cloud.google.com/go/run":                               "a Google Cloud SDK",
		"google.golang.org/grpc":                                "the transport of provider SDKs",
		"google.golang.org/protobuf":                            "",
		"github.com/GoogleCloudPlatform/functions-framework-go": "",
		"google.golang.org/apiary":                              "",
	} {
		if got := kind(module); got != want {
			t.Errorf("%s is %q, want %q", module, got, want)
		}
	}
}
