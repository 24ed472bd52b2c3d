// A method, its sentence, its paper and its parameters; those that cannot explain the model say why.

import { paperLink } from '../catalogue.js';
import { fill, h } from '../dom.js';
import { words } from '../format.js';
import { field } from './fields.js';
import { schemaForm } from './schema.js';

// on a narrow screen they would stand between a new reader and the button that starts
const WIDE = '(min-width: 46rem)';

export function methodChoice(model, methods, given, changed) {
  const usable = Object.values(methods).filter((m) => !hindrance(model, m));
  const first = methods[given.method] ?? usable.find((m) => m.name === 'input_x_gradient') ?? usable[0] ?? Object.values(methods)[0];
  const state = { method: first, form: null };
  const about = h('div', {});
  const draw = (params) => {
    state.form = schemaForm(state.method.params, { ...booked(state.method), ...params }, changed);
    fill(about, description(model, state.method), h('details', { open: matchMedia(WIDE).matches }, h('summary', {}, 'Parameters'), state.form.place));
  };
  const choose = (event) => {
    state.method = methods[event.target.value];
    draw({});
    changed();
  };
  draw(paramsOf(given));
  const place = h('div', {}, field('Method', grouped(model, methods, first.name, choose)), about);
  return { place, name: () => state.method.name, searches: () => state.method.searches, read: () => state.form.read(), refuse: (errors) => state.form.refuse(errors) };
}

function paramsOf(given) {
  try {
    return given.params ? JSON.parse(given.params) : {};
  } catch {
    return {};
  }
}

// the page shows the books of every layer, so that it asks for them where a method keeps some
function booked(method) {
  return method.params.properties?.ledger ? { ledger: true } : {};
}

export function hindrance(model, method) {
  const support = model.families[method.needs === 'grad' ? 'backward' : method.family];
  return support && !support.supported ? support.reason : '';
}

function grouped(model, methods, value, onchange) {
  const families = Map.groupBy(Object.values(methods), (m) => m.family);
  return h('select', { onchange }, [...families].map(([family, list]) => h('optgroup', { label: `${family} methods` },
    list.map((m) => h('option', { value: m.name, selected: m.name === value },
      words(m.name) + (hindrance(model, m) ? ' (not with this model)' : ''))))));
}

function description(model, method) {
  const link = paperLink(method.paper);
  const why = hindrance(model, method);
  return [
    h('p', {}, method.summary),
    h('p', { class: 'help' }, 'Paper: ', link ? h('a', { href: link, target: '_blank', rel: 'noopener noreferrer' }, method.paper) : method.paper),
    method.searches && h('p', {}, 'This method searches for inputs of its own: none need be given.'),
    why && h('p', { class: 'warning' }, `Not with this model: ${why}`),
  ];
}
