// What a method gives beside or in place of attributions: maps of layers, prototypes, curves of one item.

import { axesOf, cardOf, formOf } from '../axes.js';
import { h } from '../dom.js';
import { drawings } from './drawings.js';
import { overlay } from '../overlay.js';
import { paint, pixel, shownImage } from '../pixels.js';
import { heatmap } from './heatmap.js';

const SKIPPED = /^(attribution|output|error|group|segment|ice|token|embedding_gradient)\./;

// where there are attributions the rest is drawn here; what has none, the service draws better
export async function others(job, item, common) {
  if (!item.arrays.some((t) => t.name.startsWith('attribution.'))) return drawings(job, item.item);
  const found = item.arrays.filter((t) => !SKIPPED.test(t.name) && t.shape.length > 0);
  return Promise.all(found.map(async (tensor) => {
    const [what, ...rest] = tensor.name.split('.');
    return h('section', {}, h('h3', {}, `${what.replaceAll('_', ' ')} `, h('code', {}, rest.join('.'))), await drawn(what, rest.join('.'), tensor, common));
  }));
}

async function drawn(what, name, tensor, common) {
  const card = cardOf(common.card, name);
  const axes = axesOf(card, tensor.shape);
  if (what === 'prototype' && formOf(card, axes, tensor.shape) === 'image') return prototype(tensor, axes, card, name);
  if (what === 'map' && tensor.shape.length === 3) return map(tensor);
  return heatmap({ tensor });
}

function prototype(tensor, axes, card, name) {
  const image = shownImage(tensor, axes, card, false);
  return h('figure', { class: 'prototype' }, paint(h('canvas', { class: 'pixels', role: 'img', 'aria-label': `Prototype for ${name}` }), image, (at) => pixel(image, at)));
}

function map(tensor) {
  const [channels, height, width] = tensor.shape;
  const values = new Float64Array(height * width);
  tensor.data.forEach((v, i) => { values[i % (height * width)] += (v ?? NaN) / channels; });
  const plane = { values, width, height };
  const { colourOf } = overlay(null, plane);
  return h('figure', {}, paint(h('canvas', { class: 'pixels', role: 'img', 'aria-label': 'Map of the layer' }), plane, colourOf), h('figcaption', {}, `${height} × ${width}, mean over ${channels} channels`));
}
