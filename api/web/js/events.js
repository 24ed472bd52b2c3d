// Server-sent events read from a fetch, because EventSource can show no key.

import { ask } from './api.js';

export async function follow(job, seen, signal) {
  let last = '';
  while (!signal.aborted) {
    const headers = last ? { 'Last-Event-ID': last } : {};
    const answer = await ask('GET', `/v1/jobs/${job}/events`, { headers, signal });
    if (answer.status === 204) return;
    for await (const event of parsed(answer.body)) {
      last = event.id || last;
      if (seen(event)) return;
    }
  }
}

async function* parsed(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split('\n\n');
    text = blocks.pop();
    yield* blocks.map(event).filter((e) => e.data);
  }
}

function event(block) {
  const fields = Object.fromEntries(block.split('\n').map((line) => {
    const at = line.indexOf(': ');
    return [line.slice(0, at), line.slice(at + 2)];
  }));
  return { id: fields.id, kind: fields.event, data: fields.data && JSON.parse(fields.data) };
}
