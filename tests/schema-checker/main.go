// Command schema-checker holds Crossplane definitions (XRDs) and CRDs to the code that a cluster runs: Crossplane's
// own conversion of an XRD to CRDs, and the API server's own validation of CRDs and of objects.
//
//	schema-checker check   FILE...             refuses what a cluster would refuse to establish
//	schema-checker convert FILE...             prints the CRDs, one JSON document per line, with "role" and "file"
//	schema-checker cases --cases DIR FILE...   holds the objects under DIR to the CRDs
//
// It prints one line per problem and exits with 1 if there is any, with 2 if it was called wrongly. It needs no
// cluster and no network, and writes nothing but its output.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
)

const usage = "usage: schema-checker check FILE... | convert FILE... | cases --cases DIR FILE..."

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(arguments []string, out, errors io.Writer) int {
	if len(arguments) == 0 {
		fmt.Fprintln(errors, usage)
		return 2
	}
	command := arguments[0]
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(errors)
	folder := flags.String("cases", "", "folder of case files (*.yaml), for the command cases")
	if err := flags.Parse(arguments[1:]); err != nil {
		return 2
	}
	if flags.NArg() == 0 || (command == "cases") != (*folder != "") {
		fmt.Fprintln(errors, usage)
		return 2
	}

	definitions, problems := load(flags.Args())
	for _, d := range definitions {
		problems = append(problems, d.validate()...)
	}
	if len(problems) == 0 {
		switch command {
		case "check":
			fmt.Fprintf(out, "%d CRDs checked\n", len(definitions))
		case "convert":
			encoder := json.NewEncoder(out)
			for _, d := range definitions {
				if err := encoder.Encode(map[string]any{"role": d.role, "file": d.file, "crd": d.crd}); err != nil {
					problems = append(problems, err.Error())
				}
			}
		case "cases":
			var count int
			count, problems = runCases(*folder, definitions)
			fmt.Fprintf(out, "%d cases checked\n", count)
		default:
			fmt.Fprintln(errors, usage)
			return 2
		}
	}
	for _, problem := range problems {
		fmt.Fprintln(errors, problem)
	}
	if len(problems) > 0 {
		return 1
	}
	return 0
}
