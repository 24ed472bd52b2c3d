// What can be done with a job: cancel it, try again, remove its results, share its address.

import { ask, post } from './api.js';
import { copy } from './clipboard.js';
import { button, fill, h, say } from './dom.js';
import { ended } from './progress.js';
import { shown } from './problem.js';
import { go, to } from './route.js';

export function actions(job, outcome, redraw) {
  const act = (work) => async () => {
    try {
      await work();
    } catch (error) {
      fill(outcome, shown(error));
    }
  };
  const cancel = act(async () => { await ask('DELETE', `/v1/jobs/${job.id}`); say('The job is being cancelled.'); redraw(); });
  const again = act(async () => go(['jobs', (await retry(job)).id]));
  const share = act(async () => { await copy(address(job)); say('The link was copied.'); fill(outcome, h('p', { role: 'status' }, 'The link was copied.')); });
  return h('div', { class: 'row' },
    ended(job) ? button('Run again', again) : button('Cancel', cancel, 'danger'),
    ended(job) && h('a', { class: 'button', href: to(['new'], { model: job.model, method: job.method, job: job.id, params: JSON.stringify(job.params) }) }, 'Change and run'),
    button('Copy link', share));
}

function address(job) {
  return `${location.origin}/${to(['jobs', job.id])}`;
}

export function sameQuestion(job) {
  const { model, method, params, target, seed, priority } = job;
  return { model, method, params, target: Object.keys(target).length ? target : null, seed, priority };
}

export function retry(job, changes = {}, items = undefined) {
  return post('/v1/jobs', { ...sameQuestion(job), inputs: { job: job.id, items }, ...changes });
}
