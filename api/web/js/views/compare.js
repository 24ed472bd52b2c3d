// Compare: several methods or models on one input, side by side, with the rank correlation of each pair.

import { get } from '../api.js';
import * as catalogue from '../catalogue.js';
import { button, fill, h, table, title } from '../dom.js';
import { field, select, text } from '../forms/fields.js';
import { cut, named, number, short, words } from '../format.js';
import { itemsOf } from '../items.js';
import { retry } from '../job_actions.js';
import { guarded, shown } from '../problem.js';
import { ended, progressBar, stateMark, watch } from '../progress.js';
import { spearman } from '../rank.js';
import { go, to } from '../route.js';
import { named as arraysOf } from '../tensor.js';
import { thumb } from '../thumb.js';

const OFFERED = 30;

export async function compare(place, { query, signal }) {
  const ids = (query.get('jobs') ?? '').split(',').filter(Boolean);
  const item = Number(query.get('item') ?? 0) || 0;
  if (!ids.length) fill(place, title('Compare'), h('p', { class: 'lead' }, 'Choose a job that is done; other methods or models then explain the same input beside it.'), await starters(signal));
  else await sideBySide(place, ids, item, signal);
}

async function starters(signal) {
  const { jobs } = await get(`/v1/jobs?state=succeeded&limit=${OFFERED}`, signal);
  if (!jobs.length) return h('p', { class: 'empty' }, 'No job is done yet. ', h('a', { href: '#/new' }, 'Start one.'));
  return h('ul', { class: 'starters' }, jobs.map((job) => h('li', {}, h('a', { href: to(['compare'], { jobs: job.id }) },
    `${words(job.method)} · ${short(job.model)} · ${number(job.items)} item${job.items === 1 ? '' : 's'}`))));
}

async function sideBySide(place, ids, item, signal) {
  const [jobs, methods, models] = await Promise.all([Promise.all(ids.map((id) => get(`/v1/jobs/${id}`, signal))), catalogue.methods(), catalogue.models(signal)]);
  const panels = h('div', { class: 'compared' });
  const ranks = h('div', {});
  const found = [];
  const tell = () => fill(ranks, correlations(found.filter(Boolean)));
  fill(place, title('Compare'), chooser(jobs[0], item, ids), adder(jobs, item, ids, methods, models), panels, h('section', {}, h('h2', {}, 'Rank correlation'), ranks));
  tell();
  jobs.forEach((job, at) => panels.append(panel(job, item, (shownItem) => { found[at] = { name: nameOf(job, models), ...shownItem }; tell(); }, ids, models, signal)));
}

function nameOf(job, models) {
  const model = models.find((m) => m.id === job.model);
  return `${words(job.method)} · ${cut(model ? named(model) : short(job.model), 24)}`;
}

function chooser(job, item, ids) {
  if (job.items < 2) return null;
  return field('Item', h('input', { type: 'number', min: 0, max: job.items - 1, value: item, onchange: (e) => go(['compare'], { jobs: ids.join(','), item: e.target.value }) }), `From 0 to ${job.items - 1}.`);
}

function adder(jobs, item, ids, methods, models) {
  const [first] = jobs;
  const method = select(Object.keys(methods).map((m) => [m, words(m)]), first.method);
  const model = select(models.map((m) => [m.id, cut(named(m), 40)]), first.model);
  const index = text('', { placeholder: 'as in the first job', size: 6 });
  const outcome = h('div', {});
  const add = async (event) => {
    event.preventDefault();
    try {
      const target = index.value.trim() ? { target: Number(index.value) } : {};
      const params = method.value === first.method ? first.params : {};
      const made = await retry(first, { method: method.value, model: model.value, params, priority: 'interactive', ...target });
      go(['compare'], { jobs: [...ids, made.id].join(','), item });
    } catch (error) {
      fill(outcome, shown(error));
    }
  };
  return [h('form', { class: 'fields', onsubmit: add }, field('Method', method), field('Model', model), field('Class number', index), h('button', { class: 'main' }, 'Add beside')), outcome];
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
  const values = arraysOf(found.arrays, 'attribution.').flatMap((t) => t.data.map((v) => v ?? 0));
  ready({ values });
  if (!values.length) return h('p', {}, 'This method gives no attributions.');
  const canvas = thumb(found, items.common());
  canvas.removeAttribute('aria-hidden');
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', `Attributions by ${words(job.method)}`);
  return [canvas, h('p', {}, `${found.label || 'score'}: ${number(found.score)}`)];
}

function correlations(found) {
  if (found.length < 2) return h('p', {}, 'Add a method or a model to see how far they agree.');
  return [h('p', { class: 'help' }, '1: both rank the parts of the input alike; 0: as if by chance; −1: the other way round.'),
    table('Rank correlation of attributions (Spearman)', ['', ...found.map((f) => f.name)], found.map((a) => h('tr', {},
      h('th', { scope: 'row' }, a.name), found.map((b) => h('td', { class: 'number' }, number(Number(spearman(a.values, b.values).toFixed(3))))))))];
}
