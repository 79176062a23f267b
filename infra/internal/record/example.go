package record

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
	"polygate.example/shared/artefact"
)

// Example returns the first YAML block of a README, so that a test can hold what it shows to the rules.
func Example(readme string) (string, error) {
	b, err := os.ReadFile(readme)
	if err != nil {
		return "", fmt.Errorf("read README: %w", err)
	}
	_, rest, ok := strings.Cut(string(b), "```yaml\n")
	block, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		return "", fmt.Errorf("%s has no YAML block", readme)
	}
	return block, nil
}

// LoadExample loads a README's example as the stack file of dev, written below dir, under the given rules.
func LoadExample(dir, readme string, rules ...settings.Rule) (settings.Settings, error) {
	block, err := Example(readme)
	if err != nil {
		return settings.Settings{}, err
	}
	path := filepath.Join(dir, "Pulumi.dev.yaml")
	if err := os.WriteFile(path, []byte(block), 0o644); err != nil {
		return settings.Settings{}, fmt.Errorf("write example: %w", err)
	}
	return settings.Load(path, rules...)
}

// Region runs a provider alone: one region of the stack dev with the given settings, whose files lie below root.
// The names it writes are recorded as resources of type test:index:Record.
func Region(p provider.Provider, s settings.Settings, root string, config map[string]string, change ...func(*provider.AccountArgs)) (*Recorder, error) {
	rec := &Recorder{}
	err := rec.Run(s.Environment, config, func(ctx *pulumi.Context) error {
		args := provider.AccountArgs{Settings: s, Release: "r1", Root: root, Names: names{}, Config: ctx.GetConfig}
		for _, c := range change {
			c(&args)
		}
		account, err := p.NewAccount(ctx, "gw", args)
		if err != nil {
			return err
		}
		for _, r := range s.Regions {
			label := p.Spec().Regions[r.Name]
			if _, err := account.NewRegion(ctx, "gw-"+label, provider.RegionArgs{
				Region: r, Label: label, OwnName: provider.OwnName(label, r.Provider, s.Hostname), Package: "/dist/dev/it.zip",
				Artefact: artefact.Artefact{
					Provider: r.Provider, File: "it.zip", SHA256: strings.Repeat("ab", 32), Architecture: settings.ArchitectureARM64, Runtime: "the-runtime",
				},
			}); err != nil {
				return err
			}
		}
		return nil
	})
	return rec, err
}

// names records what is written into a zone.
type names struct{}

type written struct {
	pulumi.CustomResourceState
}

// Write registers the record as a resource of its own type.
func (names) Write(ctx *pulumi.Context, name string, r provider.Record, opts ...pulumi.ResourceOption) (*provider.Written, error) {
	w := &written{}
	props := pulumi.Map{"name": r.Name, "type": r.Type, "value": r.Value}
	if len(r.More) > 0 {
		props["values"] = r.Values()
	}
	err := ctx.RegisterResource("test:index:Record", name, props, w, opts...)
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", name, err)
	}
	return &provider.Written{Resource: w, FQDN: r.Name.ToStringOutput()}, nil
}

var _ provider.Names = names{}
