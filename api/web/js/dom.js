// Nodes made by calls: text is always text, so that nothing from a file becomes markup.

export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) set(node, name, value);
  node.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

function set(node, name, value) {
  if (value === undefined || value === null || value === false) return;
  if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
  else if (name === 'style') Object.assign(node.style, value);
  else if (name === 'value' || name === 'checked' || name === 'disabled') node[name] = value;
  else node.setAttribute(name, value === true ? '' : value);
}

export function fill(place, ...children) {
  place.replaceChildren(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return place;
}

let count = 0;

export function id(prefix) {
  count += 1;
  return `${prefix}-${count}`;
}

export function say(text) {
  document.getElementById('said').textContent = text;
}

export function title(words, ...more) {
  document.title = `${words} · onnxplain`;
  return h('div', { class: 'title' }, h('h1', { tabindex: -1 }, words), ...more);
}

export function button(words, onclick, kind = '') {
  return h('button', { type: 'button', class: kind || null, onclick }, words);
}

export function table(caption, heads, rows) {
  // the head of a column of numbers stands above them, at the right
  const numeric = (i) => rows[0]?.children[i]?.classList.contains('number') && 'number';
  return h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption },
    h('table', {},
      h('caption', {}, caption),
      h('thead', {}, h('tr', {}, heads.map((head, i) => h('th', { scope: 'col', class: numeric(i) }, head)))),
      h('tbody', {}, rows)));
}

export function facts(pairs) {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== '');
  return h('dl', { class: 'facts' }, shown.map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]));
}
