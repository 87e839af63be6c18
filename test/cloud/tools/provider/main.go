// A Terraform provider that is only a schema: it reads schema.json beside itself, plans what its
// arguments say, and makes up what is computed. It checks names, types and required arguments as the
// real provider's schema does, and nothing that only the real service knows.
package main

import (
	"context"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// Attribute: Type in Terraform's JSON form, such as "string" or ["list","string"].
type Attribute struct {
	Type                         json.RawMessage
	Required, Optional, Computed bool
}

// Block: nested blocks are lists, sets or single ones.
type Block struct {
	Attributes map[string]Attribute
	Blocks     map[string]struct {
		Nesting string
		Block   Block
	}
}

type document struct {
	Name                   string
	Provider               Block
	Resources, DataSources map[string]Block
}

type server struct {
	doc document
}

func main() {
	self, err := os.Executable()
	check(err)
	text, err := os.ReadFile(filepath.Join(filepath.Dir(self), "schema.json"))
	check(err)
	s := &server{}
	check(json.Unmarshal(text, &s.doc))
	check(tf6server.Serve(s.doc.Name, func() tfprotov6.ProviderServer { return s }))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func schemaOf(b Block) *tfprotov6.SchemaBlock {
	out := &tfprotov6.SchemaBlock{}
	for name, a := range b.Attributes {
		t, err := tftypes.ParseJSONType(a.Type) //nolint:staticcheck
		check(err)
		out.Attributes = append(out.Attributes, &tfprotov6.SchemaAttribute{
			Name: name, Type: t, Required: a.Required, Optional: a.Optional, Computed: a.Computed})
	}
	for name, n := range b.Blocks {
		nesting := tfprotov6.SchemaNestedBlockNestingModeList
		var most int64
		switch n.Nesting {
		case "set":
			nesting = tfprotov6.SchemaNestedBlockNestingModeSet
		case "single":
			most = 1
		}
		out.BlockTypes = append(out.BlockTypes, &tfprotov6.SchemaNestedBlock{
			TypeName: name, Nesting: nesting, MaxItems: most, Block: schemaOf(n.Block)})
	}
	return out
}

func schemas(blocks map[string]Block) map[string]*tfprotov6.Schema {
	out := map[string]*tfprotov6.Schema{}
	for name, b := range blocks {
		out[name] = &tfprotov6.Schema{Block: schemaOf(b)}
	}
	return out
}

func value(v *tfprotov6.DynamicValue, b Block) (tftypes.Value, tftypes.Type) {
	t := (&tfprotov6.Schema{Block: schemaOf(b)}).ValueType()
	out, err := v.Unmarshal(t)
	check(err)
	return out, t
}

// fill gives the top-level attributes that are computed and null another value.
func fill(v tftypes.Value, t tftypes.Type, b Block, with func(name string, t tftypes.Type) tftypes.Value) *tfprotov6.DynamicValue {
	if !v.IsNull() {
		members := map[string]tftypes.Value{}
		check(v.As(&members))
		for name, a := range b.Attributes {
			if a.Computed && (members[name].IsNull() || !members[name].IsKnown()) {
				members[name] = with(name, members[name].Type())
			}
		}
		v = tftypes.NewValue(t, members)
	}
	out, err := tfprotov6.NewDynamicValue(t, v)
	check(err)
	return &out
}

func unknown(_ string, t tftypes.Type) tftypes.Value {
	return tftypes.NewValue(t, tftypes.UnknownValue)
}

func invented(name string, t tftypes.Type) tftypes.Value {
	switch {
	case t.Is(tftypes.String) && name == "json":
		return tftypes.NewValue(t, "{}")
	case t.Is(tftypes.String) && name == "arn":
		return tftypes.NewValue(t, "arn:aws:service:eu-west-2:123456789012:made-up/1")
	case t.Is(tftypes.List{ElementType: tftypes.String}):
		var three []tftypes.Value
		for _, last := range []string{"a", "b", "c"} {
			three = append(three, tftypes.NewValue(tftypes.String, "made-up-"+name+"-"+last))
		}
		return tftypes.NewValue(t, three)
	case t.Is(tftypes.String):
		return tftypes.NewValue(t, "made-up-"+name)
	case t.Is(tftypes.Number):
		return tftypes.NewValue(t, big.NewFloat(1))
	case t.Is(tftypes.Bool):
		return tftypes.NewValue(t, false)
	}
	return tftypes.NewValue(t, nil)
}

func (s *server) GetMetadata(context.Context, *tfprotov6.GetMetadataRequest) (*tfprotov6.GetMetadataResponse, error) {
	return &tfprotov6.GetMetadataResponse{}, nil
}

func (s *server) GetProviderSchema(context.Context, *tfprotov6.GetProviderSchemaRequest) (*tfprotov6.GetProviderSchemaResponse, error) {
	return &tfprotov6.GetProviderSchemaResponse{
		Provider:          &tfprotov6.Schema{Block: schemaOf(s.doc.Provider)},
		ResourceSchemas:   schemas(s.doc.Resources),
		DataSourceSchemas: schemas(s.doc.DataSources)}, nil
}

func (s *server) ValidateProviderConfig(_ context.Context, r *tfprotov6.ValidateProviderConfigRequest) (*tfprotov6.ValidateProviderConfigResponse, error) {
	return &tfprotov6.ValidateProviderConfigResponse{PreparedConfig: r.Config}, nil
}

func (s *server) ConfigureProvider(context.Context, *tfprotov6.ConfigureProviderRequest) (*tfprotov6.ConfigureProviderResponse, error) {
	return &tfprotov6.ConfigureProviderResponse{}, nil
}

func (s *server) StopProvider(context.Context, *tfprotov6.StopProviderRequest) (*tfprotov6.StopProviderResponse, error) {
	return &tfprotov6.StopProviderResponse{}, nil
}

func (s *server) ValidateResourceConfig(context.Context, *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	return &tfprotov6.ValidateResourceConfigResponse{}, nil
}

func (s *server) ValidateDataResourceConfig(context.Context, *tfprotov6.ValidateDataResourceConfigRequest) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	return &tfprotov6.ValidateDataResourceConfigResponse{}, nil
}

func (s *server) UpgradeResourceState(_ context.Context, r *tfprotov6.UpgradeResourceStateRequest) (*tfprotov6.UpgradeResourceStateResponse, error) {
	t := (&tfprotov6.Schema{Block: schemaOf(s.doc.Resources[r.TypeName])}).ValueType()
	v, err := r.RawState.Unmarshal(t)
	check(err)
	out, err := tfprotov6.NewDynamicValue(t, v)
	check(err)
	return &tfprotov6.UpgradeResourceStateResponse{UpgradedState: &out}, nil
}

func (s *server) ReadResource(_ context.Context, r *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	return &tfprotov6.ReadResourceResponse{NewState: r.CurrentState}, nil
}

func (s *server) PlanResourceChange(_ context.Context, r *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	b := s.doc.Resources[r.TypeName]
	v, t := value(r.ProposedNewState, b)
	prior, _ := value(r.PriorState, b)
	if !prior.IsNull() {
		return &tfprotov6.PlanResourceChangeResponse{PlannedState: r.ProposedNewState}, nil
	}
	return &tfprotov6.PlanResourceChangeResponse{PlannedState: fill(v, t, b, unknown)}, nil
}

func (s *server) ApplyResourceChange(_ context.Context, r *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	b := s.doc.Resources[r.TypeName]
	v, t := value(r.PlannedState, b)
	return &tfprotov6.ApplyResourceChangeResponse{NewState: fill(v, t, b, invented)}, nil
}

func (s *server) ReadDataSource(_ context.Context, r *tfprotov6.ReadDataSourceRequest) (*tfprotov6.ReadDataSourceResponse, error) {
	b := s.doc.DataSources[r.TypeName]
	v, t := value(r.Config, b)
	return &tfprotov6.ReadDataSourceResponse{State: fill(v, t, b, invented)}, nil
}

func (s *server) ImportResourceState(context.Context, *tfprotov6.ImportResourceStateRequest) (*tfprotov6.ImportResourceStateResponse, error) {
	return &tfprotov6.ImportResourceStateResponse{}, nil
}

func (s *server) MoveResourceState(context.Context, *tfprotov6.MoveResourceStateRequest) (*tfprotov6.MoveResourceStateResponse, error) {
	return &tfprotov6.MoveResourceStateResponse{}, nil
}

func (s *server) CallFunction(context.Context, *tfprotov6.CallFunctionRequest) (*tfprotov6.CallFunctionResponse, error) {
	return &tfprotov6.CallFunctionResponse{}, nil
}

func (s *server) GetFunctions(context.Context, *tfprotov6.GetFunctionsRequest) (*tfprotov6.GetFunctionsResponse, error) {
	return &tfprotov6.GetFunctionsResponse{}, nil
}

func (s *server) ValidateEphemeralResourceConfig(context.Context, *tfprotov6.ValidateEphemeralResourceConfigRequest) (*tfprotov6.ValidateEphemeralResourceConfigResponse, error) {
	return &tfprotov6.ValidateEphemeralResourceConfigResponse{}, nil
}

func (s *server) OpenEphemeralResource(context.Context, *tfprotov6.OpenEphemeralResourceRequest) (*tfprotov6.OpenEphemeralResourceResponse, error) {
	return &tfprotov6.OpenEphemeralResourceResponse{}, nil
}

func (s *server) RenewEphemeralResource(context.Context, *tfprotov6.RenewEphemeralResourceRequest) (*tfprotov6.RenewEphemeralResourceResponse, error) {
	return &tfprotov6.RenewEphemeralResourceResponse{}, nil
}

func (s *server) CloseEphemeralResource(context.Context, *tfprotov6.CloseEphemeralResourceRequest) (*tfprotov6.CloseEphemeralResourceResponse, error) {
	return &tfprotov6.CloseEphemeralResourceResponse{}, nil
}
