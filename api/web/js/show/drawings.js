// Pictures that the service draws: of what has no view of its own here, prototypes, patches, filters, maps of data sets.

import { blob, get } from '../api.js';
import { button, fill, h } from '../dom.js';
import { words } from '../format.js';
import { shown } from '../problem.js';
import { save } from '../save.js';

const SAYS = {
  prototype: 'What the search found for each class or unit; the number is what it was to make great, at the end.',
  film: 'How each was found, from the start at the left to its end.',
  objective: 'How far the search had come at each step: a curve that still rises would go on with more steps.',
  patches: 'The pieces of the data set that drive each unit most, the strongest first.',
  projection: 'The same pieces, under what in them does so.',
  filters: 'The weights themselves: what a layer looks for.',
  activations: 'What the channels of a layer hold for this item.',
  attention: 'Where each place looks: a matrix for each head, a row for each looking place.',
  rollout: 'How much of each place arrives at each place through all layers.',
  embedding: 'Items near each other are alike for the layer.',
};
const kept = new Map();

export function views(job) {
  if (!kept.has(job.id)) kept.set(job.id, get(`/v1/jobs/${job.id}/pictures`).catch(() => ({ item: [], all: [] })));
  return kept.get(job.id);
}

// of one item, or of all together
export async function drawings(job, item = null, skipped = []) {
  const found = await views(job);
  const list = (item === null ? found.all : found.item).filter((view) => !skipped.includes(view));
  return list.map((view) => drawing(job, item, view));
}

function drawing(job, item, view) {
  const place = h('div', {}, h('p', {}, 'Drawing…'));
  const address = `/v1/jobs/${job.id}/${item === null ? 'picture' : `items/${item}`}.png?view=${encodeURIComponent(view)}`;
  blob(address).then((png) => fill(place, image(png, view), button('Save PNG', () => save(png, `${job.id}-${view}.png`))), (error) => fill(place, shown(error)));
  return h('section', {}, h('h3', {}, words(view)), SAYS[view] && h('p', { class: 'help' }, SAYS[view]), place);
}

function image(png, view) {
  const address = URL.createObjectURL(png);
  return h('img', { src: address, class: 'drawing', alt: `Picture: ${words(view)}`, onload: () => URL.revokeObjectURL(address) });
}
