// What the service has: methods never change while it runs, models and data sets are asked for anew.

import { get } from './api.js';

let known = null;

export async function methods() {
  known ??= get('/v1/methods').then((answer) => answer.methods);
  try {
    return await known;
  } catch (error) {
    known = null;
    throw error;
  }
}

export async function models(signal) {
  return (await get('/v1/models?limit=200', signal)).models;
}

export async function model(ref, signal) {
  return get(`/v1/models/${encodeURIComponent(ref)}`, signal);
}

export async function datasets(signal) {
  return (await get('/v1/datasets?limit=200', signal)).datasets;
}

// prototypes and maps of layers are no explanation of an input
export function explainsInputs(method) {
  return method !== undefined && method.family !== 'prototype';
}

export function paperLink(text) {
  const arxiv = /arXiv:(\d{4}\.\d{4,5})/.exec(text);
  return arxiv && `https://arxiv.org/abs/${arxiv[1]}`;
}
