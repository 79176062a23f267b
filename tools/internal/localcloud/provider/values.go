package provider

import (
	"fmt"

	sdk "github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/archive"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/asset"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"google.golang.org/protobuf/types/known/structpb"

	"polygate.example/tools/internal/localcloud/resource"
)

// fromWire turns what the engine sends into plain values. Null entries stay, so that Check can drop them; the hashes
// of assets are the engine's and are computed only when it sent none.
func fromWire(s *structpb.Struct) (resource.Props, error) {
	m, err := plugin.UnmarshalProperties(s, plugin.MarshalOptions{
		KeepUnknowns: true, ComputeAssetHashes: true, KeepSecrets: true, KeepOutputValues: true, KeepResources: true,
	})
	if err != nil {
		return nil, fmt.Errorf("read properties: %w", err)
	}
	return props(m), nil
}

func props(m sdk.PropertyMap) resource.Props {
	out := make(resource.Props, len(m))
	for k, v := range m {
		out[string(k)] = value(v)
	}
	return out
}

// value drops secretness: the engine, which knows, marks the outputs again.
func value(v sdk.PropertyValue) any {
	switch {
	case v.IsComputed():
		return resource.Unknown{}
	case v.IsOutput():
		if !v.OutputValue().Known {
			return resource.Unknown{}
		}
		return value(v.OutputValue().Element)
	case v.IsSecret():
		return value(v.SecretValue().Element)
	case v.IsBool():
		return v.BoolValue()
	case v.IsNumber():
		return v.NumberValue()
	case v.IsString():
		return v.StringValue()
	case v.IsArray():
		out := make([]any, len(v.ArrayValue()))
		for i, e := range v.ArrayValue() {
			out[i] = value(e)
		}
		return out
	case v.IsObject():
		return props(v.ObjectValue())
	case v.IsAsset():
		a := v.AssetValue()
		return resource.Blob{Source: a.Serialize(), Hash: a.Hash}
	case v.IsArchive():
		a := v.ArchiveValue()
		return resource.Blob{Archive: true, Source: a.Serialize(), Hash: a.Hash}
	case v.IsResourceReference():
		if id := v.ResourceReferenceValue().ID; id.IsString() {
			return id.StringValue()
		}
		return resource.Unknown{}
	}
	return nil
}

// toWire is the way back. The named top-level properties are marked secret.
func toWire(p resource.Props, secrets []string) (*structpb.Struct, error) {
	m, err := propertyMap(p)
	if err != nil {
		return nil, err
	}
	for _, name := range secrets {
		if v, ok := m[sdk.PropertyKey(name)]; ok && !v.IsNull() {
			m[sdk.PropertyKey(name)] = sdk.MakeSecret(v)
		}
	}
	s, err := plugin.MarshalProperties(m, plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true})
	if err != nil {
		return nil, fmt.Errorf("write properties: %w", err)
	}
	return s, nil
}

func propertyMap(p resource.Props) (sdk.PropertyMap, error) {
	out := make(sdk.PropertyMap, len(p))
	for k, v := range p {
		pv, err := propertyValue(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
		out[sdk.PropertyKey(k)] = pv
	}
	return out, nil
}

func propertyValue(v any) (sdk.PropertyValue, error) {
	switch v := v.(type) {
	case nil:
		return sdk.NewNullProperty(), nil
	case resource.Unknown:
		return sdk.MakeComputed(sdk.NewStringProperty("")), nil
	case bool:
		return sdk.NewBoolProperty(v), nil
	case float64:
		return sdk.NewNumberProperty(v), nil
	case string:
		return sdk.NewStringProperty(v), nil
	case []any:
		out := make([]sdk.PropertyValue, len(v))
		for i, e := range v {
			pv, err := propertyValue(e)
			if err != nil {
				return sdk.PropertyValue{}, err
			}
			out[i] = pv
		}
		return sdk.NewArrayProperty(out), nil
	case resource.Props:
		m, err := propertyMap(v)
		return sdk.NewObjectProperty(m), err
	case resource.Blob:
		if v.Archive {
			a, _, err := archive.Deserialize(v.Source)
			return sdk.NewArchiveProperty(a), err
		}
		a, _, err := asset.Deserialize(v.Source)
		return sdk.NewAssetProperty(a), err
	}
	return sdk.PropertyValue{}, fmt.Errorf("a property must not hold a %T", v)
}
