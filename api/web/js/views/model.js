// One model: what it takes and gives, its graph in brief, which methods work, and the card.

import { put, remove } from '../api.js';
import * as catalogue from '../catalogue.js';
import { button, facts, fill, h, say, table, title } from '../dom.js';
import { cardForm } from '../forms/card.js';
import { bytes, cut, named, number, shape, short, time, words } from '../format.js';
import { shown } from '../problem.js';
import { go, to } from '../route.js';

const BATCH = {
  free: 'as many as wanted, together',
  freed: 'together, after a fixed number of items was freed',
  'one-by-one': 'one by one: together they would disturb each other',
};

const FAMILIES = {
  backward: 'They go back through the graph: gradients and relevance.',
  sampling: 'They run the model itself on changed copies of the input.',
  prototype: 'They show what the model has learned: layers, filters, inputs that it answers most to.',
};
const LISTED = 200;

export async function model(place, { ref, signal }) {
  const [found, methods] = await Promise.all([catalogue.model(ref, signal), catalogue.methods()]);
  draw(place, found, methods);
}

function draw(place, found, methods) {
  const outcome = h('div', {});
  fill(place,
    title(cut(named(found), 80), h('a', { class: 'button main', href: to(['new'], { model: found.id }) }, 'Explain with it')),
    found.warnings.map((w) => h('p', { class: 'warning' }, w)),
    h('div', { class: 'two' },
      h('section', {}, h('h2', {}, 'What it takes'), tensors(found.inputs, found)),
      h('section', {}, h('h2', {}, 'What it gives'), tensors(found.outputs, found, found))),
    h('section', {}, h('h2', {}, 'Its graph in brief'), brief(found)),
    h('section', {}, h('h2', {}, 'Which methods work'), families(found, methods)),
    h('section', {}, h('h2', {}, 'What the numbers mean'),
      h('p', { class: 'help' }, 'The card: it decides how pictures are read and drawn, and how classes are called. Jobs that were started before keep the card they had.'),
      cardForm(found, (card) => keep(place, found, methods, card, outcome)), outcome),
    h('section', {}, h('h2', {}, 'More'),
      h('p', {}, h('a', { href: to(['jobs'], { model: found.id }) }, 'Jobs of this model')),
      button('Forget this model', () => forget(found, outcome), 'danger')));
}

function tensors(specs, found, of = null) {
  return h('ul', { class: 'plain' }, specs.map((s) => h('li', {},
    h('code', {}, s.name), ` ${shape(s, of)}, ${s.dtype}`,
    meaning(found, s.name) && h('span', { class: 'help' }, ` · ${meaning(found, s.name)}`))));
}

function meaning(found, name) {
  const input = found.card.inputs[name];
  if (input) return input.kind === 'any' ? '' : input.kind;
  const labels = found.card.outputs[name]?.labels;
  return labels ? `${labels.length} classes: ${cut(labels.join(', '), 60)}` : '';
}

function brief(found) {
  const operators = Object.entries(found.operators).sort((a, b) => b[1] - a[1]);
  return h('div', { class: 'two' },
    facts([
      ['Nodes', number(found.nodes)], ['Parameters', number(found.parameters)], ['File', bytes(found.size)],
      ['Operator set', Object.entries(found.opset).map(([d, v]) => `${d} ${v}`).join(', ')],
      ['Items are run', BATCH[found.batch]], ['Digest', h('code', { title: found.id }, short(found.id))],
      ['Called', found.names.join(', ')], ['Uploaded', time(found.created)],
    ]),
    h('div', {}, table('Operators, most frequent first', ['Operator', 'Nodes'], operators.map(([name, count]) => h('tr', {},
      h('th', { scope: 'row' }, name), h('td', { class: 'number' }, number(count))))), layers(found)));
}

function layers(found) {
  const list = Object.values(found.tensors ?? {});
  if (!list.length) return null;
  return h('details', {}, h('summary', {}, `${number(list.length)} layers and what they give`),
    h('p', { class: 'help' }, 'Their names are what methods that look inside ask for.'),
    table('Tensors inside, in order', ['Name', 'Shape'], list.slice(0, LISTED).map((s) => h('tr', {},
      h('th', { scope: 'row' }, h('code', {}, cut(s.name, 60))), h('td', {}, shape(s, found))))),
    list.length > LISTED && h('p', { class: 'help' }, `The first ${LISTED} are shown.`));
}

function families(found, methods) {
  return h('ul', { class: 'families' }, Object.entries(found.families).map(([name, support]) => h('li', {},
    h('p', {}, h('strong', { class: support.supported ? 'good' : 'bad' }, support.supported ? '✓ ' : '✗ ', name),
      support.supported ? ' methods work' : ` methods do not work: ${support.reason}`, `. ${FAMILIES[name] ?? ''}`),
    h('p', { class: 'help' }, Object.values(methods).filter((m) => m.family === name).map((m) => words(m.name)).join(', ')),
    support.blockers.length > 0 && h('details', {}, h('summary', {}, `${support.blockers.length} node${support.blockers.length === 1 ? '' : 's'} in the way`),
      h('ul', {}, support.blockers.map((b) => h('li', {}, h('code', {}, `${b.operator} ${b.node}`), ` ${b.reason}`)))))));
}

async function keep(place, found, methods, card, outcome) {
  try {
    draw(place, await put(`/v1/models/${found.id}/card`, card), methods);
    say('The card was kept.');
    place.querySelector('h1').focus();
  } catch (error) {
    fill(outcome, shown(error));
  }
}

async function forget(found, outcome) {
  try {
    await remove(`/v1/models/${found.id}`);
    say('The model is forgotten.');
    go(['models']);
  } catch (error) {
    fill(outcome, shown(error));
  }
}
