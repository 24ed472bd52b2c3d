// An item beside others: its attributions in the form of their input, with nothing to set.

import { meaning } from '../attributions.js';
import { h } from '../dom.js';
import { plainBars } from './bars.js';
import { heatmap } from './heatmap.js';
import { input, stillImage } from './image.js';
import { lines } from './series.js';
import { colouredWords } from './words.js';

const DRAW = { image: stillImage, words: colouredWords, series: lines, bars: plainBars, heatmap };

export function brief(subjects) {
  return Promise.all(subjects.map(async (subject) => [
    subjects.length > 1 && h('p', { class: 'help' }, h('code', {}, subject.tensor.name)), meaning(subject), await DRAW[subject.form](subject)]));
}

// pictures are shown by themselves as well, to be looked at without colours over them
export function inputsOf(subjects) {
  return subjects.filter((s) => s.form === 'image').map((s) => input(s)).filter(Boolean);
}
