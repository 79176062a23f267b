package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// stackKeys are the keys a Pulumi stack file may have (pulumi.com/docs/iac/concepts/projects/stack-settings-file).
var stackKeys = []string{"config", "encryptedkey", "encryptionsalt", "environment", "secretsprovider"}

// Load validates a stack file, Pulumi.<environment>.yaml, through the same checks as FromConfig. Each problem says
// at which file:line:column it is; unknown keys of the polygate namespace are problems, too. The error is of type
// Problems unless the file cannot be read at all.
func Load(stackFile string, rules ...Rule) (Settings, error) {
	f, err := open(stackFile)
	if err != nil {
		return Settings{}, err
	}
	s, err := FromConfig(f.environment, f.get, rules...)
	var problems Problems
	if err != nil && !errors.As(err, &problems) {
		return Settings{}, err
	}
	problems = slices.Concat(f.unknown(), f.malformed(), inClear(f.environment, f.get), problems)
	for i, p := range problems {
		problems[i].At = f.position(p)
	}
	if len(problems) > 0 {
		return s, problems
	}
	return s, nil
}

// Warnings are what rules find to say of settings that are valid, each with its place in the stack file.
func Warnings(stackFile string, s Settings, rules ...Rule) (Problems, error) {
	f, err := open(stackFile)
	if err != nil {
		return nil, err
	}
	var found Problems
	for _, rule := range rules {
		found = append(found, rule(s, f.get)...)
	}
	for i, p := range found {
		found[i].At = f.position(p)
	}
	return found, nil
}

// FileLookup is the Lookup of a stack file: its values as the Pulumi engine would pass them, secrets in their encrypted form.
func FileLookup(stackFile string) (Lookup, error) {
	f, err := open(stackFile)
	if err != nil {
		return nil, err
	}
	return f.get, nil
}

// CheckKeys reports the keys of a stack file that do not exist, and secrets in clear. A Pulumi program sees only the keys it
// asks for, decrypted, so both would go unnoticed without it. A file that does not exist has no keys: Pulumi can be given
// another one by --config-file.
func CheckKeys(stackFile string) error {
	f, err := open(stackFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if problems := slices.Concat(f.unknown(), f.malformed(), inClear(f.environment, f.get)); len(problems) > 0 {
		for i, p := range problems {
			problems[i].At = f.position(p)
		}
		return problems
	}
	return nil
}

// Value is what a stack file has for a key of another namespace than ours, such as azure-native:subscriptionId; "" when it has
// nothing.
func Value(stackFile, key string) (string, error) {
	f, err := open(stackFile)
	if err != nil {
		return "", err
	}
	v, _ := f.get(key)
	return v, nil
}

// stack is a parsed stack file.
type stack struct {
	file        string
	environment string
	top         []*ast.MappingValueNode
	config      []*ast.MappingValueNode
}

func open(path string) (*stack, error) {
	name, ok := strings.CutPrefix(filepath.Base(path), "Pulumi.")
	environment, isYAML := strings.CutSuffix(name, ".yaml")
	if !ok || !isYAML || environment == "" {
		return nil, fmt.Errorf("%s is not a stack file: want a name like Pulumi.dev.yaml", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read stack file: %w", err)
	}
	f := &stack{file: path, environment: environment}
	parsed, err := parser.ParseBytes(b, 0)
	if err != nil {
		return nil, syntaxProblem(path, err)
	}
	if len(parsed.Docs) > 1 {
		return nil, Problems{{Key: "file", At: path + ":1:1", Message: "has several YAML documents: want one"}}
	}
	if len(parsed.Docs) == 1 && parsed.Docs[0].Body != nil {
		if f.top, ok = entries(parsed.Docs[0].Body); !ok {
			return nil, Problems{{Key: "file", At: at(path, parsed.Docs[0].Body), Message: "is not a map: want `config:` and the dials below it"}}
		}
	}
	for _, e := range f.top {
		if keyOf(e) != "config" || e.Value.Type() == ast.NullType {
			continue
		}
		if f.config, ok = entries(e.Value); !ok {
			return nil, Problems{{Key: "config", At: at(path, e.Value), Message: "is not a map: want keys like polygate:hostname"}}
		}
	}
	return f, nil
}

func syntaxProblem(path string, err error) error {
	var syntax yaml.Error
	if !errors.As(err, &syntax) || syntax.GetToken() == nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return Problems{{Key: "file", At: pos(path, syntax.GetToken()), Message: "is not YAML: " + syntax.GetMessage()}}
}

// get is the file's Lookup: values as the Pulumi engine would pass them.
func (f *stack) get(key string) (string, bool) {
	for _, e := range f.config {
		if keyOf(e) != key {
			continue
		}
		switch n := e.Value.(type) {
		case ast.ScalarNode:
			return n.GetToken().Value, n.Type() != ast.NullType
		default:
			var v any
			if err := yaml.NodeToValue(e.Value, &v); err != nil {
				return e.Value.String(), true
			}
			b, err := json.Marshal(v)
			if err != nil {
				return e.Value.String(), true
			}
			return string(b), true
		}
	}
	return "", false
}

func (f *stack) unknown() Problems {
	var problems Problems
	for _, e := range f.top {
		if k := keyOf(e); !slices.Contains(stackKeys, k) {
			problems = append(problems, Problem{Key: k, Message: "is unknown at the top of a stack file" + Nearest(k, stackKeys) + ": want " + List(stackKeys)})
		}
	}
	for _, e := range f.config {
		namespace, name, ok := strings.Cut(keyOf(e), ":")
		switch {
		case !ok:
			problems = append(problems, Problem{Key: keyOf(e), Message: "has no namespace: want for example " + Namespace + ":" + keyOf(e)})
		case namespace != Namespace && Nearest(namespace, []string{Namespace}) != "":
			problems = append(problems, Problem{Key: keyOf(e), Message: "has an unknown namespace" + Nearest(namespace, []string{Namespace}) + ": nobody would read it; want " + Namespace + ":" + name})
		case misspelt(namespace, name):
			problems = append(problems, Problem{Key: keyOf(e), Message: "is unknown to " + namespace + Nearest(name, providerKeys[namespace]) + ": nobody would read it"})
		case namespace == Namespace && !slices.Contains(Keys(), name):
			problems = append(problems, Problem{Key: keyOf(e), Message: "is unknown" + Nearest(name, Keys()) + ": want one of " + strings.Join(Keys(), ", ")})
		}
	}
	return problems
}

// saltForm is what Pulumi keeps of a passphrase: a version, eight bytes of salt, and the word "pulumi" encrypted with twelve bytes of
// nonce, by which it knows the passphrase again. Source: symmetricCrypterFromPhraseAndState, pulumi/pulumi, pkg/secrets/passphrase/
// manager.go; symmetricCrypter, sdk/go/common/resource/config/crypt.go.
var saltForm = regexp.MustCompile(`^v1:[A-Za-z0-9+/]{11}=:v1:[A-Za-z0-9+/]{16}:[A-Za-z0-9+/]{30}==$`)

// malformed reports what Pulumi itself keeps at the top of a stack file and could not read back.
func (f *stack) malformed() Problems {
	var problems Problems
	for _, e := range f.top {
		if keyOf(e) != "encryptionsalt" {
			continue
		}
		if n, ok := e.Value.(ast.ScalarNode); !ok || !saltForm.MatchString(n.GetToken().Value) {
			problems = append(problems, Problem{Key: "encryptionsalt", Message: "is not as Pulumi writes it, v1:<salt>:v1:<nonce>:<text>: take the line back from git; " +
				"where nothing is encrypted yet, take it out, and Pulumi writes another"})
		}
	}
	return problems
}

// position finds the place of a problem: the value it names, or as near above it as there is something in the file.
func (f *stack) position(p Problem) string {
	for _, list := range [][]*ast.MappingValueNode{f.config, f.top} {
		for _, e := range list {
			if keyOf(e) != p.Key {
				continue
			}
			if len(p.Path) == 0 {
				return at(f.file, e.Key)
			}
			return at(f.file, descend(e, p.Path))
		}
	}
	for _, e := range f.top { // a key that is missing: where it would be
		if keyOf(e) == "config" && strings.Contains(p.Key, ":") {
			return at(f.file, e.Key)
		}
	}
	return f.file + ":1:1"
}

// descend follows a path of field names and indices as far as it goes.
func descend(e *ast.MappingValueNode, path []string) ast.Node {
	var found ast.Node = e.Key
	var value ast.Node = e.Value
	for _, step := range path {
		if seq, ok := value.(*ast.SequenceNode); ok {
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(seq.Values) {
				return found
			}
			found, value = seq.Values[i], seq.Values[i]
			continue
		}
		fields, ok := entries(value)
		i := slices.IndexFunc(fields, func(c *ast.MappingValueNode) bool { return keyOf(c) == step })
		if !ok || i < 0 {
			return found
		}
		found, value = fields[i].Key, fields[i].Value
	}
	return found
}

// entries are the entries of a map; the parser gives a map of one entry a type of its own.
func entries(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	default:
		return nil, false
	}
}

func keyOf(e *ast.MappingValueNode) string { return e.Key.GetToken().Value }

func at(file string, n ast.Node) string { return pos(file, n.GetToken()) }

func pos(file string, t *token.Token) string {
	return fmt.Sprintf("%s:%d:%d", file, t.Position.Line, t.Position.Column)
}
