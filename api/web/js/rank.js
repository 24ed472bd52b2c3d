// Rank correlation (Spearman): whether two explanations order the parts of an input alike.

function ranked(values) {
  const order = values.map((v, i) => [v, i]).sort((a, b) => a[0] - b[0]);
  const ranks = new Float64Array(values.length);
  for (let at = 0; at < order.length;) {
    let end = at;
    while (end < order.length && order[end][0] === order[at][0]) end += 1;
    for (let i = at; i < end; i += 1) ranks[order[i][1]] = (at + end - 1) / 2;
    at = end;
  }
  return ranks;
}

export function spearman(a, b) {
  if (a.length !== b.length || a.length < 2) return NaN;
  const [x, y] = [ranked(Array.from(a)), ranked(Array.from(b))];
  const mean = (a.length - 1) / 2;
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < a.length; i += 1) {
    xy += (x[i] - mean) * (y[i] - mean);
    xx += (x[i] - mean) ** 2;
    yy += (y[i] - mean) ** 2;
  }
  return xx && yy ? xy / Math.sqrt(xx * yy) : NaN;
}
