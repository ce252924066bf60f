// Backstage's own scaffolder plays what can be chosen: of day two everything, of `create` what docs/decisions/0038 says, and as many
// more as FUNCTION_DATABASE_COMBINATIONS asks for. In: the folder of the templates, an empty folder for what comes out, the program,
// and how the environments and engines begin that are played, such as `dev/`. Out: a repository as pull requests would make it, each
// claim held to `validate` and `render`.
import { execFile, execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { combinations, count, engines as all, fields, leftovers } from './combinations.mjs';
import { merge, out, play, program, read, repository, templates } from './scaffolder.mjs';

const require = createRequire(import.meta.url);
const { templateEntityV1beta3Validator } = require('@backstage/plugin-scaffolder-common');
const model = require('@backstage/catalog-model');
const yaml = require('yaml');

const only = process.argv[5] ?? '';
const engines = pages => all(pages).filter(pair => `${pair.environment}/${pair.engine}`.startsWith(only));
const failures = [];
const fail = (what, combination) => failures.push(`${what}\n  with ${JSON.stringify(combination)}`);

async function inBatches(items, run) {
  for (let at = 0; at < items.length; at += 16) await Promise.all(items.slice(at, at + 16).map(run));
}

/** Runs the program over a folder; what it says about a file belongs to that file's combination. */
async function check(repository, combinationOf, edits = false) {
  const run = async (command, folder, ...options) => {
    const { code, stdout, stderr } = await promisify(execFile)(program, [command, folder, ...options], { maxBuffer: 1 << 30 }).catch(error => error);
    if (code === undefined) return;
    const lines = `${command === 'render' ? '' : stdout}${stderr}`.split('\n').filter(line => line.startsWith(repository));
    if (lines.length === 0) fail(`${command} ${folder}: ${stderr ?? code}`, {});
    for (const line of lines) {
      const file = path.relative(repository, line.split(':')[0]);
      const combination = combinationOf[file] ?? {};
      // What the form cannot know: the size, or the volumes, of what runs.
      const unknown = edits && !(combination.size && combination.storage) && /spec.storage: .* is less than .* the memory/.test(line);
      if (!unknown && !/(note|warning).* (Approval|Awaiting)/.test(line)) fail(line, combination);
    }
  };
  // An edit of what runs is not rendered: only the cluster knows what runs.
  const rendered = edits ? [] : (await readdir(path.join(repository, 'databases'))).map(name => path.join(repository, 'databases', name));
  await Promise.all([run('validate', repository), ...rendered.map(folder => run('render', folder, '-o', 'json'))]);
}

const policies = [new model.SchemaValidEntityPolicy(), new model.FieldFormatEntityPolicy(), new model.NoForeignRootFieldsEntityPolicy()];

async function isEntity(entity, combination) {
  try {
    for (const policy of policies) await policy.enforce(entity);
    if (!(await model.resourceEntityV1alpha1Validator.check(entity))) throw new Error(`${entity.kind} is no Resource`);
  } catch (error) {
    fail(`catalog-info.yaml: ${error.message}`, combination);
  }
}

/**
 * The fields that stand in one conditional of the skeleton. What a conditional writes depends on nothing else, so that all that a
 * skeleton can write has been seen once each of these groups was gone through.
 */
async function conditionals(skeleton) {
  const groups = [];
  for (const file of await readdir(skeleton)) {
    let depth = 0;
    for (const line of (await readFile(path.join(skeleton, file), 'utf8')).split('\n')) {
      if (depth === 0) groups.push(new Set());
      for (const [, name] of line.matchAll(/values\.form\.(\w+)|"(\w+)" in/g)) if (name) groups.at(-1).add(name);
      depth += [...line.matchAll(/\{%-? if /g)].length - [...line.matchAll(/\{%-? endif /g)].length;
    }
    if (depth !== 0) throw new Error(`${file} has a conditional without an end`);
  }
  return groups.map(group => [...group]).filter(group => group.length > 0);
}

/** What the planner weighs together: what the members of a database take and cost. */
const WEIGHED = [['size', 'storage', 'replicas', 'shards']];

// 1. Databases are created.
const create = await read('create');
const combinationOf = {};
const first = {};
const together = [...WEIGHED, ...(await conditionals(path.join(templates, 'create/skeleton')))];
const pairs = engines(create.template.spec.parameters);
const more = Number(process.env.FUNCTION_DATABASE_COMBINATIONS ?? 0) / pairs.length;
const possible = pairs.reduce((sum, pair) => sum + count(create.template.spec.parameters, { ...pair, name: '' }), 0);
let cases = pairs.flatMap(pair => combinations(create.template.spec.parameters, { ...pair, name: '' }, together, more));
cases = cases.map((combination, index) => ({ ...combination, name: `orders${index + 1}` }));
await inBatches(cases, async combination => {
  try {
    const request = await play(create.file, create.template, combination);
    const gated = combination.ticket !== undefined;
    if (JSON.stringify(request.reviewers) !== (gated ? '["database-approvers"]' : '[]')) throw new Error(`reviewers ${request.reviewers}`);
    const files = await merge(repository, request);
    files.forEach(file => { combinationOf[file] = combination; });
    const folder = `databases/${combination.environment}/checkout/${combination.name}`;
    const wanted = ['catalog-info.yaml', 'database.yaml', 'kustomization.yaml'].map(file => `${folder}/${file}`);
    if (files.sort().join() !== wanted.join()) throw new Error(`files ${files}`);
    const text = await readFile(path.join(repository, wanted[0]), 'utf8');
    await isEntity(yaml.parse(text), combination);
    const claim = yaml.parse(await readFile(path.join(repository, wanted[1]), 'utf8'));
    if (claim.spec.description !== combination.description) throw new Error(`description ${claim.spec.description}`);
    first[`${combination.environment}/${combination.engine}/${Boolean(combination.roles)}`] ??= combination;
  } catch (error) {
    fail(`create: ${error.message}`, combination);
  }
});
await check(repository, combinationOf);

// 2. What somebody chose for another engine before stays in the form's data.
const stale = { shards: 4, extensions: ['pgvector'], pooling: true, roles: [{ name: 'reporting', privileges: 'read' }], continuous: true, audit: true, encrypted: true, serviceType: 'LoadBalancer', allowedCIDRs: ['10.0.0.0/8'], backups: false };
const left = engines(create.template.spec.parameters).map(pair => ({ ...Object.values(first).find(it => it.environment === pair.environment && it.engine === pair.engine) }));
const staleRepository = path.join(out, 'stale');
await inBatches(left, async combination => {
  const data = leftovers(create.template.spec.parameters, combination, stale);
  // Divided, Redis has no load balancer; undivided, it has: of one and the same engine the skeleton does not know.
  if (data.shards) delete data.serviceType;
  try {
    (await merge(staleRepository, await play(create.file, create.template, data))).forEach(file => { combinationOf[file] = data; });
  } catch (error) {
    fail(`create with leftovers: ${error.message}`, data);
  }
});
await check(staleRepository, combinationOf);

/** What must stand in an edited claim; says what does not. */
const wanted = {
  resize: ({ size, storage, replicas }, data) =>
    (data.size && size !== data.size) || (data.storage && storage !== `${data.storage}Gi`) || (data.replicas && replicas !== data.replicas)
      ? `size ${size}, storage ${storage}, replicas ${replicas}` : '',
  upgrade: ({ version }, data) => (version === data.version ? '' : `version ${version}`),
  restore: ({ restore }, data) =>
    restore.id && restore.pointInTime === data.pointInTime && restore.backup === data.backup ? '' : `restore ${JSON.stringify(restore)}`,
  rotate: ({ access: { roles } }, data) => {
    const names = roles.map(role => role.name).join();
    return names === (data.step === 'add' ? 'reporting,jobs,reporting_2' : 'jobs') ? '' : `roles ${names}`;
  },
};

// 3. And lived with.
let edits = 0;
for (const name of (await readdir(templates)).filter(name => name !== 'create')) {
  if (!(await stat(path.join(templates, name))).isDirectory()) continue;
  const { file, template } = await read(name);
  const edited = path.join(out, name);
  const pages = template.spec.parameters.map(page => ({ ...page, properties: Object.fromEntries(Object.entries(page.properties).filter(([field]) => field !== 'database')) }));
  const cases = engines(pages).flatMap(pair => combinations(pages, pair, [Object.keys(fields(pages))]));
  await inBatches(cases.map((combination, index) => [combination, index]), async ([combination, index]) => {
    const of = `${combination.environment}/${combination.engine}`;
    const target = first[`${of}/${name === 'rotate'}`] ?? first[`${of}/false`] ?? first[`${of}/true`];
    const data = { ...combination, database: `resource:default/checkout.${target.name}` };
    try {
      const request = await play(file, template, data, 'kim');
      edits += 1;
      if (name === 'delete') {
        if (Object.keys(request.changes[0].files).length !== 3) throw new Error('not all is deleted');
        return;
      }
      const text = Object.entries(request.changes[0].files).find(([file]) => file.endsWith('/database.yaml'))[1];
      const claim = yaml.parse(Buffer.from(text.content, text.encoding).toString());
      const wrong = wanted[name](claim.spec, data);
      if (wrong) throw new Error(wrong);
      const by = claim.metadata.annotations['db.platform.io/requested-by'];
      if (by !== 'kim') throw new Error(`requested by ${by}`);
      // Each under a name of its own, so that all of them are checked at once.
      claim.metadata.name = `edited${index}`;
      const place = `${edited}/${index}.yaml`;
      await mkdir(edited, { recursive: true });
      await writeFile(place, yaml.stringify(claim));
      combinationOf[`${index}.yaml`] = data;
    } catch (error) {
      fail(`${name}: ${error.message}`, data);
    }
  });
  if (name !== 'delete' && cases.length > 0) await check(edited, combinationOf, true);
}

// 4. Templates are what Backstage takes, and entities are what its catalog takes.
for (const name of await readdir(templates)) {
  if (!(await stat(path.join(templates, name))).isDirectory()) continue;
  const { template } = await read(name);
  try {
    if (!(await templateEntityV1beta3Validator.check(template))) throw new Error('no template');
    for (const policy of policies) await policy.enforce(template);
  } catch (error) {
    fail(`${name}/template.yaml: ${error.message}`, {});
  }
}
const examples = path.join(templates, '../gitops');
for (const entity of yaml.parseAllDocuments(execFileSync(program, ['catalog', examples], { encoding: 'utf8' }))) await isEntity(entity.toJS(), {});
for (const file of (await readdir(examples, { recursive: true })).filter(file => file.endsWith('catalog-info.yaml') || file === 'catalog/teams.yaml')) {
  for (const document of yaml.parseAllDocuments(await readFile(path.join(examples, file), 'utf8'))) {
    const entity = document.toJS();
    if (entity.kind === 'Resource') await isEntity(entity, { file });
    else for (const policy of policies) await policy.enforce(entity);
  }
}
await rm(path.join(out, 'work'), { recursive: true, force: true });
console.log(`${cases.length} of ${possible} databases created, ${left.length} of them with leftovers, ${edits} edited`);
if (failures.length > 0) {
  console.error(`${failures.length} combinations fail\n${failures.slice(0, 20).join('\n')}`);
  process.exit(1);
}
