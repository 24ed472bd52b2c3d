// Attributions as colours over a lightened picture: the stronger they are, the less of the picture is seen.

import { colour } from './colours.js';
import { pixel } from './pixels.js';
import { limitOf } from './tensor.js';

export function signed(values, sign) {
  if (sign === 'for') return values.map((v) => Math.max(0, v));
  return sign === 'against' ? values.map((v) => Math.min(0, v)) : values;
}

export function overlay(image, plane, { strength = 1, sign = 'both', clip = 99.5, map } = {}) {
  const values = signed(plane.values, sign);
  const limit = limitOf(plane.values, clip);
  return { limit, colourOf: (at) => mixed(image ? pixel(image, at) : null, values[at] / limit, strength, map) };
}

function mixed(given, share, strength, map) {
  const held = Number.isFinite(share) ? Math.max(-1, Math.min(1, share)) : 0;
  const cover = Math.sqrt(Math.abs(held)) * strength;
  const ink = colour(held, map);
  return ink.map((v, k) => v * cover + ground(given, k, strength) * (1 - cover));
}

function ground(given, k, strength) {
  if (!given) return 255;
  const grey = 0.299 * given[0] + 0.587 * given[1] + 0.114 * given[2];
  return given[k] * (1 - strength) + (0.72 * 255 + 0.28 * grey) * strength;
}
