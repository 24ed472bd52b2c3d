// Draws the view that the address names, and stops what the last one was doing.

import { fill } from './dom.js';
import { guarded } from './problem.js';
import { here } from './route.js';
import { compare } from './views/compare.js';
import { job } from './views/job.js';
import { jobs } from './views/jobs.js';
import { model } from './views/model.js';
import { models } from './views/models.js';
import { newExplanation } from './views/new.js';

const VIEWS = { models, new: newExplanation, jobs, compare };
const ONE = { models: model, jobs: job };
const main = document.getElementById('main');
let running = new AbortController();

async function draw() {
  running.abort();
  running = new AbortController();
  const { signal } = running;
  const { parts, query } = here();
  const name = VIEWS[parts[0]] ? parts[0] : 'models';
  const view = parts.length > 1 && ONE[name] ? ONE[name] : VIEWS[name];
  mark(name);
  const place = document.createElement('div');
  place.className = `view ${name}`;
  fill(main, place);
  await guarded(place, () => view(place, { ref: parts[1], query, signal }));
  if (!signal.aborted) main.dataset.drawn = location.hash || '#/';
}

function mark(name) {
  delete main.dataset.drawn;
  for (const link of document.querySelectorAll('nav a[data-view]')) {
    if (link.dataset.view === name) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

async function moved() {
  await draw();
  main.querySelector('h1')?.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

async function tellReadiness() {
  const place = document.getElementById('ready');
  try {
    const found = await fetch('/readyz').then((answer) => answer.json());
    place.textContent = found.ready ? 'The service is ready.' : `Not ready: ${found.reasons.join('; ')}.`;
    place.className = found.ready ? 'good' : 'bad';
  } catch {
    place.textContent = 'The service does not answer.';
    place.className = 'bad';
  }
}

window.addEventListener('hashchange', moved);
document.querySelector('.skip').addEventListener('click', (event) => { event.preventDefault(); main.focus(); });
draw();
tellReadiness();
