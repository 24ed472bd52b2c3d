// How alike several explanations rank the parts of an input, each with each.

import { h, table } from '../dom.js';
import { number } from '../format.js';
import { spearman } from '../rank.js';

export function correlations(found) {
  if (found.length < 2) return h('p', {}, 'Add a method or a model to see how far they agree.');
  return [h('p', { class: 'help' }, '1: both rank the parts of the input alike; 0: as if by chance; −1: the other way round.'),
    table('Rank correlation of attributions (Spearman)', ['', ...found.map((f) => f.name)], found.map((a) => h('tr', {},
      h('th', { scope: 'row' }, a.name), found.map((b) => h('td', { class: 'number' }, coefficient(a, b))))))];
}

function coefficient(a, b) {
  return a.values.length === b.values.length ? number(Number(spearman(a.values, b.values).toFixed(3))) : 'other shape';
}
