// The project's own digit model: fetched as files and uploaded as anyone's files are.

import { ask } from './api.js';

async function file(name) {
  return (await ask('GET', `/try/${name}`)).blob();
}

export async function uploadDigits() {
  const form = new FormData();
  form.append('model', await file('digits.onnx'), 'digits.onnx');
  form.append('card', await (await file('digits.card.json')).text());
  const model = await (await ask('POST', '/v1/models?name=digits', { body: form })).json();
  const data = new FormData();
  data.append('file', await file('heldout.npz'), 'heldout.npz');
  const dataset = await (await ask('POST', '/v1/datasets', { body: data })).json();
  return { model, dataset };
}
