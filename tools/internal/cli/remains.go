package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"polygate.example/infra/settings"
)

// remaining are the settings of an environment that is to be stopped or removed, which must work when its stack file has become
// invalid, too: what stands is known to Pulumi's state and to the local clouds themselves. whole is false where the settings hold no
// more than the environment's name.
func (a *app) remaining() (s settings.Settings, whole bool, err error) {
	if _, err := os.Stat(settings.Path(a.root, a.stack)); errors.Is(err, fs.ErrNotExist) && a.hasClouds() {
		a.step("%s is gone: going by what the local clouds keep", settings.Path(a.root, a.stack))
		return settings.Settings{Environment: a.stack}, false, nil
	}
	s, err = a.settings()
	var problems settings.Problems
	if err == nil || !errors.As(err, &problems) {
		return s, err == nil, err
	}
	if a.stack != settings.Local && slices.ContainsFunc(problems, unreadable) {
		return s, false, usageError{fmt.Errorf("what stands is known to Pulumi's state, and Pulumi reads the stack file before it: mend at least this:\n%w", problems)}
	}
	a.step("the stack file is not valid (%s), which does not matter here: going by what is deployed; `polygate check -s %s` says what is wrong", problems[0].At, a.stack)
	return settings.Settings{Environment: a.stack}, false, nil
}

// unreadable are problems that keep Pulumi itself from reading a stack file.
func unreadable(p settings.Problem) bool {
	return slices.Contains([]string{"file", "config", "encryptionsalt"}, p.Key)
}

// hasClouds reports whether the environment has local clouds, running or not.
func (a *app) hasClouds() bool {
	_, err := os.Stat(a.cloudDir())
	return a.stack == settings.Local && err == nil
}

// hasLocalClouds refuses environments without local clouds. A stack file that is not valid is no reason to.
func (a *app) hasLocalClouds() error {
	s, whole, err := a.remaining()
	if err != nil {
		return err
	}
	return a.local(s, whole)
}

// local refuses an environment that runs on real clouds; the one with local clouds is known by its name.
func (a *app) local(s settings.Settings, whole bool) error {
	if whole && s.LocalClouds == nil || !whole && a.stack != settings.Local {
		return usageError{fmt.Errorf("%q runs on real clouds: only an environment with polygate:localClouds in its stack file has local ones", a.stack)}
	}
	return nil
}
