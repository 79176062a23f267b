// Package pack builds the artefacts of one environment: for each provider the zip it runs, and the manifest that names
// them with their digests.
//
// The same checkout, document and toolchain give the same bytes, wherever the checkout lies and however often it is
// built, so that a digest says what runs and a release is what was tested. Nothing that links Pulumi or a provider's SDK
// is packed: a gateway answers requests, it does not manage clouds.
package pack

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"polygate.example/shared/artefact"
	"polygate.example/shared/config"
	"polygate.example/shared/gateway"
)

// modelFile is the compiled model's name in every artefact.
const modelFile = "model.json"

// parallel is how many providers are built at once: the compiler runs in parallel by itself.
const parallel = 2

// Options say what to build.
type Options struct {
	Root        string            // the checkout: the folder of go.mod
	Environment string            // name of the environment, for the manifest and messages
	Document    string            // path of the gateway document
	Out         string            // folder for the artefacts; dist/<environment> in Root if empty
	GOOS        string            // what the binaries for aws and azure run on; "linux" if empty
	GOARCH      string            // amd64 (if empty) or arm64; Azure's Flex plan has amd64 only
	Providers   []string          // which to build; all if empty
	Progress    func(step string) // told of each step as it begins, one call at a time; may be nil
	// Memory is a file that remembers what the build in Out was made of: a build of the same is that one. "" builds always.
	Memory string
	Packer string // tells the program that packs from other versions of it; with Memory only
}

// A packer makes the files of one provider's artefact.
type packer struct {
	runtime  func(b *build) string // the provider's name for the runtime
	binary   bool                  // built here, for an architecture
	tags     []string              // build tags of the binary, beside those of parts
	patterns []string              // the packages it is made of
	beside   []string              // files of the checkout that go in beside the code
	files    func(ctx context.Context, b *build, t target) ([]file, error)
}

// target is what a packer's code is compiled for, without the parts that the model does not need.
func (b *build) target(p packer) target {
	tags := strings.Join(slices.Concat(p.tags, b.without), ",")
	if !p.binary {
		return target{goos: builder.goos, goarch: builder.goarch, tags: tags}
	}
	return target{goos: b.GOOS, goarch: b.GOARCH, tags: tags}
}

// packers are the providers there are.
var packers = map[string]packer{
	"aws": {
		runtime: func(*build) string { return "provided.al2023" }, binary: true, tags: []string{lambdaTags},
		patterns: []string{"./functions/aws"}, files: lambdaFiles,
	},
	"gcp": {
		runtime: (*build).goRuntime, patterns: []string{"./functions/gcp", funcframework}, files: cloudFunctionFiles,
	},
	"azure": {
		runtime: func(*build) string { return "custom" }, binary: true,
		patterns: []string{"./functions/azure"}, beside: azureSettings, files: azureFiles,
	},
}

// build is one run of Build.
type build struct {
	Options
	model   []byte   // the compiled model
	without []string // build tags of the parts that the model does not need
	tools   goTool
	dir     string // scratch, one folder per provider
	say     sync.Mutex
}

// progress reports a step.
func (b *build) progress(format string, args ...any) {
	if b.Progress == nil {
		return
	}
	b.say.Lock()
	defer b.say.Unlock()
	b.Progress(fmt.Sprintf(format, args...))
}

// Build packs the artefacts and writes them and their manifest to Out, into which one build at a time may write. A file in Out is either the old one or the new
// one, never half of it, and the manifest is replaced last: an interrupted build leaves a folder whose manifest does not
// match and is refused by digest, or one as it was. Nothing is written if any provider fails; every failure is reported.
//
// Errors: config.Problems for a bad document, a *ForbiddenError for a gateway that carries what it must not, and what
// the go command says.
func Build(ctx context.Context, opts Options) (artefact.Manifest, error) {
	if err := opts.fill(); err != nil {
		return artefact.Manifest{}, err
	}
	b := &build{Options: opts}
	b.progress("compile %s", opts.Document)
	model, err := config.Load(opts.Document)
	if err != nil {
		return artefact.Manifest{}, err
	}
	if b.model, err = encode(model); err != nil {
		return artefact.Manifest{}, err
	}
	b.without = without(model)
	front, err := Front(model)
	if err != nil {
		return artefact.Manifest{}, err
	}
	if b.tools, err = findGo(ctx, opts.Root); err != nil {
		return artefact.Manifest{}, err
	}
	inputs := b.inputs(ctx)
	if m, ok := b.recall(inputs); ok {
		b.progress("nothing has changed since release %s", m.Release)
		return m, nil
	}
	scratch, remove, err := scratchDir()
	if err != nil {
		return artefact.Manifest{}, err
	}
	defer remove()
	b.dir = scratch

	packed, err := b.all(ctx)
	if err != nil {
		return artefact.Manifest{}, err
	}
	m := artefact.Manifest{Environment: opts.Environment, Model: model.Digest(), Front: front}
	for _, p := range packed {
		m.Artefacts = append(m.Artefacts, p.Artefact)
	}
	m.Release = release(m)
	b.progress("write %s", opts.Out)
	if err := write(opts.Out, m, packed); err != nil {
		return m, err
	}
	return m, b.remember(ctx, inputs, m)
}

// packed is a finished artefact and its zip.
type packed struct {
	artefact.Artefact
	zip []byte
}

// all packs every provider, some at a time, in the order of Providers.
func (b *build) all(ctx context.Context) ([]packed, error) {
	out := make([]packed, len(b.Providers))
	errs := make([]error, len(b.Providers))
	slots := make(chan struct{}, parallel)
	var wg sync.WaitGroup
	for i, provider := range b.Providers {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if err := context.Cause(ctx); err != nil {
				errs[i] = err
				return
			}
			b.progress("pack %s", provider)
			var err error
			if out[i], err = b.one(ctx, provider); err != nil {
				errs[i] = fmt.Errorf("pack %s: %w", provider, err)
			}
		})
	}
	wg.Wait()
	return out, errors.Join(errs...)
}

// one packs one provider.
func (b *build) one(ctx context.Context, provider string) (packed, error) {
	p := packers[provider]
	files, err := p.files(ctx, b, b.target(p))
	if err != nil {
		return packed{}, err
	}
	z, err := zipped(files)
	if err != nil {
		return packed{}, err
	}
	// The Cloud Functions source has a model of its own until it is packed; the others have none. Looking at what was
	// packed, not at what was meant to be, is the proof.
	if err := carries(z, modelFile, b.model); err != nil {
		return packed{}, err
	}
	a := artefact.Artefact{
		Provider: provider, File: fileOf(provider), SHA256: sum(z), Size: int64(len(z)), Runtime: p.runtime(b),
	}
	if p.binary {
		a.Architecture = b.GOARCH
	}
	return packed{a, z}, nil
}

// fileOf is the name of a provider's artefact.
func fileOf(provider string) string { return provider + ".zip" }

// fill checks the options and fills in what was left out.
func (o *Options) fill() error {
	if o.Root == "" || o.Document == "" {
		return errors.New("pack: the checkout and the gateway document must be named")
	}
	if o.Environment == "" || o.Environment != filepath.Base(o.Environment) || o.Environment == "." || o.Environment == ".." {
		return fmt.Errorf("pack: %q is no environment name: want one path element, for example staging", o.Environment)
	}
	root, err := filepath.Abs(o.Root)
	if err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	o.Root = root
	if o.Out == "" {
		o.Out = filepath.Join(root, "dist", o.Environment)
	}
	if o.GOOS == "" {
		o.GOOS = "linux"
	}
	if o.GOARCH == "" {
		o.GOARCH = "amd64"
	}
	if o.GOARCH != "amd64" && o.GOARCH != "arm64" {
		return fmt.Errorf("pack: architecture %q: want amd64 or arm64, the ones the providers run", o.GOARCH)
	}
	known := Providers()
	if len(o.Providers) == 0 {
		o.Providers = known
	}
	o.Providers = slices.Clone(o.Providers)
	slices.Sort(o.Providers)
	o.Providers = slices.Compact(o.Providers)
	for _, p := range o.Providers {
		if !slices.Contains(known, p) {
			return fmt.Errorf("pack: no provider %q: want one of %v", p, known)
		}
	}
	return nil
}

// Providers are the names of all providers that can be packed for, sorted.
func Providers() []string {
	names := make([]string, 0, len(packers))
	for name := range packers {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// encode is the model as every artefact carries it.
func encode(m *gateway.Model) ([]byte, error) {
	b, err := m.Encode()
	if err != nil {
		return nil, fmt.Errorf("encode the model: %w", err)
	}
	return b, nil
}
