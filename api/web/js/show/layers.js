// The relevance that arrived at every layer, as a bar chart and as a table.

import { chart, rows } from '../charts.js';
import { AGAINST, FOR } from '../colours.js';
import { h, table } from '../dom.js';
import { number } from '../format.js';

const MOST = 200;
const FEW = 30;

export async function layers(item) {
  if (!item.layers.length) return null;
  const shown = item.layers.slice(0, MOST);
  const bars = {
    type: 'bar', orientation: 'h', x: shown.map((l) => l.relevance_in), y: shown.map((_, i) => i),
    marker: { color: shown.map((l) => (l.relevance_in < 0 ? AGAINST : FOR)) },
    hovertemplate: '%{x:.4g}<extra></extra>',
  };
  const layout = {
    height: 60 + (shown.length > FEW ? 17 : 24) * shown.length, xaxis: { title: { text: 'relevance that arrived' } },
    yaxis: rows(shown.map((l) => `${l.operator} · ${l.node}`), 34),
  };
  return h('section', {}, h('h3', {}, 'Relevance by layer'),
    h('p', { class: 'help' }, 'From the target, at the top, down to the inputs. Where relevance is kept, the bars of one path are equally long.', item.layers.length > MOST && ` The first ${MOST} of ${item.layers.length} are drawn; the table has all.`),
    await chart([bars], layout, `Relevance at ${shown.length} layers, from the target to the inputs`),
    h('details', {}, h('summary', {}, 'As a table'), table('Relevance by layer', ['Node', 'Operator', 'Rule', 'In', 'Out'], item.layers.map((l) => h('tr', {},
      h('th', { scope: 'row' }, l.node), h('td', {}, l.operator), h('td', {}, l.rule), h('td', { class: 'number' }, number(l.relevance_in)), h('td', { class: 'number' }, number(l.relevance_out)))))));
}
