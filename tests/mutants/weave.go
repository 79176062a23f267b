package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strings"
)

// chosen is the environment variable by whose number a build of many mutants has one of them; 0 is none.
const chosen = "POLYGATE_MUTANT"

// woven is source in which each rule stands whole beside its mutants: a function whose body has one becomes a choice between what it
// was and what each mutant makes of it, so that one build serves all mutants of a package.
type woven struct {
	files    map[string]string // by path from the root of the checkout
	packages map[string]string // name of the package of every folder that has one of them
}

// weave makes the source of mutants that all change the body of a function; read gives a file of the tree. The mutant at i is number i+1.
func weave(mutants []mutant, read func(file string) (string, error)) (woven, error) {
	w := woven{map[string]string{}, map[string]string{}}
	of := map[string][]int{}
	for i, m := range mutants {
		of[m.File] = append(of[m.File], i)
	}
	for file, those := range of {
		source, err := read(file)
		if err != nil {
			return woven{}, err
		}
		parsed, err := parseFile(file, source)
		if err != nil {
			return woven{}, err
		}
		changes := map[*function][]version{}
		for _, i := range those {
			f, text, err := parsed.mutated(mutants[i])
			if err != nil {
				return woven{}, err
			}
			changes[f] = append(changes[f], version{i + 1, text})
		}
		for _, f := range slices.Backward(parsed.functions) { // from the end, so that offsets hold
			if versions := changes[f]; len(versions) > 0 {
				source = source[:f.start] + f.choice(versions) + source[f.end:]
			}
		}
		w.files[file] = source
		w.packages[path.Dir(file)] = parsed.name
	}
	for folder, name := range w.packages {
		w.files[path.Join(folder, "polygate_mutant.go")] = fmt.Sprintf(
			"package %s\n\nimport (\n\t\"os\"\n\t\"strconv\"\n)\n\nvar polygateMutant, _ = strconv.Atoi(os.Getenv(%q))\n", name, chosen)
	}
	return w, nil
}

// parsedFile is a file and its functions, in their order.
type parsedFile struct {
	file, name, source string
	functions          []*function
}

// function is a declaration: where it stands, and the parts that a choice is made of.
type function struct {
	decl       *ast.FuncDecl
	source     string
	start, end int // of its text, from `func` on
	from       token.Pos
}

// version is what a mutant makes of a function: the whole text.
type version struct {
	number int
	text   string
}

func parseFile(file, source string) (*parsedFile, error) {
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	p := &parsedFile{file: file, name: parsed.Name.Name, source: source}
	base := parsed.FileStart
	for _, d := range parsed.Decls {
		if d, ok := d.(*ast.FuncDecl); ok && d.Body != nil {
			p.functions = append(p.functions, &function{d, source, int(d.Pos() - base), int(d.End() - base), base})
		}
	}
	return p, nil
}

// mutated is the function whose body the mutant changes, and what it becomes.
func (p *parsedFile) mutated(m mutant) (*function, string, error) {
	text, err := m.apply(p.source)
	if err != nil {
		return nil, "", err
	}
	at := strings.Index(p.source, m.Find)
	for _, f := range p.functions {
		if f.at(f.decl.Body.Lbrace) >= at || f.at(f.decl.Body.Rbrace) < at+len(m.Find) || f.decl.Name.Name == "init" || f.decl.Name.Name == "_" {
			continue
		}
		changed, err := parseFile(p.file, text)
		if err != nil {
			return nil, "", err
		}
		i := slices.Index(p.functions, f)
		if len(changed.functions) != len(p.functions) || changed.functions[i].end-f.end != len(m.Put)-len(m.Find) {
			break
		}
		return f, text[changed.functions[i].start:changed.functions[i].end], nil
	}
	return nil, "", fmt.Errorf("%s: %q is not within a function", m.File, m.Find)
}

func (f *function) at(p token.Pos) int { return int(p - f.from) }

func (f *function) text(n ast.Node) string { return f.source[f.at(n.Pos()):f.at(n.End())] }

// choice is a function of the same name and signature, and all versions of it by names of their own.
func (f *function) choice(versions []version) string {
	name := f.decl.Name.Name
	var params, args, types []string
	for _, field := range f.decl.Type.Params.List {
		for range max(1, len(field.Names)) {
			p := fmt.Sprint("p", len(params))
			params = append(params, p+" "+f.text(field.Type))
			if _, ok := field.Type.(*ast.Ellipsis); ok {
				p += "..."
			}
			args = append(args, p)
		}
	}
	receiver, call := "", ""
	if f.decl.Recv != nil {
		receiver, call = "(r "+f.text(f.decl.Recv.List[0].Type)+") ", "r."
	}
	generic := ""
	if list := f.decl.Type.TypeParams; list != nil {
		generic = f.text(list)
		for _, field := range list.List {
			for _, n := range field.Names {
				types = append(types, n.Name)
			}
		}
	}
	results, give := "", "%s; return"
	if list := f.decl.Type.Results; list != nil {
		results, give = " "+f.text(list), "return %s"
	}
	invoke := func(number int) string {
		to := fmt.Sprintf("%s%s__%d", call, name, number)
		if len(types) > 0 {
			to += "[" + strings.Join(types, ", ") + "]"
		}
		return fmt.Sprintf(give, to+"("+strings.Join(args, ", ")+")")
	}
	var b, all strings.Builder
	fmt.Fprintf(&b, "func %s%s%s(%s)%s {\n\tswitch polygateMutant {\n", receiver, name, generic, strings.Join(params, ", "), results)
	rename := func(text string, number int) {
		after := f.at(f.decl.Name.End()) - f.start // the signature is the same in every version
		fmt.Fprintf(&all, "\n%s__%d%s\n", text[:after], number, text[after:])
	}
	rename(f.source[f.start:f.end], 0)
	for _, v := range versions {
		fmt.Fprintf(&b, "\tcase %d:\n\t\t%s\n", v.number, invoke(v.number))
		rename(v.text, v.number)
	}
	fmt.Fprintf(&b, "\tdefault:\n\t\t%s\n\t}\n}\n", invoke(0))
	return b.String() + all.String()
}
