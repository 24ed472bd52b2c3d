// The jobs that a comparison can start with.

import { get } from '../api.js';
import * as catalogue from '../catalogue.js';
import { h, table } from '../dom.js';
import { cut, named, number, short, time, words } from '../format.js';
import { to } from '../route.js';

const OFFERED = 30;

export async function starters(signal) {
  const [{ jobs }, models, methods] = await Promise.all([get(`/v1/jobs?state=succeeded&limit=${OFFERED}`, signal), catalogue.models(signal), catalogue.methods()]);
  const fit = jobs.filter((job) => catalogue.explainsInputs(methods[job.method]));
  if (!fit.length) return h('p', { class: 'empty' }, 'No job that explains inputs is done yet. ', h('a', { href: '#/new' }, 'Start one.'));
  const names = Object.fromEntries(models.map((m) => [m.id, named(m)]));
  return h('div', { class: 'starters' }, table('Jobs that are done, newest first', ['Method', 'Model', 'Items', 'Created'], fit.map((job) => h('tr', {},
    h('th', { scope: 'row' }, h('a', { href: to(['compare'], { jobs: job.id }) }, words(job.method), h('span', { class: 'unseen' }, ` ${job.id}`))),
    h('td', {}, cut(names[job.model] ?? short(job.model), 30)), h('td', { class: 'number' }, number(job.items)), h('td', {}, time(job.created))))));
}
