package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"polygate.example/infra/settings"
	"polygate.example/shared/artefact"
	"polygate.example/shared/gateway"
	"polygate.example/tools/internal/pack"
	"polygate.example/tools/internal/process"
)

func (a *app) buildCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "build",
		Short: "Pack the gateway for the three providers under dist/<env>/",
		Long: `build checks the environment's gateway document and packs one artefact for each provider, with a manifest of their
digests. The same inputs give the same bytes, on any machine and in any folder.`,
		Example: "  polygate build -s staging",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.settings()
			if err != nil {
				return err
			}
			unlock, err := a.lock()
			if err != nil {
				return err
			}
			defer unlock()
			_, err = a.build(cmd.Context(), s)
			return err
		},
	}
}

// model reads the gateway document and holds it against the settings it is to be deployed with. What is only to be warned of is printed.
func (a *app) model(s settings.Settings) (*gateway.Model, error) {
	return a.load(source{file: a.document(), name: a.stack, stack: true, settings: s})
}

// build packs the environment's artefacts and prints their sizes.
func (a *app) build(ctx context.Context, s settings.Settings) (artefact.Manifest, error) {
	goos, arch := "linux", s.Architecture
	if s.Architecture == settings.ArchitectureHost {
		goos, arch = runtime.GOOS, runtime.GOARCH
	}
	model, err := a.model(s)
	if err != nil {
		return artefact.Manifest{}, err
	}
	a.warnLoopback(s, model)
	self, err := process.Self()
	if err != nil {
		return artefact.Manifest{}, err
	}
	stop := a.heartbeat(func() string { return "still building" })
	m, err := pack.Build(ctx, pack.Options{
		Root:        a.root,
		Environment: a.stack,
		Document:    a.document(),
		Out:         a.dist(),
		GOOS:        goos,
		GOARCH:      arch,
		Providers:   s.Providers(),
		Memory:      filepath.Join(a.workDir(), "build.json"),
		Packer:      self,
		Progress:    func(step string) { a.step("build: %s", step) },
	})
	stop()
	if err != nil {
		return artefact.Manifest{}, fmt.Errorf("build %s: %w", a.stack, err)
	}
	for _, art := range m.Artefacts {
		a.step("build: %-9s %8.2f MB  %s", art.File, float64(art.Size)/1e6, art.Digest()[:19])
	}
	a.step("build: release %s, model %s", m.Release, m.Model[:19])
	return m, nil
}
