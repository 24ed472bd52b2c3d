// Diverging colours that are told apart under every common colour blindness (ColorBrewer): for, zero, against.

const MAPS = {
  'red and blue': ['67001f', 'b2182b', 'd6604d', 'f4a582', 'fddbc7', 'f7f7f7', 'd1e5f0', '92c5de', '4393c3', '2166ac', '053061'],
  'orange and purple': ['7f3b08', 'b35806', 'e08214', 'fdb863', 'fee0b6', 'f7f7f7', 'd8daeb', 'b2abd2', '8073ac', '542788', '2d004b'],
  'brown and green': ['543005', '8c510a', 'bf812d', 'dfc27d', 'f6e8c3', 'f5f5f5', 'c7eae5', '80cdc1', '35978f', '01665e', '003c30'],
};

export const NAMES = Object.keys(MAPS);
const STEPS = 256;

function channels(hex) {
  return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

function table(name) {
  const stops = MAPS[name].map(channels).reverse();
  return Array.from({ length: STEPS + 1 }, (_, i) => {
    const at = (i / STEPS) * (stops.length - 1);
    const low = Math.min(stops.length - 2, Math.floor(at));
    return stops[low].map((v, c) => Math.round(v + (at - low) * (stops[low + 1][c] - v)));
  });
}

const TABLES = {};

// a share from -1 (against) to 1 (for) as [r, g, b]
export function colour(share, name = NAMES[0]) {
  TABLES[name] ??= table(name);
  const held = Number.isFinite(share) ? Math.max(-1, Math.min(1, share)) : 0;
  return TABLES[name][Math.round(((held + 1) / 2) * STEPS)];
}

export function css([r, g, b]) {
  return `rgb(${r}, ${g}, ${b})`;
}

export function inkOn([r, g, b]) {
  return 0.299 * r + 0.587 * g + 0.114 * b > 140 ? '#000' : '#fff';
}

export function plotlyScale(name = NAMES[0]) {
  return MAPS[name].map((hex, i, all) => [1 - i / (all.length - 1), `#${hex}`]).reverse();
}

// both stand out by 3 : 1 and more on light and on dark ground
export const FOR = '#d6604d';
export const AGAINST = '#4393c3';
