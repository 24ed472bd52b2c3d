// Numbers, times and shapes as people read them.

const SHORT = new Intl.NumberFormat('en', { maximumSignificantDigits: 4 });
const WHOLE = new Intl.NumberFormat('en');

export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e9) return WHOLE.format(value).replace('-', '−');
  const text = size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(2) : SHORT.format(value);
  return text.replaceAll('-', '−');
}

export function bytes(count) {
  const units = ['B', 'kB', 'MB', 'GB'];
  const at = Math.min(3, Math.floor(Math.log10(Math.max(1, count)) / 3));
  return `${SHORT.format(count / 1000 ** at)} ${units[at]}`;
}

export function seconds(value) {
  if (value < 0.01) return 'less than 0.01 s';
  if (value < 120) return `${SHORT.format(Number(value.toPrecision(2)))} s`;
  return value < 7200 ? `${Math.round(value / 60)} min` : `${SHORT.format(Number((value / 3600).toPrecision(2)))} h`;
}

export function time(text) {
  return text ? new Date(text).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'medium' }) : '–';
}

// `model` where the tensor is none of its inputs: the axis of the items has the same name as theirs, else it is the first
export function shape(spec, model = null) {
  if (!spec.shape) return 'any shape';
  if (!spec.shape.length) return 'one value';
  const at = model ? itemsAt(spec.shape, model) : spec.batch_axis;
  return spec.shape.map((d, i) => (i === at ? 'items' : d ?? 'any')).join(' × ');
}

function itemsAt(dimensions, model) {
  if (model.batch === 'one-by-one') return null;
  const names = model.inputs.filter((s) => s.shape && s.batch_axis !== null).map((s) => s.shape[s.batch_axis]);
  const named = dimensions.findIndex((d) => typeof d === 'string' && names.includes(d));
  if (named >= 0) return named;
  return typeof dimensions[0] === 'string' || (model.batch === 'freed' && dimensions[0] === 1) ? 0 : null;
}

export function words(name) {
  return name.replaceAll('_', ' ');
}

export function short(digest) {
  return digest.slice(0, 12);
}

export function cut(text, most = 60) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

export function named(model) {
  return model.names[0] ?? short(model.id);
}
