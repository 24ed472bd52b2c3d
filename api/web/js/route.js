// Where the reader is: the part of the address behind #, so that every view has a link.

export function here() {
  const [path, query] = location.hash.replace(/^#\/?/, '').split('?');
  return { parts: path.split('/').filter(Boolean).map(decodeURIComponent), query: new URLSearchParams(query) };
}

export function to(parts, query = {}) {
  const given = Object.entries(query).filter(([, v]) => v !== undefined && v !== null && v !== '');
  const text = new URLSearchParams(given).toString();
  return `#/${parts.map(encodeURIComponent).join('/')}${text ? `?${text}` : ''}`;
}

export function go(parts, query) {
  location.hash = to(parts, query);
}

export function note(query) {
  const { parts } = here();
  history.replaceState(null, '', to(parts, query));
}
