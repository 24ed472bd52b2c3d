// What belongs to all items: importances, curves, and for tables a swarm of every item's attributions.

import { cardOf, axesOf, formOf } from '../axes.js';
import { named } from '../tensor.js';
import { curves } from './curves.js';
import { importance } from './importance.js';
import { drawings } from './drawings.js';
import { swarm } from './swarm.js';

const SWARM = 500;

export async function overall(job, items) {
  const first = await items.one(0);
  const { shared, card } = items.common();
  const importances = named(shared, 'importance.');
  const curved = named(shared, 'curve.');
  const rest = shared.some((t) => !/^(importance|repeats|curve|grid|error|attribution|output)\./.test(t.name) && t.shape.length > 0);
  const parts = [
    ...importances.map((t) => importance(t, shared, cardOf(card, t.name))),
    ...curved.map((t) => curves(t, shared, cardOf(card, t.name))),
    ...(rest ? await drawings(job) : []),
    ...named(first.arrays, 'attribution.').filter((t) => tabular(t, card) && job.items > 2).map((t) => swarm(job, items, t.name, cardOf(card, t.name), SWARM)),
  ];
  return Promise.all(parts);
}

function tabular(tensor, whole) {
  const card = cardOf(whole, tensor.name);
  return formOf(card, axesOf(card, tensor.shape), tensor.shape) === 'bars' && tensor.shape.length === 1;
}
