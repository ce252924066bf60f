// What can be chosen in a form. In: the pages of a template. Out: data as the portal would send it, in which each two choices
// of different fields stand together at least once, for each environment and engine.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { validate } = require('jsonschema');

/** What people write into fields of free text. */
const WRITTEN = {
  namespace: ['checkout'],
  database: [undefined, 'orders_db'],
  owner: ['group:default/checkout'],
  system: [undefined, 'system:default/shop'],
  component: [undefined, 'component:default/web'],
  description: [undefined, 'Orders: "all" of them # and\n{{ braces }}, ${{ more }}, {% raw %} – ünïcode'],
  schedule: [undefined, '30 1 * * 1-5'],
  allowedNamespaces: [undefined, ['checkout-web', 'shop']],
  allowedCIDRs: [undefined, ['10.20.0.0/16', '192.168.0.0/24']],
  roles: [undefined, [{ name: 'reporting', privileges: 'read' }, { name: 'jobs', privileges: 'write' }]],
  ticket: ['CHG-4711'],
  reason: ['Say "why": # and more'],
  user: ['reporting'],
  successor: ['reporting_2'],
  pointInTime: ['2026-11-19T10:00:00Z'],
  backup: ['orders-20261119020000'],
};

/** The fields that a page shows for this data, and which of them it asks for, as react-jsonschema-form resolves a schema. */
function shown(page, data, fields = {}, required = new Set()) {
  for (const [name, field] of Object.entries(page.properties ?? {})) fields[name] = { ...fields[name], ...field };
  for (const name of page.required ?? []) required.add(name);
  for (const part of page.allOf ?? []) shown(part, data, fields, required);
  if (page.if && validate(data, page.if).valid) shown(page.then, data, fields, required);
  for (const [name, { oneOf }] of Object.entries(page.dependencies ?? {})) {
    const fits = branch => branch.properties[name].enum.includes(data[name]);
    if (data[name] !== undefined) oneOf.filter(fits).forEach(branch => shown(branch, data, fields, required));
  }
  return { fields, required };
}

/** Every field that a page can show. */
function everything(node, fields = {}) {
  Object.assign(fields, node.properties);
  for (const part of [...(node.allOf ?? []), ...Object.values(node.dependencies ?? {}).flatMap(it => it.oneOf), node.then]) {
    if (part) everything(part, fields);
  }
  return fields;
}

function values(name, field, required) {
  if (field.type === 'null') return [undefined];
  const optional = required.has(name) || field.type === 'boolean' ? [] : [undefined];
  if (field.enum && field.type === 'integer') return [...optional, ...new Set([field.enum[0], field.enum.at(-1)])];
  if (field.enum) return [...optional, ...field.enum];
  if (field.type === 'boolean') return [true, false];
  if (field.type === 'integer') return [...optional, ...new Set([field.minimum, field.maximum])];
  if (field.items?.enum) return [undefined, field.items.enum.slice(0, 1), field.items.enum];
  if (WRITTEN[name]) return WRITTEN[name];
  throw new Error(`nobody knows what to write into ${name}`);
}

/** Greedy: each time the one of a few that has most pairs not seen yet. */
function pairs(domains) {
  const names = Object.keys(domains);
  const open = new Set();
  const key = (one, i, other, j) => `${one}=${i}&${other}=${j}`;
  const each = visit => {
    for (let one = 0; one < names.length; one++) for (let other = one + 1; other < names.length; other++) visit(names[one], names[other]);
  };
  each((one, other) => domains[one].forEach((_, i) => domains[other].forEach((_, j) => open.add(key(one, i, other, j)))));
  const found = [];
  while (open.size > 0) {
    const [first] = open;
    const chosen = Object.fromEntries(first.split('&').map(part => part.split('=')).map(([name, index]) => [name, +index]));
    for (const name of names.filter(name => !(name in chosen))) {
      const gain = index => Object.entries(chosen).filter(([other, j]) =>
        open.has(key(name, index, other, j)) || open.has(key(other, j, name, index))).length;
      const gains = domains[name].map((_, index) => gain(index));
      chosen[name] = gains.indexOf(Math.max(...gains));
    }
    each((one, other) => open.delete(key(one, chosen[one], other, chosen[other])));
    found.push(Object.fromEntries(names.map(name => [name, domains[name][chosen[name]]]).filter(([, value]) => value !== undefined)));
  }
  return found;
}

/** The environments and engines of a form. */
export function engines(pages) {
  const page = pages.find(page => page.dependencies?.environment);
  return page.dependencies.environment.oneOf.flatMap(({ properties: { environment, engine } }) =>
    engine.enum.map(engine => ({ environment: environment.enum[0], engine })));
}

/** `fixed` is chosen already. A field on which others depend is gone through by itself. */
export function combinations(pages, fixed) {
  const resolved = pages.map(page => shown(page, fixed));
  const deciding = pages.flatMap((page, index) => [page, ...(page.allOf ?? []).map(part => part.then)]
    .flatMap(part => Object.keys(part?.dependencies ?? {}))
    .filter(name => name in resolved[index].fields));
  const next = deciding.find(name => !(name in fixed));
  if (next) {
    const { fields, required } = resolved.find(({ fields }) => next in fields);
    return values(next, fields[next], required).flatMap(value => combinations(pages, { ...fixed, [next]: value }));
  }
  const domains = {};
  for (const { fields, required } of resolved) {
    for (const [name, field] of Object.entries(fields)) {
      if (!(name in fixed)) domains[name] = values(name, field, required);
    }
  }
  return pairs(domains).map(chosen => within(pages, { ...fixed, ...chosen }));
}

/** Which fields there are, and the bounds of a number, can depend on another choice: a person goes through the pages in order. */
function within(pages, data) {
  for (const page of pages) {
    const { fields } = shown(page, data);
    for (const name of Object.keys(everything(page))) if (!(name in fields)) delete data[name];
    for (const [name, { minimum, maximum }] of Object.entries(fields)) {
      if (data[name] < minimum) data[name] = minimum;
      if (data[name] > maximum) data[name] = maximum;
    }
  }
  return data;
}

/** What is left in the form's data of another engine: fields that are no longer shown. */
export function leftovers(pages, data, before) {
  const fields = Object.assign({}, ...pages.map(page => shown(page, data).fields));
  return { ...Object.fromEntries(Object.entries(before).filter(([name]) => !(name in fields))), ...data };
}

/** What Backstage's backend says against data before it runs a template. */
export function refused(pages, data) {
  return pages.flatMap(page => validate(data, page).errors.map(error => error.toString()));
}
