package resource

import (
	"encoding/json"
	"maps"
	"reflect"
)

// sig is the key by which Pulumi's state marks values that are not plain: secrets, assets, archives
// (github.com/pulumi/pulumi/sdk/v3/go/common/resource/sig).
const sig = "4dabf18193072939515e22adb298388d"

// Matching returns the ids of the records of a type that were made from these inputs, as the engine's state holds them. Each
// stands under a key of its own: an id is unique only where it is, as the same domain name in two regions of AWS shows.
// Secrets, assets and archives are left out of the comparison: the state does not hold them in clear, or not at all.
func (v View) Matching(token string, inputs map[string]any) map[string]string {
	want := plainOf(inputs)
	ids := map[string]string{}
	for _, r := range v.List(token) {
		have := map[string]any{}
		b, err := json.Marshal(r.Inputs)
		if err != nil || json.Unmarshal(b, &have) != nil {
			continue
		}
		have = plainOf(have)
		// What the state leaves out cannot be compared; what the record does not have was refused.
		maps.DeleteFunc(have, func(k string, _ any) bool { _, ok := want[k]; return !ok })
		if reflect.DeepEqual(want, have) {
			ids[r.key()] = r.ID
		}
	}
	return ids
}

// plainOf keeps the entries that hold nothing but plain values.
func plainOf(m map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		if k != "__defaults" && v != nil && isPlain(v) {
			out[k] = v
		}
	}
	return out
}

func isPlain(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		if _, marked := v[sig]; marked {
			return false
		}
		for _, e := range v {
			if !isPlain(e) {
				return false
			}
		}
	case []any:
		for _, e := range v {
			if !isPlain(e) {
				return false
			}
		}
	}
	return true
}
