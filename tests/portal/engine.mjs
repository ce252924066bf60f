// Backstage's own scaffolder plays every combination of choices. In: the folder of the templates, an empty folder for what comes
// out, the program. Out: a repository as pull requests would make it, each claim held to `validate` and `render`. Only GitHub is
// played: its client writes down what it is asked for, its reader has that repository.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { cp, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { combinations, engines, leftovers, refused } from './combinations.mjs';

const require = createRequire(import.meta.url);
const { templateEntityV1beta3Validator } = require('@backstage/plugin-scaffolder-common');
const model = require('@backstage/catalog-model');
const scaffolder = require('@backstage/plugin-scaffolder-backend');
const github = require('@backstage/plugin-scaffolder-backend-module-github');
const roadie = require('@roadiehq/scaffolder-backend-module-utils');
const { ScmIntegrations } = require('@backstage/integration');
const { ConfigReader } = require('@backstage/config');
const { NotFoundError } = require('@backstage/errors');
const yaml = require('yaml');
const internal = file => require(path.join(path.dirname(require.resolve('@backstage/plugin-scaffolder-backend')), file));
const { NunjucksWorkflowRunner } = internal('scaffolder/tasks/NunjucksWorkflowRunner.cjs.js');

const [templates, out, program] = process.argv.slice(2).map(argument => path.resolve(argument));
const failures = [];
const fail = (what, combination) => failures.push(`${what}\n  with ${JSON.stringify(combination)}`);

const integrations = ScmIntegrations.fromConfig(new ConfigReader({ integrations: { github: [{ host: 'github.com', token: 'none' }] } }));
const quiet = { info() {}, debug() {}, warn() {}, error() {}, child: () => quiet };

const reader = {
  async readTree(url) {
    const folder = path.join(out, 'repository', decodeURIComponent(url.split('/tree/main/')[1] ?? 'nowhere'));
    await stat(folder).catch(() => { throw new NotFoundError(`there is no ${url}`); });
    return { dir: ({ targetDir }) => cp(folder, targetDir, { recursive: true }) };
  },
};

/** The actions of a task; its pull request is left in `made`. */
function actions(made) {
  const client = {
    async createPullRequest(options) {
      made.push({ ...options, reviewers: [] });
      return { data: { base: { ref: options.base }, html_url: 'https://github.com/example/databases/pull/1', number: 1 } };
    },
    rest: { pulls: { requestReviewers: async ({ team_reviewers }) => void (made[0].reviewers = team_reviewers) } },
  };
  const all = [
    scaffolder.createFetchTemplateAction({ reader, integrations }),
    scaffolder.createFetchPlainAction({ reader, integrations }),
    github.createPublishGithubPullRequestAction({ integrations, clientFactory: async () => client }),
    roadie.createYamlJSONataTransformAction(),
    roadie.createWriteFileAction(),
  ];
  return { get: async id => all.find(action => action.id === id) ?? Promise.reject(new Error(`there is no action ${id}`)) };
}

const counter = () => ({ add() {}, record() {} });
const metrics = { createCounter: counter, createHistogram: counter, createUpDownCounter: counter, createGauge: counter };
let tasks = 0;

/** The pull request that comes of it. */
async function play(file, template, parameters, user = 'jo') {
  const refusals = refused(template.spec.parameters, parameters);
  if (refusals.length > 0) throw new Error(`the form does not take it: ${refusals.join('; ')}`);
  const made = [];
  const id = `4f1c1a52-0000-4000-8000-${String(++tasks).padStart(12, '0')}`;
  const runner = new NunjucksWorkflowRunner({
    actionRegistry: actions(made), integrations, logger: quiet, workingDirectory: path.join(out, 'work'), metrics,
    auditor: { createEvent: async () => ({ success() {}, fail() {} }) },
  });
  const spec = {
    apiVersion: template.apiVersion, parameters, output: template.spec.output,
    steps: template.spec.steps.map((step, index) => ({ ...step, id: step.id ?? `step-${index}`, name: step.name ?? step.action })),
    user: { ref: `user:default/${user}`, entity: { metadata: { name: user } } },
    templateInfo: { entityRef: `template:default/${template.metadata.name}`, baseUrl: `file://${file}` },
  };
  const { output } = await runner.execute({
    spec, taskId: id, getWorkspaceName: async () => id, isDryRun: false, cancelSignal: new AbortController().signal,
    emitLog: async () => {}, getInitiatorCredentials: async () => ({}),
  });
  const text = JSON.stringify([made, output]);
  for (const left of ['undefined', '[object Object]']) {
    if (text.includes(left)) throw new Error(`${left} in the pull request: ${text}`);
  }
  if (output.links[0].url !== 'https://github.com/example/databases/pull/1') throw new Error('no link to the pull request');
  const { title, body, head } = made[0];
  if (`${title}${head}`.includes('{')) throw new Error(`not filled in: ${title} ${head}`);
  if (!body.includes('function-database plan')) throw new Error(`no plan in ${body}`);
  return made[0];
}

/** Merges a pull request, and says which files it touched. */
async function merge(repository, { changes: [{ files }] }) {
  for (const [name, file] of Object.entries(files)) {
    const target = path.join(repository, name);
    await mkdir(path.dirname(target), { recursive: true });
    if (typeof file === 'symbol') await rm(target);
    else await writeFile(target, Buffer.from(file.content, file.encoding));
  }
  return Object.keys(files);
}

async function inBatches(items, run) {
  for (let at = 0; at < items.length; at += 16) await Promise.all(items.slice(at, at + 16).map(run));
}

/** Runs the program over a folder; what it says about a file belongs to that file's combination. */
function check(repository, combinationOf, edits = false) {
  const run = (...command) => {
    try {
      return execFileSync(program, command, { encoding: 'utf8', maxBuffer: 1 << 30, stdio: ['ignore', 'pipe', 'pipe'] });
    } catch ({ stdout, stderr }) {
      const lines = `${command[0] === 'render' ? '' : stdout}${stderr}`.split('\n').filter(line => line.startsWith(repository));
      if (lines.length === 0) fail(`${command.join(' ')}: ${stderr}`, {});
      for (const line of lines) {
        const file = path.relative(repository, line.split(':')[0]);
        const combination = combinationOf[file] ?? {};
        // What the form cannot know: the size, or the volumes, of what runs.
        const unknown = edits && !(combination.size && combination.storage) && /spec.storage: .* is less than .* the memory/.test(line);
        if (!unknown && !/(note|warning).* (Approval|Awaiting)/.test(line)) fail(line, combination);
      }
      return stdout;
    }
  };
  run('validate', repository);
  // An edit of what runs is not rendered: only the cluster knows what runs.
  if (!edits) run('render', repository, '-o', 'json');
}

const read = async name => ({ file: path.join(templates, name, 'template.yaml'), template: yaml.parse(await readFile(path.join(templates, name, 'template.yaml'), 'utf8')) });
const policies = [new model.SchemaValidEntityPolicy(), new model.FieldFormatEntityPolicy(), new model.NoForeignRootFieldsEntityPolicy()];

async function isEntity(entity, combination) {
  try {
    for (const policy of policies) await policy.enforce(entity);
    if (!(await model.resourceEntityV1alpha1Validator.check(entity))) throw new Error(`${entity.kind} is no Resource`);
  } catch (error) {
    fail(`catalog-info.yaml: ${error.message}`, combination);
  }
}

// 1. Databases are created.
const repository = path.join(out, 'repository');
const create = await read('create');
const combinationOf = {};
const first = {};
let cases = engines(create.template.spec.parameters).flatMap(pair => combinations(create.template.spec.parameters, { ...pair, name: '' }));
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
check(repository, combinationOf);

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
check(staleRepository, combinationOf);

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
  const cases = engines(template.spec.parameters).flatMap(pair => combinations(template.spec.parameters.map(page => ({ ...page, properties: Object.fromEntries(Object.entries(page.properties).filter(([field]) => field !== 'database')) })), pair));
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
  if (name !== 'delete') check(edited, combinationOf, true);
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
console.log(`${cases.length} databases created, ${left.length} of them with leftovers, ${edits} edited`);
if (failures.length > 0) {
  console.error(`${failures.length} combinations fail\n${failures.slice(0, 20).join('\n')}`);
  process.exit(1);
}
