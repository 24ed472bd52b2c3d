// The key of a service that asks for one: kept as long as this tab, and nowhere else.

import { button, h } from './dom.js';

const PLACE = 'onnxplain-key';

export function headers() {
  const key = sessionStorage.getItem(PLACE);
  return key ? { Authorization: `Bearer ${key}` } : {};
}

let asking = null;

export function askKey(reason) {
  asking ??= new Promise((resolve) => open(reason, resolve)).finally(() => { asking = null; });
  return asking;
}

function open(reason, resolve) {
  const field = h('input', { type: 'password', id: 'key', name: 'key', autocomplete: 'off', required: true });
  const keep = (event) => {
    event.preventDefault();
    sessionStorage.setItem(PLACE, field.value.trim());
    dialog.close('kept');
  };
  const dialog = h('dialog', { 'aria-labelledby': 'key-title' },
    h('form', { onsubmit: keep },
      h('h2', { id: 'key-title' }, 'This service asks for a key'),
      h('p', {}, headers().Authorization ? `The service did not take the key: ${reason}.` : 'Models, jobs and results here belong to whoever holds the key.'),
      h('label', { for: 'key' }, 'Key'), field,
      h('p', { class: 'help' }, 'It is kept in this tab until you close it. Whoever runs the service makes keys: ', h('code', {}, 'onnxplain keys create')),
      h('div', { class: 'row' }, h('button', { class: 'main' }, 'Use it'), button('Not now', () => dialog.close('no')))));
  dialog.addEventListener('close', () => { resolve(dialog.returnValue === 'kept'); dialog.remove(); });
  document.body.append(dialog);
  dialog.showModal();
}
