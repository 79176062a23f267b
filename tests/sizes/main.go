// Command sizes shows what the heavy parts of a gateway cost: for a document that needs none of them, for one that needs each, and for one that
// needs all, it packs the artefacts, starts the plain server with the same parts, and prints the sizes and how long a start takes. It writes
// dist/sizes.json and dist/sizes.svg, and fails when a document without a part pays for it. Nothing is started in a cloud: what a cloud adds
// to a start is the cloud's.
package main

import (
	"archive/zip"
	"bytes"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"polygate.example/tests/command"
	"polygate.example/tests/harness"
)

// Row is what one document's gateway comes to. Sizes are bytes.
type Row struct {
	Parts  []string         `json:"parts"`  // that its binaries have
	Binary map[string]int64 `json:"binary"` // by provider; Google Cloud builds its own of the source
	Zip    map[string]int64 `json:"zip"`    // by provider
	Start  float64          `json:"start_seconds"`
	Beside float64          `json:"start_beside_none"` // of the start without any part, in the same run
}

func main() {
	os.Exit(command.Main(run))
}

func run(ctx context.Context, args []string, out, progress io.Writer) (err error) {
	if len(args) > 0 {
		return fmt.Errorf("%q: sizes has no arguments", args[0])
	}
	results, err := command.Begin(ctx, "sizes")
	if err != nil {
		return err
	}
	checkout, err := harness.Checkout(ctx)
	if err != nil {
		return err
	}
	env, err := harness.New(ctx, harness.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, env.Close(context.WithoutCancel(ctx))) }()
	var rows []Row
	var servers []server
	for i, d := range documents {
		fmt.Fprintf(progress, "%d of %d: packing a gateway with %s\n", i+1, len(documents), d.name)
		r, p, err := pack(ctx, env, document(d.policies))
		if err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
		s, err := build(ctx, checkout, filepath.Join(env.Root, fmt.Sprintf("server-%d", i)), p)
		if err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
		rows, servers = append(rows, r), append(servers, s)
	}
	fmt.Fprintf(progress, "starting each %d times, in turns\n", rounds)
	if err := race(ctx, servers, rows); err != nil {
		return err
	}
	print(out, rows)
	if err := results.Write(out, rows, picture(rows)); err != nil {
		return err
	}
	return check(rows)
}

// packed is what an artefact has beside its sizes.
type packed struct {
	model []byte
	tags  string // of its build
}

// withoutPrefix begins the build tags that leave a part out.
const withoutPrefix = "without_"

// pack packs a document's artefacts and measures them.
func pack(ctx context.Context, env *harness.Environment, document string) (Row, packed, error) {
	var p packed
	r := Row{Parts: []string{}, Binary: map[string]int64{}, Zip: map[string]int64{}}
	if err := os.WriteFile(filepath.Join(env.Root, "stacks", "local.gateway.yaml"), []byte(document), 0o644); err != nil {
		return r, p, err
	}
	if _, err := env.Must(ctx, "build"); err != nil {
		return r, p, err
	}
	for provider, binary := range map[string]string{"aws": "bootstrap", "gcp": "", "azure": "handler"} {
		b, err := os.ReadFile(filepath.Join(env.Root, "dist", "local", provider+".zip"))
		if err != nil {
			return r, p, err
		}
		r.Zip[provider] = int64(len(b))
		if binary == "" {
			continue
		}
		code, err := member(b, binary)
		if err != nil {
			return r, p, fmt.Errorf("%s.zip: %w", provider, err)
		}
		r.Binary[provider] = int64(len(code))
		if provider != "aws" {
			continue
		}
		info, err := buildinfo.Read(bytes.NewReader(code))
		if err != nil {
			return r, p, err
		}
		for _, s := range info.Settings {
			if s.Key == "-tags" {
				p.tags = s.Value
			}
		}
		if p.model, err = member(b, "model.json"); err != nil {
			return r, p, fmt.Errorf("%s.zip: %w", provider, err)
		}
	}
	left := strings.Split(p.tags, ",")
	for _, part := range parts {
		if !slices.Contains(left, withoutPrefix+part) {
			r.Parts = append(r.Parts, part)
		}
	}
	for _, tag := range left {
		if part, ok := strings.CutPrefix(tag, withoutPrefix); ok && !slices.Contains(parts, part) {
			return r, p, fmt.Errorf("the part %q is new here: give it a document of its own in tests/sizes", part)
		}
	}
	return r, p, nil
}

// member reads a file of an archive.
func member(archive []byte, name string) ([]byte, error) {
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, err
	}
	f, err := z.Open(name)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(f)
	return b, errors.Join(err, f.Close())
}

// name is what a row is called.
func (r Row) name() string {
	if len(r.Parts) == 0 {
		return "none"
	}
	return strings.Join(r.Parts, "+")
}

func megabytes(n int64) string { return fmt.Sprintf("%.2f MB", float64(n)/1e6) }

// print is the table for people.
func print(out io.Writer, rows []Row) {
	tw := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "PARTS\tAWS BINARY\tZIP\tAZURE BINARY\tZIP\tGOOGLE SOURCE\tSTART\tBESIDE NONE\t")
	for _, r := range rows {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%.1f ms\t× %.2f\t\n", r.name(), megabytes(r.Binary["aws"]), megabytes(r.Zip["aws"]),
			megabytes(r.Binary["azure"]), megabytes(r.Zip["azure"]), megabytes(r.Zip["gcp"]), 1000*r.Start, r.Beside)
	}
	_ = tw.Flush() // what cannot be printed is no finding
}

// check says where a document pays for what it does not need: each has the parts that it needs and no other, every part adds to a binary that
// has it, and what has none of them is the smallest.
func check(rows []Row) error {
	var errs []error
	for i, r := range rows {
		if want := documents[i].parts(); !slices.Equal(r.Parts, want) {
			errs = append(errs, fmt.Errorf("%s: the binaries have the parts %v, and the document needs %v", documents[i].name, r.Parts, want))
		}
		for provider, size := range rows[0].Binary {
			if i > 0 && r.Binary[provider] <= size {
				errs = append(errs, fmt.Errorf("%s: with %s the binary is %s, and without any part %s: that document pays for parts it does not need",
					provider, r.name(), megabytes(r.Binary[provider]), megabytes(size)))
			}
		}
	}
	return errors.Join(errs...)
}
