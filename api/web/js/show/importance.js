// How much worse the model is without a feature, over all items.

import { chart, rows } from '../charts.js';
import { FOR } from '../colours.js';
import { h } from '../dom.js';
import { featureName, strongest } from '../features.js';

const MOST = 24;

export async function importance(tensor, shared, card) {
  const errors = shared.find((t) => t.name === `error.${tensor.name}`)?.data;
  const order = strongest(tensor.data.map((v) => v ?? NaN), MOST);
  const bars = {
    type: 'bar', orientation: 'h', x: order.map((i) => tensor.data[i]), y: order.map((_, i) => i), marker: { color: FOR },
    error_x: errors && { type: 'data', array: order.map((i) => errors[i]), thickness: 1 }, hovertemplate: '%{x:.4g}<extra></extra>',
  };
  const layout = { height: 60 + 26 * order.length, xaxis: { title: { text: 'importance' } }, yaxis: rows(order.map((i) => featureName(card, i)), 24) };
  return h('section', {}, h('h3', {}, 'Importance over all items'), await chart([bars], layout, `Importance of ${order.length} features`));
}
