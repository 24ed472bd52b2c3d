// Files made here, or fetched with the key, and given to the reader.

import { blob } from './api.js';

export function save(content, name) {
  const address = URL.createObjectURL(content);
  const link = Object.assign(document.createElement('a'), { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

export function fromDataUrl(address) {
  const [head, body] = [address.slice(0, address.indexOf(',')), address.slice(address.indexOf(',') + 1)];
  const type = /^data:([^;]*)/.exec(head)[1];
  if (!head.endsWith(';base64')) return new Blob([decodeURIComponent(body)], { type });
  return new Blob([Uint8Array.from(atob(body), (c) => c.charCodeAt(0))], { type });
}

export async function saveAddress(address, name) {
  save(await blob(address), name);
}

export function saveCanvas(canvas, name) {
  larger(canvas).toBlob((png) => save(png, name), 'image/png');
}

// small pictures are enlarged without blurring: a pixel stays a square
function larger(canvas) {
  const times = Math.max(1, Math.ceil(448 / canvas.width));
  const out = Object.assign(document.createElement('canvas'), { width: canvas.width * times, height: canvas.height * times });
  const pen = out.getContext('2d');
  pen.imageSmoothingEnabled = false;
  pen.drawImage(canvas, 0, 0, out.width, out.height);
  return out;
}

const SVG = 'http://www.w3.org/2000/svg';

export function saveImageSvg(canvas, ends, name, label) {
  const side = 448;
  const height = Math.round((side * canvas.height) / canvas.width);
  const root = node('svg', { xmlns: SVG, width: side, height: height + 48, viewBox: `0 0 ${side} ${height + 48}` });
  const picture = node('image', { href: larger(canvas).toDataURL('image/png'), width: side, height });
  const line = (text, y) => Object.assign(node('text', { x: 4, y, 'font-family': 'sans-serif', 'font-size': 14 }), { textContent: text });
  root.append(picture, line(label, height + 18), line([...ends.children].map((e) => e.textContent).join('   '), height + 38));
  saveSvg(root, name);
}

export function saveSvg(root, name) {
  save(new Blob([new XMLSerializer().serializeToString(root)], { type: 'image/svg+xml' }), name);
}

function node(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
