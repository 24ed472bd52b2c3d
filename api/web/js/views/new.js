// New explanation: a model, its inputs, a method, its parameters, the target; then start.

import { ask, post } from '../api.js';
import * as catalogue from '../catalogue.js';
import { fill, h, title } from '../dom.js';
import { field, select } from '../forms/fields.js';
import { inputsForm } from '../forms/inputs.js';
import { methodChoice } from '../forms/method.js';
import { targetForm } from '../forms/target.js';
import { cut, named, number, seconds, short } from '../format.js';
import { shown } from '../problem.js';
import { go, note, to } from '../route.js';

const SETTLE = 350;

export async function newExplanation(place, { query, signal }) {
  const [models, methods, datasets] = await Promise.all([catalogue.models(signal), catalogue.methods(), catalogue.datasets(signal)]);
  const given = Object.fromEntries(query);
  const body = h('div', {});
  const known = models.map((m) => [m.id, `${cut(named(m), 40)} · ${short(m.id)}`]);
  const change = (ref) => { note({ ...given, model: ref }); draw(ref); };
  const draw = async (ref) => fill(body, await form(await catalogue.model(ref, signal), methods, datasets, given, signal));
  fill(place, title('New explanation'), models.length
    ? field('Model', select(known, given.model ?? known[0][0], (e) => change(e.target.value)))
    : h('p', { class: 'empty' }, 'There is no model yet. ', h('a', { href: to(['models']) }, 'Upload one, or try the digit model.')), body);
  if (models.length) await draw(given.model ?? known[0][0]);
}

async function form(model, methods, datasets, given, signal) {
  const outcome = h('div', {});
  const cost = h('p', { class: 'cost', role: 'status' });
  let waiting = 0;
  const changed = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => signal.aborted || tellCost(model, parts, cost, outcome, signal), SETTLE);
  };
  const parts = {
    inputs: inputsForm(model, datasets, given, changed),
    method: methodChoice(model, methods, given, changed),
    target: targetForm(model, given, changed),
    seed: h('input', { type: 'number', min: 0, step: 1, value: 0 }),
    priority: select([['interactive', 'soon: before batch jobs'], ['batch', 'batch: when there is room']], 'interactive'),
  };
  changed();
  return h('form', { class: 'new', onsubmit: (event) => start(event, model, parts, outcome) },
    step('Inputs', parts.inputs.place), step('Method', parts.method.place), step('What is explained', parts.target.place),
    step('How', h('div', { class: 'fields' }, field('Seed', parts.seed, 'Makes a sampling method repeatable.'), field('Priority', parts.priority))),
    outcome, h('div', { class: 'start' }, cost, h('button', { class: 'main' }, 'Start')));
}

function step(words, ...content) {
  return h('section', {}, h('h2', {}, words), ...content);
}

function request(model, parts) {
  return { model: model.id, method: parts.method.name(), params: parts.method.read(), target: parts.target.read() };
}

async function tellCost(model, parts, cost, outcome, signal) {
  try {
    const items = parts.inputs.count();
    const found = await post('/v1/estimates', { ...request(model, parts), items }, signal);
    parts.method.refuse([]);
    const each = `${number(found.evaluations_per_item)} model evaluation${found.evaluations_per_item === 1 ? '' : 's'} per item`;
    fill(cost, `About ${each}, ${number(found.items)} item${found.items === 1 ? '' : 's'}: ${seconds(found.seconds)} of work, guessed.`);
    cost.classList.remove('bad');
  } catch (error) {
    if (error.name === 'AbortError') return;
    parts.method.refuse(error.fields?.errors ?? []);
    fill(cost, error.message);
    cost.classList.add('bad');
  }
}

async function start(event, model, parts, outcome) {
  event.preventDefault();
  fill(outcome);
  try {
    const { inputs, files } = parts.method.searches() && !parts.inputs.given() ? {} : await parts.inputs.read();
    const json = { ...request(model, parts), seed: Number(parts.seed.value || 0), priority: parts.priority.value, ...(inputs ? { inputs } : {}) };
    const job = await (await ask('POST', '/v1/jobs', files ? { body: multipart(json, files) } : { json })).json();
    go(['jobs', job.id]);
  } catch (error) {
    parts.method.refuse(error.fields?.errors ?? []);
    fill(outcome, shown(error));
    outcome.scrollIntoView({ block: 'nearest' });
  }
}

function multipart(json, files) {
  const body = new FormData();
  body.append('request', new Blob([JSON.stringify(json)], { type: 'application/json' }), 'request.json');
  for (const [name, file] of files) body.append(name, file, file.name);
  return body;
}
