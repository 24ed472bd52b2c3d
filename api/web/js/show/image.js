// An image and its attributions over it: strength, sign, clipping and colours can be set, values be read.

import { NAMES, colour } from '../colours.js';
import { button, fill, h } from '../dom.js';
import { field, select } from '../forms/fields.js';
import { number } from '../format.js';
import { overlay } from '../overlay.js';
import { paint, pixel, shownImage } from '../pixels.js';
import { saveCanvas, saveImageSvg } from '../save.js';
import { plane } from '../tensor.js';
import { contrast } from './contrast.js';

export async function image(subject) {
  const values = plane(subject.tensor, subject.axes);
  const given = shownOf(subject);
  const state = { strength: 1, sign: 'both', clip: 99.5, map: NAMES[0] };
  const { over, bar, ends, draw } = coloured(subject, given, values, state);
  return [
    h('div', { class: 'panels' },
      given && h('figure', {}, input(subject, given), h('figcaption', {}, 'The input')),
      h('figure', {}, over, h('figcaption', {}, 'What counted for and against'), bar, ends, reader(over, values)),
      controls(state, draw)),
    h('div', { class: 'row' },
      button('Save PNG', () => saveCanvas(over, `${name(subject)}.png`)), button('Save SVG', () => saveImageSvg(over, ends, `${name(subject)}.svg`, subject.item.label))),
    contrast(subject),
  ];
}

// without anything to set, for beside others
export async function stillImage(subject) {
  const values = plane(subject.tensor, subject.axes);
  const { over, bar, ends } = coloured(subject, shownOf(subject), values, { strength: 1, sign: 'both', clip: 99.5, map: NAMES[0] });
  return [over, bar, ends, reader(over, values)];
}

export function input(subject, given = shownOf(subject)) {
  return given && paint(h('canvas', { class: 'pixels', role: 'img', 'aria-label': `Input ${subject.tensor.name}` }), given, (at) => pixel(given, at));
}

function shownOf({ given, axes, card, picture }) {
  return given ? shownImage(given, axes, card, picture) : null;
}

function coloured(subject, given, values, state) {
  const over = h('canvas', { class: 'pixels', role: 'img', tabindex: 0, 'aria-label': label(subject) });
  const bar = h('canvas', { class: 'bar', 'aria-hidden': 'true' });
  const ends = h('p', { class: 'ends' });
  const draw = () => {
    const { limit, colourOf } = overlay(given, values, state);
    paint(over, values, colourOf);
    paint(bar, { width: 256, height: 1 }, (at) => colour(at / 127.5 - 1, state.map));
    fill(ends, h('span', {}, `${number(-limit)} against`), h('span', {}, '0'), h('span', {}, `${number(limit)} for`));
  };
  draw();
  return { over, bar, ends, draw };
}

function name({ job, item }) {
  return `${job.method}-item-${item.item}`;
}

function label({ item, tensor }) {
  return `Attributions of ${tensor.name} over the picture${item.label ? `, for ${item.label}` : ''}; arrow keys read values`;
}

function controls(state, draw) {
  const set = (part, read) => (event) => { state[part] = read(event.target.value); draw(); };
  const range = (value, min, max, step, part) => h('input', { type: 'range', min, max, step, value, oninput: set(part, Number) });
  return h('div', { class: 'fields controls' },
    field('Overlay', range(1, 0, 1, 0.05, 'strength'), 'Left: the input alone. Right: what counted over it.'),
    field('Show', select([['both', 'for and against'], ['for', 'only for'], ['against', 'only against']], 'both', set('sign', String))),
    field('Clip at percentile', h('input', { type: 'number', min: 50, max: 100, step: 0.5, value: 99.5, oninput: set('clip', (v) => Math.min(100, Math.max(50, Number(v) || 99.5))) }), 'Greater values get the strongest colour; 100 clips nothing.'),
    field('Colours', select(NAMES.map((n) => [n, n]), NAMES[0], set('map', String))));
}

function reader(canvas, values) {
  const out = h('output', { class: 'value', 'aria-live': 'polite' }, 'Point at the picture to read a value.');
  const at = { x: Math.floor(values.width / 2), y: Math.floor(values.height / 2) };
  const tell = () => fill(out, `Row ${at.y}, column ${at.x}: ${number(values.values[at.y * values.width + at.x])}`);
  canvas.addEventListener('pointermove', (event) => {
    at.x = Math.min(values.width - 1, Math.max(0, Math.floor((event.offsetX / canvas.clientWidth) * values.width)));
    at.y = Math.min(values.height - 1, Math.max(0, Math.floor((event.offsetY / canvas.clientHeight) * values.height)));
    tell();
  });
  canvas.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    at.x = Math.min(values.width - 1, Math.max(0, at.x + step[0]));
    at.y = Math.min(values.height - 1, Math.max(0, at.y + step[1]));
    tell();
  });
  return out;
}
