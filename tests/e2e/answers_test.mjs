// Every answer that docs/openapi.yaml describes comes about, and is as described; so does every problem.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import test from 'node:test';
import { addDelivered, addFriend, BASIS, DRIVING, MATTER, mint, problems, refusals, routes, runRows, world } from './lib/answers.mjs';
import { ROWS, UNSEEN } from './lib/answer_rows.mjs';
import { raw } from './lib/raw.mjs';
import { ask, assertAllowed, openapi, operations, source } from './lib/schema.mjs';
import { Site, until } from './lib/site.mjs';

const shown = (w, token) => w.gateway.request('GET', '/v1/licences', { token });
// At 1, whatever is written to a file fails, as on a full disk.
const limitFiles = (gateway, soft) => execFileSync('prlimit', ['--pid', String(gateway.child.pid), `--fsize=${soft}:unlimited`]);

test('the description names the endpoints, problems, words and fields that the sources name', () => {
  assert.deepEqual(routes.filter((r) => !r.operation), [], 'routes that are not described');
  assert.deepEqual(operations.map((o) => o.operationId).sort(), routes.map((r) => r.operation.operationId).sort());
  for (const { operation, listener } of routes)
    assert.equal(listener, openapi.paths[operation.path].servers ? 'INTERNAL' : 'PUBLIC', operation.path);
  const { schemas } = openapi.components;
  assert.deepEqual([...schemas.Problem.properties.code.enum].sort(),
    [...new Set([...Object.keys(problems), ...refusals.map((r) => r.code)])].sort());
  const words = (file, from, pattern) => {
    const text = source(file);
    return [...text.slice(text.indexOf(from)).split(/\n\n/)[0].matchAll(pattern)].map((m) => m[1]).sort();
  };
  const sorted = (list) => list.map((word) => word ?? 'none').sort();
  const status = 'protocol/status.h';
  assert.deepEqual(words(status, '#define LICENCE_STATUSES(', /S\([A-Z_]+,[^"]*"(\w+)"/g), sorted(schemas.StatusWord.enum));
  const reasons = words(status, '#define VERDICT_REASONS(', /R\([A-Z_]+,[^"]*"(\w+)"/g);
  const terminals = words(status, "/* a terminal's, offline */", /R\([A-Z_]+,[^"]*"(\w+)"/g);
  assert.deepEqual(reasons, sorted(schemas.ScanReason.enum));
  assert.deepEqual(reasons.filter((word) => !terminals.includes(word)), sorted(schemas.Verdict.properties.reason.enum));
  const oauth = words('gateway/oauth.c', '#define OAUTH_ERRORS(', /E\(\w+, \d+, "(\w+)"\)/g);
  assert.deepEqual(oauth, sorted(schemas.OauthError.properties.error.enum));
  const lookUp = operations.find((o) => o.operationId === 'lookUp').requestBody.content['application/json'].schema;
  assert.deepEqual(words('gateway/lookups.c', '#define LOOKUP_REASONS(', /R\("(\w+)"\)/g),
    sorted(lookUp.properties.reason.enum));
  const actions = 'registry/action.h';
  assert.deepEqual(words(actions, '#define ACTION_KINDS(', /A\([A-Z_]+, "(\w+)"/g), sorted(schemas.ActionWord.enum));
  assert.deepEqual(words(actions, '#define ACTION_STATES(', /S\([A-Z_]+, "(\w+)"/g), sorted(schemas.ActionState.enum));
  assert.deepEqual(words('registry/issuing.h', '#define OBJECTION_STATES(', /S\([A-Z_]+, "(\w+)"/g),
    sorted(schemas.ObjectionState.enum));
  assert.deepEqual(words('protocol/token.h', '#define TOKEN_SCOPES(', /S\([A-Z_]+, "(\w+)"/g),
    sorted(operations.find((o) => o.operationId === 'oauthMetadata').responses['200'].content['application/json']
      .schema.properties.scopes_supported.items.enum));
  assert.deepEqual(words('registry/import_record.h', '#define IMPORT_COLUMNS(', /C\([A-Z_]+, *"(\w+)"/g),
    sorted(Object.keys(schemas.Record.properties)));
  const fields = [...source('gateway/config/field.def').matchAll(/^FIELD\(\w+,\s+"(\w+)"/gm)].map((m) => m[1]);
  assert.deepEqual(schemas.FieldName.enum, fields);
  assert.deepEqual(Object.keys(schemas.Face.properties), fields);
});

test('the table has every answer that is described, and every problem and OAuth error there is', () => {
  const rows = [...ROWS, ...UNSEEN];
  const described = operations.flatMap((o) => Object.keys(o.responses).map((s) => `${o.operationId} ${s}`));
  assert.deepEqual([...new Set(rows.filter(([o]) => o).map(([o, s]) => `${o} ${s}`))].sort(), described.sort());
  const { error } = openapi.components.schemas.OauthError.properties;
  assert.deepEqual([...new Set(rows.map(([, , code]) => code).filter(Boolean))].sort(),
    [...Object.keys(problems), ...error.enum].sort());
});

test('a gateway in good health gives the answers described, problems in the language asked for', async (t) => {
  const w = await world(t, { clients: ['narrow', 'small', 'guesser', 'narrowSystem', 'smallSystem', 'gone', 'narrowTerminal',
    'narrowAuthority', 'smallAuditor'] });
  const { site, gateway } = w;
  await addFriend(w);
  await addDelivered(w);
  await site.jwb('hold', 'place', w.seized, '--agency', 'traffic-police', '--case', '1');
  w.displayOnly = await mint(w, '--scope', 'display');
  w.code = await gateway.display(w.holder, w.valid);
  const { id } = (await gateway.json('POST', '/v1/access-requests', w.system,
    { matter: MATTER, types: [DRIVING], fields: ['type', 'number'], purpose: 'service', legal_basis: BASIS })).json();
  await site.jwb('access', 'approve', id, '--by', 'data-owner');
  await site.jwb('client', 'disable', 'gone');
  await until(() => gateway.verify('1', w.gone), (a) => a.status === 401);
  w.expired = await mint(w, '--life', '1');
  await until(() => shown(w, w.expired), (a) => a.status === 401);
  await runRows(t, ROWS, 'well', w);

  const { settings, origin } = w.oauth;
  site.config('gateway', { ...settings, public: { ...settings.public, port: new URL(origin).port },
    throttle: { anonymous_per_minute: 1, anonymous_burst: 1 } });
  gateway.child.kill('SIGHUP');
  await until(() => gateway.verify('1'), (a) => a.status === 429);
  await runRows(t, ROWS, 'throttled', w);
  assert.equal((await gateway.verdict(w.code, w.inspector)).result, 'valid', 'who has a token is not throttled');
});

test('without a place for evidence, Redis or a registry it says what it can\'t do, and no more', async (t) => {
  const w = await world(t, { clients: ['small', 'smallSystem', 'smallAuditor'] });
  const { site, gateway } = w;
  await addFriend(w);
  await addDelivered(w);
  w.code = await gateway.display(w.holder, w.valid);
  limitFiles(gateway, 1);
  await runRows(t, ROWS, 'diskless', w);
  limitFiles(gateway, 'unlimited');
  assert.equal((await gateway.verdict(w.code, w.inspector)).result, 'valid');

  await site.stopRedis();
  await runRows(t, ROWS, 'redisless', w);
  assert.equal((await gateway.verdict(w.code, w.inspector)).by, 'registry');

  const unknown = async (token) => {
    const verdict = await gateway.verdict(w.code, token);
    assert.deepEqual([verdict.result, verdict.reason, verdict.by, verdict.as_of],
      ['indeterminate', 'status_unavailable', null, null]);
  };
  const sqlite = (command) => execFileSync('sqlite3', ['-cmd', '.timeout 5000', site.path('registry.db'), command]);
  sqlite('UPDATE list SET seq = seq - 1'); // as an old backup has it, of which the clients are as they were
  await until(() => gateway.metric('registry_behind'), (n) => n === 1);
  await runRows(t, ROWS, 'behind', w);
  await unknown(w.inspector);
  const statuses = (await gateway.json('POST', '/v1/status', w.inspector, { handles: [[0, 0]] })).json();
  assert.deepEqual(statuses, { statuses: [{ status: 'unavailable' }] });

  // A commit makes its readers forget their pages; the files they would read them from are empty. Tokens that were
  // believed are not for longer than 5 s: a refusal may be what can't be read.
  gateway.child.stoppedByTest = true;
  gateway.child.kill('SIGSTOP');
  sqlite('UPDATE list SET seq = seq - 1');
  for (const file of ['registry.db', 'registry.db-wal']) fs.truncateSync(site.path(file), 0);
  gateway.child.kill('SIGCONT');
  await until(() => shown(w, w.holder), (a) => a.json().code === 'directory_unavailable');
  await runRows(t, ROWS, 'directoryless', w);
  await unknown(undefined);
});

test('a trust bundle that an operator made is served as it is', async (t) => {
  const w = await world(t), root = w.site.path('root.jwks');
  await w.site.jwb('key', 'create', '--use', 'root', '--file', root);
  await w.site.jwb('key', 'publish', '--use', 'root', '--file', root, '--out', w.site.path('roots.jwks'));
  await w.site.jwb('bundle', 'make', '--root', root);
  w.gateway.child.kill('SIGHUP');
  await until(() => w.gateway.request('GET', '/v1/trust-bundle'), (a) => a.status === 200);
  await runRows(t, ROWS, 'published', w);
});

test('with all keys retired nothing can be displayed, and what was displayed still verifies', async (t) => {
  const w = await world(t, { start: async (site) => {
    fs.rmSync(site.path('codes.jwks'));
    await site.jwb('key', 'create', '--until', String(Math.floor(Date.now() / 1000) + 5));
    return site.startGateway('gateway');
  } });
  w.code = await w.gateway.display(w.holder, w.valid);
  await addDelivered(w);
  await until(() => w.gateway.json('POST', '/v1/codes', w.holder, { licence: w.valid }), (a) => a.status === 503);
  await runRows(t, ROWS, 'keyless', w);
  assert.equal((await w.gateway.verdict(w.code, w.inspector)).result, 'valid');
});

test('what is no request that can be understood, or has a body that can\'t be taken now, is refused as described', async (t) => {
  const site = await Site.start(t, { licences: 0, config: { imports: { running_max: 1 } } });
  const { gateway } = site;
  const head = 'POST /v1/verify HTTP/1.1\r\nhost: localhost\r\n', bulk = '/v1/issuer/licences:import';
  const token = await site.token('issuer');
  const refused = async (status, code, text) => {
    const { answers } = await raw(gateway, text);
    assert.deepEqual(answers.map((a) => a.status), [status], text.slice(0, 80));
    assert.equal(JSON.parse(answers[0].body).code, code);
    assertAllowed('POST', '/v1/verify', answers[0]);
    return { status, code };
  };
  const deliver = async () => {
    const answer = await ask(gateway, 'POST', bulk, { token, body: '{}' });
    return { status: answer.status, code: answer.json().code };
  };
  const told = [
    await refused(400, 'malformed_request', `${head}content-length: 1\r\ncontent-length: 1\r\n\r\n1`),
    await refused(413, 'body_too_large', `${head}content-length: 16385\r\n\r\n`),
    await refused(417, 'malformed_request', `${head}expect: a miracle\r\ncontent-length: 1\r\n\r\n1`),
    await refused(431, 'header_too_large', `${head}x: ${'y'.repeat(9000)}\r\n\r\n`),
  ];
  let first;
  const held = raw(gateway, `POST ${bulk} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${token}\r\n`
    + 'content-length: 2\r\n\r\n{', (socket) => { first = socket; });
  await until(() => gateway.metric('http_spooled'), (n) => n === 1);
  told.push(await deliver());
  first.destroy();
  await held;
  await until(() => gateway.metric('http_spooled'), (n) => n === 0);
  limitFiles(gateway, 1);
  told.push(await deliver());
  assert.deepEqual(told, refusals);
});

test('each step\'s time is in Server-Timing when the configuration says so, and only then', async (t) => {
  const site = await Site.start(t, { licences: 0, config: { http: { server_timing: true } } });
  const timing = (await site.gateway.verify('12')).headers['server-timing'];
  assert.match(timing, /^\w+;dur=\d+\.\d{3}(, \w+;dur=\d+\.\d{3})*$/);
  assert.deepEqual(timing.split(', ').map((s) => s.split(';')[0]),
    [...source('gateway/verify.c').matchAll(/^    S\((\w+)\)/gm)].map((m) => m[1]).slice(0, -1), 'all but the answer');
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
