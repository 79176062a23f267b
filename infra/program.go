package infra

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/catalog"
	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
	"polygate.example/shared/artefact"
	"polygate.example/shared/gateway"
)

// Names of the stack outputs.
const (
	OutputTopology = "topology" // topology.Topology in its JSON shape
	OutputURL      = "url"      // https://<hostname>/
	OutputHostname = "hostname"
	OutputForecast = "forecast" // forecast.Summary in its JSON shape: what was computed of this deployment before it
)

// Settings loads and checks the stack file of an environment: its form, and every name and dial against what the
// providers and managers can do. The error lists every problem with its place; see settings.Load.
func Settings(root, environment string) (settings.Settings, error) {
	return settings.Load(settings.Path(root, environment), catalog.Rules()...)
}

// Warnings are what can be said of an environment's valid settings: dials that have no effect, what is left of the examples, and a
// dial that has an effect on others.
func Warnings(root string, s settings.Settings) (settings.Problems, error) {
	return settings.Warnings(settings.Path(root, s.Environment), s, append(catalog.Idle(), placeholders, excludes)...)
}

// DocumentRule compares a gateway document with the settings it is to be deployed with: regions no provider has, routes that
// may take longer than the function, and routes that a provider of the stack cannot serve. It is for config.Load and Audit.
func DocumentRule(s settings.Settings) func(gateway.Spec) gateway.Violations {
	return provider.DocumentRule(catalog.Specs(), s)
}

// Dist is the folder of an environment's artefacts and their manifest.
func Dist(root, environment string) string { return filepath.Join(root, "dist", environment) }

// Program is the Pulumi program: the same for `pulumi up` and for the Automation API. Root is the project's folder,
// the one with Pulumi.yaml; "" takes it from Pulumi, which knows it unless the program is run inline. Managers that it is to do without
// are asked for nothing; whoever runs it has the engine leave out what is of them (Of).
func Program(root string, without ...string) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		dir, err := projectRoot(root, ctx.RootDirectory())
		if err != nil {
			return err
		}
		s, err := settings.FromConfig(ctx.Stack(), ctx.GetConfig, catalog.Rules()...)
		if err := errors.Join(settings.CheckKeys(settings.Path(dir, ctx.Stack())), err); err != nil {
			return fmt.Errorf("the settings of %q are not valid:\n%w", ctx.Stack(), err)
		}
		manifest, err := artefact.Read(Dist(dir, s.Environment))
		if err != nil {
			return err
		}
		packages, err := checkPackages(Dist(dir, s.Environment), manifest, s)
		if err != nil {
			return err
		}
		ahead, err := Forecast(dir, s)
		if err != nil {
			return err
		}
		gw, err := NewGateway(ctx, "gateway", GatewayArgs{
			Settings: s, Manifest: manifest, Packages: packages, Root: dir, Config: ctx.GetConfig, Without: without,
		})
		if err != nil {
			return err
		}
		ctx.Export(OutputTopology, gw.Topology)
		ctx.Export(OutputURL, pulumi.String("https://"+s.Hostname+"/"))
		ctx.Export(OutputHostname, pulumi.String(s.Hostname))
		out, err := shape(ahead.Summary())
		if err != nil {
			return fmt.Errorf("encode forecast: %w", err)
		}
		ctx.Export(OutputForecast, pulumi.ToMap(out))
		return nil
	}
}

// Of are patterns of the URNs of all that managers hold of a stack, as the engine's --exclude takes them.
func Of(managers ...string) ([]string, error) {
	var out []string
	for _, name := range managers {
		m, ok := catalog.Manager(name)
		if !ok {
			return nil, fmt.Errorf("there is no traffic manager %q", name)
		}
		for _, t := range m.Spec().Types {
			out = append(out, "**"+t+"**")
		}
	}
	return out, nil
}

// Untold is of what type a stack has to hold a resource already, to be deployed without managers, "" if of none: regions are to go by the country
// of clients, the front of one of those tells them, and what has it do so cannot be made now. Until it is, the front hands on what clients write.
func Untold(s settings.Settings, front artefact.Front, without ...string) string {
	if m, ok := catalog.Manager(s.Manager); ok && front.Country && s.Fronted() && slices.Contains(without, s.Manager) {
		return m.Spec().Tells
	}
	return ""
}

// Silent names what has to write what functions are to believe of clients from now on, before any that is deployed may be told to, and does not: in
// a stack that an older release has deployed it may not. A region that is new has it from the beginning, and one that goes needs it no more.
func Silent(s settings.Settings, front artefact.Front, held []provider.Held) []string {
	var out []string
	for _, p := range catalog.Providers() {
		if silent := p.Spec().Silent; silent != nil {
			out = append(out, silent(s, front, held)...)
		}
	}
	return out
}

// projectRoot is the first of the folders that is named, made absolute: assets are found by absolute paths, because
// Pulumi runs a program from the folder of its main and an inline one from wherever the caller is.
func projectRoot(folders ...string) (string, error) {
	for _, f := range folders {
		if f == "" {
			continue
		}
		abs, err := filepath.Abs(f)
		if err != nil {
			return "", fmt.Errorf("find the project: %w", err)
		}
		return abs, nil
	}
	return "", errors.New("the project's folder is not known: run the program by pulumi or polygate")
}

// checkPackages verifies that each artefact the stack deploys is the one the manifest speaks of, and returns their
// paths. What was tested is what is shipped, or nothing is.
func checkPackages(dist string, m artefact.Manifest, s settings.Settings) (map[string]string, error) {
	if m.Environment != s.Environment {
		return nil, fmt.Errorf("%s was built for %q: run `polygate build -s %s`", filepath.Join(dist, artefact.ManifestFile), m.Environment, s.Environment)
	}
	packages := map[string]string{}
	var errs []error
	for _, name := range s.Providers() {
		a, err := m.For(name)
		if err != nil {
			errs = append(errs, fmt.Errorf("%w: run `polygate build -s %s`", err, s.Environment))
			continue
		}
		path := filepath.Join(dist, a.File)
		sum, err := digest(path)
		if err != nil {
			errs = append(errs, fmt.Errorf("%w: run `polygate build -s %s`", err, s.Environment))
			continue
		}
		if want := s.Architecture; a.Architecture != "" && want != settings.ArchitectureHost && a.Architecture != want {
			errs = append(errs, fmt.Errorf("%s was built for %s, and polygate:architecture is %s: run `polygate build -s %s`", path, a.Architecture, want, s.Environment))
		}
		if sum != a.SHA256 {
			errs = append(errs, fmt.Errorf("%s has the digest %s and not %s as its manifest says: run `polygate build -s %s`", path, sum, a.SHA256, s.Environment))
		}
		packages[name] = path
	}
	return packages, errors.Join(errs...)
}

func digest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("open artefact: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read artefact: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
