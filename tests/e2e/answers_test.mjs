// Every answer that docs/openapi.yaml describes comes about, and is as described; so does every problem.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import test from 'node:test';
import { Site, until } from './lib/site.mjs';
import { raw } from './lib/raw.mjs';
import { ask, assertAllowed, openapi, operations, source } from './lib/schema.mjs';

// ---- what the sources say there is

const routes = [...source('gateway/routes.def').matchAll(/^ROUTE\(\w+,\s+"(\w+)",\s+"([^"]+)",\s+(\w+),/gm)]
  .map(([, method, path, listener]) => ({ method, path, listener }));
const problems = Object.fromEntries(
  [...source('gateway/problem.def').matchAll(/^PROBLEM\(\w+, "(\w+)", (\d+), (\w+), "([^"]+)", "([^"]+)"\)$/gm)]
    .map(([, code, status, fault, english, chinese]) => [code, { status: Number(status), fault, english, chinese }]));
const refusals = [...source('gateway/http/request.c').matchAll(/REFUSAL\((\d+), "[^"]+", "(\w+)"\)/g)]
  .map(([, status, code]) => ({ status: Number(status), code }));

// Whatever it takes to see it is said here, and not left out.
const UNSEEN = {
  internal_error: 'needs OpenSSL, qrencode or the system to fail: tests/unit has those faults',
};

// ---- the table: operation, status, problem's code, the request, in what world

const json = (method, path, token, value) => (g, w, headers) => ask(g, method, path(w), {
  token: w[token], body: typeof value === 'function' ? JSON.stringify(value(w)) : value,
  headers: { 'content-type': 'application/json', ...headers } });
const get = (path, token, options = {}) => (g, w, headers) =>
  ask(g, 'GET', typeof path === 'function' ? path(w) : path, { token: w[token] ?? token, headers, ...options });
const codes = (token, value) => json('POST', () => '/v1/codes', token, value);
const verify = (token, body, type = 'text/plain') => (g, w, headers) =>
  ask(g, 'POST', '/v1/verify', { token: w[token], body: body(w), headers: { 'content-type': type, ...headers } });
const status = (token, value) => json('POST', () => '/v1/status', token, value);
const own = (w) => `/v1/licences/${w.valid}`;
const display = codes('holder', (w) => ({ licence: w.valid }));
const picture = (type) => (g, w, headers) => display(g, w, { ...headers, accept: type });

const ROWS = [
  ['displayLicence', 201, null, display],
  ['displayLicence', 201, null, picture('image/svg+xml')],
  ['displayLicence', 201, null, picture('image/png')],
  ['displayLicence', 400, 'malformed_body', codes('holder', '{"licence":')],
  ['displayLicence', 401, 'token_missing', codes('none', '{}')],
  ['displayLicence', 401, 'token_invalid', codes('foreign', '{}')],
  ['displayLicence', 401, 'token_expired', codes('expired', '{}')],
  ['displayLicence', 403, 'forbidden', codes('inspector', '{}')],
  ['displayLicence', 404, 'licence_not_found', codes('holder', () => ({ licence: '0'.repeat(32) }))],
  ['displayLicence', 406, 'not_acceptable', picture('text/html')],
  ['displayLicence', 409, 'licence_not_valid', codes('holder', (w) => ({ licence: w.seized }))],
  ['displayLicence', 413, 'body_too_large', codes('holder', () => ({ licence: '0'.repeat(1024) }))],
  ['displayLicence', 415, 'unsupported_media_type', (g, w, h) => display(g, w, { ...h, 'content-type': 'text/plain' })],
  ['displayLicence', 503, 'signing_unavailable', display, 'keyless'],
  ['displayLicence', 503, 'evidence_unavailable', display, 'diskless'],
  ['displayLicence', 503, 'registry_unavailable', display, 'registryless'],
  ['displayLicence', 503, 'overloaded', overloaded],
  ['listLicences', 200, null, get('/v1/licences', 'holder')],
  ['listLicences', 401, 'token_missing', get('/v1/licences')],
  ['listLicences', 403, 'forbidden', get('/v1/licences', 'partner')],
  ['listLicences', 503, 'registry_unavailable', get('/v1/licences', 'holder'), 'registryless'],
  ['getLicence', 200, null, get(own, 'holder')],
  ['getLicence', 200, null, get((w) => `${own(w)}?view=full`, 'holder')],
  ['getLicence', 401, 'token_missing', get(own)],
  ['getLicence', 403, 'forbidden', get(own, 'issuer')],
  ['getLicence', 404, 'licence_not_found', get('/v1/licences/abc', 'holder')],
  ['getLicence', 503, 'registry_unavailable', get(own, 'holder'), 'registryless'],
  ['verifyCode', 200, null, verify('inspector', (w) => w.code)],
  ['verifyCode', 200, null, verify('partner', (w) => JSON.stringify({ code: w.code }),
    'application/json; charset=utf-8')],
  ['verifyCode', 200, null, verify('none', (w) => w.code, 'Text/Plain;charset=UTF-8')],
  ['verifyCode', 200, null, verify('none', () => 'no code')],
  ['verifyCode', 400, 'malformed_body', verify('none', () => '{}', 'application/json')],
  ['verifyCode', 401, 'token_invalid', verify('foreign', (w) => w.code)],
  ['verifyCode', 403, 'forbidden', verify('displayOnly', (w) => w.code)],
  ['verifyCode', 413, 'body_too_large', verify('none', () => '1'.repeat(4097))],
  ['verifyCode', 415, 'unsupported_media_type', verify('none', (w) => w.code, 'text/plainer')],
  ['verifyCode', 503, 'evidence_unavailable', verify('inspector', (w) => w.code), 'diskless'],
  ['verifyCode', 503, 'single_use_unavailable', verify('partner', (w) => w.code), 'redisless'],
  ['askStatus', 200, null, status('inspector', () => ({ handles: [[0, 0], [0, 1048575], [65535, 0]] }))],
  ['askStatus', 200, null, status('issuer', (w) => ({ identifiers: [w.identifier, 'another'] }))],
  ['askStatus', 400, 'malformed_body', status('inspector', () => ({ handles: [] }))],
  ['askStatus', 401, 'token_missing', status('none', '{}')],
  ['askStatus', 403, 'forbidden', status('holder', '{}')],
  ['askStatus', 403, 'forbidden', status('inspector', () => ({ identifiers: ['1'] }))],
  ['askStatus', 413, 'body_too_large', status('inspector', () => ({ identifiers: ['1'.repeat(16384)] }))],
  ['askStatus', 415, 'unsupported_media_type', (g, w, h) => verifyAsStatus(g, w, h)],
  ['getKeys', 200, null, get('/.well-known/jwks.json')],
  ['getKeys', 200, null, get('/.well-known/jwks.json', 'foreign')],
  ['landing', 200, null, get('/v')],
  ['landingOfScanner', 303, null, get('/v/123')],
  ['alive', 200, null, get('/healthz', null, { internal: true })],
  ['ready', 200, null, get('/readyz', null, { internal: true })],
  ['ready', 503, null, get('/readyz', null, { internal: true }), 'registryless'],
  ['metrics', 200, null, get('/metrics', null, { internal: true })],
  [null, 404, 'not_found', get('/v1/nothing', 'holder')],
  [null, 405, 'method_not_allowed', get('/v1/verify')],
];

function verifyAsStatus(g, w, headers) {
  return ask(g, 'POST', '/v1/status',
    { token: w.inspector, body: '{}', headers: { ...headers, 'content-type': 'application/xml' } });
}

// The worker draws one, one may wait, the others are told.
async function overloaded(g, w, headers) {
  const answers = await Promise.all(Array.from({ length: 16 }, () => picture('image/png')(g, w, headers)));
  for (const answer of answers) assert.ok([201, 503].includes(answer.status));
  assert.ok(answers.some((a) => a.status === 201), 'some are served');
  return answers.find((a) => a.status === 503);
}

async function world(t, options = {}) {
  const site = await Site.start(t, { ...options, config: { loops: { count: 1, workers: 1, worker_queue_max: 1 } } });
  const gateway = site.gateway ?? await options.start(site);
  const w = { site, gateway };
  for (const role of ['holder', 'inspector', 'partner']) w[role] = await site.token(role);
  w.mint = async (...args) =>
    (await site.jwb('token', 'mint', '--role', 'holder', '--subject', 'a'.repeat(32), ...args)).trim();
  w.displayOnly = await w.mint('--scope', 'display');
  w.foreign = w.holder.replace(/.$/, (c) => c === 'A' ? 'Q' : 'A');
  w.issuer = await site.token('issuer', '--client', site.records[0].ZZBFJGDM);
  w.identifier = site.records[0].ZZBS;
  [w.valid, w.seized] = (await gateway.licences(w.holder)).map((l) => l.id);
  return w;
}

async function runRows(t, name, w) {
  for (const [operation, code, problem, request] of ROWS.filter((row) => (row[4] ?? 'well') === name))
    await t.test(`${operation ?? 'elsewhere'} ${code} ${problem ?? ''}`, async () => {
      for (const language of ['zh-CN,zh;q=0.9,en;q=0.8', 'en-GB, zh;q=0.5', 'fr']) {
        const answer = await request(w.gateway, w, { 'accept-language': language });
        assert.equal(answer.status, code, answer.body.toString());
        if (!problem) break;
        const told = answer.json();
        assert.equal(told.code, problem);
        assert.equal(told.status, problems[problem].status);
        if (!told.request) break; // refused before it was understood
        assert.equal(told.title, problems[problem][language.startsWith('en') ? 'english' : 'chinese']);
        assert.equal(answer.headers['cache-control'], 'no-store');
        assert.equal(answer.headers['retry-after'], problems[problem].fault === 'NOT_NOW' ? '1' : undefined);
        assert.equal(answer.headers['www-authenticate'], code === 401 ? 'Bearer' : undefined);
      }
    });
}

// ---- the tests

test('the description names the endpoints, problems, verdicts and statuses that the sources name', () => {
  const shape = (path) => path.replace(/\{\w+\}/g, '*');
  assert.deepEqual(operations.map((o) => `${o.method} ${shape(o.path)}`).sort(),
    routes.map((r) => `${r.method} ${r.path}`).sort());
  for (const o of operations)
    assert.equal(routes.find((r) => r.path === shape(o.path)).listener,
      openapi.paths[o.path].servers ? 'INTERNAL' : 'PUBLIC', o.path);
  const schemas = openapi.components.schemas;
  assert.deepEqual([...schemas.Problem.properties.code.enum].sort(),
    [...new Set([...Object.keys(problems), ...refusals.map((r) => r.code)])].sort());
  const status = source('protocol/status.h');
  const words = (macro, pattern) =>
    [...status.slice(status.indexOf(`#define ${macro}(`)).split(/\n\n/)[0].matchAll(pattern)].map((m) => m[1]);
  assert.deepEqual(words('LICENCE_STATUSES', /S\([A-Z_]+,[^"]*"(\w+)"/g).sort(), [...schemas.StatusWord.enum].sort());
  const reasons = schemas.Verdict.properties.reason.enum.map((r) => r ?? 'none');
  assert.deepEqual(words('VERDICT_REASONS', /R\([A-Z_]+,[^"]*"(\w+)"/g).sort(), reasons.sort());
});

test('the table below has every answer that is described, and every problem there is', () => {
  const described = operations.flatMap((o) => Object.keys(o.responses).map((s) => `${o.operationId} ${s}`));
  assert.deepEqual([...new Set(ROWS.filter(([o]) => o).map(([o, s]) => `${o} ${s}`))].sort(), described.sort());
  assert.deepEqual([...new Set([...ROWS.map((row) => row[2]).filter(Boolean), ...Object.keys(UNSEEN)])].sort(),
    Object.keys(problems).sort());
});

test('a gateway in good health gives the answers described, problems in the language asked for', async (t) => {
  const w = await world(t);
  await w.site.jwb('hold', 'place', w.seized, '--agency', 'traffic-police', '--case', '1');
  w.expired = await w.mint('--life', '1');
  await until(() => w.gateway.request('GET', '/v1/licences', { token: w.expired }), (a) => a.status === 401);
  w.code = await w.gateway.display(w.holder, w.valid);
  await runRows(t, 'well', w);
});

test('without a place for evidence, Redis or a registry it says what it can\'t do, and no more', async (t) => {
  const w = await world(t);
  w.code = await w.gateway.display(w.holder, w.valid);
  const limit = (soft) => execFileSync('prlimit', ['--pid', String(w.gateway.child.pid), `--fsize=${soft}:unlimited`]);
  limit(1); // whatever is written to a file fails, as on a full disk
  await runRows(t, 'diskless', w);
  limit('unlimited');
  assert.equal((await w.gateway.verdict(w.code, w.inspector)).result, 'valid');

  await w.site.stopRedis();
  await runRows(t, 'redisless', w);
  assert.equal((await w.gateway.verdict(w.code, w.inspector)).by, 'registry');

  // A commit makes its readers forget their pages; the files they would read them from are empty.
  const numberOf = (kind) =>
    w.site.records.find((r) => r.CZZTDMLXDM === kind && /^[0-9A-Z]{18}$/.test(r.CZZTDM)).CZZTDM;
  w.gateway.child.kill('SIGSTOP');
  await w.site.jwb('agent', 'grant', numberOf('001'), numberOf('111'));
  for (const file of ['registry.db', 'registry.db-wal']) fs.truncateSync(w.site.path(file), 0);
  w.gateway.child.kill('SIGCONT');
  await until(() => w.gateway.request('GET', '/readyz', { internal: true }), (a) => a.status === 503);
  await runRows(t, 'registryless', w);
  const verdict = await w.gateway.verdict(w.code, w.inspector);
  assert.deepEqual([verdict.result, verdict.reason, verdict.by, verdict.as_of],
    ['indeterminate', 'status_unavailable', null, null]);
  const statuses = (await w.gateway.json('POST', '/v1/status', w.inspector, { handles: [[0, 0]] })).json();
  assert.deepEqual(statuses, { statuses: [{ status: 'unavailable' }] });
});

test('with all keys retired nothing can be displayed, and what was displayed still verifies', async (t) => {
  const w = await world(t, { gateway: false, start: async (site) => {
    fs.rmSync(site.path('codes.jwks'));
    await site.jwb('key', 'create', '--until', String(Math.floor(Date.now() / 1000) + 3));
    return site.startGateway('gateway');
  } });
  w.code = await w.gateway.display(w.holder, w.valid);
  await until(() => w.gateway.json('POST', '/v1/codes', w.holder, { licence: w.valid }), (a) => a.status === 503);
  await runRows(t, 'keyless', w);
  assert.equal((await w.gateway.verdict(w.code, w.inspector)).result, 'valid');
});

test('what is no request that can be understood is refused as described', async (t) => {
  const { gateway } = await Site.start(t, { licences: 0 });
  const head = 'POST /v1/verify HTTP/1.1\r\nhost: localhost\r\n';
  const ways = [
    [400, 'malformed_request', `${head}content-length: 1\r\ncontent-length: 1\r\n\r\n1`],
    [413, 'body_too_large', `${head}content-length: 16385\r\n\r\n`],
    [417, 'malformed_request', `${head}expect: a miracle\r\ncontent-length: 1\r\n\r\n1`],
    [431, 'header_too_large', `${head}x: ${'y'.repeat(9000)}\r\n\r\n`],
  ];
  for (const [status, code, text] of ways) {
    const { answers } = await raw(gateway, text);
    assert.deepEqual(answers.map((a) => a.status), [status], text.slice(0, 80));
    assert.equal(JSON.parse(answers[0].body).code, code);
    assertAllowed('POST', '/v1/verify', answers[0]);
  }
  assert.deepEqual(ways.map(([status, code]) => ({ status, code })), refusals);
});

test('each step\'s time is in Server-Timing when the configuration says so, and only then', async (t) => {
  const site = await Site.start(t, { licences: 0, config: { http: { server_timing: true } } });
  const timing = (await site.gateway.verify('12')).headers['server-timing'];
  assert.match(timing, /^\w+;dur=\d+\.\d{3}(, \w+;dur=\d+\.\d{3})*$/);
  assert.deepEqual(timing.split(', ').map((s) => s.split(';')[0]),
    ['read_code', 'ask_cache', 'check_signature', 'ask_registry', 'count_scan', 'apply_policy', 'record']);
  assert.equal((await site.gateway.request('GET', '/v1/licences')).headers['server-timing'], undefined,
    'no step was run');
  site.config('quiet');
  const quiet = await site.startGateway('quiet');
  assert.equal((await quiet.verify('12')).headers['server-timing'], undefined);
});

test('a list of licences with long names is cut where it is full, and says so', async (t) => {
  const site = await Site.start(t, { licences: 1 });
  const long = '\\"'.repeat(250); // its JSON is twice as long
  const lines = Array.from({ length: 99 }, (_, i) => JSON.stringify({ ...site.records[0], ZZBS: '', ZZMC: long,
    ZZBH: `${'N'.repeat(490)}${i}`, ZZLXDM: 'LONG', ZZBFJG: long, ZZBFJGDM: '410899' }));
  site.write('long.ndjson', `${lines.join('\n')}\n`);
  await site.jwb('licence', 'import', site.path('long.ndjson'), '--source', 'test');
  const holder = await site.token('holder');
  const list = (await ask(site.gateway, 'GET', '/v1/licences', { token: holder })).json();
  assert.equal(list.more, true);
  assert.ok(list.licences.length > 50 && list.licences.length < 100, `${list.licences.length} of 100`);
});

test('a request that was refused leaves no time of a step in the metrics', async (t) => {
  const { gateway } = await Site.start(t, { licences: 0 });
  await gateway.request('GET', '/v1/licences');
  const text = (await gateway.request('GET', '/metrics', { internal: true })).body.toString();
  assert.match(text, /^jwb_answers_total\{[^}]*route="\/v1\/licences",status="4xx"\} 1$/m);
  assert.doesNotMatch(text, /^jwb_step_seconds_count\{flow="licences"[^}]*\} [1-9]/m);
});
