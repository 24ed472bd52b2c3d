// One item at length: its pictures, the prediction, the account and the layers.

import { meaning } from './attributions.js';
import { h } from './dom.js';
import { accountTable } from './show/account.js';
import { bars } from './show/bars.js';
import { contrast } from './show/contrast.js';
import { heatmap } from './show/heatmap.js';
import { image } from './show/image.js';
import { layers } from './show/layers.js';
import { others } from './show/others.js';
import { prediction } from './show/prediction.js';
import { series } from './show/series.js';
import { words } from './show/words.js';
import { subjects } from './subject.js';

const DRAW = { image, words, series, bars, heatmap: async (subject) => [await heatmap(subject), contrast(subject)] };

export async function itemView(job, item, common) {
  const heading = h('h2', { id: 'item' }, `Item ${item.item}`, item.label && `: ${item.label}`);
  // a method that searches for inputs of its own has nothing to say of an item
  if (!item.arrays.length && !item.failure) return h('section', {}, h('h2', {}, 'The account', item.label && ` of ${item.label}`), accountTable(item, job.account));
  if (item.failure) return [heading, h('p', { class: 'warning' }, `No explanation: ${item.failure.detail}`)];
  const shown = subjects(job, item, common).map(section);
  return [
    heading, await Promise.all(shown), await others(job, item, common),
    h('div', { class: 'two' },
      h('section', {}, h('h3', {}, 'What the model said'), prediction(item, common.card, job)),
      h('section', {}, h('h3', {}, 'The account'), accountTable(item, job.account))),
    await layers(item),
  ];
}

async function section(subject) {
  return h('section', { class: `shown ${subject.form}` }, h('h3', {}, 'What counted', ' in ', h('code', {}, subject.tensor.name)), meaning(subject), await DRAW[subject.form](subject));
}
