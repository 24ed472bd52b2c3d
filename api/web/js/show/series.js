// A series: each channel as a line over the colours of its attributions.

import { axisText, chart } from '../charts.js';
import { plotlyScale } from '../colours.js';
import { h } from '../dom.js';
import { limitOf, plain, strides } from '../tensor.js';
import { contrast } from './contrast.js';

const MOST = 6;

export async function series(subject) {
  return [await lines(subject), contrast(subject)];
}

export async function lines({ tensor, given, axes, card }) {
  const values = channels(tensor, axes);
  const drawn = given && given.shape.join() === tensor.shape.join() ? channels(given, axes) : values;
  const strength = values.map((c) => c.reduce((sum, v) => sum + Math.abs(v || 0), 0));
  const order = strength.map((s, i) => [s, i]).sort((a, b) => b[0] - a[0]).slice(0, MOST).map(([, i]) => i).sort((a, b) => a - b);
  const limit = limitOf(plain(tensor));
  const shown = await Promise.all(order.map((c) => channel(drawn[c], values[c], limit, card.feature_names?.[c] ?? `channel ${c}`)));
  const hidden = values.length - order.length;
  return [shown, hidden > 0 && h('p', { class: 'help' }, `${hidden} channels with less are left out.`)];
}

function channels(tensor, axes) {
  if (tensor.shape.length < 2 || !axes.includes('T')) return [plain(tensor)];
  const [t, c] = [axes.indexOf('T'), axes.indexOf('C')];
  const steps = strides(tensor.shape);
  return Array.from({ length: tensor.shape[c] }, (_, k) => Array.from({ length: tensor.shape[t] }, (__, i) => tensor.data[i * steps[t] + k * steps[c]] ?? NaN));
}

function channel(line, values, limit, name) {
  const [low, high] = [Math.min(...line), Math.max(...line)];
  const margin = 0.08 * (high - low) || 1;
  const ground = {
    type: 'heatmap', z: [values], x0: 0, dx: 1, y: [low - margin, high + margin], colorscale: plotlyScale(), zmin: -limit, zmax: limit,
    colorbar: { thickness: 10, title: { text: 'attribution', side: 'right' } }, hovertemplate: 'step %{x}: %{z:.4g}<extra></extra>',
  };
  const halo = { type: 'scatter', mode: 'lines', y: line, line: { color: '#ffffff', width: 4 }, hoverinfo: 'skip' };
  const drawn = { type: 'scatter', mode: 'lines', y: line, line: { color: '#1f2328', width: 1.5 }, hoverinfo: 'skip' };
  const layout = { height: 200, xaxis: { title: { text: 'step' }, range: [-0.5, line.length - 0.5], tickformat: 'd', dtick: line.length <= 20 ? 1 : undefined }, yaxis: { title: { text: axisText(name) }, range: [low - margin, high + margin] } };
  return chart([ground, halo, drawn], layout, `${name}: ${line.length} steps, coloured by attribution`);
}
