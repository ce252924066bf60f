package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// A testCase is one object, and whether the API server must take it: created, or put in the place of Old. A case file
// is a YAML stream of them.
type testCase struct {
	Name string `json:"name"`
	// CRD says which CRD the object is for, where an XRD makes several: xr (the default), claim or crd.
	CRD    string         `json:"crd,omitempty"`
	Old    map[string]any `json:"old,omitempty"`
	Object map[string]any `json:"object"`
	Valid  bool           `json:"valid"`
	// Message must stand in one of the errors of an invalid object.
	Message string `json:"message,omitempty"`
}

// runCases runs every case of the folder and says what came out otherwise than the case expects.
func runCases(folder string, definitions []definition) (count int, problems []string) {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil || len(files) == 0 {
		return 0, []string{"no case files in " + folder}
	}
	servers := map[string]*server{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			problems = append(problems, err.Error())
			continue
		}
		for i, document := range documents(text) {
			c, err := parseCase(document)
			if err != nil {
				problems = append(problems, fmt.Sprintf("%s: document %d: %v", file, i+1, err))
				continue
			}
			count++
			if problem := c.run(definitions, servers); problem != "" {
				problems = append(problems, fmt.Sprintf("%s: %s: %s", file, c.Name, problem))
			}
		}
	}
	return count, problems
}

// parseCase keeps whole numbers whole, as the API server does, and refuses unknown fields.
func parseCase(document []byte) (c testCase, err error) {
	text, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return c, err
	}
	strict, err := json.UnmarshalStrict(text, &c)
	if err != nil {
		return c, err
	}
	return c, errors.Join(strict...)
}

// run gives an empty string if the API server does what the case expects.
func (c testCase) run(definitions []definition, servers map[string]*server) string {
	server, err := c.server(definitions, servers)
	if err != nil {
		return err.Error()
	}
	var found []string
	if c.Old == nil {
		found = server.create(c.Object)
	} else {
		found = server.update(c.Old, c.Object)
	}
	all := strings.Join(found, "; ")
	switch {
	case c.Valid && len(found) > 0:
		return "must be valid, but: " + all
	case !c.Valid && len(found) == 0:
		return "must be refused, but is valid"
	case !c.Valid && strings.HasPrefix(all, "the old object"):
		return all
	case !c.Valid && !strings.Contains(all, c.Message):
		return fmt.Sprintf("must be refused with %q, but: %s", c.Message, all)
	}
	return ""
}

func (c testCase) server(definitions []definition, servers map[string]*server) (*server, error) {
	role := c.CRD
	if role == "" {
		role = roleXR
	}
	kind := (&unstructured.Unstructured{Object: c.Object}).GroupVersionKind()
	key := role + " " + kind.String()
	if known, ok := servers[key]; ok {
		return known, nil
	}
	for _, d := range definitions {
		if d.role == role && d.crd.Spec.Group == kind.Group && d.crd.Spec.Names.Kind == kind.Kind {
			made, err := newServer(d, kind.Version)
			if err == nil {
				servers[key] = made
			}
			return made, err
		}
	}
	return nil, fmt.Errorf("no %s of kind %s is defined", role, kind)
}
