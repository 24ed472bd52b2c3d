// The result of a job: a gallery of its items, one of them at length, and what can be taken away.

import { get } from './api.js';
import { labelsOf } from './axes.js';
import { button, fill, h } from './dom.js';
import { gallery } from './gallery.js';
import { number } from './format.js';
import { itemsOf } from './items.js';
import { itemView } from './item_view.js';
import { note } from './route.js';
import { guarded } from './problem.js';
import { overall } from './show/overall.js';
import { takeaway } from './takeaway.js';

export async function result(job, query, signal) {
  const found = await get(`/v1/jobs/${job.id}/result`, signal);
  const items = itemsOf(job, signal);
  const state = { item: Math.min(found.items - 1, Math.max(0, Number(query.get('item') ?? 0) || 0)) };
  const detail = h('div', {});
  const show = async (item) => {
    state.item = item;
    state.gallery?.mark(item);
    note({ ...Object.fromEntries(query), item: item || null });
    fill(detail, h('p', {}, 'Fetching the item…'));
    await guarded(detail, async () => fill(detail, await itemView(found, await items.one(item), items.common())));
  };
  await show(state.item);
  found.labels = labelsOf(items.common().card ?? { outputs: {} }, found.target.output ?? found.account.explained);
  const several = found.items > 1 && found.arrays.some((a) => a.name.startsWith('attribution.'));
  state.gallery = several && gallery(found, items, show, () => state.item);
  return [
    failures(found), found.account.warnings.map((w) => h('p', { class: 'warning' }, w)),
    several && h('section', {}, h('h2', {}, `${number(found.items)} items`), state.gallery.place),
    await overall(found, items), steps(several ? found.items : searched(found), state, show), detail, h('section', {}, h('h2', {}, 'Take away'), takeaway(found, () => state.item)),
  ];
}

function failures(found) {
  if (!found.failures.length) return null;
  return h('details', { class: 'warning' }, h('summary', {}, `${number(found.failures.length)} items have no explanation`),
    h('ul', {}, found.failures.slice(0, 50).map((f) => h('li', {}, `Item ${f.item}: ${f.detail}`))));
}

// a search finds prototypes of its own, as many as it has scores
function searched(found) {
  return found.arrays.some((a) => a.name.startsWith('prototype.')) ? found.account.score.length : found.items;
}

function steps(count, state, show) {
  if (count < 2) return null;
  const move = (by) => () => show((state.item + by + count) % count);
  return h('nav', { class: 'row', 'aria-label': 'Items' }, button('← Item before', move(-1)), button('Next item →', move(1)));
}
