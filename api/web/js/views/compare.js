// Compare: several methods or models on one input, side by side, with the rank correlation of each pair.

import { get } from '../api.js';
import * as catalogue from '../catalogue.js';
import { button, fill, h, title } from '../dom.js';
import { field } from '../forms/fields.js';
import { cut, named, number, short, words } from '../format.js';
import { itemsOf } from '../items.js';
import { guarded, shown } from '../problem.js';
import { ended, progressBar, stateMark, watch } from '../progress.js';
import { go, to } from '../route.js';
import { brief, inputsOf } from '../show/brief.js';
import { subjects } from '../subject.js';
import { adder } from './compare_add.js';
import { correlations } from './compare_ranks.js';
import { starters } from './compare_start.js';

export async function compare(place, { query, signal }) {
  const ids = (query.get('jobs') ?? '').split(',').filter(Boolean);
  const item = Number(query.get('item') ?? 0) || 0;
  if (!ids.length) fill(place, title('Compare'), h('p', { class: 'lead' }, 'Choose a job that is done; other methods or models then explain the same input beside it.'), await starters(signal));
  else await sideBySide(place, ids, item, signal);
}

async function sideBySide(place, ids, item, signal) {
  const [jobs, methods, models] = await Promise.all([Promise.all(ids.map((id) => get(`/v1/jobs/${id}`, signal))), catalogue.methods(), catalogue.models(signal)]);
  const given = h('figure', { hidden: true });
  const panels = h('div', { class: 'compared' }, given);
  const ranks = h('div', {});
  const found = [];
  const several = new Set(jobs.map((job) => job.model)).size > 1;
  const tell = () => fill(ranks, correlations(found.filter(Boolean)));
  fill(place, title('Compare'), chooser(jobs[0], item, ids), await adder(jobs, item, ids, methods, models), panels, h('section', {}, h('h2', {}, 'Rank correlation'), ranks));
  tell();
  const ready = (job, at) => (list) => {
    found[at] = { name: nameOf(job, models, several), values: list.flatMap((s) => s.tensor.data.map((v) => v ?? 0)) };
    tell();
    if (given.hidden) showInput(given, list);
  };
  jobs.forEach((job, at) => panels.append(panel(job, item, ready(job, at), ids, models, signal)));
}

function showInput(place, list) {
  const pictures = inputsOf(list);
  if (!pictures.length) return;
  fill(place, h('figcaption', {}, 'The input'), pictures);
  place.hidden = false;
}

function nameOf(job, models, withModel = true) {
  const model = models.find((m) => m.id === job.model);
  const of = Number.isInteger(job.target.index) ? ` · class ${job.target.index}` : '';
  return words(job.method) + (withModel ? ` · ${cut(model ? named(model) : short(job.model), 24)}` : '') + of;
}

function chooser(job, item, ids) {
  if (job.items < 2) return null;
  return field('Item', h('input', { type: 'number', min: 0, max: job.items - 1, value: item, onchange: (e) => go(['compare'], { jobs: ids.join(','), item: e.target.value }) }), `From 0 to ${job.items - 1}.`);
}

function panel(job, item, ready, ids, models, signal) {
  const body = h('div', {});
  const show = async (now) => {
    if (!ended(now)) fill(body, stateMark(now), ' ', progressBar(now));
    else await guarded(fill(body), async () => fill(body, await content(now, item, ready, signal)));
  };
  show(job);
  if (!ended(job)) watch(job, show, signal);
  const rest = ids.filter((id) => id !== job.id);
  return h('figure', {}, h('figcaption', {}, h('a', { href: to(['jobs', job.id], { item }) }, nameOf(job, models))), body,
    button('Leave out', () => go(['compare'], { jobs: rest.join(','), item })));
}

async function content(job, item, ready, signal) {
  if (job.error && job.state !== 'partially_succeeded') return shown({ fields: job.error });
  if (job.state === 'cancelled') return h('p', {}, 'cancelled');
  const items = itemsOf(job, signal);
  const found = await items.one(item);
  if (found.failure) return h('p', { class: 'warning' }, found.failure.detail);
  const list = subjects(job, found, items.common());
  if (!list.length) return h('p', {}, 'This method gives no attributions.');
  ready(list);
  return [await brief(list), h('p', {}, `${found.label || 'score'}: ${number(found.score)}`)];
}
