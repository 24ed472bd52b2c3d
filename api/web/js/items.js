// Items of a finished job, fetched once and kept while the view is open.

import { get } from './api.js';

export function itemsOf(job, signal) {
  const kept = new Map();
  const common = {};
  const fetched = async (start, limit) => {
    const page = await get(`/v1/jobs/${job.id}/items?start=${start}&limit=${limit}`, signal);
    Object.assign(common, { shared: page.shared, pictures: page.pictures, card: page.card });
    for (const item of page.items) kept.set(item.item, item);
    return page;
  };
  const one = async (item) => {
    if (!kept.has(item)) await fetched(item, 1);
    return kept.get(item);
  };
  const batched = batches(kept, fetched);
  return { one, batched, all: (told) => passing(job, kept, common, signal, told), common: () => common };
}

// Every item in turn, those that are not here already without being kept.
async function* passing(job, kept, common, signal, told) {
  for (let at = 0; at < job.items;) {
    const page = kept.has(at) ? { items: [kept.get(at)] } : await get(`/v1/jobs/${job.id}/items?start=${at}&limit=40`, signal);
    if (page.card) Object.assign(common, { shared: page.shared, pictures: page.pictures, card: page.card });
    yield* page.items;
    at += page.items.length;
    told(at);
  }
}

// Items that are asked for in the same moment come in one answer where they are neighbours.
function batches(kept, fetched) {
  let waiting = new Map();
  const flush = async () => {
    const now = waiting;
    waiting = new Map();
    for (const [start, limit] of runs([...now.keys()].sort((a, b) => a - b))) await settle(start, limit, now, kept, fetched);
  };
  return (item) => new Promise((resolve, reject) => {
    if (kept.has(item)) { resolve(kept.get(item)); return; }
    if (!waiting.size) setTimeout(flush, 30);
    waiting.set(item, [...(waiting.get(item) ?? []), { resolve, reject }]);
  });
}

function runs(sorted) {
  const found = [];
  for (const item of sorted) {
    const last = found.at(-1);
    if (last && item < last[0] + 40) last[1] = item - last[0] + 1;
    else found.push([item, 1]);
  }
  return found;
}

async function settle(start, limit, waiting, kept, fetched) {
  for (let at = start; at < start + limit;) {
    let error = null;
    const page = await fetched(at, start + limit - at).catch((e) => { error = e; });
    const until = page ? page.items.at(-1).item + 1 : at + 1;
    for (; at < until; at += 1) {
      for (const { resolve, reject } of waiting.get(at) ?? []) error ? reject(error) : resolve(kept.get(at));
    }
  }
}
