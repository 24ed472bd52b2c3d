// An item in small: its picture with what counted, or its attributions as a strip of colours.

import { attributions } from './attributions.js';
import { axesOf, cardOf, isImage } from './axes.js';
import { colour } from './colours.js';
import { h } from './dom.js';
import { overlay } from './overlay.js';
import { paint, shownImage } from './pixels.js';
import { limitOf, plain, plane } from './tensor.js';

const WIDE = 32;

export function thumb(item, common) {
  const canvas = h('canvas', { class: 'pixels', 'aria-hidden': 'true' });
  const [tensor] = attributions(item);
  if (!tensor) return canvas;
  const card = cardOf(common.card, tensor.name);
  const axes = axesOf(card, tensor.shape);
  if (isImage(axes)) {
    const given = item.inputs.find((t) => t.name === tensor.name);
    const image = given && shownImage(given, axes, card, common.pictures.includes(tensor.name));
    const values = plane(tensor, axes);
    return paint(canvas, values, overlay(image, values).colourOf);
  }
  canvas.classList.add('strip');
  return strip(canvas, plain(tensor));
}

function strip(canvas, values) {
  const limit = limitOf(values);
  const [width, height] = [Math.min(WIDE, values.length), Math.min(WIDE, Math.ceil(values.length / WIDE))];
  return paint(canvas, { width, height }, (at) => colour((values[at] ?? 0) / limit));
}
