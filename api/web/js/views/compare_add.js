// What another explanation of the same input is asked with: a method, a model, a class.

import * as catalogue from '../catalogue.js';
import { fill, h, id } from '../dom.js';
import { field, select, text } from '../forms/fields.js';
import { hindrance } from '../forms/method.js';
import { classOf, classes, offered } from '../forms/target.js';
import { cut, named, words } from '../format.js';
import { retry } from '../job_actions.js';
import { shown } from '../problem.js';
import { go } from '../route.js';

// offered first: methods of different kinds, so that their agreement says something
const NEXT = ['integrated_gradients', 'lrp', 'occlusion', 'input_x_gradient', 'feature_ablation'];

export async function adder([first, ...others], item, ids, methods, models) {
  const outcome = h('div', {});
  const list = id('classes');
  const options = h('datalist', { id: list });
  const index = text('', { list, placeholder: 'as in the first job' });
  const own = await catalogue.model(first.model).catch(() => null);
  const state = { labels: labelsOf(own) };
  fill(options, offered(state.labels));
  const turn = async () => {
    state.labels = labelsOf(await catalogue.model(model.value).catch(() => null));
    fill(options, offered(state.labels));
  };
  const method = select(choices(own, methods), nextMethod([first, ...others], own, methods));
  const model = select(models.map((m) => [m.id, cut(named(m), 40)]), first.model, turn);
  const add = async (event) => {
    event.preventDefault();
    try {
      const made = await retry(first, { method: method.value, model: model.value, priority: 'interactive', ...changes(first, method.value, index.value.trim(), state.labels) });
      go(['compare'], { jobs: [...ids, made.id].join(','), item });
    } catch (error) {
      fill(outcome, shown(error));
    }
  };
  return [h('form', { class: 'fields', onsubmit: add }, field('Method', method), field('Model', model), field('Class', index), options, h('button', { class: 'main' }, 'Add beside')), outcome];
}

function changes(first, method, words, labels) {
  const params = method === first.method ? first.params : {};
  if (!words) return { params };
  return { params, target: { ...(first.target.output ? { output: first.target.output } : {}), index: classOf(words, labels) } };
}

// those that explain inputs; a method that the first model forbids can still be asked of another
function choices(model, methods) {
  return Object.values(methods).filter(catalogue.explainsInputs).map((m) => [m.name, words(m.name) + (model && hindrance(model, m) ? ` (not with ${cut(named(model), 20)})` : '')]);
}

function nextMethod(jobs, model, methods) {
  const known = jobs.map((job) => job.method);
  return NEXT.find((name) => methods[name] && !known.includes(name) && !(model && hindrance(model, methods[name]))) ?? jobs[0].method;
}

function labelsOf(model) {
  return model ? classes(model.outputs.find((o) => o.dtype.startsWith('float')), model.card) : [];
}
