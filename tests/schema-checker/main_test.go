package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

// call runs the command line and gives what it printed to both outputs.
func call(arguments ...string) (code int, printed string) {
	var out bytes.Buffer
	code = run(arguments, &out, &out)
	return code, out.String()
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("nothing matches %s", pattern)
	}
	return found
}

func TestDefinitionsThatAClusterTakes(t *testing.T) {
	code, printed := call(append([]string{"check"}, files(t, "testdata/good/*.yaml")...)...)
	if code != 0 || printed != "4 CRDs checked\n" {
		t.Errorf("exit code %d:\n%s", code, printed)
	}
}

func TestDefinitionsThatAClusterRefuses(t *testing.T) {
	expected := map[string]string{
		"bad-default":       "properties[count].default: Invalid value: 4",
		"namespaced-claims": "only scope LegacyCluster has claims, not Namespaced",
		"overcostly-rule":   "estimated rule cost exceeds budget",
		"undeclared-field":  "undefined field 'depth'",
		"unknown-field":     `unknown field "version"`,
	}
	found := files(t, "testdata/refused/*.yaml")
	if len(found) != len(expected) {
		t.Errorf("%d files, but %d expectations", len(found), len(expected))
	}
	for _, file := range found {
		code, printed := call("check", file)
		message := expected[strings.TrimSuffix(filepath.Base(file), ".yaml")]
		if code != 1 || message == "" || !strings.Contains(printed, message) {
			t.Errorf("%s: exit code %d, expected %q:\n%s", file, code, message, printed)
		}
	}
}

func TestConversionIsCrossplanes(t *testing.T) {
	code, printed := call("convert", "testdata/good/crate.yaml")
	for _, part := range []string{
		`"role":"xr"`, `"role":"claim"`, `"claimRef"`, `"resourceRef"`, `"compositeDeletePolicy"`, `"maxLength":63`,
	} {
		if code != 0 || !strings.Contains(printed, part) {
			t.Errorf("exit code %d, %s is missing:\n%s", code, part, printed)
		}
	}
}

func TestCases(t *testing.T) {
	code, printed := call(append([]string{"cases", "--cases", "testdata/cases"}, files(t, "testdata/good/*.yaml")...)...)
	if code != 0 {
		t.Errorf("exit code %d:\n%s", code, printed)
	}
}

func TestACaseThatExpectsTheWrongThingIsReported(t *testing.T) {
	code, printed := call("cases", "--cases", "testdata/wrong-cases", "testdata/good/shelf.yaml")
	for _, part := range []string{
		"valid, says the case: must be valid, but: spec.environment: Unsupported value",
		"refused, says the case: must be refused, but is valid",
		`for another reason: must be refused with "cannot change", but: spec.environment`,
		"an old object that is not valid: the old object is not valid; spec.environment",
		"a kind that is not defined: no xr of kind example.org/v1, Kind=Table is defined",
		`document 6: unknown field "objects"`,
	} {
		if code != 1 || !strings.Contains(printed, part) {
			t.Errorf("exit code %d, %q is missing:\n%s", code, part, printed)
		}
	}
}

func TestWrongCallsAreRefused(t *testing.T) {
	for _, arguments := range [][]string{
		{}, {"check"}, {"cases", "testdata/good/shelf.yaml"}, {"check", "--cases", "x", "y"}, {"bake", "x"},
	} {
		if code, printed := call(arguments...); code == 0 {
			t.Errorf("%v: exit code %d:\n%s", arguments, code, printed)
		}
	}
}
