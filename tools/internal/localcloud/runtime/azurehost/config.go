// Package azurehost runs a function app's zip as the Azure Functions host does for a custom handler: it reads host.json
// and each function's function.json, starts the handler and passes it the requests its routes match, with all that the
// host does to them on the way.
//
// The behaviour is what was observed on host 4.1045, and what its source says where nothing was observed
// (github.com/Azure/azure-functions-host). Not modelled: the JSON invocation contract of handlers that neither forward
// nor proxy, triggers other than HTTP, function keys, several workers, and functionTimeout.
package azurehost

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Mode is how requests reach the handler.
type Mode int

// The two ways host.json can choose.
const (
	Forwarding Mode = iota + 1 // enableForwardingHttpRequest
	Proxying                   // enableProxyingHttpRequest
)

// App is a function app as its package describes it.
type App struct {
	Root       string // unpacked package
	Executable string // absolute
	Arguments  []string
	WorkDir    string // absolute
	Mode       Mode
	routes     []route
}

// ConfigError is a package the host does not start on.
type ConfigError struct {
	File    string // relative to the package
	Problem string
}

// Error names the file and what is wrong in it.
func (e *ConfigError) Error() string { return e.File + ": " + e.Problem }

// hostFile is the part of host.json that counts here. The host ignores keys it does not know, and so does this.
// Source: "host.json reference for Azure Functions 2.x and later"; "Azure Functions custom handlers".
type hostFile struct {
	Version       string `json:"version"`
	CustomHandler *struct {
		Description struct {
			DefaultExecutablePath string   `json:"defaultExecutablePath"`
			WorkingDirectory      string   `json:"workingDirectory"`
			Arguments             []string `json:"arguments"`
		} `json:"description"`
		EnableForwarding bool `json:"enableForwardingHttpRequest"`
		EnableProxying   bool `json:"enableProxyingHttpRequest"`
	} `json:"customHandler"`
	Extensions struct {
		HTTP struct {
			RoutePrefix *string `json:"routePrefix"`
		} `json:"http"`
	} `json:"extensions"`
}

// functionFile is a function.json. Source: "Azure Functions HTTP trigger", configuration.
type functionFile struct {
	Disabled bool      `json:"disabled"`
	Bindings []binding `json:"bindings"`
}

type binding struct {
	Type      string   `json:"type"`
	Direction string   `json:"direction"`
	Name      string   `json:"name"`
	AuthLevel string   `json:"authLevel"`
	Methods   []string `json:"methods"`
	Route     *string  `json:"route"`
}

// Load reads the package unpacked in root. Every problem found is in the error, each a *ConfigError.
func Load(root string) (*App, error) {
	var host hostFile
	if err := readJSON(root, "host.json", &host); err != nil {
		return nil, err
	}
	app := &App{Root: root}
	problems := []error{app.takeHandler(host)}
	prefix := "api" // Source: "host.json reference", http, routePrefix
	if p := host.Extensions.HTTP.RoutePrefix; p != nil {
		prefix = *p
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, fmt.Errorf("read function app: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		r, err := loadFunction(root, e.Name(), prefix)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a folder without function.json is no function
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		app.routes = append(app.routes, r...)
	}
	if len(app.routes) == 0 {
		problems = append(problems, &ConfigError{File: "host.json", Problem: "no functions found: " +
			"each function is a folder beside host.json with a function.json that has an httpTrigger"})
	}
	slices.SortStableFunc(app.routes, func(a, b route) int { return a.compare(b) })
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return app, nil
}

// takeHandler checks host.json's own part.
func (a *App) takeHandler(host hostFile) error {
	bad := func(problem string) error { return &ConfigError{File: "host.json", Problem: problem} }
	if host.Version != "2.0" {
		return bad(fmt.Sprintf("version is %q: the host wants \"2.0\"", host.Version))
	}
	if host.CustomHandler == nil {
		return bad("customHandler is missing: a custom handler app must describe its executable")
	}
	c := host.CustomHandler
	if c.Description.DefaultExecutablePath == "" {
		return bad("customHandler.description.defaultExecutablePath is missing")
	}
	switch {
	case c.EnableProxying:
		a.Mode = Proxying
	case c.EnableForwarding:
		a.Mode = Forwarding
	default:
		return bad("customHandler has neither enableForwardingHttpRequest nor enableProxyingHttpRequest: " +
			"the local clouds do not speak the JSON invocation contract that is left then")
	}
	a.WorkDir = filepath.Join(a.Root, filepath.FromSlash(c.Description.WorkingDirectory))
	name := filepath.FromSlash(c.Description.DefaultExecutablePath)
	if !filepath.IsLocal(name) {
		return bad(fmt.Sprintf("customHandler.description.defaultExecutablePath %q is not inside the package", name))
	}
	a.Executable = filepath.Join(a.WorkDir, name)
	a.Arguments = c.Description.Arguments
	info, err := os.Stat(a.Executable)
	if err != nil || info.IsDir() {
		return bad(fmt.Sprintf("customHandler.description.defaultExecutablePath %q is not a file of the package", name))
	}
	// On Linux the host makes the handler executable itself (src: HttpWorkerProcess).
	if info.Mode()&0o100 == 0 {
		if err := os.Chmod(a.Executable, info.Mode()|0o100); err != nil {
			return fmt.Errorf("make handler executable: %w", err)
		}
	}
	return nil
}

// loadFunction reads one function's bindings. A folder without function.json gives fs.ErrNotExist.
func loadFunction(root, name, prefix string) ([]route, error) {
	file := filepath.ToSlash(filepath.Join(name, "function.json"))
	if _, err := os.Stat(filepath.Join(root, name, "function.json")); err != nil {
		return nil, err
	}
	var f functionFile
	if err := readJSON(root, file, &f); err != nil {
		return nil, err
	}
	if f.Disabled {
		return nil, nil
	}
	var trigger *binding
	outputs := 0
	for i, b := range f.Bindings {
		switch {
		case strings.EqualFold(b.Type, "httpTrigger"):
			trigger = &f.Bindings[i]
		case strings.EqualFold(b.Type, "http") && strings.EqualFold(b.Direction, "out"):
			outputs++
		default:
			return nil, &ConfigError{File: file, Problem: fmt.Sprintf("binding %q of type %q: "+
				"a request is only passed on whole when the bindings are one httpTrigger and one http output", b.Name, b.Type)}
		}
	}
	if trigger == nil || outputs != 1 {
		return nil, &ConfigError{File: file, Problem: "bindings must be one httpTrigger and one http output"}
	}
	template := name
	if trigger.Route != nil {
		template = *trigger.Route
	}
	r, err := newRoute(name, strings.Trim(prefix, "/")+"/"+template, trigger.Methods, trigger.AuthLevel)
	if err != nil {
		return nil, &ConfigError{File: file, Problem: err.Error()}
	}
	return []route{r}, nil
}

func readJSON(root, file string, into any) error {
	b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
	if errors.Is(err, fs.ErrNotExist) {
		return &ConfigError{File: file, Problem: "missing from the package"}
	}
	if err != nil {
		return fmt.Errorf("read function app: %w", err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		return &ConfigError{File: file, Problem: "not valid JSON for this file: " + err.Error()}
	}
	return nil
}

var _ error = (*ConfigError)(nil)
