// The account of an item: each number with a plain sentence, and what else there is to know.

import { facts, h, table } from '../dom.js';
import { number, seconds, words } from '../format.js';

export function accountTable(item, account) {
  const rows = item.figures.map((f) => h('tr', {},
    h('th', { scope: 'row' }, words(f.name.replace('.', ': '))), h('td', { class: 'number' }, number(f.value)), h('td', {}, f.text)));
  return [table('Figures of this item', ['Figure', 'Value', 'What it says'], rows), more(account)];
}

function more(account) {
  const fixed = Object.entries(account.held_fixed).map(([name, why]) => `${name} (${why})`).join(', ');
  const versions = Object.entries(account.versions).map(([name, v]) => `${name} ${v}`).join(', ');
  return h('details', {}, h('summary', {}, 'How it was done'), facts([
    ['Model evaluations', number(account.model_evaluations)], ['Work', seconds(account.seconds)], ['Ran on', account.provider],
    ['Held fixed', fixed], ['One by one, because', account.one_by_one],
    ['Nodes that passed nothing back', account.piecewise_constant.join(', ')], ['Versions', versions],
  ]), rules(account));
}

function rules(account) {
  if (!account.rules.length) return null;
  return table('Rule of each node', ['Node', 'Operator', 'Rule'], account.rules.map((r) => h('tr', {},
    h('th', { scope: 'row' }, r.node), h('td', {}, r.operator), h('td', {}, r.rule))));
}
