// How far an item is explained as the others of its class are: rank correlation with the mean of the class.

import { attributions } from './attributions.js';
import { axesOf, cardOf, isImage } from './axes.js';
import { spearman } from './rank.js';
import { plain, plane, size } from './tensor.js';

// all numbers of the job are fetched once, and of an item no more parts are kept than these
const MOST = 64_000_000;
const PARTS = 1024;

export function tooLarge(job) {
  return job.arrays.filter((a) => /^(attribution|output)\./.test(a.name)).reduce((sum, a) => sum + size(a.shape), 0) > MOST;
}

export async function agreements(job, items, told) {
  const all = [];
  for await (const item of items.all(told)) all.push(reduced(item, items.common()));
  const means = new Map();
  for (const [of, members] of Map.groupBy(all.filter((i) => i.values), (i) => i.index)) {
    const own = members.map((m) => m.values).filter((v) => v.length === members[0].values.length);
    means.set(of, own[0].map((_, at) => own.reduce((sum, v) => sum + v[at], 0) / own.length));
  }
  return all.map((i) => i.values && spearman(i.values, means.get(i.index)));
}

function reduced(item, common) {
  const values = item.failure ? null : attributions(item).flatMap((t) => parts(t, common));
  return { index: item.index, values };
}

// places of a picture with their channels summed, neighbours together where there are many
function parts(tensor, common) {
  const axes = axesOf(cardOf(common.card, tensor.name), tensor.shape);
  if (!isImage(axes)) return pooled(plain(tensor).map((v) => v || 0), tensor.data.length, 1);
  const { values, width, height } = plane(tensor, axes);
  return pooled(values.map((v) => v || 0), width, height);
}

function pooled(values, width, height) {
  const step = height === 1 ? Math.ceil(width / PARTS) : Math.ceil(Math.sqrt((width * height) / PARTS));
  const [w, h] = [Math.ceil(width / step), Math.ceil(height / step)];
  const sums = Array(w * h).fill(0);
  values.forEach((v, i) => { sums[Math.floor(Math.floor(i / width) / step) * w + Math.floor((i % width) / step)] += v; });
  return sums;
}
