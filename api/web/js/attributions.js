// The attributions of an item, about what they lie about: zero, or a score that the service names.

import { h } from './dom.js';
import { number } from './format.js';
import { named } from './tensor.js';

export function attributions(item) {
  return named(item.arrays, 'attribution.').map((tensor) => {
    const centre = item.centres[tensor.name];
    return centre ? { ...tensor, data: tensor.data.map((v) => (v === null ? null : v - centre.value)) } : tensor;
  });
}

// a sentence where they do not lie about zero
export function meaning({ item, tensor }) {
  const centre = item.centres[tensor.name];
  return centre ? h('p', { class: 'help' }, `Above (for) or below (against) ${centre.words}, ${number(centre.value)}; 0 is that score.`) : null;
}
