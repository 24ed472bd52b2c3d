// Text put where the reader can paste it from.

import { h } from './dom.js';

// browsers give the clipboard to pages that came over TLS or from this machine; elsewhere the older way is left
export async function copy(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const field = h('textarea', { class: 'unseen', 'aria-hidden': 'true', value: text });
  document.body.append(field);
  field.select();
  const done = document.execCommand('copy');
  field.remove();
  if (!done) throw new Error(`The browser does not let the page copy; here it is: ${text}`);
}
