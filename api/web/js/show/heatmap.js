// What has no picture of its own: the last two axes as a matrix, those before them summed.

import { chart } from '../charts.js';
import { plotlyScale } from '../colours.js';
import { h } from '../dom.js';
import { limitOf, matrix } from '../tensor.js';

const MOST = 250_000;

export async function heatmap({ tensor }) {
  if (tensor.data.length > MOST) return h('p', {}, 'Too large to draw; take the .npz file.');
  const rows = matrix(tensor);
  const limit = limitOf(rows.flat());
  const trace = {
    type: 'heatmap', z: rows, colorscale: plotlyScale(), zmin: -limit, zmax: limit, hovertemplate: 'row %{y}, column %{x}: %{z:.4g}<extra></extra>',
    colorbar: { thickness: 12 },
  };
  const layout = { height: Math.min(520, 120 + 24 * rows.length), xaxis: { ...whole(rows[0].length), title: { text: 'last axis' } }, yaxis: { ...whole(rows.length), autorange: 'reversed', title: { text: 'last but one' } } };
  return chart([trace], layout, `Matrix of ${rows.length} by ${rows[0].length} values`);
}

// places are counted: no tick between two of them
function whole(length) {
  return { tickformat: 'd', dtick: length <= 20 ? 1 : undefined };
}
