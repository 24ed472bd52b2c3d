// Where the inputs come from: files and typed text, a data set, or an earlier job.

import { ask } from '../api.js';
import { cardOf } from '../axes.js';
import { fill, h, id, say } from '../dom.js';
import { dropZone } from '../drop.js';
import { cut, number, short } from '../format.js';
import { shown } from '../problem.js';
import { field, select, text } from './fields.js';
import { oneInput } from './one_input.js';

export function inputsForm(model, datasets, { dataset, job, items }, changed) {
  const sources = { files: files(model, changed), dataset: fromDataset(datasets, dataset, items, changed) };
  if (job) sources.job = fromJob(job, items, changed);
  const state = { at: job ? 'job' : dataset ? 'dataset' : 'files' };
  const body = h('div', {});
  const draw = () => fill(body, sources[state.at].place);
  const name = id('source');
  const place = h('div', {}, h('div', { class: 'choices', role: 'radiogroup', 'aria-label': 'Where the inputs come from' },
    Object.entries(sources).map(([key, source]) => h('label', {},
      h('input', { type: 'radio', name, value: key, checked: key === state.at, onchange: () => { state.at = key; draw(); changed(); } }), ` ${source.words}`))), body);
  draw();
  return { place, read: () => sources[state.at].read(), count: () => sources[state.at].count(), given: () => sources[state.at].given?.() ?? true };
}

function files(model, changed) {
  const parts = model.inputs.map((spec) => oneInput(model, spec, cardOf(model.card, spec.name), changed));
  return {
    words: 'Files or typed', place: h('div', {}, parts.map((part) => part.place)), count: () => Math.max(1, ...parts.map((part) => part.count())), given: () => parts.some((part) => part.given()),
    read: async () => ({ files: await Promise.all(wanted(parts).map(async (part) => [part.spec.name, await part.read()])) }),
  };
}

// masks and the like come with a text, from its tokenizer
function wanted(parts) {
  const text = parts.some((part) => part.card.tokenizer && part.given());
  return text ? parts.filter((part) => part.given()) : parts;
}

function fromJob(job, items, changed) {
  const which = text(items ?? '', { oninput: changed });
  return {
    words: 'Those of an earlier job', count: () => chosen(which.value)?.length ?? 1,
    place: h('fieldset', {}, h('legend', {}, 'Inputs of job ', h('code', {}, job)), field('Items', which, HELP)),
    read: async () => ({ inputs: { job, items: chosen(which.value) } }),
  };
}

const HELP = 'Counted from 0, for example 0-7, 12. Empty: all.';

function fromDataset(known, dataset, items, changed) {
  const sets = [...known];
  const outcome = h('div', {});
  const pick = h('div', { class: 'long' });
  const which = text(items ?? (sets.length ? '0-7' : ''), { oninput: changed });
  const state = { id: dataset ?? sets[0]?.id };
  const draw = () => fill(pick, sets.length === 0 ? h('p', {}, 'No data set is here yet.')
    : field('Data set', select(sets.map((s) => [s.id, described(s)]), state.id, (e) => { state.id = e.target.value; changed(); })));
  const upload = async ([file]) => {
    const made = await uploaded(file, outcome);
    if (!made) return;
    if (!sets.some((s) => s.id === made.id)) sets.unshift(made);
    state.id = made.id;
    draw();
    changed();
  };
  draw();
  const count = () => chosen(which.value)?.length ?? sets.find((s) => s.id === state.id)?.items ?? 1;
  return {
    words: 'A data set', count,
    place: h('fieldset', {}, h('legend', {}, 'What is here'), h('div', { class: 'fields' }, pick, field('Items', which, HELP), sampler(which, () => sets.find((s) => s.id === state.id), changed)),
      dropZone('Upload another', 'npy, npz, csv, parquet, or a zip of pictures.', upload), outcome),
    read: async () => ({ inputs: { dataset: must(state.id), items: chosen(which.value) } }),
  };
}

function described(set) {
  const arrays = set.arrays.map((a) => a.name).filter(Boolean).join(', ');
  return `${number(set.items)} items · ${cut(arrays || set.kind, 40)} · ${short(set.id)}`;
}

function must(dataset) {
  if (!dataset) throw new Error('Choose a data set, or upload one.');
  return dataset;
}

function sampler(which, current, changed) {
  const sample = () => {
    const total = current()?.items ?? 0;
    const found = new Set();
    while (found.size < Math.min(16, total)) found.add(Math.floor(Math.random() * total));
    which.value = [...found].sort((a, b) => a - b).join(', ');
    changed();
  };
  return h('button', { type: 'button', onclick: sample }, 'Take 16 at random');
}

async function uploaded(file, outcome) {
  if (!file) return null;
  const body = new FormData();
  body.append('file', file, file.name);
  try {
    const made = await (await ask('POST', '/v1/datasets', { body })).json();
    say('The data set was uploaded.');
    fill(outcome);
    return made;
  } catch (error) {
    fill(outcome, shown(error));
    return null;
  }
}

export function chosen(words) {
  if (!words.trim()) return undefined;
  return words.split(',').flatMap((part) => {
    const range = /^\s*(\d+)\s*(?:-\s*(\d+)\s*)?$/.exec(part);
    if (!range) throw new Error(`${part.trim() || 'An empty place'} is no item; write numbers and ranges such as 0-7, 12`);
    const [from, until] = [Number(range[1]), Number(range[2] ?? range[1])];
    if (until - from > 999) throw new Error('A job takes at most 1,000 chosen items; leave the field empty for all.');
    return Array.from({ length: Math.max(0, until - from + 1) }, (_, i) => from + i);
  });
}
