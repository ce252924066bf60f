// What can be chosen in a form. In: the pages of a template. Out: data as the portal would send it, for each
// environment and engine: any three choices together, and more where it is asked for.
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
  if (field.enum) return [...optional, ...field.enum];
  if (field.type === 'boolean') return [true, false];
  if (field.type === 'integer') return [...optional, ...new Set([field.minimum, field.maximum])];
  if (field.items?.enum) return [undefined, field.items.enum.slice(0, 1), field.items.enum];
  if (WRITTEN[name]) return WRITTEN[name];
  throw new Error(`nobody knows what to write into ${name}`);
}

/** What these fields can be together: names, each with the index of a value. */
function product(names, domains) {
  return names.filter(name => name in domains).reduce((all, name) => all.flatMap(some => domains[name].map((_, index) => [...some, [name, index]])), [[]]);
}

function triples(names) {
  const after = name => names.slice(names.indexOf(name) + 1);
  return names.flatMap(one => after(one).flatMap(two => after(two).map(three => [one, two, three])));
}

/** The same numbers each time, from 0 to 1 (mulberry32). */
function numbers(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function shuffled(items, random) {
  const all = [...items];
  for (let last = all.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [all[last], all[other]] = [all[other], all[last]];
  }
  return all;
}

/**
 * Data in which all choices of each group stand together, and any three choices wherever they stand, as far as the form lets them:
 * `finish` makes of a choice what the form would. `more` are drawn beyond from all there is.
 */
function covering(domains, groups, finish, more) {
  const names = Object.keys(domains);
  const random = numbers(1);
  const made = chosen => finish(Object.fromEntries(names.map(name => [name, domains[name][chosen[name] ?? 0]]).filter(([, value]) => value !== undefined)));
  const any = () => Object.fromEntries(names.map(name => [name, Math.floor(random() * domains[name].length)]));
  const has = (data, part) => part.every(([name, index]) => data[name] === domains[name][index]);

  const found = [];
  let open = shuffled([...groups, ...triples(names)].flatMap(group => product(group, domains)), random);
  while (open.length > 0) {
    const [first] = open;
    const chosen = Object.fromEntries(first);
    const fits = ([name, index]) => (chosen[name] ?? index) === index;
    for (const part of open.slice(0, 500)) if (part.every(fits)) for (const [name, index] of part) chosen[name] = index;
    // What the form does not even take with all else left out, it never takes.
    const data = [{ ...any(), ...chosen }, Object.fromEntries(first)].map(made).find(data => has(data, first));
    if (data) found.push(data);
    open = open.filter(part => part !== first && !(data && has(data, part)));
  }
  for (let drawn = 0; drawn < more || found.length === 0; drawn++) found.push(made(any()));
  return found;
}

/** All fields of a form, by name. */
export function fields(pages) {
  return Object.assign({}, ...pages.map(page => everything(page)));
}

/** The environments and engines of a form. */
export function engines(pages) {
  const page = pages.find(page => page.dependencies?.environment);
  return page.dependencies.environment.oneOf.flatMap(({ properties: { environment, engine } }) =>
    engine.enum.map(engine => ({ environment: environment.enum[0], engine })));
}

/** How many there are in all, if each field is chosen by itself. */
export function count(pages, fixed) {
  return split(pages, fixed).reduce((sum, { domains }) => sum + Object.values(domains).reduce((all, domain) => all * domain.length, 1), 0);
}

/** `fixed` is chosen already; all choices of each group of fields stand together. */
export function combinations(pages, fixed, groups = [], more = 0) {
  const parts = split(pages, fixed);
  const finish = fixed => chosen => within(pages, { ...fixed, ...chosen });
  const data = parts.flatMap(({ fixed, domains }) => covering(domains, groups, finish(fixed), Math.ceil(more / parts.length)));
  return [...new Map(data.map(it => [JSON.stringify(Object.entries(it).sort()), it])).values()];
}

/** A field on which others depend is gone through by itself: with each value of it, what can be chosen then. */
function split(pages, fixed) {
  const resolved = pages.map(page => shown(page, fixed));
  const deciding = pages.flatMap((page, index) => [page, ...(page.allOf ?? []).map(part => part.then)]
    .flatMap(part => Object.keys(part?.dependencies ?? {}))
    .filter(name => name in resolved[index].fields));
  const next = deciding.find(name => !(name in fixed));
  if (next) {
    const { fields, required } = resolved.find(({ fields }) => next in fields);
    return values(next, fields[next], required).flatMap(value => split(pages, { ...fixed, [next]: value }));
  }
  const domains = {};
  for (const { fields, required } of resolved) {
    for (const [name, field] of Object.entries(fields)) {
      if (!(name in fixed)) domains[name] = values(name, field, required);
    }
  }
  return [{ fixed, domains }];
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
