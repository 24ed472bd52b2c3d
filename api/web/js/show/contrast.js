// One class against another, on the same item: a job of its own.

import { labelsOf } from '../axes.js';
import { fill, h } from '../dom.js';
import { field, select } from '../forms/fields.js';
import { cut } from '../format.js';
import { retry } from '../job_actions.js';
import { shown } from '../problem.js';
import { go } from '../route.js';
import { named } from '../tensor.js';

const MOST = 2000;

export function contrast({ job, item, whole }) {
  const [output] = named(item.arrays, 'output.').filter((t) => t.data.length > 1 && t.data.length <= MOST && t.datatype.startsWith('FP'));
  if (!output || item.index === null) return null;
  const order = output.data.map((v, i) => [v, i]).sort((a, b) => b[0] - a[0]).map(([, i]) => i);
  const labels = labelsOf(whole, output.name) ?? output.data.map((_, i) => String(i));
  const options = output.data.map((_, i) => [String(i), cut(labels[i] ?? String(i), 40)]);
  const other = order.find((i) => i !== item.index);
  const [one, two] = [select(options, String(item.index)), select(options, String(other))];
  const outcome = h('div', {});
  const start = async (event) => {
    event.preventDefault();
    try {
      const kept = job.target.output ? { output: job.target.output } : {};
      const made = await retry(job, { target: { ...kept, contrast: [Number(one.value), Number(two.value)] }, priority: 'interactive' }, [item.item]);
      go(['jobs', made.id]);
    } catch (error) {
      fill(outcome, shown(error));
    }
  };
  return h('details', {}, h('summary', {}, 'One class against another'), h('form', { class: 'fields', onsubmit: start },
    field('Why', one), field('and not', two), h('button', {}, 'Explain the difference')), outcome);
}
