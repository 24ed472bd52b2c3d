// Charts by plotly: loaded when the first is drawn, in the page's colours, under a policy that allows no inline styles.

import { button, h } from './dom.js';
import { fromDataUrl, save } from './save.js';

let loading = null;

function loaded() {
  loading ??= new Promise((resolve, reject) => {
    const restore = strict();
    const script = Object.assign(document.createElement('script'), { src: document.body.dataset.charts });
    script.onload = () => { restore(); resolve(window.Plotly); };
    script.onerror = () => { restore(); loading = null; reject(new Error('The charts could not be loaded.')); };
    document.body.append(script);
  });
  return loading;
}

// Two ways in which plotly writes styles that the policy forbids, done in the ways that it allows: style attributes through
// the object model, and the style sheet of maps, of which there are none here, not at all.
function strict() {
  SVGElement.prototype.setAttribute = function setAttribute(name, value) {
    if (name === 'style') this.style.cssText = value;
    else Element.prototype.setAttribute.call(this, name, value);
  };
  const { head } = document;
  head.appendChild = (node) => (node.tagName === 'STYLE' && node.textContent ? node : Node.prototype.appendChild.call(head, node));
  return () => { delete head.appendChild; };
}

// plotly reads a little markup in its texts: names from files are told apart from it
export function plainText(text) {
  return String(text).replace(/[\u0000-\u001f\u007f]+/g, ' ').replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

export function axisText(text, most = 24) {
  const one = String(text);
  return plainText(one.length > most ? `${one.slice(0, most - 1)}…` : one);
}

// a vertical axis of names, the first at the top
export function rows(names, most = 30) {
  return { autorange: 'reversed', tickvals: names.map((_, i) => i), ticktext: names.map((n) => axisText(n, most)), zeroline: false };
}

export async function chart(traces, layout, label) {
  const Plotly = await loaded();
  const place = h('div', { class: 'chart', role: 'img', 'aria-label': label, style: { height: `${layout.height}px` } });
  const draw = () => Plotly.newPlot(place, traces, { ...themed(layout), width: place.clientWidth }, { displayModeBar: false });
  // drawn once it has a width, and anew when that or the colours change
  new ResizeObserver(() => place.clientWidth && draw()).observe(place);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  const file = async (format) => save(fromDataUrl(await Plotly.toImage(place, { format, width: place.clientWidth, height: layout.height })), `chart.${format}`);
  return h('div', {}, place, h('div', { class: 'row small' }, button('Save PNG', () => file('png')), button('Save SVG', () => file('svg'))));
}

function themed(layout) {
  const look = getComputedStyle(document.documentElement);
  const ink = look.getPropertyValue('--ink').trim();
  const line = look.getPropertyValue('--line').trim();
  const axis = { gridcolor: line, zerolinecolor: ink, linecolor: line, automargin: true, fixedrange: true };
  const axes = Object.fromEntries(Object.entries(layout).filter(([key]) => /^[xy]axis/.test(key)).map(([key, own]) => [key, { ...axis, ...own }]));
  return {
    font: { family: 'system-ui, sans-serif', size: 13, color: ink }, paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)',
    margin: { l: 8, r: 8, t: 8, b: 36 }, showlegend: false, xaxis: axis, yaxis: axis, dragmode: false, ...layout, ...axes,
  };
}
