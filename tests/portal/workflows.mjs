// Workflows, read as GitHub reads them. In: a folder to build in, and files. Out: what it says of each, and exit code 1 if that
// is anything.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { build } from "esbuild";

const [out, ...files] = process.argv.slice(2);
// The parser brings its schema as JSON, which Node takes only from who asks for it in so many words.
const parser = resolve(out, "workflow-parser.cjs");
await build({
  stdin: { contents: 'export * from "@actions/workflow-parser"', resolveDir: import.meta.dirname },
  bundle: true,
  platform: "node",
  outfile: parser,
});
const { NoOperationTraceWriter, convertWorkflowTemplate, parseWorkflow } = createRequire(import.meta.url)(parser);

for (const file of files) {
  const parsed = parseWorkflow({ name: file, content: readFileSync(file, "utf8") }, new NoOperationTraceWriter());
  if (parsed.value) await convertWorkflowTemplate(parsed.context, parsed.value);
  for (const error of parsed.context.errors.getErrors()) {
    console.error(`${file}: ${error.message}`);
    process.exitCode = 1;
  }
}
