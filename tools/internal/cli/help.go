package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"polygate.example/infra/settings"
	"polygate.example/tools/internal/localcloud/fault"
)

// helpCommand is cobra's, but that it knows what it has no help on.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [verb]",
		Short:   "Help on any verb",
		Example: "  polygate help up\n  polygate help local fail",
		Args:    cobra.ArbitraryArgs,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if topic, err := topicOf(cmd.Root(), args); err == nil {
				return verbs(topic), cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			topic, err := topicOf(cmd.Root(), args)
			if err != nil {
				return err
			}
			topic.InitDefaultHelpFlag()
			return topic.Help()
		},
	}
}

// topicOf follows the words to a verb.
func topicOf(at *cobra.Command, words []string) (*cobra.Command, error) {
	for _, w := range words {
		var next *cobra.Command
		for _, sub := range at.Commands() {
			if sub.Name() == w {
				next = sub
			}
		}
		switch {
		case next == nil && !at.HasSubCommands():
			return nil, usageError{fmt.Errorf("there is no help on %q: `%s` has no verbs below it", strings.Join(words, " "), at.CommandPath())}
		case next == nil:
			return nil, usageError{fmt.Errorf("there is no help on %q: want one of %s", strings.Join(words, " "), strings.Join(verbs(at), ", "))}
		}
		at = next
	}
	return at, nil
}

// verbs are the names of the commands below one.
func verbs(c *cobra.Command) []string {
	var names []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return names
}

// helpOrUnknown is what a group of verbs does without a verb, or with one it does not have.
func helpOrUnknown(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	return usageError{fmt.Errorf("unknown verb %q%s: want one of %s", args[0], settings.Nearest(args[0], verbs(cmd)), strings.Join(verbs(cmd), ", "))}
}

// completions makes cobra's own completion verbs like the others, and has shells complete what only a project knows.
func completions(a *app, root *cobra.Command) {
	for _, c := range root.Commands() {
		if c.Name() != "completion" {
			continue
		}
		c.Example, c.RunE, c.Args = "  source <(polygate completion bash)", helpOrUnknown, cobra.ArbitraryArgs
		for _, shell := range c.Commands() {
			shell.Example = "  polygate completion " + shell.Name()
		}
	}
	complete(root, "stack", func() []string {
		if a.locate() != nil {
			return nil
		}
		return a.environments()
	})
}

// completeKinds has a shell complete --kind.
func completeKinds(c *cobra.Command) {
	complete(c, "kind", faultKinds)
}

func faultKinds() []string {
	var kinds []string
	for _, k := range fault.Kinds {
		kinds = append(kinds, string(k))
	}
	return kinds
}

func complete(c *cobra.Command, flag string, values func() []string) {
	err := c.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return values(), cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic(err) // there is no such flag: a slip in this package
	}
}

// completeTargets has a shell complete what a fault can be put on: the environment's providers, regions and managers.
func (a *app) completeTargets(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	targets, then := a.completeRegions(nil, nil, "")
	if s, err := a.settings(); err == nil {
		targets = append(targets, managersOf(s)...)
	}
	return targets, then
}

// completeRegions are the stack's providers and regions that are not named yet.
func (a *app) completeRegions(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if a.locate() != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	s, err := a.settings()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	targets := s.Providers()
	for _, r := range s.Regions {
		targets = append(targets, r.String())
	}
	return slices.DeleteFunc(targets, func(t string) bool { return slices.Contains(args, t) }), cobra.ShellCompDirectiveNoFileComp
}
