package cli

import (
	"errors"
	"io/fs"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"polygate.example/infra"
	"polygate.example/infra/settings"
	"polygate.example/shared/config"
	"polygate.example/tools/internal/findings"
	"polygate.example/tools/internal/schema"
)

func (a *app) checkCommand() *cobra.Command {
	var asJSON, asSARIF bool
	c := &cobra.Command{
		Use:   "check [document]",
		Short: "Check the environment's stack file and gateway document, or a document alone; every problem at its line",
		Long: `check reads stacks/Pulumi.<env>.yaml and stacks/<env>.gateway.yaml and reports every problem of both, each as
file:line:column, what is wrong and what would be right. It changes nothing and needs no cloud.

A document that is named is checked alone, in any folder; with --stack, in place of the environment's own.

--json prints formatVersion, valid, errors, warnings, model, and problems: a list of file, line and column (from 1, in
characters), pointer (RFC 6901, into the document), severity (error, warning or note), rule, what, remedy, and related,
other places of the same file. The rule is the part of the document that a problem is about, such as routes.match.path,
or syntax, or key, or stack.<key>. --sarif prints SARIF 2.1.0 for code scanning. The exit code is 2 if there is an error.`,
		Example: "  polygate check -s prod\n  polygate check shop.gateway.yaml\n  polygate check -s prod --sarif > polygate.sarif",
		RunE: func(cmd *cobra.Command, args []string) error {
			if asJSON && asSARIF {
				return usageError{errors.New("--json and --sarif are two forms of one result: want one of them")}
			}
			s, err := a.source(cmd, args, 0)
			if err != nil {
				return err
			}
			found, err := a.check(s)
			if err != nil {
				return err
			}
			found.Sort()
			switch {
			case asJSON:
				err = found.WriteJSON(a.out)
			case asSARIF:
				v, _, _ := strings.Cut(version(), ",")
				err = found.WriteSARIF(a.out, v)
			default:
				return a.tell(s, found)
			}
			if err == nil && !found.Valid {
				err = misconfigured{}
			}
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&asSARIF, "sarif", false, "print SARIF 2.1.0, for code scanning")
	return a.takesDocument(c, 0)
}

// check finds everything that is to be said of a document and, where an environment is meant, of its stack file.
func (a *app) check(s source) (*findings.Report, error) {
	places, err := schema.NewPlaces()
	if err != nil {
		return nil, err
	}
	found := findings.New()
	if s.stack {
		found.Stack(settings.Path(a.root, a.stack), s.bad, findings.Error)
	}
	model, warnings, err := config.Audit(s.file, s.rules()...)
	found.Document(warnings, findings.Warning, places)
	var problems config.Problems
	switch {
	case errors.Is(err, fs.ErrNotExist):
		found.Add(findings.Finding{File: s.file, Line: 1, Column: 1, Severity: findings.Error, Rule: "unreadable", What: a.missing(s).Error()}, "the document is there")
	case errors.As(err, &problems):
		found.Document(problems, findings.Error, places)
	case err != nil:
		return nil, err
	}
	if !found.Valid {
		return found, nil
	}
	found.Model = model.Digest()
	if !s.stack {
		return found, nil
	}
	if err := a.checkStack(s, found); err != nil || !found.Valid {
		found.Model = ""
		return found, err
	}
	for _, note := range a.loopbackNotes(s.settings, model) {
		found.Add(findings.Finding{File: s.file, Line: 1, Column: 1, Severity: findings.Note, Rule: "upstreams.targets.url", What: note}, "who is behind the gateway")
	}
	return found, nil
}

// checkStack adds what is to be said of a stack file that is valid, and of the certificate that it names.
func (a *app) checkStack(s source, found *findings.Report) error {
	path := settings.Path(a.root, a.stack)
	switch err := a.checkCertificate(s.settings, time.Now()); {
	case errors.Is(err, fs.ErrNotExist): // whoever checks a change need not hold it
		a.step("note: not looked at: %v", err)
	case err != nil:
		rule := func(settings.Settings, settings.Lookup) (out []settings.Problem) {
			for line := range strings.Lines(err.Error()) {
				out = append(out, settings.Problemf("certificate", nil, "%s", strings.TrimPrefix(strings.TrimSpace(line), "polygate:certificate: ")))
			}
			return out
		}
		problems, err := settings.Warnings(path, s.settings, rule) // each with its place
		if err != nil {
			return err
		}
		found.Stack(path, problems, findings.Error)
	}
	idle, err := infra.Warnings(a.root, s.settings)
	found.Stack(path, idle, findings.Warning)
	return err
}

// tell prints what was found for people.
func (a *app) tell(s source, found *findings.Report) error {
	var wrong []string
	for _, f := range found.Problems {
		switch {
		case f.Severity == findings.Error && f.Rule == "unreadable":
			wrong = append(wrong, f.What) // it has no line
		case f.Severity == findings.Error:
			wrong = append(wrong, f.String())
		case f.Severity == findings.Note:
			a.step("note: %s", f.What)
		default:
			a.step("%s: %s", f.Severity, f)
		}
	}
	if len(wrong) > 0 {
		return usageError{errors.New(strings.Join(wrong, "\n"))}
	}
	a.result("%s: ok, model %s\n", s.name, found.Model)
	return nil
}
