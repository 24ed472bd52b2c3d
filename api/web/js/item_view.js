// One item at length: its pictures, the prediction, the account and the layers.

import { axesOf, cardOf, formOf } from './axes.js';
import { h } from './dom.js';
import { accountTable } from './show/account.js';
import { bars } from './show/bars.js';
import { heatmap } from './show/heatmap.js';
import { image } from './show/image.js';
import { layers } from './show/layers.js';
import { others } from './show/others.js';
import { prediction } from './show/prediction.js';
import { series } from './show/series.js';
import { words } from './show/words.js';
import { named } from './tensor.js';

const DRAW = { image, words, series, bars, heatmap };

export async function itemView(job, item, common) {
  const heading = h('h2', { id: 'item' }, `Item ${item.item}`, item.label && `: ${item.label}`);
  // a method that searches for inputs of its own has nothing to say of an item
  if (!item.arrays.length && !item.failure) return h('section', {}, h('h2', {}, 'The account'), accountTable(item, job.account));
  if (item.failure) return [heading, h('p', { class: 'warning' }, `No explanation: ${item.failure.detail}`)];
  const shown = named(item.arrays, 'attribution.').map((tensor) => section(job, item, tensor, common));
  return [
    heading, await Promise.all(shown), await others(job, item, common),
    h('div', { class: 'two' },
      h('section', {}, h('h3', {}, 'What the model said'), prediction(item, common.card, job)),
      h('section', {}, h('h3', {}, 'The account'), accountTable(item, job.account))),
    await layers(item),
  ];
}

async function section(job, item, tensor, common) {
  const given = item.inputs.find((t) => t.name === tensor.name);
  const card = cardOf(common.card, tensor.name);
  const axes = axesOf(card, tensor.shape);
  const form = given?.datatype.startsWith('INT') && tensor.shape.length === 1 && card.kind !== 'tabular' ? 'words' : formOf(card, axes, tensor.shape);
  const subject = { job, item, tensor, given, card, axes, whole: common.card, picture: common.pictures.includes(tensor.name) };
  return h('section', { class: `shown ${form}` }, h('h3', {}, 'What counted', ' in ', h('code', {}, tensor.name)), await DRAW[form](subject));
}
