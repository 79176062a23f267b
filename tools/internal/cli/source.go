package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/spf13/cobra"

	"polygate.example/infra"
	"polygate.example/infra/catalog"
	"polygate.example/infra/provider"
	"polygate.example/infra/settings"
	"polygate.example/shared/config"
	"polygate.example/shared/gateway"
)

// source is a gateway document, and the environment that it is held against.
type source struct {
	file     string
	name     string // of the environment, or the file's where there is none
	stack    bool
	settings settings.Settings // as far as they are right
	bad      settings.Problems // what is wrong with them
}

// takesDocument has a verb take a gateway document as its last argument, so many come before it, in place of an environment's own. With a
// document, and without --stack, it needs no project.
func (a *app) takesDocument(c *cobra.Command, before int) *cobra.Command {
	c.Args = cobra.RangeArgs(before, before+1)
	c.PreRunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > before && !cmd.Flags().Changed("stack") {
			return nil
		}
		return a.locate()
	}
	c.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) == before {
			return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return c
}

// source finds the document of a verb's arguments, and reads the stack file where an environment is meant.
func (a *app) source(cmd *cobra.Command, args []string, before int) (source, error) {
	var s source
	named := len(args) > before
	if named {
		s.file, s.name = args[before], args[before]
	}
	if named && !cmd.Flags().Changed("stack") {
		return s, nil
	}
	s.stack = true
	var err error
	s.settings, err = a.settings()
	if err != nil && !errors.As(err, &s.bad) {
		return s, err // there is no such environment, or its stack file cannot be read
	}
	if s.name = a.stack; !named {
		s.file = a.document()
	}
	return s, nil
}

// rules are those of the environment.
func (s source) rules() []config.Rule {
	if !s.stack {
		return nil
	}
	return []config.Rule{infra.DocumentRule(s.settings)}
}

// missing says that there is no document, and what to do about it.
func (a *app) missing(s source) error {
	if !s.stack || s.file != a.document() {
		hint := ""
		if slices.Contains(a.environments(), s.file) {
			hint = fmt.Sprintf("; is the environment meant: -s %s?", s.file)
		}
		return usageError{fmt.Errorf("there is no gateway document %q%s", s.file, hint)}
	}
	return usageError{fmt.Errorf("environment %q has no gateway document: write %s; shared/config/README.md says how", a.stack, s.file)}
}

// load reads the document; what is only to be warned of is printed. What is wrong with the stack file is for check.
func (a *app) load(s source) (*gateway.Model, error) {
	m, warnings, err := config.Audit(s.file, s.rules()...)
	for _, w := range warnings {
		a.step("warning: %v", w)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, a.missing(s)
	}
	return m, err
}

// hosts are the names that the environment's gateway answers for, the one that clients use first: each region answers for its own beside it. None,
// which is all, without an environment.
func (s source) hosts() []string {
	if s.settings.Hostname == "" {
		return nil
	}
	hosts := []string{s.settings.Hostname}
	for _, r := range s.settings.Regions {
		if p, ok := catalog.Provider(r.Provider); ok {
			if label, known := p.Spec().Regions[r.Name]; known {
				hosts = append(hosts, provider.OwnName(label, r.Provider, s.settings.Hostname))
			}
		}
	}
	return hosts
}
