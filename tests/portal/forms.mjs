// The forms as a person sees them: Backstage's own wizard in headless Chromium, filled in once per engine. In: the folder of the
// templates, a folder for what comes out, Chromium; a folder for pictures, if they are wanted. Out: what the wizard would send
// for each engine, which `engine.mjs` has shown to be a good claim if the template's own schemas take it.
import { build } from 'esbuild';
import { createRequire } from 'node:module';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import puppeteer from 'puppeteer-core';
import { engines, refused } from './combinations.mjs';

const yaml = createRequire(import.meta.url)('yaml');
const [templates, out, chromium, pictures] = process.argv.slice(2);
const here = path.dirname(new URL(import.meta.url).pathname);
const bundle = path.join(out, 'form.js');
await mkdir(out, { recursive: true });
await build({
  entryPoints: [path.join(here, 'form.jsx')], outfile: bundle, bundle: true, minify: true, logLevel: 'error',
  define: { 'process.env.NODE_ENV': '"production"', global: 'window' }, loader: { '.svg': 'dataurl' },
});
const script = await readFile(bundle, 'utf8');
const browser = await puppeteer.launch({ executablePath: chromium, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });

async function open(template) {
  const page = await browser.newPage();
  await page.setViewport({ width: 900, height: 1000 });
  page.failures = [];
  page.on('pageerror', error => page.failures.push(error.message));
  await page.setContent('<!doctype html><html><body><div id="root"></div></body></html>');
  await page.evaluate(template => { window.template = template; }, template);
  await page.addScriptTag({ content: script });
  await page.waitForSelector('form').catch(() => { throw new Error(`no form: ${page.failures.join('; ')}`); });
  return page;
}

const labels = page => page.$$eval('label, legend, h5, h6', nodes => nodes.map(node => node.textContent.replace(/\s*\*$/, '').trim()));

async function write(page, field, value) {
  const box = `#root_${field}`;
  await page.waitForSelector(box);
  await page.click(box, { count: 3 });
  await page.type(box, String(value));
}

/** Material's select is a button with a list of its own. */
async function choose(page, field, value) {
  const box = `#root_${field}`;
  await page.waitForSelector(box);
  const native = await page.$eval(box, node => node.tagName === 'SELECT');
  if (native) return void (await page.select(box, value));
  await page.focus(box);
  await page.keyboard.press('Enter');
  await page.waitForSelector('[role=listbox] [role=option]');
  const found = await page.$$eval('[role=listbox] [role=option]', (options, value) => {
    const option = options.find(option => option.textContent.trim().split(':')[0] === value);
    option?.click();
    return option ? '' : options.map(option => option.textContent).join(', ');
  }, value);
  if (found) throw new Error(`${field} has no ${value}, only ${found}`);
  await page.waitForFunction(() => !document.querySelector('[role=listbox]'));
}

async function next(page) {
  const before = await page.$eval('form, main', node => node.textContent);
  await page.click('button[type=submit]');
  await page.waitForFunction(before => {
    const node = document.querySelector('form, main');
    return node && node.textContent !== before;
  }, { timeout: 10000 }, before);
  const errors = await page.$$eval('.MuiFormHelperText-root.Mui-error, [class*=errorList] li', nodes => nodes.map(node => node.textContent));
  if (errors.length > 0) throw new Error(`the form says ${errors.join('; ')}`);
}

const failures = [];
const template = yaml.parse(await readFile(path.join(templates, 'create/template.yaml'), 'utf8'));
const pages = template.spec.parameters;
const all = engines(pages);
const shoot = async (page, name) => {
  if (pictures) await page.screenshot({ path: path.join(pictures, `${name}.png`), fullPage: true });
};

// Once per engine, in production where it is offered there.
for (const engine of new Set(all.map(pair => pair.engine))) {
  const { environment } = all.findLast(pair => pair.engine === engine);
  const branch = pages[1].allOf.find(({ if: { anyOf } }) =>
    anyOf.some(({ properties }) => properties.environment.const === environment && properties.engine.enum.includes(engine))).then;
  const picture = engine === 'postgresql';
  try {
    const page = await open(template);
    await write(page, 'name', 'orders');
    await write(page, 'namespace', 'checkout');
    await write(page, 'owner', 'group:default/checkout');
    await write(page, 'description', 'Orders of the web shop');
    await next(page);
    await choose(page, 'environment', environment);
    await choose(page, 'engine', engine);
    await page.waitForSelector('#root_size');
    const seen = await labels(page);
    for (const [field, { title }] of Object.entries(branch.properties)) {
      if (!seen.some(text => text.startsWith(title))) throw new Error(`${field} is not shown, only ${seen.join(', ')}`);
    }
    for (const [field, title] of [['shards', 'Shards'], ['extensions', 'Extensions']]) {
      if (!(field in branch.properties) && seen.some(text => text.startsWith(title))) throw new Error(`${field} is shown`);
    }
    await choose(page, 'size', branch.properties.size.enum[0]);
    await write(page, 'storage', Math.max(branch.properties.storage.minimum, 100 > branch.properties.storage.maximum ? 0 : 100));
    if (picture) await shoot(page, 'engine-and-size');
    await next(page);
    await next(page);
    await next(page);
    if (pages[4].allOf.some(({ if: { anyOf } }) => anyOf.some(({ properties }) => properties.environment.const === environment))) {
      await write(page, 'ticket', 'CHG-4711');
      await write(page, 'reason', 'Orders go live');
      if (!(await page.$eval('form', form => form.textContent)).includes('agreed to exactly that')) throw new Error('no approval is announced');
      if (picture) await shoot(page, 'approval');
    }
    await next(page);
    const buttons = await page.$$('main button');
    await buttons.at(-1).click();
    await page.waitForFunction(() => window.created);
    const created = await page.evaluate(() => window.created);
    if (created.engine !== engine || created.environment !== environment) throw new Error(`sent ${JSON.stringify(created)}`);
    const refusals = refused(pages, created);
    if (refusals.length > 0) throw new Error(`the backend refuses ${JSON.stringify(created)}: ${refusals.join('; ')}`);
    if (page.failures.length > 0) throw new Error(page.failures.join('; '));
    await writeFile(path.join(out, `${engine}.json`), JSON.stringify(created));
    await page.close();
  } catch (error) {
    failures.push(`${environment}, ${engine}: ${error.message}`);
  }
}

// A name that Kubernetes would not take does not leave the page.
const page = await open(template);
await write(page, 'name', 'Orders_');
await write(page, 'namespace', 'checkout');
await write(page, 'owner', 'group:default/checkout');
await page.click('button[type=submit]');
await page.waitForFunction(() => document.querySelector('main').textContent.includes('must match'), { timeout: 10000 })
  .catch(() => failures.push('the name Orders_ is taken'));
await browser.close();
console.log(`${new Set(all.map(pair => pair.engine)).size} engines filled in`);
if (failures.length > 0) {
  console.error(failures.join('\n'));
  process.exit(1);
}
