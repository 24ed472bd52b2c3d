// The card of a model: kind, layout, range and normalisation of inputs, labels of outputs.

import { h } from '../dom.js';
import { field, many, numbers, select, text } from './fields.js';

const ORDERS = [['RGB', 'red, green, blue'], ['BGR', 'blue, green, red']];
const KINDS = ['any', 'image', 'tabular', 'series', 'text', 'tokens', 'volume'].map((k) => [k, k]);

export function cardForm(model, keep) {
  const inputs = model.inputs.map((spec) => inputFields(spec, model.card.inputs[spec.name] ?? {}));
  const outputs = model.outputs.map((spec) => outputFields(spec, model.card.outputs[spec.name] ?? {}));
  const submit = (event) => {
    event.preventDefault();
    keep({
      inputs: Object.fromEntries(inputs.map((part) => part.read())),
      outputs: Object.fromEntries(outputs.map((part) => part.read()).filter(([, card]) => card.labels)),
    });
  };
  return h('form', { class: 'card', onsubmit: submit },
    [...inputs, ...outputs].map((part) => part.place), h('button', {}, 'Keep the card'));
}

function inputFields(spec, card) {
  const joined = (value) => (value === null || value === undefined ? '' : [value].flat().join(', '));
  const kind = select(KINDS, card.kind ?? 'any');
  const layout = text(card.layout ?? '', { size: 8 });
  const channels = select(ORDERS, card.channels ?? 'RGB');
  const ranges = Object.fromEntries(['mean', 'std', 'low', 'high'].map((name) => [name, text(joined(card[name]), { size: 12 })]));
  const features = many((card.feature_names ?? []).join('\n'), { rows: 2 });
  const place = h('fieldset', {}, h('legend', {}, 'Input ', h('code', {}, spec.name)), h('div', { class: 'fields' },
    field('Kind', kind),
    field('Layout', layout, 'Axes as letters: NCHW, NHWC, NTC, NT.'),
    field('Channels', channels, 'Of pictures: their order as the model takes it.'),
    field('Mean', ranges.mean, 'Per channel, subtracted before the model.'),
    field('Standard deviation', ranges.std, 'Per channel, divided by before the model.'),
    field('Low', ranges.low, 'Least value the model can be given.'),
    field('High', ranges.high, 'Greatest value the model can be given.'),
    field('Names of features', features, 'One per line.')));
  return { place, read: () => [spec.name, inputCard(card, kind, layout, channels, ranges, features)] };
}

function inputCard(card, kind, layout, channels, ranges, features) {
  const one = (values) => (values?.length === 1 ? values[0] : values);
  return {
    ...card, kind: kind.value, layout: layout.value.trim() || null, channels: channels.value,
    mean: numbers(ranges.mean.value), std: numbers(ranges.std.value),
    low: one(numbers(ranges.low.value)), high: one(numbers(ranges.high.value)), feature_names: lines(features.value),
  };
}

function outputFields(spec, card) {
  const labels = many((card.labels ?? []).join('\n'));
  const place = h('fieldset', {}, h('legend', {}, 'Output ', h('code', {}, spec.name)),
    field('Labels of the classes', labels, 'One per line, the first is class 0.'));
  return { place, read: () => [spec.name, { labels: lines(labels.value) }] };
}

function lines(words) {
  const found = words.split('\n').map((line) => line.trim()).filter(Boolean);
  return found.length ? found : null;
}
