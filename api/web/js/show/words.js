// Words or tokens, each on the colour of its attribution; the strongest are listed below.

import { colour, css, inkOn } from '../colours.js';
import { h, table } from '../dom.js';
import { strongest } from '../features.js';
import { vocabulary } from '../forms/one_input.js';
import { cut, number } from '../format.js';
import { limitOf, plain } from '../tensor.js';
import { contrast } from './contrast.js';

const MOST = 4000;
const LISTED = 10;

export async function words(subject) {
  const values = plain(subject.tensor).slice(0, MOST);
  const texts = values.map((_, i) => textOf(subject, i));
  const order = strongest(values, LISTED);
  return [
    await colouredWords(subject),
    table('The strongest', ['Word', 'Place', 'Attribution'], order.map((i) => h('tr', {},
      h('th', { scope: 'row' }, texts[i]), h('td', { class: 'number' }, number(i)), h('td', { class: 'number' }, number(values[i]))))),
    contrast(subject),
  ];
}

export async function colouredWords(subject) {
  const values = plain(subject.tensor).slice(0, MOST);
  const limit = limitOf(values);
  const spoken = values.map((v, i) => {
    const ink = colour(v / limit);
    const text = textOf(subject, i);
    return [h('span', { class: 'word', title: `${text}: ${number(v)}`, style: { backgroundColor: css(ink), color: inkOn(ink) } }, text), ' '];
  });
  return [h('p', { class: 'words' }, spoken), h('p', { class: 'help' }, 'Red speaks for it, blue against it.', subject.tensor.data.length > MOST && ` The first ${number(MOST)} are shown.`)];
}

function textOf({ given, card, tensor, item }, i) {
  const token = item.arrays.find((t) => t.name === `token.${tensor.name}`)?.data[i];
  if (token) return cut(token.trim() || '␣', 40);
  const value = given?.data[i];
  if (value === undefined || value === null) return `#${i}`;
  const known = vocabulary(card, tensor.name);
  return cut(known?.[value] ?? String(value), 40);
}
