// Models: drop one in, or look at those that are here.

import { ask } from '../api.js';
import * as catalogue from '../catalogue.js';
import { button, fill, h, say, table, title } from '../dom.js';
import { dropZone } from '../drop.js';
import { uploadDigits } from '../digits.js';
import { bytes, cut, named, shape, time } from '../format.js';
import { guarded, shown } from '../problem.js';
import { go, to } from '../route.js';

export async function models(place, { signal }) {
  const outcome = h('div', { class: 'outcome' });
  const list = h('section', { 'aria-busy': 'true' }, h('p', {}, 'Looking…'));
  fill(place,
    title('Models'),
    h('p', { class: 'lead' }, 'See what an ONNX model looked at when it decided. Drop a model in, or try the one that comes with the project.'),
    h('div', { class: 'two' },
      dropZone('Drop an ONNX model here, or choose one', 'With its data files, its tokenizer.json and a card (.json), if there are any.', (files) => upload(files, outcome), { multiple: true }),
      h('div', { class: 'try' }, h('p', {}, 'No model at hand?'),
        button('Try the digit model', () => tryDigits(outcome)),
        h('p', { class: 'help' }, 'A small network that reads handwritten digits, with 64 digits to explain.'))),
    outcome, list);
  await guarded(list, async () => fill(list, await listed(signal)));
  list.removeAttribute('aria-busy');
}

async function upload(files, outcome) {
  fill(outcome, h('p', { role: 'status' }, `Looking at ${files.map((f) => cut(f.name)).join(', ')}…`));
  try {
    const model = await (await ask('POST', address(files), { body: await form(files) })).json();
    say('The model was uploaded.');
    go(['models', model.id]);
  } catch (error) {
    fill(outcome, shown(error));
  }
}

async function form(files) {
  const body = new FormData();
  const model = main(files);
  for (const file of files) {
    const part = file === model ? 'model' : await isCard(file) ? 'card' : 'external';
    body.append(part, file, file.name);
  }
  return body;
}

// a tokenizer is JSON as well, and belongs to the model's data files
async function isCard(file) {
  if (!file.name.toLowerCase().endsWith('.json')) return false;
  try {
    const found = JSON.parse(await file.text());
    return !('model' in found) && ('inputs' in found || 'outputs' in found);
  } catch {
    return true;
  }
}

function main(files) {
  return files.find((f) => f.name.toLowerCase().endsWith('.onnx')) ?? files[0];
}

function address(files) {
  const name = main(files).name.replace(/\.onnx$/i, '').replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '').slice(0, 100);
  return name && !/^[0-9a-f]{64}$/.test(name) ? `/v1/models?name=${encodeURIComponent(name)}` : '/v1/models';
}

async function tryDigits(outcome) {
  fill(outcome, h('p', { role: 'status' }, 'Uploading the digit model…'));
  try {
    const { model, dataset } = await uploadDigits();
    go(['new'], { model: model.id, dataset: dataset.id, items: '0-7' });
  } catch (error) {
    fill(outcome, shown(error));
  }
}

async function listed(signal) {
  const found = await catalogue.models(signal);
  if (!found.length) return h('p', { class: 'empty' }, 'No model is here yet.');
  return table('Models that are here', ['Model', 'Takes', 'Gives', 'Size', 'Uploaded', ''], found.map(row));
}

function row(model) {
  const list = (specs, of) => h('ul', { class: 'plain' }, specs.slice(0, 4).map((s) => h('li', {}, h('code', {}, cut(s.name, 30)), ` ${shape(s, of)}`)), specs.length > 4 && h('li', {}, `and ${specs.length - 4} more`));
  return h('tr', {},
    h('th', { scope: 'row', 'data-label': 'Model' }, h('a', { href: to(['models', model.id]) }, cut(named(model), 40))),
    h('td', { 'data-label': 'Takes' }, list(model.inputs)),
    h('td', { 'data-label': 'Gives' }, list(model.outputs, model)),
    h('td', { 'data-label': 'Size', class: 'number' }, bytes(model.size)),
    h('td', { 'data-label': 'Uploaded' }, time(model.created)),
    h('td', { 'data-label': '' }, h('a', { href: to(['new'], { model: model.id }) }, 'Explain', h('span', { class: 'unseen' }, ` ${named(model)}`))));
}
