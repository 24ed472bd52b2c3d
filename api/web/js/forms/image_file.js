// A picture brought to the size that an input takes, in the browser: stretched, or its middle cut out.

export async function fitted(file, { width, height }, whole) {
  const bitmap = await decoded(file);
  if (bitmap.width === width && bitmap.height === height) return file;
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const [x, y, w, h] = whole ? [0, 0, bitmap.width, bitmap.height] : middle(bitmap, width / height);
  const pen = canvas.getContext('2d');
  pen.imageSmoothingQuality = 'high';
  pen.drawImage(bitmap, x, y, w, h, 0, 0, width, height);
  return new Promise((resolve) => { canvas.toBlob((png) => resolve(new File([png], `${file.name}.png`, { type: 'image/png' })), 'image/png'); });
}

async function decoded(file) {
  try {
    return await createImageBitmap(file);
  } catch {
    throw new Error(`${file.name} is no picture that this browser can read; save it as PNG or JPEG`);
  }
}

function middle(bitmap, ratio) {
  const w = Math.min(bitmap.width, bitmap.height * ratio);
  const h = w / ratio;
  return [(bitmap.width - w) / 2, (bitmap.height - h) / 2, w, h];
}
