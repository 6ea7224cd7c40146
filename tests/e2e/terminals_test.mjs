// A terminal registers itself with a ticket, has a token of its own, and delivers what it scanned offline.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import test from 'node:test';
import { promisify } from 'node:util';
import { SigningKey } from './lib/idp.mjs';
import { OauthSite } from './lib/oauth.mjs';
import { Site, until } from './lib/site.mjs';

const run = promisify(execFile);
const TERMINAL = { role: 'inspector', organisation: 'traffic-police' };
const register = (gateway, ticket, key) => gateway.json('POST', '/oauth2/register', ticket, { jwks: { keys: [key.jwk] } });
const told = (answer) => [answer.status, answer.json().code];
const kinds = (all, kind) => all.filter((r) => r.kind === kind);

// What a terminal tells of a scan.
const newId = () => crypto.randomBytes(16).toString('hex');
const ago = (seconds) => new Date(Math.floor(Date.now() / 1000) * 1000 - seconds * 1000).toISOString();
const scan = (code, more = {}) => ({ id: newId(), at: ago(3600), result: 'valid', reason: null, status_as_of: ago(4000),
  bundle_version: 1795400000, code, ...more });
const deliver = (gateway, token, ...scans) => gateway.json('POST', '/v1/inspections/scans', token, { scans });
async function outcomes(gateway, token, ...scans) {
  const answer = await deliver(gateway, token, ...scans);
  assert.equal(answer.status, 200, answer.body.toString());
  assert.deepEqual(answer.json().scans.map((s) => s.id), scans.map((s) => s.id));
  return answer.json().scans.map((s) => s.outcome);
}
const delivered = async (site, ...scans) => kinds(await site.evidence(), 'offline_scan')
  .filter((r) => scans.some((s) => r.reference.startsWith(`${s.id} `)));
const inUtc8 = (time) => `${new Date(Date.parse(time) + 8 * 36e5).toISOString().slice(0, 19)}+08:00`;

// If this fails, no terminal can be enrolled, or whoever has a ticket gets more than a terminal.
test('a client that was added with a ticket gives its key once, and has a token of its own by it', async (t) => {
  const s = await OauthSite.start(t);
  const { site, gateway } = s;
  const ticket = await site.ticket('terminal-9', TERMINAL);
  assert.match(ticket, /^jwb1\.\S+$/, 'the ticket alone is printed');
  assert.match(await site.jwb('client', 'show', 'terminal-9'), /key +none/);
  const key = new SigningKey(), other = new SigningKey();
  const bare = await s.clientToken(s.assertion('terminal-9', {}, {}, key));
  assert.deepEqual([bare.status, bare.json().error], [401, 'invalid_client'], 'without a key it is nobody');
  for (const [method, target] of [['POST', '/v1/verify'], ['POST', '/v1/inspections/scans'], ['POST', '/v1/status'],
    ['POST', '/v1/inspections/lookups'], ['POST', '/v1/enforcement/actions'], ['POST', '/v1/objections'],
    ['GET', '/v1/status-lists'], ['GET', '/v1/status-lists/0']]) {
    const answer = await gateway.request(method, target, { token: ticket, body: method === 'POST' ? '{}' : undefined });
    assert.deepEqual(told(answer), [403, 'forbidden'], `a ticket is for registering alone: ${target}`);
  }

  const answer = await register(gateway, ticket, key);
  assert.equal(answer.status, 201, answer.body.toString());
  const { client_id, scope, jwks } = answer.json();
  assert.deepEqual([client_id, jwks.keys[0].kid, jwks.keys[0].x], ['terminal-9', key.kid, key.jwk.x]);
  assert.equal(scope, 'verify status lookup enforce object sync');
  for (const again of [key, other]) assert.deepEqual(told(await register(gateway, ticket, again)), [409, 'key_exists']);
  const refused = await site.tryJwb('client', 'ticket', 'terminal-9');
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /has a key/);

  const own = await until(() => s.clientToken(s.assertion('terminal-9', {}, {}, key)), (a) => a.status === 200);
  assert.equal(own.json().scope, 'sync');
  assert.equal((await s.clientToken(s.assertion('terminal-9', {}, {}, other))).status, 401);
  const token = own.json().access_token, code = await gateway.display(await site.token('holder'));
  assert.deepEqual(await outcomes(gateway, token, scan(code)), ['recorded']);
  const asked = { '/v1/verify': { code }, '/v1/status': { handles: [[0, 0]] },
    '/v1/inspections/lookups': { licence_number: '1', case_number: '1', reason: 'accident' },
    '/v1/enforcement/actions': { code, action: 'seize', case_number: '1', reason: 'a test' },
    '/v1/objections': { code, field: 'valid_until', claimed: '2051-01-01' } };
  for (const [target, value] of Object.entries(asked)) {
    const answered = await gateway.json('POST', target, token, value, { 'idempotency-key': 'a-key-of-its-own' });
    assert.deepEqual(told(answered), [403, 'forbidden'], `nothing of an officer's without one: ${target}`);
  }
  const officers = await s.inspect(s.provider.inspector('traffic-police', '0417'));
  assert.equal(officers.json().scope, 'verify status lookup enforce object');
  assert.deepEqual(told(await deliver(gateway, officers.json().access_token, scan(code))), [403, 'forbidden'],
    'a scan is told by the terminal that made it');

  const events = kinds(await until(() => site.evidence(), (all) => kinds(all, 'access').some((r) => r.purpose === 'client_key')), 'access')
    .filter((r) => r.reference === 'terminal-9');
  assert.deepEqual(events.map((r) => [r.purpose, r.role, r.client]),
    [['client_add', 'operator', ''], ['client_key', 'inspector', 'terminal-9']]);
});

// If this fails, a ticket outlives its client, gives two parties one name, or a terminal whose ticket was lost is lost too.
test('tickets: of any role, fresh ones, of those who are shut out, and two who come at once', async (t) => {
  const site = await Site.start(t, { licences: 0 });
  const { gateway } = site;
  await site.ticket('rent-9', { role: 'partner', organisation: 'rent', purpose: 'car_rental' });
  const fresh = (await site.jwb('client', 'ticket', 'rent-9')).trim();
  const keys = Array.from({ length: 6 }, () => new SigningKey());
  const answers = await Promise.all(keys.map((key) => register(gateway, fresh, key)));
  assert.deepEqual(answers.map((a) => a.status).sort(), [201, 409, 409, 409, 409, 409]);
  const winner = keys[answers.findIndex((a) => a.status === 201)];
  const shown = await site.jwb('client', 'show', 'rent-9');
  assert.match(shown, new RegExp(`x ${winner.jwk.x}\n`));
  assert.equal(shown.match(/key +x /g).length, 1);

  const ticket = await site.ticket('terminal-9', TERMINAL);
  await site.jwb('client', 'disable', 'terminal-9');
  await until(() => register(gateway, ticket, new SigningKey()), (a) => a.status === 401);
  assert.deepEqual(told(await register(gateway, ticket, new SigningKey())), [401, 'token_revoked']);
  const refused = await site.tryJwb('client', 'ticket', 'terminal-9');
  assert.deepEqual([refused.code, /disabled/.test(refused.stderr)], [1, true]);
  assert.equal((await site.tryJwb('client', 'add', '--id', 'x', '--ticket', '--new-key', site.path('x.jwk'),
    '--role', 'partner', '--organisation', 'x')).code, 2, 'a key or a ticket');

  const last = await site.ticket('terminal-10', TERMINAL);
  const [key, rsa] = [new SigningKey(), new SigningKey('RS256')];
  for (const jwks of [undefined, {}, { keys: [] }, { keys: [key.jwk, new SigningKey().jwk] }, { keys: [rsa.jwk] },
    { keys: [key.privateJwk] }, { keys: [{ ...key.jwk, x: key.jwk.y }] }, { keys: [{ ...key.jwk, use: 'enc' }] }])
    assert.deepEqual(told(await gateway.json('POST', '/oauth2/register', last, { jwks })), [400, 'malformed_body'], JSON.stringify(jwks));
  assert.equal((await gateway.json('POST', '/oauth2/register', last, { jwks: { keys: [key.jwk] }, client_name: 'Tablet' })).status, 201);
});

// If this fails, nobody learns of a scan that was made offline, or others than those whom it concerns.
test('an offline scan is evidence, and its holder is told of it like of any other', async (t) => {
  const site = await Site.start(t);
  const { gateway } = site;
  const holder = await site.token('holder'), terminal = await site.token('inspector');
  const { id } = (await gateway.licences(holder)).find((l) => l.status === 'valid');
  const code = await gateway.display(holder, id);
  const seen = scan(code), doubtful = scan(code, { result: 'indeterminate', reason: 'status_stale', status_as_of: null });
  assert.deepEqual(await outcomes(gateway, terminal, seen, doubtful), ['recorded', 'recorded']);
  const [first, second] = await until(() => delivered(site, seen, doubtful), (all) => all.length === 2);
  assert.deepEqual([first.role, first.client, first.agency, first.result, first.reason], ['inspector', 'terminal-7', 'traffic-police', 'valid', 'none']);
  assert.equal(first.reference, `${seen.id} ${inUtc8(seen.at)}`);
  assert.equal(first.purpose, `${inUtc8(seen.status_as_of)} 1795400000`);
  assert.ok(first.licence && first.licence === second.licence);
  assert.deepEqual([second.result, second.reason, second.purpose], ['indeterminate', 'status_stale', '- 1795400000']);

  const rowOf = (list) => list.filter((row) => row.kind === 'offline_scan').map((row) =>
    [row.scanned_at, row.status_as_of, row.result, row.reason, row.purpose, (row.by ?? row.who).role, (row.by ?? row.who).organisation]);
  const rows = [[inUtc8(doubtful.at), null, 'indeterminate', 'status_stale', null, 'inspector', 'traffic-police'],
    [inUtc8(seen.at), inUtc8(seen.status_as_of), 'valid', null, null, 'inspector', 'traffic-police']];
  const checks = (await gateway.request('GET', '/v1/me/checks', { token: holder })).json();
  assert.deepEqual(rowOf(checks.checks), rows);
  assert.equal(checks.complete, true);
  assert.ok(checks.checks.every((row) => row.licence === id));
  assert.deepEqual(checks.checks.map((row) => row.kind), ['offline_scan', 'offline_scan', 'display']);
  const traced = await until(async () => (await gateway.request('GET', `/v1/licences/${id}/trace`, { token: holder })).json(),
    (trace) => trace.entries.every((entry) => entry.log));
  assert.deepEqual(rowOf(traced.entries), rows);
  assert.ok(traced.entries.filter((entry) => entry.kind === 'offline_scan').every((entry) => entry.log.proof), 'the log has it');
  for (const secret of ['terminal-7', 'traffic-police/0417', '"0417"', seen.id]) assert.ok(!JSON.stringify([checks, traced]).includes(secret), secret);
  const none = `?before=${encodeURIComponent(checks.checks.at(-1).at)}`;
  assert.deepEqual((await gateway.request('GET', `/v1/me/checks${none}`, { token: holder })).json().checks, []);

  const other = site.records.find((r) => /^\d{17}[\dX]$/.test(r.CZZTDM) && r.CZZTDM !== site.holderNumber).CZZTDM;
  const stranger = (await site.jwb('token', 'mint', '--role', 'holder', '--holder-number', '-', { input: other })).trim();
  assert.deepEqual(rowOf((await gateway.request('GET', '/v1/me/checks', { token: stranger })).json().checks), []);
  await site.jwb('evidence', 'verify');
  const again = await deliver(gateway, terminal, scan(code)), request = again.headers['x-request-id'];
  await site.jwb('evidence', 'prove', request, '--out', site.folder);
  const proof = await site.jwb('evidence', 'check', site.path(`${request}-1.tlog-proof`), '--key', (await site.jwb('evidence', 'key')).trim());
  assert.match(proof, /"offline_scan"/);
});

// If this fails, a terminal that has lost an answer tells everything twice, or loses it.
test('each scan counts once, whatever happens to the answers', async (t) => {
  const site = await Site.start(t);
  const terminal = await site.token('inspector'), second = await site.token('inspector', '--subject', 'traffic-police/1', '--client', 'terminal-8');
  const code = await site.gateway.display(await site.token('holder'));
  const scans = Array.from({ length: 16 }, () => scan(code));
  const all = await Promise.all(Array.from({ length: 8 }, () => outcomes(site.gateway, terminal, ...scans)));
  for (const i of scans.keys()) assert.equal(all.filter((each) => each[i] === 'recorded').length, 1, 'by one of eight');
  assert.deepEqual(await outcomes(site.gateway, second, scans[0]), ['recorded'], 'ids are a terminal\'s own');
  await until(() => delivered(site, ...scans), (events) => events.length === 17);

  const lost = scan(code), answer = deliver(site.gateway, terminal, lost).catch(() => undefined);
  await until(() => run('sqlite3', ['-cmd', '.timeout 5000', site.path('registry.db'), `SELECT count(*) FROM offline_scan WHERE id = x'${lost.id}'`]),
    ({ stdout }) => stdout.trim() === '1');
  await site.gateway.stop('SIGKILL');
  await answer;
  site.gateway = await site.startGateway('gateway');
  const after = await until(() => deliver(site.gateway, terminal, lost, ...scans.slice(0, 3)), (a) => a.status === 200);
  assert.deepEqual(after.json().scans.map((s) => s.outcome), Array(4).fill('known'));
  assert.equal((await until(() => delivered(site, lost), (events) => events.length > 0)).length, 1);
  const numbers = (await site.evidence()).filter((r) => r.number).map((r) => r.number).sort((a, b) => a - b);
  assert.deepEqual(numbers, numbers.map((_, i) => i + 1));
});

// If this fails, a scan of a forgery is hidden, or somebody's licence is named by a code that is not genuine.
test('a scan whose code does not verify is recorded without a licence', async (t) => {
  const site = await Site.start(t, { config: { code: { life_s: 2, refresh_s: 1, past_s: 0 } } });
  const { gateway } = site;
  const holder = await site.token('holder'), terminal = await site.token('inspector');
  const code = await gateway.display(holder);
  const forged = code.replace(/\d(\d{3})$/, (d, rest) => `${d[0] === '1' ? '2' : '1'}${rest}`);
  await until(() => gateway.verdict(code, terminal), (verdict) => verdict.reason === 'code_expired');
  const dead = scan(code), wrong = scan(forged, { result: 'invalid', reason: 'bad_signature' }),
    nothing = scan('https://elsewhere.example/menu', { result: 'invalid', reason: 'malformed', status_as_of: null, bundle_version: 0 });
  assert.deepEqual(await outcomes(gateway, terminal, dead, wrong, nothing), Array(3).fill('recorded'));
  const kid = (await site.jwb('key', 'list')).match(/^([0-9a-f]{8})\b.*\bcode\b/m)[1];
  await site.jwb('key', 'create');
  await site.jwb('key', 'revoke', kid);
  gateway.child.kill('SIGHUP');
  await until(() => gateway.verdict(code, terminal), (verdict) => verdict.reason === 'key_revoked');
  const late = scan(code);
  assert.deepEqual(await outcomes(gateway, terminal, late), ['recorded']);
  const events = await until(() => delivered(site, dead, wrong, nothing, late), (all) => all.length === 4);
  assert.deepEqual(events.map((r) => Boolean(r.licence)), [true, false, false, false]);
  assert.deepEqual(events.map((r) => r.reason), ['none', 'bad_signature', 'malformed', 'none']);
  assert.equal((await gateway.request('GET', '/v1/me/checks', { token: holder })).json().checks
    .filter((c) => c.kind === 'offline_scan').length, 1);
});

// If this fails, a terminal's wrong clock writes the past or the future, or half a delivery stands.
test('what was scanned in the future or long ago is refused, with all that comes with it', async (t) => {
  const site = await Site.start(t, { config: { scans: { age_days: 2 } } });
  const { gateway } = site;
  const terminal = await site.token('inspector');
  const good = scan('1'), old = scan('1', { at: ago(2 * 86400 + 10) }), ahead = scan('1', { at: ago(-120) });
  for (const bad of [old, ahead]) {
    const answer = await deliver(gateway, terminal, good, bad);
    assert.deepEqual(told(answer), [422, 'scan_time_refused']);
    assert.ok(answer.json().detail.includes(bad.id), 'which one it is');
  }
  const edges = [scan('1', { at: ago(2 * 86400 - 60) }), scan('1', { at: ago(-30) })];
  assert.deepEqual(await outcomes(gateway, terminal, good, ...edges), Array(3).fill('recorded'));
  const events = await until(() => delivered(site, good, old, ahead, ...edges), (all) => all.length >= 3);
  assert.equal(events.length, 3);
});

// If this fails, a restored registry takes what is in the log a second time.
test('after a restore from a backup each scan still counts once', async (t) => {
  const site = await Site.start(t);
  const terminal = await site.token('inspector'), holder = await site.token('holder');
  const code = await site.gateway.display(holder);
  const before = scan(code), after = scan(code), never = scan(code);
  await outcomes(site.gateway, terminal, before);
  await run('sqlite3', ['-cmd', '.timeout 5000', site.path('registry.db'), `.backup ${site.path('backup.db')}`]);
  await outcomes(site.gateway, terminal, after);
  await site.gateway.stop();
  for (const end of ['-wal', '-shm']) fs.rmSync(site.path(`registry.db${end}`), { force: true });
  fs.copyFileSync(site.path('backup.db'), site.path('registry.db'));
  await site.redis('FLUSHALL');
  site.gateway = await site.startGateway('gateway');
  const behind = await deliver(site.gateway, terminal, after);
  assert.deepEqual(told(behind), [503, 'registry_unavailable'], 'until it is put right it takes nothing');
  await site.jwb('registry', 'restored');
  await until(() => deliver(site.gateway, terminal, before), (a) => a.status === 200);
  assert.deepEqual(await outcomes(site.gateway, terminal, before, after, never), ['known', 'known', 'recorded']);
  assert.equal((await until(() => delivered(site, before, after, never), (all) => all.length >= 3)).length, 3);
  const checks = (await site.gateway.request('GET', '/v1/me/checks', { token: holder })).json().checks;
  assert.equal(checks.filter((c) => c.kind === 'offline_scan').length, 3);
  await site.jwb('evidence', 'verify');
});
