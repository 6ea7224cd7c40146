// Trust bundles: made of what there is, made anew when that changes, signed here or elsewhere.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { refuses, tool } from './lib/tool.mjs';

const DAY = 86400;
const show = async (site, file = 'trust.bundle') => JSON.parse(await site.jwb('bundle', 'show', site.path(file), '--json'));
const make = (site, ...flags) => site.jwb('bundle', 'make', '--root', site.path('root.jwks'), ...flags);

async function siteWithRoot(t, options = {}) {
  const site = await tool(t, { licences: 20, ...options });
  await site.jwb('key', 'create', '--use', 'root', '--file', site.path('root.jwks'));
  await site.jwb('key', 'publish', '--use', 'root', '--file', site.path('root.jwks'), '--out', site.path('roots.jwks'));
  return site;
}
const kidsOf = (site, file) => JSON.parse(site.read(file)).keys.map(({ kid }) => kid);

test('a bundle that lacked a key, a name or a list would make terminals refuse honest people', async (t) => {
  const site = await siteWithRoot(t);
  assert.match(await make(site), /trust\.bundle: made, version \d+, /);
  const bundle = await show(site);
  const [root] = kidsOf(site, 'root.jwks');
  assert.equal(bundle.signed_by, root);
  assert.equal(bundle.expires - bundle.not_before, 7 * DAY);
  assert.equal(bundle.version, bundle.not_before);
  assert.deepEqual(bundle.keys.map(({ kid }) => kid).sort(), [...kidsOf(site, 'codes.jwks'), root].sort());
  assert.deepEqual([...new Set(bundle.keys.map(({ use }) => use))].sort(), ['code', 'receipt', 'root', 'status', 'webhook']);
  assert.deepEqual(bundle.revoked, []);
  assert.deepEqual(bundle.lists, [{ list: 0, uri: 'https://localhost:8443/v1/status-lists/0' }]);
  assert.deepEqual([bundle.life_max_s, bundle.future_s, bundle.past_s], [300, 60, 30]);
  const codes = new Set(site.records.map(({ ZZLXDM }) => ZZLXDM));
  assert.deepEqual(new Set(bundle.types.map(({ code }) => code)), codes);
  for (const { code, name } of bundle.types)
    assert.equal(name, site.records.find(({ ZZLXDM }) => ZZLXDM === code).ZZMC);
  assert.ok(bundle.issuers.length > 0 && bundle.issuers.every(({ name, index }, i) => name && index === i));
  assert.match(await site.jwb('bundle', 'show', site.path('trust.bundle'), '--roots', site.path('roots.jwks')), /^signature {4}genuine$/m);
});

test('a bundle that is made anew without a need would cost each terminal a fetch, one that is not would leave it behind', async (t) => {
  const site = await siteWithRoot(t);
  await make(site);
  const first = site.read('trust.bundle');
  assert.match(await make(site), /is as it should be/);
  assert.deepEqual(site.read('trust.bundle'), first);
  const { version } = await show(site);

  await make(site, '--force');
  const forced = await show(site);
  assert.ok(forced.version > version);

  const kid = (await site.jwb('key', 'create', '--unpublished')).slice(0, 8);
  assert.match(await make(site), /is as it should be/, 'a key that is not published changes nothing');
  await site.jwb('key', 'publish', kid);
  await make(site);
  const next = await show(site);
  assert.ok(next.version > forced.version);
  assert.ok(next.keys.some((key) => key.kid === kid));

  site.config('gateway', { trust: { future_s: 90 } });
  await make(site);
  assert.equal((await show(site)).future_s, 90);
  await make(site, '--force', '--life', '1');
  assert.equal((await show(site)).expires - (await show(site)).not_before, DAY);
});

test('a bundle that was left to its end would leave terminals without one while they have no network', async (t) => {
  const site = await siteWithRoot(t);
  await make(site, '--life', '2');
  const makeIn = (hours) => site.jwb('bundle', 'make', '--root', site.path('root.jwks'), { clock: `+${hours}h` });
  assert.match(await makeIn(23), /is as it should be/);
  assert.match(await makeIn(25), /: made, version/);
});

test('keys that nothing needs any more would fill the bundle, and one day none could be made', async (t) => {
  const site = await siteWithRoot(t);
  const past = async (use, end) => (await site.jwb('key', 'create', '--use', use, '--until', String(Math.floor(Date.now() / 1000) - end * DAY),
    { clock: '-100d' })).slice(0, 8);
  const [code, stolen, status, receipt, recent] = [await past('code', 40), await past('code', 40), await past('status', 40),
    await past('receipt', 40), await past('code', 31)];
  await site.jwb('key', 'revoke', stolen);
  await make(site);
  const { keys, revoked } = await show(site);
  const kids = keys.map(({ kid }) => kid);
  assert.deepEqual([code, status, receipt, recent].map((kid) => kids.includes(kid)), [false, false, true, true]);
  assert.deepEqual(revoked, [stolen]);
});

test('a key that was revoked and is believed again by a later bundle would let its thief go on', async (t) => {
  const site = await siteWithRoot(t);
  const kid = (await site.jwb('key', 'create')).slice(0, 8);
  const before = site.read('codes.jwks');
  await make(site);
  await site.jwb('key', 'revoke', kid);
  await make(site);
  const revoked = await show(site);
  assert.deepEqual(revoked.revoked, [kid]);
  assert.ok(!revoked.keys.some((key) => key.kid === kid));
  site.write('codes.jwks', before); // as from a backup: there it is a good key
  await make(site, '--force');
  assert.deepEqual((await show(site)).revoked, [kid]);
  assert.ok(!(await show(site)).keys.some((key) => key.kid === kid));
});

test('a root key that lies elsewhere signs the same bundle, and shows before what it is', async (t) => {
  const site = await siteWithRoot(t);
  await make(site);
  const here = await show(site);
  await site.jwb('bundle', 'draft', site.path('draft'));
  const draft = await show(site, 'draft');
  assert.equal(draft.signature, 'none');
  assert.deepEqual(draft.keys, here.keys.filter(({ use }) => use !== 'root'));
  const elsewhere = await site.tryJwb('bundle', 'sign', site.path('draft'), '--root', site.path('root.jwks'),
    '--out', site.path('signed'), { config: 'none' });
  assert.equal(elsewhere.code, 0, elsewhere.stderr);
  assert.match(elsewhere.stdout, /signature {4}none: this is a draft[^]*signed: signed, version/);
  const signed = await show(site, 'signed');
  assert.ok(signed.version > here.version);
  for (const name of ['signed_by', 'keys', 'revoked', 'types', 'issuers', 'lists'])
    assert.deepEqual(signed[name], here[name], name);
  await site.jwb('bundle', 'show', site.path('signed'), '--roots', site.path('roots.jwks'));
});

test('a root key on SM2\'s curve signs too', async (t) => {
  const site = await tool(t, { licences: 5 });
  await site.jwb('key', 'create', '--use', 'root', '--alg', 'SM2', '--file', site.path('root.jwks'));
  await site.jwb('key', 'publish', '--use', 'root', '--file', site.path('root.jwks'), '--out', site.path('roots.jwks'));
  await make(site);
  assert.match(await site.jwb('bundle', 'show', site.path('trust.bundle'), '--roots', site.path('roots.jwks')),
    /^signature {4}genuine\nby {11}[0-9a-f]{8} \(SM2\)$/m);
});

test('a root key in a hardware module signs too', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'jwb-hsm-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  fs.writeFileSync(path.join(folder, 'softhsm2.conf'), `directories.tokendir = ${folder}\nobjectstore.backend = file\n`);
  fs.writeFileSync(path.join(folder, 'pin'), '12345678\n', { mode: 0o600 });
  process.env.SOFTHSM2_CONF = path.join(folder, 'softhsm2.conf');
  execFileSync('softhsm2-util', ['--init-token', '--free', '--label', 'root', '--so-pin', '87654321', '--pin', '12345678']);
  const site = await tool(t, { licences: 5 });
  site.config('gateway', { hsm: { module: '/usr/lib/softhsm/libsofthsm2.so', token: 'root', pin: path.join(folder, 'pin') } });
  await site.jwb('key', 'create', '--use', 'root', '--pkcs11', 'root 1', '--file', site.path('root.jwks'));
  await site.jwb('key', 'publish', '--use', 'root', '--file', site.path('root.jwks'), '--out', site.path('roots.jwks'));
  await make(site);
  await site.jwb('bundle', 'show', site.path('trust.bundle'), '--roots', site.path('roots.jwks'));
});

test('a bundle by another root, or an altered one, is told apart from a genuine one', async (t) => {
  const site = await siteWithRoot(t);
  await make(site);
  await site.jwb('key', 'create', '--use', 'root', '--file', site.path('other.jwks'));
  await site.jwb('key', 'publish', '--use', 'root', '--file', site.path('other.jwks'), '--out', site.path('others.jwks'));
  const checked = (file, roots) => site.tryJwb('bundle', 'show', site.path(file), '--roots', site.path(roots));
  const stranger = await checked('trust.bundle', 'others.jwks');
  assert.equal(stranger.code, 1);
  assert.match(stranger.stdout, /^signature {4}unknown_key/);
  const altered = site.read('trust.bundle');
  altered[altered.length - 1] ^= 1;
  fs.writeFileSync(site.path('altered'), altered);
  const forged = await checked('altered', 'roots.jwks');
  assert.equal(forged.code, 1);
  assert.match(forged.stdout, /^signature {4}bad_signature/);
});

test('what is no root key, no draft or no bundle is refused, and what is there stays', async (t) => {
  const site = await siteWithRoot(t);
  await make(site);
  const before = site.read('trust.bundle');
  site.write('garbage', 'garbage');
  const [root, codes, garbage] = ['root.jwks', 'codes.jwks', 'garbage'].map((name) => site.path(name));
  await refuses(site, [
    [['bundle', 'make'], 2, /--root is missing/],
    [['bundle', 'make', '--root', codes], 1, /codes\.jwks has no root keys/],
    [['bundle', 'make', '--root', site.path('none')], 1, /none: No such file/],
    [['bundle', 'make', '--root', root, '--life', '0'], 2, /--life/],
    [['bundle', 'make', '--root', root, '--out', garbage], 1, /garbage is no trust bundle; .* revoked keys would be lost/],
    [['bundle', 'sign', garbage, '--root', root, '--out', site.path('signed')], 1, /garbage is no draft/],
    [['bundle', 'sign', site.path('trust.bundle'), '--root', root, '--out', site.path('signed')], 1, /is no draft/],
    [['bundle', 'show', garbage], 1, /garbage is no trust bundle/],
  ]);
  assert.deepEqual(site.read('trust.bundle'), before);
  assert.equal(site.read('garbage').toString(), 'garbage');
  assert.ok(!fs.existsSync(site.path('signed')));
});
