package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"polygate.example/shared/config"
	"polygate.example/shared/gateway"
	"polygate.example/shared/handler"
	"polygate.example/shared/health"
	"polygate.example/shared/secret"
	"polygate.example/tools/internal/devserver"
	"polygate.example/tools/internal/routing"
)

// devRun is what the verb dev was asked for.
type devRun struct {
	app     *app
	source  source
	region  string
	envFile string // "" for none
	tls     bool
	country string // that requests come from; "" for one that is not known
	started time.Time
	warned  string // what the document was warned of last: it is read often, and told once
	noted   string // what was said last that nobody tells of clients here
}

func (a *app) devCommand() *cobra.Command {
	var d devRun
	var port int
	c := &cobra.Command{
		Use:   "dev [document]",
		Short: "Serve a gateway document on this machine while you write it: what is saved is served at once",
		Long: `dev serves the environment's gateway document, or the one that is named, on 127.0.0.1, without any cloud, under every host. When the
document is saved it is served at once, and requests in flight end as they began; when what was saved is wrong, dev says what
check would say, and the version before serves on. What policies have counted begins anew with each version.

With --tls it is served over TLS, under every host, with certificates of an authority that is made for you on this machine and that
nothing trusts by itself: dev prints where it is, for curl --cacert. Clients are asked for their own certificates then, if the document
goes by them. --country is the country that all requests come from, as the front of a cloud would tell it.

Secrets and variables that the document names are variables of the environment, or of --env-file: lines NAME=value, of which
those that the environment has already mean nothing. The file is read again with the document.`,
		Example: "  polygate dev shop.gateway.yaml --port 8080 --env-file .env\n  polygate dev -s staging\n  polygate dev partners.gateway.yaml --tls --country DE",
		RunE: func(cmd *cobra.Command, args []string) error {
			if port < 0 || port > 65535 {
				return usageError{fmt.Errorf("--port is %d: want 1 to 65535, or 0 for one that is free", port)}
			}
			if d.country != "" && !gateway.IsCountry(d.country) {
				return usageError{fmt.Errorf("--country is %q: want a code of ISO 3166-1 alpha-2 in capitals, such as DE", d.country)}
			}
			s, err := a.source(cmd, args, 0)
			if err != nil {
				return err
			}
			if len(s.bad) > 0 {
				a.step("warning: the stack file has problems, see polygate check; the document is held against what is right of it")
			}
			d.app, d.source, d.started = a, s, time.Now()
			return d.run(cmd.Context(), port)
		},
	}
	c.Flags().IntVarP(&port, "port", "p", 8080, "port of 127.0.0.1; 0 for one that is free")
	c.Flags().StringVar(&d.envFile, "env-file", "", "file of variables, NAME=value in each line")
	c.Flags().StringVar(&d.region, "region", "", "serve as this region, such as aws/us-east-1: by the upstreams' targets of it")
	c.Flags().BoolVar(&d.tls, "tls", false, "serve over TLS, and ask clients for certificates if the document goes by them")
	c.Flags().StringVar(&d.country, "country", "", "country that requests come from, as a front would tell it, such as DE")
	complete(c, "region", func() []string {
		regions, _ := a.completeRegions(nil, nil, "")
		return slices.DeleteFunc(regions, func(r string) bool { return !strings.Contains(r, "/") })
	})
	complete(c, "port", func() []string { return nil })
	complete(c, "country", func() []string { return nil })
	if err := c.MarkFlagFilename("env-file"); err != nil {
		panic(err) // there is no such flag: a slip in this package
	}
	return a.takesDocument(c, 0)
}

// run serves until ctx ends.
func (d *devRun) run(ctx context.Context, port int) error {
	first, m, err := d.read()
	if err != nil {
		return err
	}
	routes, err := routesTable(m) // before anybody can connect, who would wait for it
	if err != nil {
		return err
	}
	if _, err := io.WriteString(d.app.out, routes); err != nil {
		return err
	}
	options := devserver.Options{
		Files: d.files,
		Say:   d.app.step,
		Load: func() (devserver.Version, error) {
			v, _, err := d.read()
			return v, err
		},
		Swapped: func(v devserver.Version) {
			model, _, _ := strings.Cut(v.ID, ",") // what follows is of secrets
			d.app.step("serving what was saved: model %s", model)
		},
	}
	scheme, ca := "http", ""
	if d.tls {
		by, err := authority()
		if err != nil {
			return err
		}
		scheme, ca, options.Authority = "https", by.Path(), by
	}
	options.Listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return fmt.Errorf("listen: %w; --port takes another, or 0 for one that is free", err)
	}
	at := options.Listener.Addr()
	d.app.step("serving %s at %s://%s/ until it is interrupted; save the document to have it served anew", d.source.file, scheme, at)
	if d.tls {
		d.app.step("call it so: %s", invitation(ca, first.Asks, at))
	}
	err = devserver.Run(ctx, first, options)
	d.app.step("ended")
	return err
}

// files are those that the gateway is made of.
func (d *devRun) files() []string {
	files := append([]string{d.source.file}, config.Named(d.source.file)...)
	if d.envFile != "" {
		files = append(files, d.envFile)
	}
	return files
}

// read makes a gateway of what the files hold now.
func (d *devRun) read() (devserver.Version, *gateway.Model, error) {
	var v devserver.Version
	m, warnings, err := config.Audit(d.source.file, d.source.rules()...)
	if text := fmt.Sprint(warnings); text != d.warned {
		d.warned = text
		for _, w := range warnings {
			d.app.step("warning: %v", w)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = d.app.missing(d.source)
	}
	if err != nil {
		return v, nil, err
	}
	file := map[string]string{}
	if d.envFile != "" {
		if file, err = devserver.ReadEnv(d.envFile); err != nil {
			return v, nil, usageError{err}
		}
	}
	getenv := func(name string) string {
		if v := d.app.getenv(name); v != "" {
			return v
		}
		return file[name]
	}
	log := devserver.NewLog(d.app.step)
	opts := handler.Options{Logger: log, Getenv: getenv, BodyTimeout: handler.BodyTimeout, Instance: health.Instance{Provider: "server", Region: "server/local", Release: "dev", Started: d.started.UTC()}}
	if d.region != "" {
		opts.Instance.Region = d.region
		opts.Instance.Provider, _, _ = strings.Cut(d.region, "/")
	}
	if opts.Secrets, err = secret.FromEnvironment(getenv, log); err != nil {
		return v, nil, err
	}
	certificates, countries := byClients(m)
	d.note(certificates, countries)
	if v.Handler, err = handler.New(m, opts); err != nil {
		return v, nil, err
	}
	v.Handler, v.Asks = inCountry(v.Handler, d.country), len(certificates) > 0
	v.ID = m.Digest()
	if len(file) > 0 {
		v.ID += ", variables " + fingerprint(file)
	}
	return v, m, err
}

// fingerprint tells sets of variables apart. It is not to be shown: a short secret could be guessed by it.
func fingerprint(variables map[string]string) string {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		fmt.Fprintf(&b, "%q=%q\n", name, variables[name])
	}
	sum := sha256.Sum256(b.Bytes())
	return hex.EncodeToString(sum[:])
}

// routesTable is the routes, for people.
func routesTable(m *gateway.Model) (string, error) {
	book, err := routing.NewBook(m, nil)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	err = routing.Table(&text, book.Routes(false))
	return text.String(), err
}
