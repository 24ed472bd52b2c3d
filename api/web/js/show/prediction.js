// What the model said of an item: the greatest values of each output, and which of them was explained.

import { labelsOf } from '../axes.js';
import { h, table } from '../dom.js';
import { cut, number } from '../format.js';
import { named } from '../tensor.js';

const TOP = 5;

export function prediction(item, card, job) {
  const outputs = named(item.arrays, 'output.');
  return [h('p', {}, explained(item, job, card)), outputs.map((tensor) => values(tensor, item, card))];
}

function explained(item, job, card) {
  const { account } = job;
  const what = account.explained ? [' of ', h('code', {}, account.explained)] : '';
  if (job.target.contrast) {
    const labels = labelsOf(card, job.target.output ?? Object.keys(card.outputs)[0]);
    const [a, b] = job.target.contrast.map((i) => h('strong', {}, `class ${cut(labels?.[i] ?? String(i), 40)}`));
    return ['Explained is why ', a, ' and not ', b, what, `: the difference of their scores is ${number(item.score)}.`];
  }
  return ['Explained is ', h('strong', {}, item.label || 'the score'), what, `: ${number(item.score)}${account.logits ? ', before the final softmax or sigmoid' : ''}.`];
}

function values(tensor, item, card) {
  if (tensor.data.length === 1) return h('p', {}, h('code', {}, tensor.name), ` is ${number(tensor.data[0])}.`);
  if (tensor.shape.length > 1 && tensor.data.length > 4000) return null;
  const labels = labelsOf(card, tensor.name);
  const order = tensor.data.map((v, i) => [v, i]).sort((a, b) => b[0] - a[0]).slice(0, TOP);
  const top = Math.max(...order.map(([v]) => Math.abs(v)), 1e-12);
  return table(`Greatest values of ${cut(tensor.name, 40)}`, ['Class', 'Value', ''], order.map(([v, i]) => h('tr', {},
    h('th', { scope: 'row' }, cut(labels?.[i] ?? String(i), 40), i === item.index && h('strong', {}, ' · explained')),
    h('td', { class: 'number' }, number(v)),
    h('td', { class: 'meter', 'aria-hidden': 'true' }, h('span', { style: { width: `${(Math.max(0, v) / top) * 100}%` } })))));
}
