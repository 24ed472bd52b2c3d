// Which axis of an input means what, from its card or, where that is silent, from its shape; as the engine reads it.

const LONG = 1 << 30;

export function axesOf(card, shape) {
  const given = (card.layout || '').toUpperCase().replace('N', '');
  const lengths = shape.map((d) => (Number.isInteger(d) ? d : LONG));
  if (given && given.length === lengths.length) return given;
  const image = card.kind === 'image' || card.kind === 'any' || !card.kind;
  if (image && lengths.length === 3) return imageAxes(lengths);
  if (card.kind === 'image' && lengths.length === 2) return 'HW';
  if (card.kind === 'series' && lengths.length === 1) return 'T';
  if (card.kind === 'series' && lengths.length === 2) return lengths[0] >= lengths[1] ? 'TC' : 'CT';
  return '';
}

function imageAxes([a, b, c]) {
  if ((a === 1 || a === 3) && Math.min(b, c) > 3) return 'CHW';
  return (c === 1 || c === 3) && Math.min(a, b) > 3 ? 'HWC' : '';
}

export function isImage(axes) {
  return axes.includes('H') && axes.includes('W') && [...axes].every((letter) => 'CHW'.includes(letter));
}

export function itemShape(spec) {
  return spec.shape && spec.shape.filter((_, i) => i !== spec.batch_axis);
}

export function formOf(card, axes, shape) {
  if (isImage(axes)) return 'image';
  if (['text', 'tokens'].includes(card.kind)) return 'words';
  if (axes.includes('T') && [...axes].every((letter) => 'TC'.includes(letter)) && card.kind !== 'tabular') return 'series';
  // one column or one row of numbers is a line
  if (shape.length === 2 && shape.includes(1) && card.kind !== 'tabular') return 'series';
  const values = shape.reduce((a, b) => a * b, 1);
  if (shape.length <= 1) return card.kind === 'tabular' || values <= 64 ? 'bars' : 'series';
  return 'heatmap';
}

export function cardOf(card, name) {
  return card.inputs[name] ?? { kind: 'any', layout: null, batch_axis: 0 };
}

export function labelsOf(card, output) {
  const own = card.outputs[output]?.labels;
  const only = Object.values(card.outputs);
  return own ?? (only.length === 1 ? only[0].labels : null);
}
