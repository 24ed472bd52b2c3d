// The public API, asked as anyone would: what it refuses becomes a Problem with the words of its document.

import { askKey, headers as keyHeaders } from './key.js';

export class Problem extends Error {
  constructor(fields) {
    super(fields.detail || fields.title);
    this.fields = fields;
  }
}

export async function ask(verb, address, { json, body, headers = {}, signal } = {}) {
  const sent = { ...headers };
  if (json !== undefined) sent['Content-Type'] = 'application/json';
  const content = json === undefined ? body : JSON.stringify(json);
  const answer = await reached(address, {
    method: verb, body: content, headers: { ...sent, ...keyHeaders() }, signal, cache: 'no-store',
  });
  if (answer.ok) return answer;
  const problem = new Problem(await refusal(answer));
  if (answer.status === 401 && await askKey(problem.message)) return ask(verb, address, { json, body, headers, signal });
  throw problem;
}

async function reached(address, options) {
  try {
    return await fetch(address, options);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem({ title: 'The service does not answer', detail: 'The service does not answer; is it running?', code: 'unreachable' });
  }
}

async function refusal(answer) {
  try {
    return await answer.json();
  } catch {
    return { title: answer.statusText, detail: `the service answered ${answer.status} without saying why`, status: answer.status };
  }
}

export async function get(address, signal) {
  return (await ask('GET', address, { signal })).json();
}

export async function post(address, json, signal) {
  return (await ask('POST', address, { json, signal })).json();
}

export async function put(address, json) {
  return (await ask('PUT', address, { json })).json();
}

export async function remove(address) {
  await ask('DELETE', address);
}

export async function blob(address) {
  return (await ask('GET', address)).blob();
}
