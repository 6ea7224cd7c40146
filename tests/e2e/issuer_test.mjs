// Issuing authorities: what they deliver is in force and in evidence when they are answered, is theirs alone,
// and both sides can prove that they hold the same.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import test from 'node:test';
import { promisify } from 'node:util';
import { raw } from './lib/raw.mjs';
import { Site } from './lib/site.mjs';

const sqlite = (site, command) =>
  promisify(execFile)('sqlite3', ['-cmd', '.timeout 5000', site.path('registry.db'), command]);
const sha256 = (...parts) => parts.reduce((h, p) => h.update(p), crypto.createHash('sha256')).digest();
const json = { 'content-type': 'application/json' };
const ndjson = { 'content-type': 'application/x-ndjson' };

// A site, and the authority of its first record, a valid driving licence, or one that has delivered nothing yet;
// and another one.
async function start(t, { authority, ...options } = {}) {
  const site = await Site.start(t, { licences: 100, ...options });
  const own = site.records[0];
  const code = own.ZZBFJGDM = authority ?? own.ZZBFJGDM;
  const foreign = site.records.find((r) => r.ZZBFJGDM !== code && r.ZZBS);
  return { site, gateway: site.gateway, own, code, foreign, token: await site.token('issuer', '--client', code),
    other: await site.token('issuer', '--client', foreign.ZZBFJGDM) };
}
const put = (world, id, record, token = world.token) => world.gateway.request('PUT', `/v1/issuer/licences/${id}`,
  { token, headers: json, body: JSON.stringify(record) });
const setStatus = (world, id, status, token = world.token) =>
  world.gateway.json('POST', `/v1/issuer/licences/${id}/status`, token, { status });
const read = async (world, path, token = world.token) => {
  const answer = await world.gateway.request('GET', path, { token });
  assert.equal(answer.status, 200, answer.body.toString());
  return answer.json();
};
// {status, lines, end}: the answer's lines, and its last one.
async function send(world, records, { token = world.token, headers = {} } = {}) {
  const body = records.map((r) => typeof r === 'string' ? r : JSON.stringify(r)).join('\n');
  const answer = await world.gateway.request('POST', '/v1/issuer/licences:import',
    { token, headers: { ...ndjson, ...headers }, body });
  if (answer.status !== 200) return { status: answer.status, problem: answer.json() };
  assert.equal(answer.headers['content-type'], 'application/x-ndjson');
  const lines = answer.body.toString().trimEnd().split('\n').map((line) => JSON.parse(line));
  return { status: 200, end: lines.pop(), lines };
}
const made = (world, i, more = {}) => ({ ...world.own, ZZBH: `F${String(i).padStart(9, '0')}`, ZZBS: '', SJBBH: '1', ...more });
const refused = (answer, status, code) => {
  assert.deepEqual([answer.status, answer.json().code], [status, code], answer.body.toString());
  return answer.json();
};

test('a licence delivered alone is added, renewed, refused or found unchanged, and is the authority\'s alone', async (t) => {
  const world = await start(t), { site, own, foreign } = world;
  const record = made(world, 1, { SJBBH: '5', ZZBFJGDM: undefined });
  const added = await put(world, 'OWN-1', record);
  assert.equal(added.status, 201, added.body.toString());
  const { id, since, ...rest } = added.json();
  assert.deepEqual(rest, { outcome: 'added', version: 1, status: 'valid' });
  assert.match(id, /^[0-9a-f]{32}$/);
  assert.ok(Math.abs(Date.parse(since) - Date.now()) < 60000);

  const again = await put(world, 'OWN-1', record);
  assert.deepEqual([again.status, again.json().outcome, again.json().id], [200, 'unchanged', id]);
  const renewed = await put(world, id, { ...record, SJBBH: '6', ZZYXQJZRQ: '2039-12-31' });
  assert.deepEqual([renewed.status, renewed.json().outcome, renewed.json().version], [200, 'new_version', 2]);
  const revoked = await put(world, 'OWN-1', { ...record, SJBBH: '7', ZZYXQJZRQ: '2039-12-31', ZZZT: '03' });
  assert.deepEqual([revoked.json().outcome, revoked.json().status], ['status_changed', 'revoked']);
  refused(await put(world, 'OWN-1', record), 409, 'source_version_older');
  assert.match(await site.jwb('licence', 'show', id), /revoked/);

  refused(await put(world, 'OWN-2', { ...record, ZZBFJGDM: foreign.ZZBFJGDM }), 403, 'issuer_not_yours');
  refused(await put(world, id, made(world, 1, { SJBBH: '9' }), world.other), 403, 'issuer_not_yours');
  refused(await put(world, id, { ...record, SJBBH: '9', ZZBFJGDM: foreign.ZZBFJGDM }, world.other), 404, 'no_such_licence');
  for (const name of [id, 'OWN-1'])
    refused(await put(world, name, made(world, 2)), 422, 'record_refused');
  for (const name of [own.CZZTDM, 'a%20b', 'x'.repeat(65), '%E5%8F%B7'])
    refused(await put(world, name, made(world, 2)), 422, 'record_refused');
  for (const [field, value] of [['ZZYXQJZRQ', '2039-02-30'], ['CZZTDM', '110101199003070031'], ['CZZT', '']]) {
    const { detail } = refused(await put(world, 'OWN-2', { ...record, [field]: value }), 422, 'record_refused');
    assert.match(detail, new RegExp(`^${field}: `));
    assert.ok(!value || !detail.includes(value), detail);
  }
  refused(await put(world, 'OWN-2', [record]), 400, 'malformed_body');
  refused(await world.gateway.request('PUT', '/v1/issuer/licences/OWN-2',
    { token: world.token, headers: ndjson, body: JSON.stringify(record) }), 415, 'unsupported_media_type');
  refused(await put(world, 'OWN-2', { ...record, X: 'x'.repeat(20000) }), 413, 'body_too_large');
  refused(await put(world, 'OWN-2', record, await site.token('inspector')), 403, 'forbidden');
  refused(await put(world, 'OWN-2', record, ''), 401, 'token_missing');
  assert.ok(!site.gateway.log.some((line) => line.text.includes(own.CZZTDM) || line.text.includes(own.CZZT)));
});

test('an authority\'s client delivers the types it was registered with', async (t) => {
  const world = await start(t), { site, code, own } = world;
  await site.client('one-type', { role: 'issuer', organisation: code, type: 'OTHER' });
  const token = await site.token('issuer', '--client', 'one-type');
  refused(await put(world, 'A', made(world, 1), token), 403, 'type_not_allowed');
  const { end, lines } = await send(world, [made(world, 1), made(world, 1, { ZZLXDM: 'OTHER' })], { token });
  assert.equal(lines[0].field, 'ZZLXDM');
  assert.equal(lines[1].outcome, 'added');
  assert.deepEqual([end.accepted, end.rejected], [1, 1]);
  const [{ id }] = (await send(world, [own])).lines;
  refused(await setStatus(world, id, 'revoked', token), 403, 'type_not_allowed');
});

test('no authority makes somebody the representative of a citizen', async (t) => {
  const world = await start(t), { site, gateway } = world;
  const persons = site.records.filter((r) => r.CZZTDMLXDM === '111' && r.CZZTDM.length === 18);
  const victim = persons[0].CZZTDM, attacker = persons.find((r) => r.CZZTDM !== victim).CZZTDM;
  const token = (await site.jwb('token', 'mint', '--role', 'holder', '--holder-number', '-', { input: attacker })).trim();
  const taken = { CZZTDM: victim, CZZTDMLXDM: '001', CZZTDMLX: '', FDDBR: '某', FDDBRZJH: attacker };
  const theirs = async () => (await gateway.licences(token)).map((l) => l.acting);
  const before = await theirs();
  const { lines } = await send(world, [made(world, 1, taken)]);
  assert.deepEqual(lines[0], { line: 1, error: "a citizen number is no enterprise's", field: 'CZZTDM' });
  const { detail } = refused(await put(world, 'TAKEN', made(world, 1, taken)), 422, 'record_refused');
  assert.match(detail, /^CZZTDM: /);
  assert.deepEqual(await theirs(), before);
});

test('a status is in force everywhere when it is answered; a hold stays stricter', async (t) => {
  const world = await start(t), { site, gateway, token } = world;
  const holder = await site.token('holder'), inspector = await site.token('inspector');
  const licence = (await gateway.licences(holder)).find((l) => l.status === 'valid');
  const issuer = await site.token('issuer', '--client',
    site.records.find((r) => r.ZZBH.endsWith(licence.number.replaceAll('*', ''))).ZZBFJGDM);
  const verdict = async () => (await gateway.verdict(code, inspector)).reason;
  const code = await gateway.display(holder, licence.id);
  assert.equal(await verdict(), null);
  for (const [word, reason] of [['revoked', 'licence_revoked'], ['01', null], ['lapsed', 'licence_lapsed']]) {
    const answer = await setStatus(world, licence.id, word, issuer);
    assert.equal(answer.status, 200, answer.body.toString());
    assert.equal(await verdict(), reason);
  }
  await site.jwb('hold', 'place', licence.id, '--agency', 'traffic-police', '--case', '1');
  const held = (await setStatus(world, licence.id, 'valid', issuer)).json();
  assert.deepEqual(held, { id: licence.id, issuer_status: 'valid', status: 'seized' });
  assert.equal(await verdict(), 'licence_seized');

  refused(await setStatus(world, licence.id, 'valid', await site.token('issuer', '--client', 'nobody')), 404, 'no_such_licence');
  refused(await setStatus(world, 'NEVER-DELIVERED', 'valid'), 404, 'no_such_licence');
  for (const status of ['superseded', 'in_doubt', '00', '', 7, null])
    refused(await setStatus(world, licence.id, status, issuer), 400, 'malformed_body');
  assert.equal((await put(world, 'MINE', made(world, 1))).status, 201);
  assert.equal((await setStatus(world, 'MINE', 'cancelled', token)).json().status, 'cancelled');
});

test('a delivery in bulk is answered line by line, changes nothing when it is sent again, and never goes back', async (t) => {
  const world = await start(t), { site, own, foreign } = world;
  const records = [made(world, 1), '', made(world, 2, { ZZYXQJZRQ: 'never' }), '{"ZZMC":', foreign, made(world, 3, { CZZT: '' }), '   ',
    made(world, 4, { ZZBFJGDM: '' }), '[]', made(world, 5, { SJBBH: 7 })];
  const { lines, end } = await send(world, records);
  assert.deepEqual(end, { lines: 8, accepted: 3, rejected: 5, complete: true });
  assert.deepEqual(lines.map((l) => [l.line, l.outcome ?? l.field ?? null]), [[1, 'added'], [3, 'ZZYXQJZRQ'], [4, null],
    [5, 'ZZBFJGDM'], [6, 'CZZT'], [8, 'added'], [9, null], [10, 'added']]);
  assert.ok(lines.every((l) => l.outcome ? /^[0-9a-f]{32}$/.test(l.id) && !l.error : l.error && !l.id));
  assert.match(await site.jwb('licence', 'show', lines[0].id, '--full'), /F000000001/);
  for (const text of [own.CZZTDM, own.CZZT, 'never']) assert.ok(!JSON.stringify([lines, end]).includes(text));

  const again = await send(world, records);
  assert.deepEqual(again.lines.map((l) => l.outcome).filter(Boolean), ['unchanged', 'unchanged', 'unchanged']);
  assert.deepEqual(again.lines.map((l) => l.id), lines.map((l) => l.id));
  const older = await send(world, [made(world, 5, { SJBBH: 6, ZZYXQJZRQ: '2099-01-01' })]);
  assert.deepEqual(older.lines[0], { line: 1, outcome: 'older', id: lines[7].id });
  const newer = await send(world, [made(world, 5, { SJBBH: 8, ZZZT: '03' })]);
  assert.equal(newer.lines[0].outcome, 'status_changed');

  // One that the registry itself can't take stands alone.
  await sqlite(site, `UPDATE licence SET version = 65535 WHERE hex(id) = upper('${lines[0].id}')`);
  const one = await send(world, [made(world, 6), made(world, 1, { SJBBH: 2, ZZYXQJZRQ: '2098-01-01' }), made(world, 7)]);
  assert.deepEqual(one.lines.map((l) => l.outcome ?? l.error), ['added', 'a licence has no more versions left', 'added']);
  assert.deepEqual(one.end, { lines: 3, accepted: 2, rejected: 1, complete: true });

  const empty = await send(world, ['\n\n']);
  assert.deepEqual([empty.lines, empty.end], [[], { lines: 0, accepted: 0, rejected: 0, complete: true }]);
  assert.equal((await send(world, [made(world, 1)], { headers: { 'content-type': 'text/csv' } })).problem.code, 'unsupported_media_type');
  const coded = await send(world, [made(world, 1)], { headers: { 'content-encoding': 'gzip' } });
  assert.deepEqual([coded.status, coded.problem?.code], [415, 'unsupported_media_type'], 'not lines that are all bad');
});

test('a large delivery goes in whole; who may not send one, or a larger one, is answered and nothing is kept', async (t) => {
  const world = await start(t, { config: { imports: { bytes_max: 4000000, running_max: 16 }, loops: { errands: 2 } } });
  const { site, gateway, token } = world;
  const many = (from, count) => Array.from({ length: count }, (_, i) => made(world, from + i));
  const { lines, end } = await send(world, many(0, 3000));
  assert.deepEqual(end, { lines: 3000, accepted: 3000, rejected: 0, complete: true });
  assert.deepEqual(lines.map((l) => l.line), Array.from({ length: 3000 }, (_, i) => i + 1));
  assert.equal(new Set(lines.map((l) => l.id)).size, 3000);

  const together = await Promise.all(Array.from({ length: 8 }, (_, i) => send(world, many(3000 + 600 * i, 600))));
  for (const one of together) assert.deepEqual([one.end.accepted, one.end.complete], [600, true]);
  assert.match(await site.jwb('registry', 'count'), new RegExp(`licences +${100 + 3000 + 4800}\\b`));

  const filler = 'x'.repeat(5000000);
  const post = (path, options) => gateway.request('POST', path, { headers: ndjson, body: filler, ...options });
  refused(await post('/v1/issuer/licences:import', { token }), 413, 'body_too_large');
  refused(await post('/v1/issuer/licences:import', {}), 401, 'token_missing');
  refused(await post('/v1/issuer/licences:import', { token: 'jwb1.A.A' }), 401, 'token_invalid');
  refused(await post('/v1/issuer/licences:import', { token: await site.token('inspector') }), 403, 'forbidden');
  const elsewhere = await raw(gateway, `POST /v1/issuer/licences:importx HTTP/1.1\r\nHost: localhost\r\n` +
    `Authorization: Bearer ${token}\r\nContent-Length: 16385\r\n\r\n`);
  assert.deepEqual(elsewhere.answers.map((a) => a.status), [413]);
});

test('a delivery that the registry can\'t take to its end says from which line to go on', async (t) => {
  const world = await start(t), { site } = world;
  const records = Array.from({ length: 1200 }, (_, i) => made(world, i));
  await sqlite(site, `CREATE TRIGGER full BEFORE INSERT ON licence WHEN (SELECT count(*) FROM licence) >= 800
    BEGIN SELECT RAISE(ABORT, 'full'); END`);
  const cut = await send(world, records);
  assert.equal(cut.lines.length, 500, 'the first batch is in');
  const { error, ...end } = cut.end;
  assert.deepEqual(end, { lines: 500, accepted: 500, rejected: 0, complete: false, next: 501 });
  assert.match(error, /storage/);
  assert.equal((await send(world, records.slice(500))).problem.code, 'registry_unavailable', 'nothing at all was taken');
  await sqlite(site, 'DROP TRIGGER full');
  const rest = await send(world, records.slice(500));
  assert.deepEqual(rest.end, { lines: 700, accepted: 700, rejected: 0, complete: true });
  assert.ok(rest.lines.every((l) => l.outcome === 'added'));
});

test('an authority sees what inspectors did with its licences, and decides', async (t) => {
  const world = await start(t), { site, gateway, token } = world;
  const inspector = await site.token('inspector');
  const { lines: [{ id }, { id: second }] } = await send(world, [made(world, 1), made(world, 2)]);
  const act = async (licence, action, case_number) => {
    const answer = await gateway.json('POST', '/v1/enforcement/actions', inspector,
      { licence, action, case_number, reason: '核查需要' }, { 'idempotency-key': `key-${case_number}-${action}` });
    assert.ok([200, 201].includes(answer.status), answer.body.toString());
    return answer.json().id;
  };
  const decide = (action, decision, reason, who = token) =>
    gateway.json('POST', `/v1/issuer/actions/${action}/decision`, who, { decision, ...(reason && { reason }) });
  const seized = await act(id, 'seize', 'C-1'), cancel = await act(second, 'request_cancel', 'C-2');

  const { actions, more } = await read(world, '/v1/issuer/actions');
  assert.equal(more, false);
  assert.deepEqual(actions.map((a) => [a.id, a.action, a.state, a.case_number, a.agency, a.licence.id, a.licence.status]), [
    [cancel, 'request_cancel', 'open', 'C-2', 'traffic-police', second, 'seized'],
    [seized, 'seize', 'open', 'C-1', 'traffic-police', id, 'seized']]);
  assert.equal(actions[0].reason, '核查需要');
  assert.ok(Date.parse(actions[0].due_at) > Date.now());
  assert.equal(actions[1].due_at, null);
  assert.equal(actions[1].licence.type.code, world.own.ZZLXDM);
  assert.deepEqual((await read(world, '/v1/issuer/actions?all=true', world.other)).actions, []);
  refused(await gateway.request('GET', '/v1/issuer/actions?all=perhaps', { token }), 400, 'malformed_body');

  refused(await decide(seized, 'revert', 'x', world.other), 404, 'action_not_found');
  refused(await decide('0'.repeat(32), 'confirm'), 404, 'action_not_found');
  refused(await decide(seized, 'revert'), 400, 'malformed_body');
  refused(await decide(seized, 'refuse', 'x'), 409, 'action_closed');
  const reverted = await decide(seized, 'revert', '查无此案');
  assert.deepEqual([reverted.status, reverted.json().state, reverted.json().status, reverted.json().decision_reason],
    [200, 'reverted', 'valid', '查无此案'], reverted.body.toString());
  refused(await decide(seized, 'confirm'), 409, 'action_closed');
  assert.equal((await decide(cancel, 'confirm')).json().status, 'cancelled');
  assert.deepEqual((await read(world, '/v1/issuer/actions')).actions, []);
  assert.deepEqual((await read(world, '/v1/issuer/actions?all=true')).actions.map((a) => a.state), ['confirmed', 'reverted']);
});

test('what an authority is not let do is in evidence before it is answered, and so is a delivery of which nothing is taken', async (t) => {
  const world = await start(t), { site, gateway, token, other } = world;
  const inspector = await site.token('inspector');
  const [{ id }] = (await send(world, [made(world, 1)])).lines;
  const { id: action } = (await gateway.json('POST', '/v1/enforcement/actions', inspector,
    { licence: id, action: 'seize', case_number: 'R-1', reason: 'x' }, { 'idempotency-key': 'key-of-refusals' })).json();
  const code = await gateway.display(await site.token('holder'), (await gateway.licences(await site.token('holder')))
    .find((l) => l.status === 'valid').id);
  const objected = (await gateway.json('POST', '/v1/objections', inspector, { code, field: 'number', claimed: 'y' })).json().id;
  const owner = await site.token('issuer', '--client', site.records.find((r) => r.CZZTDM === site.holderNumber).ZZBFJGDM);
  const decide = (which, who = token, decision = 'revert') =>
    gateway.json('POST', `/v1/issuer/actions/${which}/decision`, who, { decision, reason: 'x' });
  const state = (which, who, word) => gateway.json('POST', `/v1/issuer/objections/${which}`, who, word ?? { state: 'refused', reason: 'x' });
  const nothing = '0'.repeat(32);
  assert.equal((await decide(action)).status, 200);
  assert.equal((await state(objected, owner)).status, 200);
  const tries = [
    ['delivery', 'record_refused', () => put(world, 'X-1', made(world, 2, { CZZT: '' })), /^CZZT: /],
    ['delivery', 'issuer_not_yours', () => put(world, 'X-1', made(world, 2), other)],
    ['delivery', 'record_refused', () => put(world, id, made(world, 2)), /another type or number/],
    ['delivery', 'no_such_licence', () => put(world, id, made(world, 2, { ZZBFJGDM: '' }), other)],
    ['status', 'no_such_licence', () => setStatus(world, id, 'valid', other)],
    ['status', 'no_such_licence', () => setStatus(world, 'NONE', 'valid')],
    ['decision', 'action_not_found', () => decide(nothing)],
    ['decision', 'action_not_found', () => decide(action, other)],
    ['decision', 'action_closed', () => decide(action, token, 'confirm'), /./],
    ['objection', 'objection_not_found', () => state(nothing, token)],
    ['objection', 'objection_closed', () => state(objected, owner, { state: 'checking' }), /./],
  ];
  const asked = [];
  for (const [what, code_, ask, detail] of tries) {
    const answer = await ask();
    assert.equal(answer.json().code, code_, answer.body.toString());
    if (detail) assert.match(answer.json().detail, detail);
    asked.push([answer.headers['x-request-id'], what, code_]);
  }
  const bulk = await gateway.request('POST', '/v1/issuer/licences:import', { token, headers: ndjson, body: '{"ZZMC":\n[]\n' });
  assert.equal(bulk.status, 200);
  await sqlite(site, `UPDATE licence SET version = 65535 WHERE hex(id) = upper('${id}')`);
  const one = await gateway.request('POST', '/v1/issuer/licences:import', { token, headers: ndjson,
    body: JSON.stringify(made(world, 1, { SJBBH: 9, ZZYXQJZRQ: '2098-01-01' })) });
  assert.match(one.body.toString(), /no more versions/);

  const records = await site.evidence();
  const refusals = records.filter((r) => r.kind === 'refusal');
  assert.deepEqual(refusals.map((r) => [r.request, r.purpose, r.reference]), asked);
  assert.ok(refusals.every((r) => r.role === 'issuer' && r.result === 'invalid'));
  for (const [answer, reference] of [[bulk, 'rejected 2'], [one, 'rejected 1']])
    assert.deepEqual(records.filter((r) => r.request === answer.headers['x-request-id']).map((r) => [r.kind, r.reference]),
      [['import', reference]]);
});

test('what a client does not deliver it does not decide, and is not told of', async (t) => {
  const world = await start(t), { site, gateway, code, own, token } = world;
  const [{ id: licence }] = (await send(world, [own])).lines;
  const code_ = await gateway.display(await site.token('holder'), licence);
  const inspector = await site.token('inspector');
  const { id } = (await gateway.json('POST', '/v1/enforcement/actions', inspector,
    { licence, action: 'seize', case_number: 'T-1', reason: 'x' }, { 'idempotency-key': 'key-of-types' })).json();
  assert.equal((await gateway.json('POST', '/v1/objections', inspector, { code: code_, field: 'number', claimed: 'y' })).status, 201);
  await site.client('one-type', { role: 'issuer', organisation: code, type: 'OTHER' });
  const other = await site.token('issuer', '--client', 'one-type');
  const decide = (who) => gateway.json('POST', `/v1/issuer/actions/${id}/decision`, who, { decision: 'revert', reason: 'x' });
  refused(await decide(other), 403, 'type_not_allowed');
  assert.deepEqual((await read(world, '/v1/issuer/actions', other)).actions, []);
  assert.deepEqual((await read(world, '/v1/issuer/objections', other)).objections, []);
  assert.equal((await gateway.verdict(code_, inspector)).reason, 'licence_seized', 'the hold stands');
  assert.equal((await read(world, '/v1/issuer/objections')).objections.length, 1);
  assert.equal((await decide(token)).json().status, 'valid');
});

// What a list says page by page, each with all the pages before it.
async function readAll(world, path, name, token) {
  const rows = [];
  for (let page, query = ''; page?.more ?? true; query = `after=${rows.at(-1).id}`) {
    page = await read(world, query ? `${path}${path.includes('?') ? '&' : '?'}${query}` : path, token);
    rows.push(...page[name]);
  }
  return rows;
}

test('what waits for an authority is found whole, requests with a day first, however much else waits', async (t) => {
  const world = await start(t), { site, gateway, code, token } = world;
  const inspector = await site.token('inspector'), OTHER = '11100000000000002Q001';
  const { lines } = await send(world, [{ ...made(world, 0), ZZLXDM: OTHER }, ...Array.from({ length: 203 }, (_, i) => made(world, i + 1))]);
  for (const [i, { id: licence }] of lines.entries()) {
    const answer = await gateway.json('POST', '/v1/enforcement/actions', inspector,
      { licence, action: i < 2 ? 'request_cancel' : 'seize', case_number: `K-${i}`, reason: 'x' }, { 'idempotency-key': `key-of-page-${i}` });
    assert.equal(answer.status, 201, answer.body.toString());
  }
  await site.client('one-type', { role: 'issuer', organisation: code, type: OTHER });
  const { actions, more } = await read(world, '/v1/issuer/actions', await site.token('issuer', '--client', 'one-type'));
  assert.deepEqual([actions.map((a) => a.case_number), more], [['K-0'], false]);

  const first = await read(world, '/v1/issuer/actions');
  assert.deepEqual([first.actions.length, first.more], [200, true]);
  for (const path of ['/v1/issuer/actions', '/v1/issuer/actions?all=true']) {
    const all = await readAll(world, path, 'actions');
    assert.deepEqual(all.map((a) => a.case_number).sort(), lines.map((_, i) => `K-${i}`).sort(), 'each once');
    if (!path.includes('all')) assert.deepEqual(all.slice(0, 2).map((a) => a.action), ['request_cancel', 'request_cancel']);
  }
  const decided = await gateway.json('POST', `/v1/issuer/actions/${first.actions[199].id}/decision`, token, { decision: 'confirm' });
  assert.equal(decided.status, 200);
  const rest = await read(world, `/v1/issuer/actions?after=${first.actions[199].id}`);
  assert.deepEqual([rest.actions.length, rest.more], [4, false], 'one that was decided meanwhile still leads on');
  for (const query of ['after=', 'after=x', `after=${'0'.repeat(32)}`, `after=${rest.actions[0].id}&all=perhaps`])
    refused(await gateway.request('GET', `/v1/issuer/actions?${query}`, { token }), 400, 'malformed_body');
  refused(await gateway.request('GET', `/v1/issuer/actions?after=${rest.actions[0].id}`, { token: world.other }), 400, 'malformed_body');
});

test('the tool tells both sides the same, what differs, and no agreement about an authority that is none', async (t) => {
  const site = await Site.start(t, { licences: 50, gateway: false });
  const code = site.records[0].ZZBFJGDM, file = site.path('licences.csv');
  assert.match((await site.tryJwb('reconcile', '--issuer', code, file)).stderr, /both hold the same, [1-9]/);
  const [heading, , ...rest] = fs.readFileSync(file, 'latin1').split('\n');
  site.write('less.csv', Buffer.from([heading, ...rest].join('\n'), 'latin1'));
  assert.equal((await site.tryJwb('reconcile', '--issuer', code, site.path('less.csv'))).code, 1, 'the first is missing');
  const mistyped = await site.tryJwb('reconcile', '--issuer', `${code}0`, file);
  assert.equal(mistyped.code, 1);
  assert.doesNotMatch(mistyped.stderr, /the same/);
});

// The groups of an authority's own records, by the text of docs/PROTOCOL.md section 17.
function groupsOf(records, version) {
  const groups = new Map();
  const date = (text) => /^\d{4}-\d\d-\d\d$/.test(text) ? text : '';
  for (const r of records) {
    const line = [r.ZZBH, version(r), r.ZZZT || '01', date(r.ZZBFRQ), date(r.ZZYXQQSRQ), date(r.ZZYXQJZRQ)].join('\n');
    const key = JSON.stringify([r.ZZLXDM, date(r.ZZBFRQ) || null]);
    groups.set(key, [...groups.get(key) ?? [], sha256(line)]);
  }
  return new Map([...groups].map(([key, digests]) =>
    [key, { count: digests.length, digest: sha256(...digests.sort(Buffer.compare)).toString('hex') }]));
}

test('both sides can prove that they hold the same, and see where they do not', async (t) => {
  const world = await start(t, { authority: '410800' });
  const { code } = world;
  const records = Array.from({ length: 700 }, (_, i) => made(world, i, { ZZBFRQ: i % 7 ? `2024-01-0${i % 7}` : '',
    ZZLXDM: i % 3 ? world.own.ZZLXDM : 'OTHER', ZZZT: i % 11 ? '01' : '05', SJBBH: String(i) }));
  assert.equal((await send(world, records)).end.accepted, 700);
  const theirs = async () => {
    const page = await read(world, '/v1/issuer/reconciliation');
    assert.equal(page.issuer, code);
    assert.ok(Math.abs(Date.parse(page.as_of) - Date.now()) < 60000);
    return new Map(page.groups.map(({ type, day, ...group }) => [JSON.stringify([type, day]), group]));
  };
  const sorted = (map) => [...map].sort(([a], [b]) => a < b ? -1 : 1);
  const ours = groupsOf(records, (r) => r.SJBBH);
  assert.equal(ours.size, 14);
  assert.deepEqual(sorted(await theirs()), sorted(ours));
  await put(world, 'X', { ...records[9], SJBBH: '1000' });
  const differ = sorted(await theirs()).filter(([key, group]) => group.digest !== ours.get(key).digest);
  assert.deepEqual(differ.map(([key]) => key), [JSON.stringify(['OTHER', '2024-01-02'])]);
  assert.deepEqual((await read(world, '/v1/issuer/reconciliation', await world.site.token('issuer', '--client', '410801'))).groups, []);
});

test('an authority is told how good what it delivers is', async (t) => {
  const world = await start(t, { authority: '410800' });
  const day = (back) => new Date(Date.now() + 8 * 36e5 - back * 864e5).toISOString().slice(0, 10);
  const none = await read(world, '/v1/issuer/quality');
  assert.deepEqual(none.days, []);
  assert.deepEqual([none.total.completeness, none.total.accuracy, none.total.delay_days], [null, null, null]);
  const whole = { ZZBS: '', ZZYXQQSRQ: '2024-01-01' }; // of four optional fields one is missing
  await send(world, [made(world, 1, { ...whole, ZZBFRQ: day(2) }), made(world, 2, { ...whole, ZZBFRQ: day(5) }),
    made(world, 3, { ...whole, ZZYXQJZRQ: 'x' }), made(world, 4, { ...whole, ZZBFRQ: '' })]);
  const { days, total, since, until } = await read(world, '/v1/issuer/quality?days=1');
  assert.deepEqual([since, until], [day(0), day(0)]);
  assert.equal(days.length, 1);
  const { day: today, ...row } = days[0];
  assert.equal(today, day(0));
  assert.deepEqual(row, { records: 3, rejected: 1, warnings: row.warnings, objections: 0, corrected: 0,
    completeness: 0.666, accuracy: 0.75, delay_days: 3.5, delay_days_max: 5 });
  assert.deepEqual({ ...row, days: 1 }, total);
  assert.deepEqual((await read(world, '/v1/issuer/quality?days=366', await world.site.token('issuer', '--client', '410801'))).days, []);
  for (const query of ['days=0', 'days=367', 'days=', 'days=1x', 'x'])
    refused(await world.gateway.request('GET', `/v1/issuer/quality?${query}`, { token: world.token }), 400, 'malformed_body');
});

test('what an authority reads is evidence', async (t) => {
  const world = await start(t), { site, gateway, token, code } = world;
  const asked = [];
  for (const page of ['actions', 'reconciliation', 'quality'])
    asked.push((await gateway.request('GET', `/v1/issuer/${page}`, { token })).headers['x-request-id']);
  const files = fs.readdirSync(site.path('evidence-gateway')).filter((name) => name.endsWith('.jwbj'))
    .map((name) => site.path(`evidence-gateway/${name}`));
  const pulls = (await site.list(...files)).filter((r) => r.kind === 'pull');
  assert.deepEqual(pulls.map((r) => [r.request, r.role, r.client, r.purpose]), [[asked[0], 'issuer', code, 'actions'],
    [asked[1], 'issuer', code, 'reconciliation'], [asked[2], 'issuer', code, 'quality']]);
});
