// A form drawn from the JSON Schema of a method's parameters: ranges, choices, defaults and help come from there.

import { h } from '../dom.js';
import { words as spoken } from '../format.js';
import { field, many, select, text } from './fields.js';

export function schemaForm(schema, given = {}, changed = () => {}) {
  const fields = Object.entries(schema.properties ?? {}).map(([name, part]) => schemaField(name, part, schema, given[name]));
  const place = h('div', { class: 'fields', oninput: changed, onchange: changed }, fields.map((f) => f.place));
  if (!fields.length) place.append(h('p', {}, 'This method has no parameters.'));
  return { place, read: () => read(fields), refuse: (errors) => refuse(fields, errors) };
}

function read(fields) {
  return Object.fromEntries(fields.map((f) => [f.name, f.read()]).filter(([, value]) => value !== undefined));
}

function refuse(fields, errors) {
  for (const f of fields) {
    const mine = errors.find((e) => e.pointer === `/params/${f.name}` || e.pointer.startsWith(`/params/${f.name}/`));
    f.place.refuse(mine?.detail ?? '');
    if (mine) f.place.closest('details')?.setAttribute('open', '');
  }
}

function resolved(part, root) {
  if (!part.$ref) return part;
  const { $ref, ...own } = part;
  return { ...root.$defs[$ref.split('/').at(-1)], ...own };
}

function schemaField(name, raw, root, given) {
  const part = resolved(raw, root);
  const options = (part.anyOf ?? [part]).map((p) => resolved(p, root)).filter((p) => p.type !== 'null');
  const { control, read } = controlOf(part, options, given ?? undefined);
  const place = field(spoken(name), control, [part.description, hint(part, options)].filter(Boolean).join(' '));
  return { name, place, read };
}

function hint(part, options) {
  const range = options.map(rangeOf).find(Boolean);
  const choices = options.length > 1 ? options.flatMap(choicesOf) : [];
  const fallback = part.default === null || part.default === undefined ? '' : `Default: ${JSON.stringify(part.default)}.`;
  return [range, choices.length ? `Or: ${choices.join(', ')}.` : '', fallback].filter(Boolean).join(' ');
}

function rangeOf(part) {
  const low = part.minimum ?? part.exclusiveMinimum;
  const high = part.maximum ?? part.exclusiveMaximum;
  if (low !== undefined && high !== undefined) return `From ${low} to ${high}.`;
  if (low !== undefined) return part.minimum === undefined ? `Above ${low}.` : `At least ${low}.`;
  return high === undefined ? '' : `At most ${high}.`;
}

function choicesOf(part) {
  return part.enum ?? (part.const === undefined ? [] : [part.const]);
}

function controlOf(part, options, given) {
  const choices = options.flatMap(choicesOf);
  if (choices.length && options.every((o) => choicesOf(o).length)) return choice(choices, part.default, given);
  const [only] = options;
  if (options.length === 1 && only.type === 'boolean') return tick(part.default, given);
  if (options.length === 1 && (only.type === 'integer' || only.type === 'number')) return numeric(only, part.default, given);
  return free(options, part.default, given);
}

function choice(choices, fallback, given) {
  const none = fallback === null || fallback === undefined;
  const control = select([...(none ? [['', 'as the method chooses']] : []), ...choices.map((c) => [String(c), String(c)])], String(given ?? fallback ?? ''));
  return { control, read: () => unless(choices.find((c) => String(c) === control.value), fallback) };
}

function tick(fallback, given) {
  const control = h('input', { type: 'checkbox', checked: Boolean(given ?? fallback) });
  return { control, read: () => unless(control.checked, Boolean(fallback)) };
}

function numeric(part, fallback, given) {
  const shown = given ?? fallback;
  const control = h('input', {
    type: 'number', value: shown ?? '', min: part.minimum ?? part.exclusiveMinimum, max: part.maximum ?? part.exclusiveMaximum,
    step: part.type === 'integer' ? 1 : 'any', placeholder: shown === null || shown === undefined ? 'as the method chooses' : '',
  });
  return { control, read: () => (control.value === '' ? undefined : unless(Number(control.value), fallback)) };
}

function free(options, fallback, given) {
  const wide = options.some((o) => o.type === 'array' || o.type === 'object');
  const shown = given ?? fallback;
  const value = shown === null || shown === undefined ? '' : typeof shown === 'string' ? shown : JSON.stringify(shown);
  const more = { placeholder: value ? '' : 'as the method chooses' };
  const control = wide ? many(value, { ...more, rows: 1 }) : text(value, more);
  return { control, read: () => (control.value.trim() === '' ? undefined : unless(parsed(control.value.trim(), options), fallback)) };
}

function parsed(words, options) {
  try {
    return JSON.parse(words);
  } catch {
    const list = options.find((o) => o.type === 'array');
    return list && words.includes(',') ? words.split(',').map((w) => w.trim()).map((w) => (w === '' || Number.isNaN(Number(w)) ? w : Number(w))) : words;
  }
}

function unless(value, fallback) {
  return JSON.stringify(value) === JSON.stringify(fallback) ? undefined : value;
}
