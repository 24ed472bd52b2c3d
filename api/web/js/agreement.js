// How far an item is explained as the others of its class are: rank correlation with the mean of the class.

import { spearman } from './rank.js';
import { named, size } from './tensor.js';

const MOST = 4_000_000;

export function tooLarge(job) {
  return job.arrays.filter((a) => a.name.startsWith('attribution.')).reduce((sum, a) => sum + size(a.shape), 0) > MOST;
}

export async function agreements(job, items) {
  const all = await Promise.all(Array.from({ length: job.items }, (_, i) => items.batched(i)));
  const values = all.map((item) => (item.failure ? null : named(item.arrays, 'attribution.').flatMap((t) => t.data.map((v) => v ?? 0))));
  const means = new Map();
  for (const [of, members] of Map.groupBy(all.filter((i) => !i.failure), (i) => i.index)) {
    const own = members.map((m) => values[m.item]).filter((v) => v.length === values[members[0].item].length);
    means.set(of, own[0].map((_, at) => own.reduce((sum, v) => sum + v[at], 0) / own.length));
  }
  return all.map((item) => (item.failure ? null : spearman(values[item.item], means.get(item.index))));
}
