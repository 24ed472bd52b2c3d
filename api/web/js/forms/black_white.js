// Which numbers a model takes for black and white, where its card does not say: kept in the card at once.

import { put } from '../api.js';
import { fill, h, say } from '../dom.js';
import { shown } from '../problem.js';
import { to } from '../route.js';
import { field, select } from './fields.js';

const RANGES = { '0 to 1': [0, 1], '0 to 255': [0, 255], '−1 to 1': [-1, 1] };
const PARTS = ['mean', 'std', 'low', 'high'];

export function known(card) {
  return PARTS.some((part) => card?.[part] !== null && card?.[part] !== undefined);
}

export function blackAndWhite(model, name) {
  if (known(model.card.inputs[name])) return null;
  const outcome = h('div', {});
  const keep = async (event) => {
    const [low, high] = RANGES[event.target.value] ?? [null, null];
    const inputs = { ...model.card.inputs, [name]: { ...model.card.inputs[name], low, high } };
    try {
      Object.assign(model, await put(`/v1/models/${model.id}/card`, { ...model.card, inputs }));
      fill(outcome);
      say('The card was kept.');
    } catch (error) {
      fill(outcome, shown(error));
    }
  };
  const choice = select([['', 'choose, or give numbers (npy, npz)'], ...Object.keys(RANGES).map((r) => [r, r])], '', keep);
  return h('div', {}, field('Black to white is', choice, 'The model does not say which numbers it takes for a picture; the choice is kept in its card.'),
    h('p', { class: 'help' }, 'Another range, mean and standard deviation: ', h('a', { href: to(['models', model.id]) }, 'in the card'), '.'), outcome);
}
