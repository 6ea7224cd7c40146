// Do answers keep to docs/openapi.yaml? A checker for the JSON Schema keywords that stand there; one
// that it does not know is a failure, not a pass.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import yaml from 'yaml';

const root = path.resolve(path.dirname(new URL(import.meta.url).pathname), '../../..');
export const openapi = yaml.parse(fs.readFileSync(path.join(root, 'docs/openapi.yaml'), 'utf8'));
export const source = (name) => fs.readFileSync(path.join(root, name), 'utf8');

function resolved(node) {
  return node?.$ref ? node.$ref.slice(2).split('/').reduce((at, key) => at[key], openapi) : node;
}

const typeOf = (v) => v === null ? 'null' : Array.isArray(v) ? 'array'
  : Number.isInteger(v) ? 'integer' : typeof v;
const formats = {
  date: /^\d{4}-\d\d-\d\d$/,
  'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00$/,
};
const length = (text) => [...text].length;
export const fits = (schema, value) => errors(resolved(schema), value, '').length === 0;

// Each gives what is wrong, or nothing.
const keywords = {
  description: () => [],
  contentMediaType: () => [],
  $ref: (_, v, at, schema) => errors(resolved(schema), v, at),
  type: (types, v, at) => [types].flat().some((t) => t === typeOf(v) || (t === 'number' && typeof v === 'number'))
    ? [] : [`${at}: ${typeOf(v)} is not ${types}`],
  enum: (all, v, at) => all.includes(v) ? [] : [`${at}: ${JSON.stringify(v)} is none of ${all}`],
  const: (one, v, at) => v === one ? [] : [`${at}: is not ${one}`],
  oneOf: (all, v, at) => all.filter((s) => fits(s, v)).length === 1 ? [] : [`${at}: fits not one of oneOf`],
  anyOf: (all, v, at) => all.some((s) => fits(s, v)) ? [] : [`${at}: fits none of anyOf`],
  pattern: (p, v, at) => typeof v !== 'string' || new RegExp(p, 'u').test(v) ? [] : [`${at}: ${v} is not ${p}`],
  format: (f, v, at) => {
    assert.ok(formats[f], `unknown format ${f}`);
    const is = typeof v !== 'string' || (formats[f].test(v) && !Number.isNaN(Date.parse(v)));
    return is ? [] : [`${at}: ${v} is no ${f}`];
  },
  minLength: (n, v, at) => typeof v !== 'string' || length(v) >= n ? [] : [`${at}: shorter than ${n}`],
  maxLength: (n, v, at) => typeof v !== 'string' || length(v) <= n ? [] : [`${at}: longer than ${n}`],
  minimum: (n, v, at) => typeof v !== 'number' || v >= n ? [] : [`${at}: below ${n}`],
  maximum: (n, v, at) => typeof v !== 'number' || v <= n ? [] : [`${at}: above ${n}`],
  minItems: (n, v, at) => !Array.isArray(v) || v.length >= n ? [] : [`${at}: fewer than ${n}`],
  maxItems: (n, v, at) => !Array.isArray(v) || v.length <= n ? [] : [`${at}: more than ${n}`],
  items: (s, v, at) => Array.isArray(v) ? v.flatMap((x, i) => errors(s, x, `${at}[${i}]`)) : [],
  prefixItems: (all, v, at) => Array.isArray(v)
    ? all.slice(0, v.length).flatMap((s, i) => errors(s, v[i], `${at}[${i}]`)) : [],
  required: (all, v, at) => typeOf(v) === 'object' ? all.filter((k) => !(k in v)).map((k) => `${at}: no ${k}`) : [],
  properties: (all, v, at) => typeOf(v) === 'object'
    ? Object.keys(v).flatMap((k) => k in all ? errors(all[k], v[k], `${at}.${k}`) : []) : [],
  additionalProperties: (may, v, at, schema) => {
    assert.equal(may, false, 'additionalProperties is false or absent');
    const extra = typeOf(v) === 'object' ? Object.keys(v).filter((k) => !(k in schema.properties)) : [];
    return extra.map((k) => `${at}: ${k} is too much`);
  },
};

function errors(schema, value, at) {
  return Object.entries(schema).flatMap(([keyword, argument]) => {
    assert.ok(keywords[keyword], `unknown keyword ${keyword}`);
    return keywords[keyword](argument, value, at, schema);
  });
}
export function assertFits(schema, value, what) {
  assert.deepEqual(errors(schema, value, ''), [], what);
}

// Every operation: [{method, path, ...}]
export const operations = Object.entries(openapi.paths).flatMap(([at, methods]) =>
  Object.entries(methods).filter(([method]) => /^(get|post|put|delete|patch)$/.test(method))
    .map(([method, operation]) => ({ method: method.toUpperCase(), path: at, ...operation })));

export function operationOf(method, target) {
  const segments = target.split('?')[0].split('/');
  return operations.find((o) => (o.method === method || (o.method === 'GET' && method === 'HEAD')) &&
    o.path.split('/').length === segments.length &&
    o.path.split('/').every((s, i) => s === segments[i] || (s.startsWith('{') && segments[i])));
}

// What any endpoint may say without its own description saying so (info.description).
const anywhere = /^(not_found|method_not_allowed|malformed_request|body_too_large|header_too_large|internal_error)$/;

// What a body's schema is of: JSON, each line of NDJSON, else the text itself.
function valuesIn(type, text) {
  if (type === 'application/x-ndjson') return text.trimEnd().split('\n').map((line) => JSON.parse(line));
  return [/json$/.test(type) ? JSON.parse(text) : text];
}

// Is this an answer that the description allows to the request?
export function assertAllowed(method, target, answer) {
  const what = `${method} ${target}: ${answer.status} ${answer.body}`;
  const type = answer.headers['content-type'];
  if (method === 'HEAD' && answer.status >= 400) return; // what it says is in the body that HEAD has not
  const problem = type === 'application/problem+json' ? JSON.parse(answer.body) : undefined;
  if (problem) {
    assertFits(openapi.components.schemas.Problem, problem, what);
    assert.equal(problem.status, answer.status, what);
    assert.equal(answer.headers['x-request-id'], problem.request, what);
  } else {
    assert.match(answer.headers['x-request-id'], /^[0-9a-f]{16}$/, what);
  }
  const operation = operationOf(method, target);
  const response = resolved(operation?.responses[answer.status]);
  if (!response) {
    assert.ok(anywhere.test(problem?.code), `not described: ${what}`);
    return;
  }
  for (const [name, header] of Object.entries(response.headers ?? {})) {
    const { required, schema } = resolved(header), value = answer.headers[name];
    if (required || value !== undefined) assertFits(schema, schema.type === 'integer' ? Number(value) : value, name);
  }
  if (!response.content) return assert.equal(answer.body.length, 0, what);
  const content = response.content[type?.split(';')[0]];
  assert.ok(content, `${type} is not described: ${what}`);
  if (method !== 'HEAD') for (const value of valuesIn(type, answer.body.toString())) assertFits(content.schema, value, what);
}

// Asks, and looks whether the answer is one that the description allows.
export async function ask(gateway, method, target, options = {}) {
  const answer = await gateway.request(method, target, options);
  assertAllowed(method, target, answer);
  return answer;
}
