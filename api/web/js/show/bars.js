// Features of a table as signed bars, or as a waterfall from the baseline to the score where the sum is one.

import { chart, rows } from '../charts.js';
import { AGAINST, FOR } from '../colours.js';
import { fill, h, table } from '../dom.js';
import { described, strongest } from '../features.js';
import { field, select } from '../forms/fields.js';
import { number } from '../format.js';
import { plain } from '../tensor.js';
import { contrast } from './contrast.js';

const MOST = 24;

export async function bars(subject) {
  const values = plain(subject.tensor);
  const order = strongest(values, MOST);
  const names = order.map((i) => described(subject.card, subject.given, i));
  const place = h('div', {});
  const kinds = { bars: () => plainBars(subject), waterfall: () => waterfall(subject, values, order, names) };
  const draw = async (kind) => fill(place, await kinds[kind]());
  await draw('bars');
  return [
    !subject.item.centres[subject.tensor.name] && h('div', { class: 'fields' }, field('Drawn as', select([['bars', 'bars'], ['waterfall', 'a waterfall']], 'bars', (e) => draw(e.target.value)))), place,
    values.length > order.length && h('p', { class: 'help' }, `${values.length - order.length} smaller ones are left out.`),
    h('details', {}, h('summary', {}, 'As a table'), table('Attributions', ['Feature', 'Attribution'], order.map((i, at) => h('tr', {},
      h('th', { scope: 'row' }, names[at]), h('td', { class: 'number' }, number(values[i])))))), contrast(subject),
  ];
}

export async function plainBars({ tensor, card, given }) {
  const values = plain(tensor);
  const order = strongest(values, MOST);
  const names = order.map((i) => described(card, given, i));
  const shown = order.map((i) => values[i]);
  const trace = {
    type: 'bar', orientation: 'h', x: shown, y: order.map((_, i) => i), text: shown.map(number), textposition: 'outside', cliponaxis: false,
    marker: { color: shown.map((v) => (v < 0 ? AGAINST : FOR)) }, hovertemplate: '%{x:.4g}<extra></extra>',
  };
  const most = 1.3 * Math.max(...shown.map(Math.abs), 1e-12);
  const layout = { height: 60 + 28 * order.length, xaxis: { title: { text: 'attribution: against ← 0 → for' }, range: [-most, most] }, yaxis: rows(names) };
  return chart([trace], layout, `Attributions of ${order.length} features, the strongest first: ${names[0]} ${number(shown[0])}`);
}

function waterfall({ item }, values, order, names) {
  const start = item.figures.find((f) => f.name === 'baseline_score')?.value ?? 0;
  const end = start + values.reduce((sum, v) => sum + (v || 0), 0);
  const rest = values.reduce((sum, v) => sum + (v || 0), 0) - order.reduce((sum, i) => sum + values[i], 0);
  const steps = [...order.map((i) => values[i]), ...(values.length > order.length ? [rest] : [])];
  const labels = ['start: the baseline', ...names, ...(values.length > order.length ? ['all others'] : []), 'end: start and all'];
  const trace = {
    type: 'waterfall', orientation: 'h', x: [start, ...steps, 0], y: labels.map((_, i) => i), base: 0,
    measure: ['absolute', ...steps.map(() => 'relative'), 'total'], text: [start, ...steps, end].map(number), textposition: 'outside', cliponaxis: false,
    increasing: { marker: { color: FOR } }, decreasing: { marker: { color: AGAINST } }, totals: { marker: { color: '#6e7781' } },
    hovertemplate: '%{x:.4g}<extra></extra>',
  };
  return chart([trace], { height: 60 + 28 * labels.length, xaxis: { title: { text: 'score' }, range: reach([start, ...steps]) }, yaxis: rows(labels) },
    `Waterfall from ${number(start)} over ${steps.length} features to the sum of the attributions`);
}

// wide enough for the figures at the ends of the bars
function reach(steps) {
  const sums = steps.map((_, i) => steps.slice(0, i + 1).reduce((a, b) => a + b, 0));
  const [low, high] = [Math.min(0, ...sums), Math.max(0, ...sums)];
  const margin = 0.15 * (high - low || 1);
  return [low < 0 ? low - margin : 0, high + margin];
}
