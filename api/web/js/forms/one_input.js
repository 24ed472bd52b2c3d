// One input of a model: a file, or what is typed in.

import { axesOf, isImage, itemShape } from '../axes.js';
import { fill, h } from '../dom.js';
import { dropZone } from '../drop.js';
import { cut, shape } from '../format.js';
import { blackAndWhite, known } from './black_white.js';
import { field, many, select } from './fields.js';
import { fitted } from './image_file.js';

export function oneInput(model, spec, card, changed) {
  const axes = axesOf(card, itemShape(spec) ?? []);
  const state = { file: null };
  const chosen = h('p', { class: 'chosen', role: 'status' });
  const fit = select([['middle', 'its middle is cut out'], ['whole', 'it is stretched']], 'middle');
  const typed = many('', { rows: 2, oninput: changed });
  const size = sizeOf(spec, axes);
  const take = ([file]) => {
    state.file = file ?? null;
    fill(chosen, file && preview(file), file && cut(file.name, 50));
    changed();
  };
  const place = h('fieldset', {}, h('legend', {}, h('code', {}, spec.name), ` ${shape(spec)}, ${spec.dtype}`),
    dropZone('Drop a file, or choose one', accepted(axes), take), chosen,
    isImage(axes) && blackAndWhite(model, spec.name),
    size && field('A picture of another size', fit, `The model takes ${size.width} × ${size.height} pixels.`),
    !isImage(axes) && field('Or type it', typed, help(spec, card)));
  const checked = () => {
    if (state.file?.type.startsWith('image/') && !known(model.card.inputs[spec.name])) throw new Error(`Choose which numbers input ${spec.name} takes for black and white.`);
    return read(state.file, typed.value.trim(), spec, card, size, fit.value === 'whole');
  };
  const lines = () => typed.value.split('\n').filter((line) => line.trim()).length;
  return { spec, card, place, read: async () => checked(), given: () => Boolean(state.file || typed.value.trim()), count: () => (state.file ? 1 : Math.max(1, lines())) };
}

function accepted(axes) {
  return isImage(axes) ? 'png, jpg, npy or npz.' : 'npy, npz, csv or txt; one item per row.';
}

function help(spec, card) {
  if (spec.dtype === 'str' || card.tokenizer) return 'Words; one item per line.';
  if (vocabulary(card, spec.name)) return 'Words or their numbers; one item per line.';
  if (spec.dtype.startsWith('int') || spec.dtype.startsWith('uint')) return 'Token numbers; one item per line.';
  const names = card.feature_names;
  return `Numbers with commas or spaces between; one item per line.${names ? ` In this order: ${cut(names.join(', '), 120)}.` : ''}`;
}

export function vocabulary(card, name) {
  return card.categories?.[name] ?? null;
}

function sizeOf(spec, axes) {
  if (!isImage(axes)) return null;
  const item = itemShape(spec);
  const size = { width: item[axes.indexOf('W')], height: item[axes.indexOf('H')] };
  return Number.isInteger(size.width) && Number.isInteger(size.height) ? size : null;
}

function preview(file) {
  if (!file.type.startsWith('image/')) return null;
  const address = URL.createObjectURL(file);
  return h('img', { src: address, alt: '', class: 'thumb', onload: () => URL.revokeObjectURL(address) });
}

async function read(file, words, spec, card, size, whole) {
  if (file) return size && file.type.startsWith('image/') ? fitted(file, size, whole) : file;
  if (!words) throw new Error(`Give input ${spec.name} a file${size ? '' : ', or type it'}.`);
  if (spec.dtype === 'str' || card.tokenizer) return new File([words], 'typed.txt', { type: 'text/plain' });
  const rows = words.split('\n').map((line) => row(line, vocabulary(card, spec.name)));
  return new File([rows.join('\n')], 'typed.csv', { type: 'text/csv' });
}

function row(line, known) {
  const cells = line.split(/[\s,;]+/).filter(Boolean);
  if (!known) return cells.join(',');
  return cells.map((word) => {
    const at = known.indexOf(word) >= 0 ? known.indexOf(word) : known.indexOf(word.toLowerCase());
    if (at >= 0) return at;
    if (/^\d+$/.test(word)) return word;
    throw new Error(`${word} is not in the vocabulary of the card`);
  }).join(',');
}
