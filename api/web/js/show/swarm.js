// Every item's attribution of each feature as a point, coloured by the feature's value: a beeswarm.

import { attributions } from '../attributions.js';
import { chart, rows } from '../charts.js';
import { fill, h } from '../dom.js';
import { featureName, strongest } from '../features.js';
import { shown } from '../problem.js';

const MOST = 12;

export async function swarm(job, items, name, card, most) {
  const place = h('div', {});
  const draw = async () => {
    fill(place, h('p', {}, 'Fetching the items…'));
    try {
      const all = await Promise.all(Array.from({ length: Math.min(most, job.items) }, (_, i) => items.batched(i)));
      const done = all.filter((i) => !i.failure);
      const about = done[0]?.centres[name]?.words;
      fill(place, about && h('p', { class: 'help' }, `0 is ${about}, of each item its own.`), await points(done, name, card));
    } catch (error) {
      fill(place, shown(error));
    }
  };
  await draw();
  return h('section', {}, h('h3', {}, 'All items at once', ' in ', h('code', {}, name)),
    h('p', { class: 'help' }, `Each point is an item${job.items > most ? ` (the first ${most})` : ''}: how far the feature spoke for it (right) or against it (left); yellow are high values of the feature, dark ones low.`), place);
}

function points(all, name, card) {
  const values = all.map((i) => attributions(i).find((t) => t.name === name).data);
  const given = all.map((i) => i.inputs.find((t) => t.name === name)?.data);
  const mean = values[0].map((_, f) => values.reduce((sum, v) => sum + Math.abs(v[f] ?? 0), 0));
  const order = strongest(mean, MOST);
  const traces = order.map((f, row) => ({
    type: 'scatter', mode: 'markers', x: values.map((v) => v[f]), y: spread(values.map((v) => v[f]), row),
    marker: { size: 6, color: ranks(given.map((g) => g?.[f] ?? 0)), colorscale: 'Cividis', line: { width: 0.5, color: '#8a8f98' } },
    customdata: given.map((g) => g?.[f]), hovertemplate: 'attribution %{x:.4g}, value %{customdata:.4g}<extra></extra>',
  }));
  const layout = {
    height: 70 + 44 * order.length, xaxis: { title: { text: 'attribution: against ← 0 → for' } },
    yaxis: rows(order.map((f) => featureName(card, f)), 24),
  };
  return chart(traces, layout, `Attributions of ${all.length} items for ${order.length} features`);
}

// points that would lie on each other are moved apart, evenly above and below
function spread(values, row) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const seen = new Map();
  return values.map((v) => {
    const bin = Math.round(((v - low) / ((high - low) || 1)) * 40);
    const n = seen.get(bin) ?? 0;
    seen.set(bin, n + 1);
    return row + Math.max(-0.4, Math.min(0.4, (n % 2 ? 1 : -1) * Math.ceil(n / 2) * 0.06));
  });
}

function ranks(values) {
  const sorted = [...new Set(values)].sort((a, b) => a - b);
  return values.map((v) => sorted.indexOf(v) / Math.max(1, sorted.length - 1));
}
