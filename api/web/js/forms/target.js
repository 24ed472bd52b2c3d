// What is explained: an output, a class by its label or the predicted one, or one class against another.

import { labelsOf } from '../axes.js';
import { fill, h, id } from '../dom.js';
import { cut, shape } from '../format.js';
import { field, select, text } from './fields.js';

export function targetForm(model, given, changed) {
  const outputs = model.outputs.filter((o) => o.dtype.startsWith('float') || o.dtype.startsWith('bfloat'));
  const state = { output: given.output ?? outputs[0]?.name };
  const list = id('classes');
  const options = h('datalist', { id: list });
  const index = text(String(given.index ?? ''), { list, oninput: changed, placeholder: 'the predicted class' });
  const against = text(String(given.against ?? ''), { list, oninput: changed, placeholder: 'none' });
  const fields = h('div', { class: 'fields' });
  const draw = () => {
    const spec = outputs.find((o) => o.name === state.output);
    const labels = classes(spec, model.card);
    fill(options, offered(labels));
    fill(fields, outputs.length > 1 && field('Output', select(outputs.map((o) => [o.name, `${cut(o.name, 40)} ${shape(o, model)}`]), state.output, (e) => { state.output = e.target.value; draw(); changed(); })),
      labels.length > 1 && field('Class', index, `Search by label or number. Empty: for each item the class that the model predicts.`),
      labels.length > 1 && field('Against', against, 'Explains why the one and not the other.'), options);
  };
  draw();
  const read = () => target(outputs, state.output, index.value.trim(), against.value.trim(), classes(outputs.find((o) => o.name === state.output), model.card));
  return { place: fields, read };
}

export function offered(labels) {
  return labels.map((label, i) => h('option', { value: `${i}${label === String(i) ? '' : `: ${label}`}` }));
}

export function classes(spec, card) {
  const labels = spec && labelsOf(card, spec.name);
  if (labels) return labels;
  const behind = (spec?.shape ?? []).filter((_, i) => i > 0);
  while (behind.length > 1 && behind.at(-1) === 1) behind.pop();
  return behind.length === 1 && Number.isInteger(behind[0]) ? Array.from({ length: behind[0] }, (_, i) => String(i)) : [];
}

function target(outputs, output, index, against, labels) {
  const part = output && output !== outputs[0]?.name ? { output } : {};
  if (!index && against) throw new Error('Name the class that is explained against the other.');
  if (!index) return part;
  const a = classOf(index, labels);
  return against ? { ...part, contrast: [a, classOf(against, labels)] } : { ...part, index: a };
}

export function classOf(words, labels) {
  const exact = labels.indexOf(words);
  if (exact >= 0) return exact;
  const numbered = /^(\d+)(?::|$)/.exec(words);
  if (numbered) return Number(numbered[1]);
  const near = labels.findIndex((label) => label.toLowerCase().includes(words.toLowerCase()));
  if (near < 0) throw new Error(`No class is called ${words}; choose one of the list.`);
  return near;
}
