// A job's state and how far it is, kept up to date by its events, or by asking where streams are short.

import { get } from './api.js';
import { fill, h } from './dom.js';
import { follow } from './events.js';
import { number, words } from './format.js';

const SIGNS = { queued: '◌', running: '▶', succeeded: '✓', partially_succeeded: '◐', failed: '✗', cancelled: '■' };
const STREAMS = 3;
const PAUSE = 2000;
const FINAL = ['succeeded', 'partially_succeeded', 'failed', 'cancelled'];
let open = 0;
let polling = 0;

export function ended(job) {
  return FINAL.includes(job.state);
}

export function stateMark(job) {
  return h('span', { class: `state ${job.state}` }, h('span', { 'aria-hidden': 'true' }, SIGNS[job.state]), ` ${words(job.state)}`);
}

export function progressBar(job) {
  const { done, total, unit } = job.progress;
  const said = `${number(done)} of ${number(total)} ${total === 1 ? unit.replace(/s$/, '') : unit}`;
  return h('span', { class: 'progress' }, !ended(job) && h('progress', { max: total || 1, value: done, 'aria-label': said }), ' ', h('span', { class: 'done' }, said));
}

export function watched(place, job, draw, signal) {
  fill(place, draw(job));
  if (!ended(job)) watch(job, (now) => fill(place, draw(now)), signal);
  return place;
}

export async function watch(job, changed, signal) {
  try {
    if (open < STREAMS) await stream(job, changed, signal);
    else await poll(job, changed, signal);
  } catch (error) {
    if (error.name !== 'AbortError' && !signal.aborted) await poll(job, changed, signal).catch(() => {});
  }
}

async function stream(job, changed, signal) {
  open += 1;
  let now = job;
  try {
    await follow(job.id, ({ kind, data }) => {
      now = kind === 'progress' ? { ...now, progress: { done: data.done, total: data.total, unit: data.unit } } : { ...now, state: data.state };
      if (ended(now)) return true;
      changed(now);
      return false;
    }, signal);
  } finally {
    open -= 1;
  }
  changed(await get(`/v1/jobs/${job.id}`, signal));
}

async function poll(job, changed, signal) {
  let now = job;
  polling += 1;
  try {
    while (!ended(now) && !signal.aborted) {
      // however many jobs are watched, the service is asked twice a second
      await new Promise((resolve) => { setTimeout(resolve, PAUSE * Math.max(1, polling / 4)); });
      now = await get(`/v1/jobs/${job.id}`, signal);
      changed(now);
    }
  } finally {
    polling -= 1;
  }
}
