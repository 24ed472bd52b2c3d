// The items of a batch as small pictures, sorted and filtered; pictures are fetched when they come into sight.

import { fill, h } from './dom.js';
import { agreements, tooLarge } from './agreement.js';
import { field, select } from './forms/fields.js';
import { number } from './format.js';
import { shown } from './problem.js';
import { thumb } from './thumb.js';

const MOST = 600;
const ORDERS = [['item', 'as they came'], ['high', 'score, high first'], ['low', 'score, low first'], ['agree', 'agreement, low first']];

export function gallery(job, items, show, current) {
  const state = { order: 'item', of: '', least: null, most: null, agreement: null };
  const grid = h('ul', { class: 'gallery' });
  const told = h('p', { class: 'help', role: 'status' });
  const sight = new IntersectionObserver((seen) => seen.filter((s) => s.isIntersecting).forEach((s) => { sight.unobserve(s.target); load(s.target, items); }), { rootMargin: '200px' });
  const draw = async () => {
    if ((state.order === 'agree' || state.most !== null) && !state.agreement) await compute(job, items, state, told);
    sight.disconnect();
    const list = chosen(job, state);
    fill(told, `${number(list.length)} of ${number(job.items)} items${list.length > MOST ? `, the first ${number(MOST)} are shown` : ''}.`, state.agreement && ' Agreement: how alike an item ranks its parts to the mean of its class, from −1 to 1.');
    fill(grid, list.slice(0, MOST).map((item) => tile(job, item, state, show, current, sight)));
  };
  draw();
  return { place: h('div', {}, filters(job, state, draw), told, grid), mark: (item) => mark(grid, item) };
}

function filters(job, state, draw) {
  const set = (part, read) => (event) => { state[part] = read(event.target.value); draw(); };
  const bound = (part) => h('input', { type: 'number', step: 'any', placeholder: 'any', onchange: set(part, (v) => (v === '' ? null : Number(v))) });
  const large = tooLarge(job);
  const orders = ORDERS.map(([key, words]) => [key, words, large && key === 'agree']);
  return h('div', { class: 'fields' },
    field('Order', select(orders, 'item', set('order', String)), large ? 'Agreement is not worked out here: the job has too many numbers for a browser. Take the arrays away for it.' : ''),
    classes(job).length > 1 && field('Class', select([['', 'all'], ...classes(job)], '', set('of', String))),
    field('Score at least', bound('least')), !large && field('Agreement at most', bound('most')));
}

async function compute(job, items, state, told) {
  fill(told, 'Fetching all items…');
  try {
    state.agreement = await agreements(job, items, (done) => fill(told, `Fetched ${number(done)} of ${number(job.items)} items…`));
  } catch (error) {
    Object.assign(state, { order: 'item', most: null });
    told.after(shown(error));
  }
}

function classes(job) {
  const found = [...new Set(job.account.index)].filter((i) => i !== null && i >= 0).sort((a, b) => a - b);
  return found.map((i) => [String(i), nameOf(job, i)]);
}

function nameOf(job, index) {
  return job.labels?.[index] ? `class ${job.labels[index]}` : `class ${index}`;
}

function chosen(job, { order, of, least, most, agreement }) {
  const score = (i) => job.account.score[i] ?? -Infinity;
  const all = Array.from({ length: job.items }, (_, i) => i).filter((i) => (of === '' || String(job.account.index[i]) === of)
    && (least === null || score(i) >= least) && (most === null || (agreement?.[i] ?? 2) <= most));
  const orders = { item: () => 0, high: (a, b) => score(b) - score(a), low: (a, b) => score(a) - score(b), agree: (a, b) => (agreement?.[a] ?? 2) - (agreement?.[b] ?? 2) };
  return all.sort(orders[order]);
}

function tile(job, item, state, show, current, sight) {
  const index = job.account.index[item];
  const words = [`item ${item}`, index >= 0 && index !== undefined ? nameOf(job, index) : null, `score ${brief(job.account.score[item])}`, state.agreement ? `agrees ${brief(state.agreement[item])}` : null].filter(Boolean);
  const press = h('button', { type: 'button', title: words.join(', '), 'data-item': item, 'aria-current': item === current() ? 'true' : null, onclick: () => show(item) }, h('span', { class: 'frame' }), words.map((line) => h('span', { class: 'label' }, line)));
  sight.observe(press);
  return h('li', {}, press);
}

// three digits, which fit a tile
function brief(value) {
  return number(Number.isFinite(value) ? Number(value.toPrecision(3)) : value);
}

function mark(grid, item) {
  grid.querySelector('[aria-current]')?.removeAttribute('aria-current');
  grid.querySelector(`[data-item="${item}"]`)?.setAttribute('aria-current', 'true');
}

async function load(press, items) {
  const frame = press.querySelector('.frame');
  try {
    const item = await items.batched(Number(press.dataset.item));
    fill(frame, item.failure ? h('span', { class: 'bad' }, 'failed') : thumb(item, items.common()));
  } catch {
    fill(frame, '–');
  }
}
