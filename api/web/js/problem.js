// A refusal, shown in the words of its problem document, with the way out.

import { h, say } from './dom.js';

export function shown(error) {
  const fields = error.fields || { title: 'The page failed', detail: error.message };
  say(`${fields.title}. ${fields.detail}`);
  return h('div', { class: 'problem', role: 'alert' },
    h('p', {}, h('strong', {}, fields.title || 'Refused')),
    h('p', {}, fields.detail),
    faults(fields), nodes(fields),
    fields.instance && h('p', { class: 'help' }, `Request ${fields.instance.replace('urn:uuid:', '')}`));
}

function faults(fields) {
  const errors = (fields.errors || []).filter((e) => e.pointer && !fields.detail.includes(e.detail));
  return errors.length > 0 && h('ul', {}, errors.map((e) => h('li', {}, h('code', {}, e.pointer), ` ${e.detail}`)));
}

function nodes(fields) {
  if (!fields.nodes?.length) return null;
  return h('details', {}, h('summary', {}, `${fields.nodes.length} node${fields.nodes.length === 1 ? '' : 's'} without a derivative`),
    h('ul', {}, fields.nodes.map((n) => h('li', {}, h('code', {}, `${n.operator} ${n.node}`), ` ${n.reason}`))));
}

export async function guarded(place, work) {
  try {
    return await work();
  } catch (error) {
    if (error.name !== 'AbortError') place.append(shown(error));
    return undefined;
  }
}
