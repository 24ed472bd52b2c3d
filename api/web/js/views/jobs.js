// Jobs: newest first, page by page, with filters, live progress and a way to cancel.

import { get, remove } from '../api.js';
import * as catalogue from '../catalogue.js';
import { button, fill, h, title } from '../dom.js';
import { field, select } from '../forms/fields.js';
import { cut, named, short, time, words } from '../format.js';
import { guarded, shown } from '../problem.js';
import { ended, progressBar, stateMark, watched } from '../progress.js';
import { retry } from '../job_actions.js';
import { go, to } from '../route.js';

const STATES = ['queued', 'running', 'succeeded', 'partially_succeeded', 'failed', 'cancelled'];
const PAGE = 50;

export async function jobs(place, { query, signal }) {
  const filters = h('div', { class: 'fields filters' });
  const rows = h('tbody', {});
  const more = h('div', { class: 'more' });
  const list = h('div', { class: 'scroll', role: 'region', tabindex: 0, 'aria-label': 'Jobs' }, h('table', { class: 'jobs' },
    h('caption', { class: 'unseen' }, 'Jobs, newest first'),
    h('thead', {}, h('tr', {}, ['State', 'Method', 'Model', 'Progress', 'Created', 'Action'].map((head) => h('th', { scope: 'col' }, head)))), rows));
  fill(place, title('Jobs', h('a', { class: 'button main', href: to(['new']) }, 'New explanation')), filters, list, more);
  const names = {};
  await guarded(place, () => load(firstAddress(query), { rows, more, names, signal }));
  await guarded(place, () => drawFilters(filters, query, names, signal));
}

function firstAddress(query) {
  const given = ['state', 'method', 'model'].filter((name) => query.get(name)).map((name) => [name, query.get(name)]);
  return `/v1/jobs?${new URLSearchParams([['limit', PAGE], ...given])}`;
}

async function load(address, list) {
  const page = await get(address, list.signal);
  list.rows.append(...page.jobs.map((job) => row(job, list)));
  if (!list.rows.children.length) fill(list.more, h('p', { class: 'empty' }, 'No job fits. ', h('a', { href: '#/new' }, 'Start one.')));
  else fill(list.more, page.next && button(`Show ${PAGE} more`, () => guarded(list.more, () => load(page.next, list))));
}

async function drawFilters(place, query, names, signal) {
  const [models, methods] = await Promise.all([catalogue.models(signal), catalogue.methods()]);
  for (const model of models) names[model.id] = named(model);
  for (const cell of document.querySelectorAll('[data-model]')) cell.textContent = cut(names[cell.dataset.model] ?? short(cell.dataset.model), 30);
  const change = (name) => (event) => {
    const kept = Object.fromEntries(query);
    go(['jobs'], { ...kept, [name]: event.target.value });
  };
  const choice = (name, label, options) => field(label, select([['', 'all'], ...options], query.get(name) ?? '', change(name)));
  fill(place,
    choice('state', 'State', STATES.map((s) => [s, words(s)])),
    choice('method', 'Method', Object.keys(methods).map((m) => [m, words(m)])),
    choice('model', 'Model', models.map((m) => [m.id, cut(named(m), 40)])));
}

function row(job, list) {
  const tr = h('tr', { 'data-job': job.id });
  return watched(tr, job, (now) => cells(now, list), list.signal);
}

function cells(job, list) {
  const wrong = job.error && h('p', { class: 'wrong' }, `${job.error.title}: ${job.error.detail}`);
  return [
    h('td', {}, stateMark(job)),
    h('th', { scope: 'row' }, h('a', { href: to(['jobs', job.id]) }, words(job.method), h('span', { class: 'unseen' }, ` ${job.id}`))),
    h('td', {}, h('span', { 'data-model': job.model }, cut(list.names[job.model] ?? short(job.model), 30))),
    h('td', {}, progressBar(job), wrong),
    h('td', {}, time(job.created)),
    h('td', {}, action(job)),
  ];
}

function action(job) {
  const outcome = h('span', {});
  const act = (work) => async () => {
    try {
      await work();
    } catch (error) {
      fill(outcome, shown(error));
    }
  };
  const name = h('span', { class: 'unseen' }, ` ${words(job.method)} ${job.id}`);
  if (!ended(job)) return [button(['Cancel', name], act(() => remove(`/v1/jobs/${job.id}`)), 'danger'), outcome];
  return [button(['Run again', name], act(async () => go(['jobs', (await retry(job)).id]))), outcome];
}
