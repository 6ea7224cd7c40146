// The trust bundle and the status lists, as terminals and partners fetch them.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import test from 'node:test';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { decode } from 'cborg';
import { getListFromStatusListJWT } from '@sd-jwt/jwt-status-list';
import { Site, until } from './lib/site.mjs';
import { makeBundle, makeTrust, published } from './lib/trust.mjs';

const run = promisify(execFile);
const CWT = 'application/statuslist+cwt', JWT = 'application/statuslist+jwt';
const FAST = { status_lists: { interval_s: 1 } };

async function world(t, config = {}) {
  const site = await Site.start(t, { licences: 20, config: { ...FAST, ...config } });
  await makeTrust(site);
  const inspector = await site.token('inspector');
  return { site, gateway: site.gateway, inspector };
}
const list = (w, headers = {}, token = w.inspector, target = '/v1/status-lists/0') =>
  w.gateway.request('GET', target, { token, headers });

function claims(body) {
  assert.equal(body[0], 0xd2); // tag 18
  const [, , payload] = decode(body.subarray(1), { useMaps: true });
  return decode(payload, { useMaps: true });
}
const bitsAt = (array, i) => (array[i >> 2] >> (2 * (i & 3))) & 3;
async function placeOf(site, gateway, id) {
  const code = await gateway.display(await site.token('holder'), id);
  site.write('jwks.json', (await gateway.request('GET', '/.well-known/jwks.json')).body);
  return JSON.parse(await site.jwb('code', 'verify', '--jwks', site.path('jwks.json'), '--json', '-', { input: code })).claims;
}

test('whoever fetches nothing new is told so, and spared the octets', async (t) => {
  const w = await world(t);
  for (const [target, token, type] of [['/v1/trust-bundle', undefined, 'application/jwb-trust+cbor'],
    ['/v1/status-lists', w.inspector, 'application/json'], ['/v1/status-lists/0', w.inspector, CWT]]) {
    const first = await published(w.gateway, target, { token });
    assert.equal(first.status, 200);
    assert.equal(first.headers['content-type'], type);
    assert.match(first.headers['cache-control'], token ? /^private, max-age=1$/ : /^public, max-age=300$/);
    assert.equal(first.headers.etag, `"${crypto.createHash('sha256').update(first.body).digest('hex').slice(0, 32)}"`);
    const again = await w.gateway.request('GET', target, { token, headers: { 'if-none-match': `"x", ${first.headers.etag}` } });
    assert.deepEqual([again.status, again.body.length, again.headers.etag], [304, 0, first.headers.etag]);
    const other = await w.gateway.request('GET', target, { token, headers: { 'if-none-match': '"x"' } });
    assert.deepEqual([other.status, Buffer.compare(other.body, first.body)], [200, 0]);
  }
  const lists = () => list(w, {}, w.inspector, '/v1/status-lists'), { headers: { etag } } = await lists();
  w.site.config('gateway', { ...FAST, public: { origin: 'https://city.example' } });
  w.gateway.child.kill('SIGHUP');
  const moved = await until(lists, (answer) => answer.headers.etag !== etag);
  assert.deepEqual(moved.json(), { status_lists: ['https://city.example/v1/status-lists/0'] });
});

// Until the publisher, which looks at its lists first, has looked at the bundle so many times.
async function turns({ site, gateway }, count) {
  for (let i = 0; i < count; i++) {
    const from = gateway.log.length;
    site.write('new', `no bundle ${i}`);
    fs.renameSync(site.path('new'), site.path('trust.bundle'));
    await gateway.waitForLog((l) => l.event === 'the trust bundle is not served', from);
  }
}

test('a list is made once in its interval, however much changes meanwhile', async (t) => {
  const w = await world(t, { status_lists: { interval_s: 3600, ttl_s: 3600 } }), { site, gateway } = w;
  const [{ id }] = (await gateway.licences(await site.token('holder'))).filter((l) => l.status === 'valid');
  const first = await published(gateway, '/v1/status-lists/0', { token: w.inspector });
  assert.equal(await gateway.metric('status_lists_made_total'), 1);
  for (let i = 0; i < 50; i++) {
    const answer = await gateway.json('POST', '/v1/enforcement/actions', w.inspector,
      { licence: id, action: i % 2 ? 'restore' : 'seize', case_number: 'N-1', reason: 'x' }, { 'idempotency-key': `key-of-turn-${i}` });
    assert.equal(answer.status, 201, answer.body.toString());
  }
  await turns(w, 2);
  assert.deepEqual([await gateway.metric('status_lists_made_total'), (await list(w)).headers.etag], [1, first.headers.etag]);
});

test('a list that can\'t be made is tried once in its interval, too', async (t) => {
  const site = await Site.start(t, { licences: 5, gateway: false, config: { status_lists: { interval_s: 3600, ttl_s: 3600 } } });
  await makeTrust(site);
  const whole = site.read('codes.jwks').toString();
  site.write('codes.jwks', JSON.stringify({ keys: JSON.parse(whole).keys.filter((key) => key.jwb_use !== 'status') }));
  const gateway = site.gateway = await site.startGateway('gateway');
  await run('sqlite3', ['-cmd', '.timeout 5000', site.path('registry.db'), 'INSERT INTO place VALUES (0, 1048576, 1, 1, 1, NULL, NULL)']);
  site.write('codes.jwks', whole);
  gateway.child.kill('SIGHUP');
  await gateway.waitForLog((l) => l.event === "a status list can't be published");
  await turns({ site, gateway }, 2);
  assert.deepEqual([await gateway.metric('status_lists_failures_total'), await gateway.metric('status_lists_made_total')], [1, 0]);
});

test('a seizure stands in the next list, in both forms, and nothing else changes', async (t) => {
  const w = await world(t), { site, gateway } = w;
  const [{ id }] = (await gateway.licences(await site.token('holder'))).filter((l) => l.status === 'valid');
  const { list: L, index } = await placeOf(site, gateway, id);
  assert.equal(L, 0);
  const before = claims((await published(gateway, '/v1/status-lists/0', { token: w.inspector })).body);
  const inflate = (c) => zlib.inflateSync(c.get(65533).get('lst'));
  const clean = inflate(before);
  assert.equal(clean.length, 262144);
  assert.equal(bitsAt(clean, index), 0);
  await site.jwb('hold', 'place', id, '--agency', 'traffic-police', '--case', 'A-1');
  const answer = await until(() => list(w), (a) => bitsAt(inflate(claims(a.body)), index) === 2);
  const after = claims(answer.body), array = inflate(after);
  const different = [...array.keys()].filter((i) => array[i] !== clean[i]);
  assert.deepEqual(different, [index >> 2]);
  assert.equal(after.get(2), `https://localhost:8443/v1/status-lists/0`);
  assert.equal(after.get(4) - after.get(6), 86400);
  assert.equal(after.get(65534), 300);
  assert.equal(after.get(65533).get('bits'), 2);
  assert.deepEqual(after.get(-65538), []);
  assert.ok(after.get(6) >= before.get(6));
  const jwt = await list(w, { accept: JWT });
  assert.equal(jwt.headers['content-type'], JWT);
  const read = getListFromStatusListJWT(jwt.body.toString());
  assert.equal(read.getStatus(index), 2);
  const [head, , signature] = jwt.body.toString().split('.');
  const { alg, typ, kid } = JSON.parse(Buffer.from(head, 'base64url'));
  assert.deepEqual([alg, typ], ['ES256', 'statuslist+jwt']);
  const { keys } = (await gateway.request('GET', '/.well-known/jwks.json')).json();
  const key = keys.find((k) => k.kid === kid);
  assert.equal(key.jwb_use, 'status');
  assert.ok(crypto.verify('sha256', jwt.body.subarray(0, jwt.body.lastIndexOf('.')),
    { key: crypto.createPublicKey({ key, format: 'jwk' }), dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url')));
});

test('lists are for terminals and partners, or for anybody if the city says so', async (t) => {
  const w = await world(t), { site, gateway } = w;
  await published(gateway, '/v1/status-lists/0', { token: w.inspector });
  const partner = await site.token('partner'), holder = await site.token('holder');
  const status = async (token, target) => (await list(w, {}, token, target)).status;
  for (const target of ['/v1/status-lists', '/v1/status-lists/0'])
    assert.deepEqual([await status(w.inspector, target), await status(partner, target), await status(holder, target),
      (await gateway.request('GET', target)).status], [200, 200, 403, 401], target);
  assert.deepEqual((await list(w, {}, partner, '/v1/status-lists')).json(),
    { status_lists: ['https://localhost:8443/v1/status-lists/0'] });
  for (const missing of ['1', '65536', '00', '0x', '-1', '99999999999999999999'])
    assert.equal(await status(w.inspector, `/v1/status-lists/${missing}`), 404, missing);
  for (const [accept, type] of [[`${JWT}, ${CWT}`, JWT], ['*/*', CWT], ['APPLICATION/STATUSLIST+JWT', JWT], [`${CWT};q=0, */*`, JWT],
    [`${CWT};q=0.5, ${JWT}`, JWT]])
    assert.equal((await list(w, { accept })).headers['content-type'], type, accept);
  for (const accept of ['text/html', `${CWT};q=0`, `${CWT}2`]) assert.equal((await list(w, { accept })).status, 406, accept);
  for (const query of ['time=1700000000', 'x=1&time=1700000000']) {
    const past = await list(w, {}, w.inspector, `/v1/status-lists/0?${query}`);
    assert.deepEqual([past.status, past.json().code], [501, 'no_history']);
  }
  site.config('gateway', { status_lists: { interval_s: 1, public: true } });
  gateway.child.kill('SIGHUP');
  const answer = await until(() => gateway.request('GET', '/v1/status-lists/0'), (a) => a.status === 200);
  assert.match(answer.headers['cache-control'], /^public/);
});

test('a revoked code key stands in the lists at once, not with the next bundle', async (t) => {
  const w = await world(t), { site, gateway } = w;
  const revoked = (a) => a.status === 200 ? claims(a.body).get(-65538).map((kid) => Buffer.from(kid).toString('hex')) : [];
  await published(gateway, '/v1/status-lists/0', { token: w.inspector });
  const [kid] = (await site.jwb('key', 'list')).split('\n').find((line) => / code /.test(line)).split(/\s+/);
  await published(gateway, '/v1/trust-bundle');
  assert.ok(!gateway.log.some((l) => /^the trust bundle lacks/.test(l.event)));
  const from = gateway.log.length;
  await site.jwb('key', 'revoke', kid);
  gateway.child.kill('SIGHUP');
  assert.deepEqual(revoked(await until(() => list(w), (a) => revoked(a).length > 0)), [kid]);
  await gateway.waitForLog((l) => /^the trust bundle lacks a key/.test(l.event), from);
});

test('of several revoked code keys all stand in the lists, in order, whatever their order in the file', async (t) => {
  const w = await world(t), { site, gateway } = w;
  const revoked = (a) => a.status === 200 ? claims(a.body).get(-65538).map((kid) => Buffer.from(kid).toString('hex')) : [];
  await published(gateway, '/v1/status-lists/0', { token: w.inspector });
  for (let i = 0; i < 3; i++) await site.jwb('key', 'create', '--use', 'code');
  const set = JSON.parse(site.read('codes.jwks'));
  const codes = set.keys.filter((k) => !k.jwb_use), others = set.keys.filter((k) => k.jwb_use);
  codes.slice(1).forEach((k) => { k.revoked = true; });
  codes.sort((a, b) => (a.kid < b.kid ? 1 : -1)); // the order that a token does not have
  site.write('codes.jwks', JSON.stringify({ keys: [...codes, ...others] }));
  gateway.child.kill('SIGHUP');
  const answer = await until(() => list(w), (a) => revoked(a).length === 3);
  assert.deepEqual(revoked(answer), codes.filter((k) => k.revoked).map((k) => k.kid).sort());
});

test('a bundle that is damaged, older or by another root is not served; the good one stays', async (t) => {
  const w = await world(t), { site, gateway } = w;
  const good = (await published(gateway, '/v1/trust-bundle')).body;
  const refused = async (what, content) => {
    const from = gateway.log.length, count = await gateway.metric('trust_bundle_refused_total');
    site.write('new', content);
    fs.renameSync(site.path('new'), site.path('trust.bundle'));
    const line = await gateway.waitForLog((l) => l.event === 'the trust bundle is not served', from);
    assert.match(line.why, what);
    assert.equal(await gateway.metric('trust_bundle_refused_total'), count + 1);
    assert.deepEqual((await gateway.request('GET', '/v1/trust-bundle')).body, good);
  };
  const damaged = Buffer.from(good);
  damaged[damaged.length - 1] ^= 1;
  await refused(/signature does not verify/, damaged);
  await refused(/malformed/, good.subarray(0, -1));
  await refused(/malformed/, '');
  await site.jwb('key', 'create', '--use', 'root', '--file', site.path('stranger.jwks'));
  await site.jwb('bundle', 'make', '--root', site.path('stranger.jwks'), '--force', '--out', site.path('strange'));
  await refused(/not by a root key/, site.read('strange'));
  site.write('trust.bundle', good);
  const { version } = JSON.parse(await site.jwb('bundle', 'show', '--json', site.path('trust.bundle')));
  await until(async () => (await makeBundle(site, '--force'), gateway.request('GET', '/v1/trust-bundle')),
    (a) => Buffer.compare(a.body, good) !== 0);
  const newer = JSON.parse(await site.jwb('bundle', 'show', '--json', site.path('trust.bundle')));
  assert.ok(newer.version > version);
  site.write('older', good);
  fs.renameSync(site.path('older'), site.path('trust.bundle'));
  await gateway.waitForLog((l) => /older/.test(l.why ?? ''));
  assert.notDeepEqual((await gateway.request('GET', '/v1/trust-bundle')).body, good);
});

test('root keys put right at a SIGHUP are enough: a bundle that they refused is looked at again', async (t) => {
  const site = await Site.start(t, { licences: 5, gateway: false });
  await makeTrust(site);
  const roots = site.read('roots.jwks');
  await site.jwb('key', 'create', '--use', 'root', '--file', site.path('stranger.jwks'));
  await site.jwb('key', 'publish', '--use', 'root', '--file', site.path('stranger.jwks'), '--out', site.path('roots.jwks'));
  const gateway = site.gateway = await site.startGateway('gateway');
  await gateway.waitForLog((l) => /not by a root key/.test(l.why ?? ''));
  assert.equal((await gateway.request('GET', '/v1/trust-bundle')).status, 503);
  site.write('roots.jwks', roots);
  gateway.child.kill('SIGHUP');
  assert.equal((await published(gateway, '/v1/trust-bundle')).status, 200);
});

test('from a registry that went back no list is made, until it is put right', async (t) => {
  const w = await world(t), { site } = w;
  const [{ id }] = (await w.gateway.licences(await site.token('holder'))).filter((l) => l.status === 'valid');
  const { list: L, index } = (await placeOf(site, w.gateway, id));
  const bits = (answer) => bitsAt(zlib.inflateSync(claims(answer.body).get(65533).get('lst')), index);
  assert.equal(bits(await published(w.gateway, `/v1/status-lists/${L}`, { token: w.inspector })), 0);
  await run('sqlite3', ['-cmd', '.timeout 5000', site.path('registry.db'), `.backup ${site.path('backup.db')}`]);
  await site.jwb('hold', 'place', id, '--agency', 'traffic-police', '--case', 'A-1');
  await until(() => list(w), (answer) => bits(answer) === 2);
  await site.gateway.stop();
  for (const end of ['-wal', '-shm']) fs.rmSync(site.path(`registry.db${end}`), { force: true });
  fs.copyFileSync(site.path('backup.db'), site.path('registry.db'));
  await site.redis('FLUSHALL');
  w.gateway = site.gateway = await site.startGateway('gateway');
  assert.equal((await w.gateway.request('GET', '/readyz', { internal: true })).status, 503);
  assert.equal((await list(w)).status, 503);
  await site.jwb('registry', 'restored');
  assert.equal(bits(await published(w.gateway, `/v1/status-lists/${L}`, { token: w.inspector })), 2);
});

test('without a key for lists, or a bundle, there is a 503 that says so', async (t) => {
  const site = await Site.start(t, { licences: 5, gateway: false });
  const [status] = (await site.jwb('key', 'list')).split('\n').find((line) => / status /.test(line)).split(/\s+/);
  await site.jwb('key', 'revoke', status);
  site.gateway = await site.startGateway('gateway');
  const inspector = await site.token('inspector');
  for (const target of ['/v1/trust-bundle', '/v1/status-lists/0']) {
    const answer = await site.gateway.request('GET', target, { token: inspector });
    assert.deepEqual([answer.status, answer.json().code, answer.headers['retry-after']], [503, 'not_published', '1'], target);
  }
});
