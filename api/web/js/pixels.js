// Pictures as the eye knows them: back from what the model is given to grey or colour from 0 to 1.

import { size, strides } from './tensor.js';

export function shownImage(tensor, axes, card, picture) {
  if (picture) return { ...flat(tensor, 'HWC'), values: flat(tensor, 'HWC').values.map((v) => v / 255) };
  const image = flat(tensor, axes);
  const values = unit(image, card);
  return { ...image, values: card.channels === 'BGR' && image.channels === 3 ? turned(values) : values };
}

// blue, green, red as red, green, blue
function turned(values) {
  return values.map((_, i) => values[i + 2 - 2 * (i % 3)]);
}

function flat(tensor, axes) {
  const [h, w, c] = ['H', 'W', 'C'].map((letter) => axes.indexOf(letter));
  const steps = strides(tensor.shape);
  const channels = c < 0 ? 1 : tensor.shape[c];
  const [height, width] = [tensor.shape[h], tensor.shape[w]];
  const values = new Float64Array(size([height, width, channels]));
  let at = 0;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      for (let k = 0; k < channels; k += 1) {
        values[at] = tensor.data[y * steps[h] + x * steps[w] + (c < 0 ? 0 : k * steps[c])];
        at += 1;
      }
    }
  }
  return { values, width, height, channels };
}

function unit({ values, channels }, card) {
  const per = (part, i, otherwise) => (Array.isArray(part) ? part[part.length > 1 ? i % channels : 0] : part ?? otherwise);
  if (card.low !== null && card.low !== undefined && card.high !== null && card.high !== undefined) {
    return values.map((v, i) => held((v - per(card.low, i)) / ((per(card.high, i) - per(card.low, i)) || 1)));
  }
  const raw = values.map((v, i) => v * per(card.std, i, 1) + per(card.mean, i, 0));
  const [low, high] = raw.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
  if (low >= -0.01 && high <= 1.01) return raw.map(held);
  if (low >= -0.5 && high <= 255.5) return raw.map((v) => held(v / 255));
  return raw.map((v) => held((v - low) / ((high - low) || 1)));
}

function held(v) {
  return Math.max(0, Math.min(1, v || 0));
}

// [r, g, b] of one pixel, from 0 to 255; other numbers of channels than 3 are shown as grey
export function pixel(image, at) {
  if (image.channels === 3) return [0, 1, 2].map((k) => 255 * image.values[3 * at + k]);
  let sum = 0;
  for (let k = 0; k < image.channels; k += 1) sum += image.values[image.channels * at + k];
  return Array(3).fill((255 * sum) / image.channels);
}

export function paint(canvas, { width, height }, colourOf) {
  Object.assign(canvas, { width, height });
  const pen = canvas.getContext('2d');
  const data = pen.createImageData(width, height);
  for (let at = 0; at < width * height; at += 1) {
    const [r, g, b] = colourOf(at);
    data.data.set([r, g, b, 255], 4 * at);
  }
  pen.putImageData(data, 0, 0);
  return canvas;
}
