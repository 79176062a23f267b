package wire

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"polygate.example/tools/internal/localcloud/aws"
	"polygate.example/tools/internal/localcloud/resource"
)

const (
	tokenControlPanel   = "aws:route53recoverycontrol/controlPanel:ControlPanel"
	tokenRoutingControl = "aws:route53recoverycontrol/routingControl:RoutingControl"
	recoveryTarget      = "ToggleCustomerAPI." // X-Amz-Target is this and the operation
	// maxControls is how many controls one call may switch (ARC developer guide, "Quotas for routing control").
	maxControls = 10
)

// Recovery is what each endpoint of an Application Recovery Controller cluster answers. It is a data plane: "designed for resilience so
// that it can maintain availability even during disruptive events, when a control plane might become unavailable" (ARC developer guide,
// "Data and control planes for routing control"), and goes on when AWS's API is broken on purpose. now is cloud time. Source: Routing
// Control API reference, docs.aws.amazon.com/routing-control/latest/APIReference.
func Recovery(a Access, store *resource.Store, now func() time.Time) http.Handler {
	api := amazon{access: a, service: "route53-recovery-cluster", write: awsJSONFault,
		missing: "MissingAuthenticationTokenException", unknownKey: "UnrecognizedClientException", mismatch: "InvalidSignatureException"}
	r := recoveryAPI{store, now}
	operations := map[string]func(http.ResponseWriter, awsCall) *awsFault{
		"GetRoutingControlState": r.get, "ListRoutingControls": r.list, "UpdateRoutingControlState": r.updateOne, "UpdateRoutingControlStates": r.update,
	}
	return api.handle(func(w http.ResponseWriter, c awsCall) *awsFault {
		name, ok := strings.CutPrefix(c.Header.Get("X-Amz-Target"), recoveryTarget)
		do := operations[name]
		if c.Method != http.MethodPost || !ok || do == nil {
			return &awsFault{http.StatusNotFound, "UnknownOperationException", fmt.Sprintf("The requested operation is invalid: %s %q", c.Method, c.Header.Get("X-Amz-Target"))} // "Common Errors"
		}
		return do(w, c)
	})
}

// recoveryAPI answers calls about routing controls.
type recoveryAPI struct {
	store *resource.Store
	now   func() time.Time
}

// routingControl is the data type RoutingControl.
type routingControl struct {
	ControlPanelArn     string `json:",omitempty"`
	ControlPanelName    string `json:",omitempty"`
	RoutingControlArn   string
	RoutingControlName  string
	RoutingControlState string
}

func (r recoveryAPI) get(w http.ResponseWriter, c awsCall) *awsFault {
	var in struct{ RoutingControlArn string }
	if f := awsDecode(c, &in); f != nil {
		return f
	}
	v := r.store.View()
	control, ok := v.Get(tokenRoutingControl, in.RoutingControlArn)
	if !ok {
		return noRoutingControl(in.RoutingControlArn)
	}
	out := controlOf(v, control)
	out.ControlPanelArn, out.ControlPanelName = "", ""
	return awsJSON(w, out)
}

// list answers with all controls of a panel at once: a panel has no more than a page takes.
func (r recoveryAPI) list(w http.ResponseWriter, c awsCall) *awsFault {
	var in struct{ ControlPanelArn *string }
	if f := awsDecode(c, &in); f != nil {
		return f
	}
	v := r.store.View()
	if in.ControlPanelArn != nil {
		if _, ok := v.Get(tokenControlPanel, *in.ControlPanelArn); !ok {
			return &awsFault{http.StatusBadRequest, "ResourceNotFoundException", fmt.Sprintf("Control panel %s was not found", *in.ControlPanelArn)}
		}
	}
	out := struct{ RoutingControls []routingControl }{[]routingControl{}}
	for _, control := range v.List(tokenRoutingControl) {
		if in.ControlPanelArn == nil || control.Inputs.Str("controlPanelArn") == *in.ControlPanelArn {
			out.RoutingControls = append(out.RoutingControls, controlOf(v, control))
		}
	}
	return awsJSON(w, out)
}

// controlOf is a record in the cluster's own form.
func controlOf(v resource.View, control resource.Record) routingControl {
	panel, _ := v.Get(tokenControlPanel, control.Inputs.Str("controlPanelArn"))
	out := routingControl{panel.ID, panel.Inputs.Str("name"), control.ID, control.Inputs.Str("name"), "Off"}
	if aws.RoutingControls(v)[out.RoutingControlName] {
		out.RoutingControlState = "On"
	}
	return out
}

// controlState is the data type UpdateRoutingControlStateEntry, and the input of UpdateRoutingControlState.
type controlState struct{ RoutingControlArn, RoutingControlState string }

func (r recoveryAPI) updateOne(w http.ResponseWriter, c awsCall) *awsFault {
	var in struct {
		controlState
		SafetyRulesToOverride []string
	}
	if f := awsDecode(c, &in); f != nil {
		return f
	}
	return r.set(w, c, []controlState{in.controlState}, in.SafetyRulesToOverride)
}

func (r recoveryAPI) update(w http.ResponseWriter, c awsCall) *awsFault {
	var in struct {
		UpdateRoutingControlStateEntries []controlState
		SafetyRulesToOverride            []string
	}
	if f := awsDecode(c, &in); f != nil {
		return f
	}
	return r.set(w, c, in.UpdateRoutingControlStateEntries, in.SafetyRulesToOverride)
}

// set switches all of the controls or none. Source of the errors: UpdateRoutingControlStates, "Errors".
func (r recoveryAPI) set(w http.ResponseWriter, c awsCall, entries []controlState, override []string) *awsFault {
	bad := func(code, format string, args ...any) *awsFault {
		return &awsFault{http.StatusBadRequest, code, fmt.Sprintf(format, args...)}
	}
	if len(entries) > maxControls {
		return bad("ServiceLimitExceededException", "%d routing controls: want at most %d", len(entries), maxControls)
	}
	if len(override) > 0 {
		return bad("ValidationException", "The local clouds override no safety rules: %s", strings.Join(override, ", "))
	}
	v := r.store.View()
	states := map[string]bool{}
	for _, e := range entries {
		control, ok := v.Get(tokenRoutingControl, e.RoutingControlArn)
		if !ok {
			return noRoutingControl(e.RoutingControlArn)
		}
		if e.RoutingControlState != "On" && e.RoutingControlState != "Off" {
			return bad("ValidationException", "RoutingControlState %q: want On or Off", e.RoutingControlState)
		}
		name := control.Inputs.Str("name")
		if first, _ := v.Find(tokenRoutingControl, "name", name); first.ID != control.ID {
			return bad("ValidationException", "The local clouds switch by name, and several routing controls are called %s", name)
		}
		states[name] = e.RoutingControlState == "On"
	}
	if err := aws.SetRoutingControls(c.Context(), r.store, states, r.now()); err != nil {
		code := resource.Code(err)
		if code == "" {
			return &awsFault{http.StatusInternalServerError, "InternalServerException", err.Error()}
		}
		_, words, _ := strings.Cut(err.Error(), code+": ") // before it are the words of pulumi-aws
		return bad(code, "%s", words)
	}
	return awsJSON(w, struct{}{})
}

func noRoutingControl(arn string) *awsFault {
	return &awsFault{http.StatusBadRequest, "ResourceNotFoundException", fmt.Sprintf("Routing control %s was not found", arn)}
}

// awsDecode reads a call's input.
func awsDecode(c awsCall, into any) *awsFault {
	if err := json.Unmarshal(c.body, into); err != nil {
		return &awsFault{http.StatusBadRequest, "SerializationException", fmt.Sprintf("The request is no JSON of this operation: %v", err)}
	}
	return nil
}

// awsJSON answers with a document.
func awsJSON(w http.ResponseWriter, document any) *awsFault {
	b, err := json.Marshal(document)
	if err != nil {
		return &awsFault{http.StatusInternalServerError, "InternalServerException", err.Error()}
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_, _ = w.Write(b) // a client that is gone needs no answer
	return nil
}

// awsJSONFault is an error in AWS's JSON protocols, which name it in the body or in a header. Source: "AWS JSON 1.0 protocol" and "AWS
// restJson1 protocol", "Operation error serialization", smithy.io/2.0/aws/protocols.
func awsJSONFault(w http.ResponseWriter, f awsFault) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("X-Amzn-Errortype", f.code)
	w.WriteHeader(f.status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": f.code, "message": f.message}) // as awsJSON
}
