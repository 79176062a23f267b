package aws

import (
	"slices"
	"strconv"

	"polygate.example/tools/internal/localcloud/resource"
)

// latest is the qualifier of a function's code that is not published.
const latest = "$LATEST"

// privateVersions keeps a function's published versions: from the number to the inputs of that time. They stay until the
// function goes, whatever points to them.
const privateVersions = "versions"

// configuration is what a version is made of. What is not here belongs to the function: its tags, what is reserved for it.
// Source: terraform-provider-aws, internal/service/lambda/function.go, needsFunctionConfigUpdate and needsFunctionCodeUpdate.
var configuration = []string{
	"architectures", "code", "sourceCodeHash", "description", "environment", "handler", "layers", "loggingConfig", "memorySize", "role",
	"runtime", "timeout",
}

// publish returns a function's versions after a create or update: one more when the program publishes and something is new to it,
// whatever else has been published meanwhile. "Lambda doesn't publish a version if the function's configuration and code haven't changed
// since the last version." Source: Lambda API reference, PublishVersion, and as configuration: only a change that the program makes has
// the provider publish.
func publish(old resource.Record, in resource.Props) resource.Props {
	versions := old.Private.Object(privateVersions).Clone()
	if !in.Bool("publish") || old.Inputs.Bool("publish") && alike(old.Inputs, in) {
		return versions
	}
	if last := versions.Object(newest(versions)); last != nil && alike(last, in) {
		return versions
	}
	versions[next(old.Private)] = in
	return versions
}

// next is the number of the next version: a number is given once, also when its version is removed. Source: "Implementing AWS:
// Design, Build, and Manage your Infrastructure", Versioning and aliases: "version numbers are never reused".
func next(private resource.Props) string {
	last := private.Int(privateRemoved)
	for _, n := range numbers(private.Object(privateVersions)) {
		last = max(last, n)
	}
	return strconv.Itoa(last + 1)
}

// numbers are the versions' numbers, the oldest first.
func numbers(versions resource.Props) []int {
	var out []int
	for _, key := range versions.Keys() {
		if n, err := strconv.Atoi(key); err == nil {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// functionProperty describes a property of the function type.
func functionProperty(name string) resource.Property {
	for _, p := range functionType().Properties {
		if p.Name == name {
			return p
		}
	}
	return resource.Property{Name: name}
}

// newest is the number of the version that was published last, or latest when none was.
func newest(versions resource.Props) string {
	all := numbers(versions)
	if len(all) == 0 {
		return latest
	}
	return strconv.Itoa(all[len(all)-1])
}

// versionOf are the inputs of what a qualifier names: a version, an alias or latest. "" is latest, too.
func versionOf(v resource.View, fn resource.Record, qualifier string) (resource.Props, bool) {
	if qualifier == "" || qualifier == latest {
		return fn.Inputs, true
	}
	if a, ok := v.Get(tokenAlias, fn.Computed.Str("arn")+":"+qualifier); ok {
		return versionOf(v, fn, a.Inputs.Str("functionVersion"))
	}
	in := fn.Private.Object(privateVersions).Object(qualifier)
	return in, in != nil
}
