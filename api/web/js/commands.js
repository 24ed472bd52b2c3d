// The commands that would do the same: curl, the command line, Python.

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function python(value) {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (Array.isArray(value)) return `[${value.map(python).join(', ')}]`;
  if (typeof value === 'object') return `{${Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}: ${python(v)}`).join(', ')}}`;
  return JSON.stringify(value);
}

function question(job) {
  const params = Object.fromEntries(Object.entries(job.params).filter(([, v]) => v !== null));
  return { model: job.model, method: job.method, params, target: Object.keys(job.target).length ? job.target : null, seed: job.seed };
}

export function curl(job, origin, key) {
  const { target, ...asked } = question(job);
  const parts = Object.entries({ ...asked, ...(target ? { target } : {}), inputs: { job: job.id } });
  const body = `{${parts.map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`).join(',\n ')}}`;
  const shown = key ? ' -H "Authorization: Bearer $KEY"' : '';
  return `curl -s${shown} -H 'Content-Type: application/json' ${origin}/v1/jobs -d ${quoted(body)}`;
}

export function cli(job, origin, key) {
  const { model, method, params, target, seed } = question(job);
  const parts = ['onnxplain submit', model, `--inputs-of ${job.id}`, `--method ${method}`];
  if (Object.keys(params).length) parts.push(`--params ${quoted(JSON.stringify(params))}`);
  if (target) parts.push(`--target ${quoted(JSON.stringify(target))}`);
  parts.push(`--seed ${seed}`, `--server ${origin}`);
  if (key) parts.push('--key "$KEY"');
  return parts.join(' \\\n  ');
}

export function pythonCode(job, origin, key) {
  const { model, method, params, target, seed } = question(job);
  return [
    ...(key ? ['import os'] : []),
    'from explainers.client import Client', '',
    `with Client(${JSON.stringify(origin)}${key ? ', os.environ["KEY"]' : ''}) as client:`,
    `    job = client.submit(${JSON.stringify(model)}, ${JSON.stringify(method)}, job=${JSON.stringify(job.id)},`,
    `                        params=${python(params)}, target=${python(target)}, seed=${seed})`,
    '    client.wait(job["id"])',
    '    result = client.result(job["id"])',
    'print(result.attributions, result.account)',
  ].join('\n');
}
