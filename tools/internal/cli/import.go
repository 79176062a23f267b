package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"polygate.example/infra/settings"
	"polygate.example/shared/config"
	"polygate.example/tools/internal/openapiimport"
)

func (a *app) importCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "import",
		Short:   "Make a gateway document of a description of an API",
		Example: "  polygate import openapi api/orders.yaml -o shop.gateway.yaml",
		RunE:    helpOrUnknown,
		Args:    cobra.ArbitraryArgs,
	}
	c.AddCommand(a.importOpenAPICommand())
	return c
}

// importOrder is what `polygate import openapi` is asked for.
type importOrder struct {
	from   string
	out    string
	server string
	by     string
	force  bool
	asJSON bool
}

// groupings are what routes can be made for.
var groupings = []string{"operation", "path"}

func (a *app) importOpenAPICommand() *cobra.Command {
	o := importOrder{by: groupings[0]}
	c := &cobra.Command{
		Use:   "openapi <file | URL>",
		Short: "Make a gateway document of an OpenAPI document, 3.0 or 3.1",
		Long: `openapi prints, or writes with --out, a gateway document: a route for each operation, an upstream for each server, a policy for each
security scheme, and one by which requests are held against the OpenAPI document itself. That stays the file that it is: it has to lie in
the folder of the gateway document or below. One that is named by URL, https only or on this machine, is saved beside --out.

What only you know is marked in the document, and polygate check asks for it. On standard error is what has no route, what is not carried
over and what is changed, each with a pointer (RFC 6901) into the OpenAPI document and what to do about it.

x-polygate in the OpenAPI document says what OpenAPI cannot. Of the document: upstreams and policies as a gateway document has them,
everywhere, upstream and timeout. Of a path: skip, policies (names), upstream and timeout. Of an operation: those and name, of the route.
Of a security scheme: keys of its policy, such as audience.

--json prints formatVersion, openapi, operations, imported, skipped, validated, notes (kind, pointer, what, remedy), open (what check asks
for: line, column, pointer, what, remedy) and, without --out, gateway: the document as text.`,
		Example: "  polygate import openapi api/orders.yaml -o shop.gateway.yaml\n  polygate import openapi https://api.example.com/openapi.json -o shop.gateway.yaml\n  polygate import openapi orders.yaml --server https://orders.internal.example > shop.gateway.yaml",
		Args:    cobra.ExactArgs(1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return []string{"yaml", "yml", "json"}, cobra.ShellCompDirectiveFilterFileExt
		},
		PreRunE: func(*cobra.Command, []string) error { return nil }, // it needs no project
		RunE: func(cmd *cobra.Command, args []string) error {
			o.from = args[0]
			return a.importOpenAPI(cmd.Context(), o)
		},
	}
	c.Flags().StringVarP(&o.out, "out", "o", "", "file to write the gateway document to (default: standard output)")
	c.Flags().StringVar(&o.server, "server", "", "URL that the upstream is at, in place of the document's first server")
	c.Flags().StringVar(&o.by, "by", o.by, "what has a route of its own: operation, or path where its operations differ in nothing but the method")
	c.Flags().BoolVar(&o.force, "force", false, "write over files that are there")
	c.Flags().BoolVar(&o.asJSON, "json", false, "print JSON")
	complete(c, "by", func() []string { return groupings })
	return c
}

func (a *app) importOpenAPI(ctx context.Context, o importOrder) error {
	if !slices.Contains(groupings, o.by) {
		return usageError{fmt.Errorf("--by is %q%s: want operation or path", o.by, settings.Nearest(o.by, groupings))}
	}
	if o.server != "" {
		if u, err := url.Parse(o.server); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return usageError{errors.New("--server is no URL of http or https: want such as https://orders.internal.example")}
		}
	}
	if o.out != "" && !o.force {
		if _, err := os.Lstat(o.out); !errors.Is(err, fs.ErrNotExist) {
			return usageError{fmt.Errorf("%s is there already: name another file by --out, or write over it by --force", o.out)}
		}
	}
	src, opts, err := a.openAPISource(ctx, o)
	if err != nil {
		return err
	}
	folder, err := os.OpenRoot(filepath.Dir(cmp.Or(o.out, "document"))) // as check opens it
	if err != nil {
		return usageError{fmt.Errorf("the folder of the gateway document cannot be opened: %w", err)}
	}
	defer func() { _ = folder.Close() }() // it was only read
	opts.Files, opts.Server, opts.PerPath = folder.FS(), o.server, o.by == "path"
	made, err := openapiimport.Import(src, opts)
	if err != nil {
		return err
	}
	if o.out != "" {
		if err := os.WriteFile(o.out, made.Text, 0o644); err != nil {
			return fmt.Errorf("write the gateway document: %w", err)
		}
	}
	switch {
	case o.asJSON && o.out != "":
		return a.json(made.Report)
	case o.asJSON:
		return a.json(struct {
			openapiimport.Report
			Gateway string `json:"gateway"`
		}{made.Report, string(made.Text)})
	case o.out == "":
		if _, err := a.out.Write(made.Text); err != nil {
			return err
		}
	}
	return made.Report.Write(a.err, cmp.Or(o.out, "gateway document"))
}

// openAPISource reads the OpenAPI document, saves one from elsewhere, and says how the gateway document names it.
func (a *app) openAPISource(ctx context.Context, o importOrder) ([]byte, openapiimport.Options, error) {
	none := func(err error) ([]byte, openapiimport.Options, error) {
		return nil, openapiimport.Options{}, usageError{err}
	}
	if strings.Contains(o.from, "://") {
		if o.out == "" {
			return none(errors.New("a document that is named by URL is saved beside the gateway document: name that by --out"))
		}
		got, err := openapiimport.Fetch(ctx, o.from)
		if err != nil {
			return none(fmt.Errorf("fetch the OpenAPI document: %w", err))
		}
		if _, err := config.ReadAPI(got.Name, got.Text); err != nil {
			return nil, openapiimport.Options{}, err // before anything is written
		}
		file := filepath.Join(filepath.Dir(o.out), got.Name)
		if sameFile(file, o.out) {
			return none(fmt.Errorf("the OpenAPI document would be saved as %s too: name another file by --out", o.out))
		}
		if have, err := os.ReadFile(file); err == nil && !o.force && !bytes.Equal(have, got.Text) {
			return none(fmt.Errorf("%s is there already, and is another document than %s: move it, or write over it by --force", file, o.from))
		}
		if err := os.WriteFile(file, got.Text, 0o644); err != nil {
			return none(fmt.Errorf("save the OpenAPI document: %w", err))
		}
		a.step("saved %s", file)
		return got.Text, openapiimport.Options{Name: file, File: got.Name, Location: got.From}, nil
	}
	src, err := readDocument(o.from)
	if err != nil {
		return none(err)
	}
	switch filepath.Ext(o.from) {
	case ".json", ".yaml", ".yml":
	default:
		return none(fmt.Errorf("%s is neither YAML nor JSON by its name: name it .yaml, .yml or .json", o.from))
	}
	if o.out != "" && sameFile(o.from, o.out) {
		return none(fmt.Errorf("%s is the OpenAPI document itself: name another file by --out", o.out))
	}
	folder, err := filepath.Abs(filepath.Dir(cmp.Or(o.out, "document")))
	if err != nil {
		return none(err)
	}
	file, err := filepath.Abs(o.from)
	if err != nil {
		return none(err)
	}
	below, err := filepath.Rel(folder, file)
	if below = filepath.ToSlash(below); err != nil || !fs.ValidPath(below) || strings.ContainsAny(below, `\:`) {
		return none(fmt.Errorf("%s is not below %s, the folder of the gateway document, which reads it whenever it is built: copy it there, or name a file beside it by --out", o.from, folder))
	}
	return src, openapiimport.Options{Name: o.from, File: below}, nil
}

func sameFile(a, b string) bool {
	x, errX := filepath.Abs(a)
	y, errY := filepath.Abs(b)
	return errX == nil && errY == nil && x == y
}

// readDocument reads a file of a bounded size.
func readDocument(name string) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no OpenAPI document %q: name a file, or a URL with https://", name)
	case err != nil:
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no plain file: name the OpenAPI document itself", name)
	case info.Size() > config.MaxAPIBytes:
		return nil, fmt.Errorf("%s has more than %d MiB: take out what the gateway does not need, or divide it", name, config.MaxAPIBytes>>20)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, config.MaxAPIBytes))
}
