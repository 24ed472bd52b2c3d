// One job: how far it is while it runs, why it failed, and what it found.

import { get } from '../api.js';
import * as catalogue from '../catalogue.js';
import { facts, fill, h, say, title } from '../dom.js';
import { actions } from '../job_actions.js';
import { cut, named, number, short, time, words } from '../format.js';
import { guarded, shown } from '../problem.js';
import { ended, progressBar, stateMark, watch } from '../progress.js';
import { result } from '../result.js';
import { to } from '../route.js';

export async function job(place, { ref, query, signal }) {
  const at = `/v1/jobs/${encodeURIComponent(ref)}`;
  const found = await get(at, signal);
  const parts = { head: h('div', {}), outcome: h('div', {}), state: h('div', {}), result: h('div', {}) };
  const redraw = async () => draw(parts, await get(at, signal), query, signal, redraw);
  fill(place, parts.head, parts.state, parts.outcome, parts.result);
  await draw(parts, found, query, signal, redraw);
  if (!ended(found)) watch(found, (now) => advanced(parts, now, query, signal, redraw), signal);
}

async function draw(parts, found, query, signal, redraw) {
  const model = await catalogue.model(found.model, signal).catch(() => null);
  const name = model ? named(model) : short(found.model);
  const method = (await catalogue.methods())[found.method];
  fill(parts.head, title(words(found.method), actions(found, parts.outcome, redraw)),
    h('p', { class: 'help' }, 'Model ', model ? h('a', { href: to(['models', found.model]) }, cut(name, 60)) : cut(name, 60), ` · ${number(found.items)} item${found.items === 1 ? '' : 's'} · ${time(found.created)}`),
    method && h('p', {}, method.summary));
  await showState(parts, found, query, signal);
}

async function advanced(parts, now, query, signal, redraw) {
  if (ended(now)) {
    say(`The job ${now.state === 'succeeded' ? 'succeeded' : `is ${words(now.state)}`}.`);
    await draw(parts, now, query, signal, redraw);
  } else await showState(parts, now, query, signal);
}

async function showState(parts, found, query, signal) {
  fill(parts.state, h('p', { class: 'now' }, stateMark(found), ' ', progressBar(found), found.cached && h('span', { class: 'help' }, ' taken from an earlier job with the same content')),
    found.error && shown({ fields: { ...found.error, title: found.error.title || 'The job failed' } }), asked(found));
  if (!['succeeded', 'partially_succeeded'].includes(found.state)) return;
  fill(parts.result, h('p', { 'aria-busy': 'true' }, 'Fetching the result…'));
  await guarded(parts.result, async () => fill(parts.result, await result(found, query, signal)));
}

function asked(found) {
  const params = Object.entries(found.params).filter(([, v]) => v !== null);
  return h('details', {}, h('summary', {}, 'What was asked for'), facts([
    ['Method', found.method],
    ['Parameters', params.length ? h('code', {}, JSON.stringify(Object.fromEntries(params))) : 'all as the method chooses'],
    ['Target', Object.keys(found.target).length ? h('code', {}, JSON.stringify(found.target)) : 'the predicted class of each item'],
    ['Seed', found.seed], ['Priority', found.priority], ['Ran on', found.provider], ['Job', h('code', {}, found.id)],
    ['Finished', found.finished && time(found.finished)],
  ]));
}
