// Tensors as the API gives them: a name, a shape, and values in row order.

export function size(shape) {
  return shape.reduce((a, b) => a * b, 1);
}

export function named(list, prefix) {
  return list.filter((t) => t.name.startsWith(prefix)).map((t) => ({ ...t, name: t.name.slice(prefix.length) }));
}

export function plain(tensor) {
  return tensor.data.map((v) => v ?? NaN);
}

// (H, W) values of an image, axes brought into order: channels summed; a value that all carry for their group is that value once
export function plane(tensor, axes) {
  const [h, w, c] = ['H', 'W', 'C'].map((letter) => axes.indexOf(letter));
  const steps = strides(tensor.shape);
  const [height, width, channels] = [tensor.shape[h], tensor.shape[w], c < 0 ? 1 : tensor.shape[c]];
  const out = new Float64Array(height * width);
  const first = new Float64Array(height * width);
  let alike = true;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = y * width + x;
      for (let k = 0; k < channels; k += 1) {
        const value = tensor.data[y * steps[h] + x * steps[w] + (c < 0 ? 0 : k * steps[c])] ?? NaN;
        if (k === 0) first[at] = value;
        alike &&= value === first[at];
        out[at] += value;
      }
    }
  }
  return { values: alike ? first : out, width, height };
}

export function strides(shape) {
  return shape.map((_, i) => size(shape.slice(i + 1)));
}

export function matrix(tensor) {
  const [rows, columns] = [tensor.shape.at(-2) ?? 1, tensor.shape.at(-1) ?? 1];
  const out = Array.from({ length: rows }, () => new Float64Array(columns));
  tensor.data.forEach((v, i) => { out[Math.floor(i / columns) % rows][i % columns] += v ?? NaN; });
  return out.map((row) => Array.from(row));
}

export function limitOf(values, percent = 99.5) {
  const sizes = Float64Array.from(values.filter(Number.isFinite), Math.abs).sort();
  if (!sizes.length || sizes.at(-1) === 0) return 1;
  return sizes[Math.min(sizes.length - 1, Math.ceil((percent / 100) * (sizes.length - 1)))] || sizes.at(-1);
}
