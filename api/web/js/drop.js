// A place to drop files on, that is a plain file field for the keyboard and the screen reader.

import { h, id } from './dom.js';

export function dropZone(words, help, taken, { accept = '', multiple = false } = {}) {
  const field = id('file');
  const input = h('input', { type: 'file', id: field, accept, multiple, onchange: () => taken([...input.files]) });
  const zone = h('div', { class: 'drop' },
    h('label', { for: field }, words), input, help && h('p', { class: 'help' }, help));
  zone.addEventListener('dragover', (event) => { event.preventDefault(); zone.classList.add('over'); });
  zone.addEventListener('dragleave', () => zone.classList.remove('over'));
  zone.addEventListener('drop', (event) => {
    event.preventDefault();
    zone.classList.remove('over');
    taken([...event.dataTransfer.files]);
  });
  return zone;
}
