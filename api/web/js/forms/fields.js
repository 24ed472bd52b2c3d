// Labelled fields: every one has its words, its help, and a place for what is wrong with it.

import { h, id } from '../dom.js';

const LONG = 180;

export function field(words, control, help = '') {
  const name = control.id || id('field');
  control.id = name;
  const below = h('p', { class: 'help', id: `${name}-help` }, withCode(help));
  const wrong = h('p', { class: 'wrong', id: `${name}-wrong` });
  control.setAttribute('aria-describedby', `${name}-help ${name}-wrong`);
  const kind = control.type === 'checkbox' ? ' check' : help.length > LONG ? ' long' : '';
  const place = h('div', { class: `field${kind}` },
    h('label', { for: name }, words), control, help && below, wrong);
  place.refuse = (text) => {
    wrong.textContent = text;
    control.setAttribute('aria-invalid', text ? 'true' : 'false');
  };
  return place;
}

// names between backticks, as in the docs
function withCode(words) {
  return words.split('`').map((part, i) => (i % 2 ? h('code', {}, part) : part));
}

export function select(options, value, onchange) {
  return h('select', { onchange }, options.map(([key, words, disabled]) => h('option', {
    value: key, disabled: Boolean(disabled), selected: key === value,
  }, words)));
}

export function text(value = '', more = {}) {
  return h('input', { type: 'text', value, autocomplete: 'off', spellcheck: 'false', ...more });
}

export function many(value, more = {}) {
  return h('textarea', { value, rows: 3, spellcheck: 'false', ...more }, value);
}

export function numbers(words) {
  const cells = words.split(/[\s,;]+/).filter(Boolean);
  return cells.length ? cells.map(Number) : null;
}
