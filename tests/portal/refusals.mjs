// What a form cannot prevent. In: the folder of the templates, an empty folder for what comes out, the program. Each of these is
// taken by the form and played by Backstage's scaffolder; then what the pipeline runs in the pull request, `validate` and for an
// edit `plan`, has to refuse it, under the title that the form gives the field.
import { execFileSync } from 'node:child_process';
import { cp } from 'node:fs/promises';
import path from 'node:path';
import { fields } from './combinations.mjs';
import { merge, out, play, program, read, repository } from './scaffolder.mjs';

const dev = { environment: 'dev', engine: 'postgresql', namespace: 'checkout', owner: 'group:default/checkout', size: 'medium', storage: 20, backups: true };
const running = { ...dev, name: 'running', version: '17', roles: [{ name: 'reporting', privileges: 'read' }] };
const edited = { environment: 'dev', engine: 'postgresql', database: 'resource:default/checkout.running' };
const redis = { environment: 'dev', engine: 'redis', database: 'resource:default/checkout.cache' };
const cache = { ...redis, database: undefined, namespace: 'checkout', owner: dev.owner, name: 'cache', size: 'medium', storage: 24, backups: true };

// The template, what is chosen, the field of the form, the path in the claim, and what is said.
const CREATED = [
  ['create', { ...dev, database: 'postgres' }, 'database', 'spec.name', 'postgres is a database that the engine has itself'],
  ['create', { ...dev, schedule: '0 25 * * *' }, 'schedule', 'spec.backup.schedule', '25'],
  ['create', { ...dev, allowedCIDRs: ['10.20.0.1/16'], serviceType: 'LoadBalancer' }, 'allowedCIDRs', 'spec.access.allowedCIDRs[0]', 'is not an address range'],
  ['create', { ...dev, roles: [{ name: 'postgres', privileges: 'read' }] }, 'roles', 'spec.access.roles[0].name', 'write another name'],
  ['create', { ...dev, roles: [{ name: 'jobs', privileges: 'read' }, { name: 'jobs', privileges: 'write' }] }, 'roles', 'spec.access.roles[1].name', 'jobs is there twice'],
  ['create', { ...dev, database: 'orders', roles: [{ name: 'orders', privileges: 'read' }] }, 'roles', 'spec.access.roles[0].name', 'write another name'],
];
const EDITED = [
  ['resize', { ...edited, storage: 10 }, 'storage', 'spec.storage', 'write 20Gi or more'],
  ['resize', { ...redis, storage: 10 }, 'storage', 'spec.storage', 'the memory'],
  ['upgrade', { ...edited, version: '16' }, 'version', 'spec.version', '17'],
  ['rotate', { ...edited, user: 'reporting', step: 'add', successor: 'postgres' }, 'roles', 'spec.access.roles[1].name', 'write another name'],
  ['rotate', { ...edited, user: 'reporting', step: 'add', successor: 'reporting' }, 'roles', 'spec.access.roles[1].name', 'reporting is there twice'],
  ['restore', { ...edited, to: 'point', pointInTime: '2099-01-01T00:00:00Z' }, 'pointInTime', 'spec.restore.pointInTime', 'is not over yet'],
];

const run = (...command) => {
  try {
    return JSON.parse(execFileSync(program, command, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }));
  } catch ({ stdout }) {
    return JSON.parse(stdout);
  }
};
const failures = [];

async function refuses([name, data, field, at, words], problems) {
  // What an edit adds to is known by the title of the form that created it.
  const [creation, form] = await Promise.all(['create', name].map(async it => fields((await read(it)).template.spec.parameters)));
  const { title } = form[field] ?? creation[field];
  if (!problems.some(it => it.message.startsWith(`${at}: `) && it.message.includes(words) && it.title === title)) {
    failures.push(`${name}: nothing about "${title}", ${at} with "${words}", only ${JSON.stringify(problems)}\n  with ${JSON.stringify(data)}`);
  }
}

for (const [index, made] of CREATED.entries()) {
  const { file, template } = await read('create');
  const data = { ...made[1], name: `refused${index}` };
  const folder = path.join(out, 'created', String(index));
  await merge(folder, await play(file, template, data));
  await refuses(made, run('validate', folder, '--format', 'json').problems);
}
for (const data of [running, cache]) {
  const { file, template } = await read('create');
  await merge(repository, await play(file, template, data));
}
for (const [index, made] of EDITED.entries()) {
  const { file, template } = await read(made[0]);
  const folder = path.join(out, 'edited', String(index));
  await cp(repository, folder, { recursive: true });
  const request = await play(file, template, made[1]);
  await merge(folder, request);
  const { problems } = run('validate', folder, '--format', 'json');
  const { changes } = run('plan', repository, folder, '--format', 'json', '--now', '2026-11-21T12:00:00Z');
  await refuses(made, [...problems, ...changes.flatMap(change => change.problems)]);
}
console.log(`${CREATED.length + EDITED.length} mistakes that a form takes are refused under its own titles`);
if (failures.length > 0) {
  console.error(failures.join('\n'));
  process.exit(1);
}
