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
  const state = { order: 'item', of: '', agreement: null };
  const grid = h('ul', { class: 'gallery' });
  const told = h('p', { class: 'help', role: 'status' });
  const sight = new IntersectionObserver((seen) => seen.filter((s) => s.isIntersecting).forEach((s) => { sight.unobserve(s.target); load(s.target, items); }), { rootMargin: '200px' });
  const draw = () => {
    sight.disconnect();
    const list = chosen(job, state);
    fill(told, `${number(list.length)} items${list.length > MOST ? `, the first ${number(MOST)} are shown` : ''}.`, state.agreement && ' Agreement: how alike an item ranks its parts to the mean of its class, from −1 to 1.');
    fill(grid, list.slice(0, MOST).map((item) => tile(job, items, item, state, show, current, sight)));
  };
  const order = async (event) => {
    state.order = event.target.value;
    if (state.order === 'agree' && !state.agreement) await compute(job, items, state, told);
    draw();
  };
  draw();
  return h('div', {}, h('div', { class: 'fields' },
    field('Order', select(ORDERS.filter(([key]) => key !== 'agree' || !tooLarge(job)), 'item', order)),
    classes(job).length > 1 && field('Class', select([['', 'all'], ...classes(job)], '', (e) => { state.of = e.target.value; draw(); }))), told, grid);
}

async function compute(job, items, state, told) {
  fill(told, 'Fetching all items…');
  try {
    state.agreement = await agreements(job, items);
  } catch (error) {
    state.order = 'item';
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

function chosen(job, { order, of, agreement }) {
  const all = Array.from({ length: job.items }, (_, i) => i).filter((i) => of === '' || String(job.account.index[i]) === of);
  const score = (i) => job.account.score[i] ?? -Infinity;
  const orders = { item: () => 0, high: (a, b) => score(b) - score(a), low: (a, b) => score(a) - score(b), agree: (a, b) => (agreement?.[a] ?? 2) - (agreement?.[b] ?? 2) };
  return all.sort(orders[order]);
}

function tile(job, items, item, state, show, current, sight) {
  const index = job.account.index[item];
  const words = [`${item}`, index >= 0 && index !== undefined ? nameOf(job, index) : null, number(job.account.score[item]), state.agreement ? `agrees ${number(state.agreement[item])}` : null].filter(Boolean);
  const pick = (event) => {
    event.currentTarget.closest('ul').querySelector('[aria-current]')?.removeAttribute('aria-current');
    event.currentTarget.setAttribute('aria-current', 'true');
    show(item);
  };
  const press = h('button', { type: 'button', 'data-item': item, 'aria-current': item === current() ? 'true' : null, onclick: pick }, h('span', { class: 'frame' }), h('span', { class: 'label' }, words.join(' · ')));
  sight.observe(press);
  return h('li', {}, press);
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
