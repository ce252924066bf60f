// Backstage's own scaffolder. In: the folder of the templates, an empty folder for what comes out. Out: a function that plays a
// template as a pull request, and one that merges it into a repository. Only GitHub is played: its client writes down what it is
// asked for, its reader has that repository.
import { createRequire } from 'node:module';
import { cp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { refused } from './combinations.mjs';

const require = createRequire(import.meta.url);
const scaffolder = require('@backstage/plugin-scaffolder-backend');
const github = require('@backstage/plugin-scaffolder-backend-module-github');
const roadie = require('@roadiehq/scaffolder-backend-module-utils');
const { ScmIntegrations } = require('@backstage/integration');
const { ConfigReader } = require('@backstage/config');
const { NotFoundError } = require('@backstage/errors');
const yaml = require('yaml');
const internal = file => require(path.join(path.dirname(require.resolve('@backstage/plugin-scaffolder-backend')), file));
const { NunjucksWorkflowRunner } = internal('scaffolder/tasks/NunjucksWorkflowRunner.cjs.js');

export const [templates, out, program] = process.argv.slice(2, 5).map(argument => path.resolve(argument));
export const repository = path.join(out, 'repository');

const integrations = ScmIntegrations.fromConfig(new ConfigReader({ integrations: { github: [{ host: 'github.com', token: 'none' }] } }));
const quiet = { info() {}, debug() {}, warn() {}, error() {}, child: () => quiet };

const reader = {
  async readTree(url) {
    const folder = path.join(repository, decodeURIComponent(url.split('/tree/main/')[1] ?? 'nowhere'));
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
export async function play(file, template, parameters, user = 'jo') {
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
export async function merge(repository, { changes: [{ files }] }) {
  for (const [name, file] of Object.entries(files)) {
    const target = path.join(repository, name);
    await mkdir(path.dirname(target), { recursive: true });
    if (typeof file === 'symbol') await rm(target);
    else await writeFile(target, Buffer.from(file.content, file.encoding));
  }
  return Object.keys(files);
}

/** A template and its file. */
export const read = async name => ({ file: path.join(templates, name, 'template.yaml'), template: yaml.parse(await readFile(path.join(templates, name, 'template.yaml'), 'utf8')) });
