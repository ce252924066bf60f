package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/crossplane/crossplane-runtime/v2/pkg/xcrd"
	xrdv1 "github.com/crossplane/crossplane/apis/v2/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/install"
	crdv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// The roles a CRD can have. A v1 XRD with claimNames makes two CRDs, one of each of the first two.
const (
	roleXR    = "xr"
	roleClaim = "claim"
	roleCRD   = "crd"
)

// A definition is a CRD as the API server would get it, defaults applied, and where it came from.
type definition struct {
	file, role string
	crd        *crdv1.CustomResourceDefinition
	internal   *apiextensions.CustomResourceDefinition
}

var scheme = func() *runtime.Scheme {
	scheme := runtime.NewScheme()
	install.Install(scheme)
	return scheme
}()

// load reads every document of the files. XRDs and CRDs become definitions; any other kind is a problem, as is a
// field that the kind does not have.
func load(files []string) (definitions []definition, problems []string) {
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			problems = append(problems, err.Error())
			continue
		}
		for i, document := range documents(text) {
			found, err := parse(file, document)
			if err != nil {
				problems = append(problems, fmt.Sprintf("%s: document %d: %v", file, i+1, err))
			}
			definitions = append(definitions, found...)
		}
	}
	if len(problems) == 0 && len(definitions) == 0 {
		problems = append(problems, "no XRD or CRD found in "+strings.Join(files, ", "))
	}
	return definitions, problems
}

// documents splits a YAML stream and drops what is empty or only comments.
func documents(text []byte) [][]byte {
	var found [][]byte
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := reader.Read()
		if err != nil { // io.EOF; reading from memory has no other
			return found
		}
		var content any
		if err := yaml.Unmarshal(document, &content); err != nil || content != nil {
			found = append(found, document)
		}
	}
}

func parse(file string, document []byte) ([]definition, error) {
	var kind runtime.TypeMeta
	if err := yaml.Unmarshal(document, &kind); err != nil {
		return nil, err
	}
	switch kind.APIVersion + " " + kind.Kind {
	case "apiextensions.k8s.io/v1 CustomResourceDefinition":
		crd := &crdv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(document, crd); err != nil {
			return nil, err
		}
		return prepare(file, roleCRD, crd)
	case "apiextensions.crossplane.io/v1 CompositeResourceDefinition",
		"apiextensions.crossplane.io/v2 CompositeResourceDefinition":
		xrd := &xrdv1.CompositeResourceDefinition{}
		if err := yaml.UnmarshalStrict(document, xrd); err != nil {
			return nil, err
		}
		return convert(file, xrd)
	}
	return nil, fmt.Errorf("%s %s is neither an XRD nor a CRD", kind.APIVersion, kind.Kind)
}

// convert makes the CRDs of an XRD with Crossplane's own code. What Crossplane's own CRD defaults or refuses before
// that code runs, is done here: the scope follows the XRD's version, and only LegacyCluster has claims.
func convert(file string, xrd *xrdv1.CompositeResourceDefinition) ([]definition, error) {
	if xrd.Spec.Scope == nil {
		scope := xrdv1.CompositeResourceScopeLegacyCluster
		if strings.HasSuffix(xrd.APIVersion, "/v2") {
			scope = xrdv1.CompositeResourceScopeNamespaced
		}
		xrd.Spec.Scope = &scope
	}
	xr, err := xcrd.ForCompositeResource(xrd)
	if err != nil {
		return nil, err
	}
	definitions, err := prepare(file, roleXR, xr)
	if err != nil || xrd.Spec.ClaimNames == nil {
		return definitions, err
	}
	if *xrd.Spec.Scope != xrdv1.CompositeResourceScopeLegacyCluster {
		return nil, fmt.Errorf("spec.claimNames: only scope LegacyCluster has claims, not %s", *xrd.Spec.Scope)
	}
	claim, err := xcrd.ForCompositeResourceClaim(xrd)
	if err != nil {
		return nil, err
	}
	claims, err := prepare(file, roleClaim, claim)
	return append(definitions, claims...), err
}

// prepare does what the API server does to a CRD before it validates it.
func prepare(file, role string, crd *crdv1.CustomResourceDefinition) ([]definition, error) {
	scheme.Default(crd)
	for _, version := range crd.Spec.Versions {
		if version.Storage {
			crd.Status.StoredVersions = []string{version.Name}
		}
	}
	// Crossplane's conversion leaves the owner without a UID, because the XRD was never created.
	crd.OwnerReferences = nil
	internal := &apiextensions.CustomResourceDefinition{}
	if err := scheme.Convert(crd, internal, nil); err != nil {
		return nil, err
	}
	return []definition{{file: file, role: role, crd: crd, internal: internal}}, nil
}

// validate says everything for which the API server would refuse the CRD: structure, defaults, and CEL rules that do
// not compile or may cost too much.
func (d definition) validate() []string {
	found := validation.ValidateCustomResourceDefinition(context.Background(), d.internal)
	return d.lines(found)
}

func (d definition) lines(found field.ErrorList) []string {
	var lines []string
	for _, err := range found {
		lines = append(lines, fmt.Sprintf("%s: %s %s: %s", d.file, d.role, d.crd.Name, err.Error()))
	}
	return lines
}
