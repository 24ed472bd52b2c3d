// What can be taken away: files of the result, and the commands that would make it again.

import { copy } from './clipboard.js';
import { button, fill, h } from './dom.js';
import * as commands from './commands.js';
import { headers } from './key.js';
import { shown } from './problem.js';
import { saveAddress } from './save.js';
import { views } from './show/drawings.js';
import { methods } from './catalogue.js';

export function takeaway(job, current) {
  const at = `/v1/jobs/${job.id}`;
  const outcome = h('div', {});
  const file = (words, address, name) => button(words, async () => {
    fill(outcome, h('p', { role: 'status' }, 'Fetching…'));
    try {
      await saveAddress(typeof address === 'function' ? address() : address, typeof name === 'function' ? name() : name);
      fill(outcome);
    } catch (error) {
      fill(outcome, shown(error));
    }
  });
  const graph = h('span', {});
  methods().then((known) => known[job.method]?.compiled && fill(graph, file('Explanation as an ONNX graph', `${at}/explanation.onnx`, `${job.id}.explanation.onnx`)));
  const picture = h('span', {});
  views(job).then((known) => known.item.length && fill(picture, file('Picture of this item (PNG)', () => `${at}/items/${current()}.png`, () => `${job.id}-${current()}.png`)));
  return [
    h('div', { class: 'row' },
      file('Report (HTML)', `${at}/report.html`, `${job.id}.html`),
      file('Arrays (npz)', `${at}/result.npz`, `${job.id}.npz`), file('Account (JSON)', `${at}/result`, `${job.id}.json`),
      file('Manifest', `${at}/manifest`, `${job.id}.manifest.json`), graph, picture),
    outcome, h('h3', {}, 'The same by hand'), snippets(job),
  ];
}

function snippets(job) {
  const key = Boolean(headers().Authorization);
  return [['curl', commands.curl], ['Command line', commands.cli], ['Python', commands.pythonCode]].map(([words, write], i) => {
    const text = write(job, location.origin, key);
    const done = h('span', { role: 'status' });
    const take = async () => {
      try {
        await copy(text);
        fill(done, 'Copied.');
      } catch (error) {
        fill(done, shown(error));
      }
    };
    return h('details', { open: i === 0 }, h('summary', {}, words), h('pre', { tabindex: 0, role: 'region', 'aria-label': words }, h('code', {}, text)), h('div', { class: 'row' }, button('Copy', take), done));
  });
}
