// Names and values of features, as the card knows them.

import { cut, number } from './format.js';

export function featureName(card, i) {
  return card.feature_names?.[i] ?? `feature ${i}`;
}

export function featureValue(card, given, i) {
  const value = given?.data[i];
  if (value === undefined || value === null) return '';
  const kinds = card.categories?.[card.feature_names?.[i]];
  if (kinds && Number.isInteger(value) && kinds[value] !== undefined) return kinds[value];
  return typeof value === 'number' ? number(value) : cut(String(value), 30);
}

export function described(card, given, i) {
  const value = featureValue(card, given, i);
  return value === '' ? featureName(card, i) : `${featureName(card, i)} = ${value}`;
}

export function strongest(values, most) {
  return values.map((v, i) => [Math.abs(v), i]).filter(([size]) => Number.isFinite(size)).sort((a, b) => b[0] - a[0]).slice(0, most).map(([, i]) => i);
}
