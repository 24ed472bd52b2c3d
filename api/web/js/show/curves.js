// How the score goes with one feature's value, with the uncertainty of the mean.

import { axisText, chart } from '../charts.js';
import { fill, h } from '../dom.js';
import { featureName } from '../features.js';
import { field, select } from '../forms/fields.js';

const INK = '#2166ac';

export async function curves(tensor, shared, card) {
  const [features, points] = [tensor.shape[0], tensor.shape.at(-1)];
  const rows = (name) => shared.find((t) => t.name === `${name}.${tensor.name}`)?.data;
  const parts = { curve: tensor.data, grid: rows('grid'), error: rows('error') };
  const place = h('div', {});
  const draw = async (f) => fill(place, await curve(parts, Number(f), points, featureName(card, Number(f))));
  await draw(0);
  return h('section', {}, h('h3', {}, 'How the score goes with a feature'),
    features > 1 && h('div', { class: 'fields' }, field('Feature', select(Array.from({ length: features }, (_, f) => [String(f), featureName(card, f)]), '0', (e) => draw(e.target.value)))), place,
    parts.error && h('p', { class: 'help' }, 'The mean over all items; the bars are its standard errors.'));
}

function curve({ curve: values, grid, error }, f, points, name) {
  const cut = (list) => list?.slice(f * points, (f + 1) * points);
  const [x, y, e] = [cut(grid) ?? cut(values).map((_, i) => i), cut(values), cut(error)];
  const line = { type: 'scatter', mode: 'lines+markers', x, y, line: { color: INK }, error_y: e && { type: 'data', array: e, color: INK, thickness: 1 } };
  return chart([line], { height: 300, xaxis: { title: { text: axisText(name, 40) } }, yaxis: { title: { text: 'score' } } }, `Score against ${name}, ${points} points`);
}
