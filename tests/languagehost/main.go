// Command languagehost stands in for pulumi-language-go, the program by which a Pulumi CLI runs Go programs. The real one
// comes with a released CLI and is in no Go module, so that a machine which built its CLI has none; a plain `pulumi up`
// is tested with this one there. It does what the protocol asks of `pulumi up` and no more: it says which provider
// packages the program needs, builds it and runs it.
// https://github.com/pulumi/pulumi/blob/master/proto/pulumi/language.proto
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	rpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

func main() {
	if err := run(context.Background(), os.Args[len(os.Args)-1]); err != nil {
		fmt.Fprintln(os.Stderr, "languagehost:", err)
		os.Exit(1)
	}
}

// run serves until the engine, whose address is the last argument, is gone.
func run(ctx context.Context, engine string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := rpcutil.Healthcheck(ctx, engine, time.Second, cancel); err != nil {
		return fmt.Errorf("watch the engine at %q: %w", engine, err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := grpc.NewServer()
	rpc.RegisterLanguageRuntimeServer(s, &host{engine: engine})
	context.AfterFunc(ctx, s.Stop)
	fmt.Println(l.Addr().(*net.TCPAddr).Port) // the engine reads it
	return s.Serve(l)
}

type host struct {
	rpc.UnimplementedLanguageRuntimeServer
	engine string
}

var _ rpc.LanguageRuntimeServer = (*host)(nil)

// Handshake takes note of nothing: the engine's address came as an argument.
func (h *host) Handshake(context.Context, *rpc.LanguageHandshakeRequest) (*rpc.LanguageHandshakeResponse, error) {
	return &rpc.LanguageHandshakeResponse{}, nil
}

// GetPluginInfo answers without a version, as a host that was not released.
func (h *host) GetPluginInfo(context.Context, *emptypb.Empty) (*rpc.PluginInfo, error) {
	return &rpc.PluginInfo{}, nil
}

// GetRequiredPackages lists the provider plug-ins whose SDKs the program links: those with a pulumi-plugin.json in the
// folder of a package or above it in its module.
func (h *host) GetRequiredPackages(ctx context.Context, req *rpc.GetRequiredPackagesRequest) (*rpc.GetRequiredPackagesResponse, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-f", "{{with .Module}}{{.Dir}}\t{{$.Dir}}{{end}}", req.Info.EntryPoint)
	cmd.Dir = req.Info.ProgramDirectory
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list the program's packages: %w", withStderr(err))
	}
	answer, seen := &rpc.GetRequiredPackagesResponse{}, map[string]bool{}
	for line := range strings.Lines(string(out)) {
		root, dir, ok := strings.Cut(strings.TrimSpace(line), "\t")
		for ; ok && len(dir) >= len(root) && !seen[dir]; dir = filepath.Dir(dir) {
			seen[dir] = true
			b, err := os.ReadFile(filepath.Join(dir, "pulumi-plugin.json"))
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, err
			}
			var plugin struct{ Name, Version, Server string }
			if err := json.Unmarshal(b, &plugin); err != nil {
				return nil, fmt.Errorf("%s: %w", dir, err)
			}
			answer.Packages = append(answer.Packages, &rpc.PackageDependency{
				Name: plugin.Name, Kind: "resource", Version: plugin.Version, Server: plugin.Server,
			})
		}
	}
	return answer, nil
}

// Run builds the program and runs it to its end, telling it by environment variables where the engine is.
func (h *host) Run(ctx context.Context, req *rpc.RunRequest) (*rpc.RunResponse, error) {
	dir, err := os.MkdirTemp("", "polygate-program-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "program")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, req.Info.EntryPoint)
	build.Dir = req.Info.ProgramDirectory
	if out, err := build.CombinedOutput(); err != nil {
		return &rpc.RunResponse{Error: fmt.Sprintf("build the program: %v\n%s", err, out)}, nil
	}
	config, err := json.Marshal(req.Config)
	if err != nil {
		return nil, err
	}
	secrets, err := json.Marshal(req.ConfigSecretKeys)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program)
	cmd.Dir = req.Pwd
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr // standard output is the engine's
	cmd.Env = append(
		os.Environ(),
		pulumi.EnvProject+"="+req.Project, pulumi.EnvStack+"="+req.Stack, pulumi.EnvOrganization+"="+req.Organization,
		pulumi.EnvPulumiRootDirectory+"="+req.Info.RootDirectory,
		pulumi.EnvConfig+"="+string(config), pulumi.EnvConfigSecretKeys+"="+string(secrets),
		pulumi.EnvDryRun+"="+strconv.FormatBool(req.DryRun), pulumi.EnvParallel+"="+strconv.Itoa(int(req.Parallel)),
		pulumi.EnvMonitor+"="+req.MonitorAddress, pulumi.EnvEngine+"="+h.engine,
	)
	if err := cmd.Run(); err != nil {
		return &rpc.RunResponse{Error: fmt.Sprintf("run the program: %v", err)}, nil
	}
	return &rpc.RunResponse{}, nil
}

// Cancel has nothing to end: the engine's requests end with their context.
func (h *host) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

func withStderr(err error) error {
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return fmt.Errorf("%w\n%s", err, exit.Stderr)
	}
	return err
}
