package main

import (
	"context"
	"fmt"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apiextensions-apiserver/pkg/registry/customresource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// A server answers for one version of a CRD as the API server does for `kubectl apply --validate=strict`.
type server struct {
	namespaced bool
	structural *schema.Structural
	strategy   strategy
}

// strategy is what the API server calls between decoding and storing.
type strategy interface {
	Validate(context.Context, runtime.Object) field.ErrorList
	ValidateUpdate(context.Context, runtime.Object, runtime.Object) field.ErrorList
}

func newServer(d definition, version string) (*server, error) {
	root, err := apiextensions.GetSchemaForVersion(d.internal, version)
	if err != nil || root == nil || root.OpenAPIV3Schema == nil {
		return nil, fmt.Errorf("%s has no schema for version %q", d.crd.Name, version)
	}
	structural, err := schema.NewStructural(root.OpenAPIV3Schema)
	if err != nil {
		return nil, err
	}
	structural = structural.DeepCopy()
	if err := defaulting.PruneDefaults(structural); err != nil {
		return nil, err
	}
	validator, _, err := validation.NewSchemaValidator(root.OpenAPIV3Schema)
	if err != nil {
		return nil, err
	}
	kind := runtimeschema.GroupVersionKind{Group: d.crd.Spec.Group, Version: version, Kind: d.crd.Spec.Names.Kind}
	namespaced := d.internal.Spec.Scope == apiextensions.NamespaceScoped
	// No status subresource is passed on, so that an object's status is validated together with the rest.
	return &server{namespaced, structural,
		customresource.NewStrategy(scheme, namespaced, kind, validator, nil, structural, nil, nil, nil)}, nil
}

// create says everything for which the server would refuse to create the object.
func (s *server) create(object map[string]any) []string {
	decoded, problems := s.decode(object)
	if decoded == nil {
		return problems
	}
	return append(problems, messages(s.strategy.Validate(context.Background(), decoded))...)
}

// update says everything for which the server would refuse to replace the old object, which must itself be valid.
func (s *server) update(old, object map[string]any) []string {
	before := s.create(runtime.DeepCopyJSON(old))
	if len(before) > 0 {
		return append([]string{"the old object is not valid"}, before...)
	}
	stored, _ := s.decode(old)
	decoded, problems := s.decode(object)
	if decoded == nil {
		return problems
	}
	return append(problems, messages(s.strategy.ValidateUpdate(context.Background(), decoded, stored))...)
}

// decode does, in the API server's order: metadata, unknown fields, nulls, embedded metadata, defaults. What a client
// or the server itself would fill in (namespace, UID, resource version) is filled in where it is missing.
func (s *server) decode(object map[string]any) (*unstructured.Unstructured, []string) {
	metadata, _, unknown, err := objectmeta.GetObjectMetaWithOptions(object,
		objectmeta.ObjectMetaOptions{ReturnUnknownFieldPaths: true})
	if err != nil {
		return nil, []string{err.Error()}
	}
	unknown = append(unknown, pruning.PruneWithOptions(object, s.structural, true,
		schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})...)
	defaulting.PruneNonNullableNullsWithoutDefaults(object, s.structural)
	coerceErr, embedded := objectmeta.CoerceWithOptions(nil, object, s.structural, false,
		objectmeta.CoerceOptions{ReturnUnknownFieldPaths: true})
	if coerceErr != nil {
		return nil, []string{coerceErr.Error()}
	}
	var problems []string
	for _, path := range append(unknown, embedded...) {
		problems = append(problems, fmt.Sprintf("unknown field %q", path))
	}

	decoded := &unstructured.Unstructured{Object: object}
	if metadata != nil {
		if err := objectmeta.SetObjectMeta(object, metadata); err != nil {
			return nil, []string{err.Error()}
		}
	}
	defaulting.Default(object, s.structural)
	if s.namespaced && decoded.GetNamespace() == "" {
		decoded.SetNamespace("default")
	}
	decoded.SetUID("00000000-0000-4000-8000-000000000000")
	decoded.SetResourceVersion("1")
	return decoded, problems
}

func messages(found field.ErrorList) []string {
	var lines []string
	for _, err := range found {
		lines = append(lines, err.Error())
	}
	return lines
}
