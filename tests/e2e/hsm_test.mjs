// Signing keys in a hardware security module (SoftHSM2): codes and receipts are signed there, and what
// it does when it fails costs signatures alone, for as long as it fails.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { verifyReceipt } from '../independent/receipts.mjs';
import { verifyText } from '../independent/verifier.mjs';
import { Site, until } from './lib/site.mjs';

const MODULE = '/usr/lib/softhsm/libsofthsm2.so';
const now = () => Math.floor(Date.now() / 1000);

// A token of this test's own. SoftHSM reads where it is from its environment.
function makeToken(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'jwb-hsm-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  fs.mkdirSync(path.join(folder, 'tokens'));
  fs.writeFileSync(path.join(folder, 'softhsm2.conf'),
    `directories.tokendir = ${folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n`);
  process.env.SOFTHSM2_CONF = path.join(folder, 'softhsm2.conf');
  execFileSync('softhsm2-util', ['--init-token', '--free', '--label', 'jwb', '--so-pin', '87654321', '--pin', '12345678']);
  fs.writeFileSync(path.join(folder, 'pin'), '12345678\n', { mode: 0o600 });
  const token = path.join(folder, 'tokens', fs.readdirSync(path.join(folder, 'tokens'))[0]);
  return { folder, config: { module: MODULE, token: 'jwb', pin: path.join(folder, 'pin') },
    objects: () => fs.readdirSync(token).filter((name) => name.endsWith('.object')).map((name) => path.join(token, name)) };
}

// A site all of whose keys are in the token but the log's.
async function start(t, options = {}) {
  const hsm = makeToken(t);
  const site = await Site.start(t, { ...options, gateway: false, config: { hsm: hsm.config, loops: { count: 2, workers: 4 } } });
  fs.rmSync(site.path('codes.jwks'));
  const made = {};
  for (const use of ['code', 'receipt', 'webhook', 'status']) {
    const before = hsm.objects();
    await site.jwb('key', 'create', '--use', use, '--pkcs11', `${use}s 1`);
    made[use] = hsm.objects().filter((name) => !before.includes(name));
  }
  const gateway = await site.startGateway('gateway');
  const holder = await site.token('holder');
  const { id } = (await gateway.licences(holder)).find((l) => l.status === 'valid');
  return { site, hsm, made, gateway, holder, display: () => gateway.json('POST', '/v1/codes', holder, { licence: id }) };
}

test('codes and receipts are signed in the token, and verified like any others', async (t) => {
  const { site, gateway, holder } = await start(t);
  const { keys } = JSON.parse(site.read('codes.jwks'));
  assert.ok(keys.length === 4 && keys.every((key) => key.d === undefined));
  assert.equal(keys[0].pkcs11, 'pkcs11:token=jwb;object=codes%201;type=private');
  assert.match(await site.jwb('key', 'list'), /signs now .* pkcs11:token=jwb/);
  const jwks = (await gateway.request('GET', '/.well-known/jwks.json')).json();
  assert.equal(JSON.stringify(jwks).includes('pkcs11'), false, 'where a key is, is nobody\'s business');

  const codes = await Promise.all(Array.from({ length: 64 }, () => gateway.display(holder)));
  for (const code of codes) assert.equal((await verifyText(code, { jwks, now: now() })).result, 'ok');
  site.write('jwks.json', JSON.stringify(jwks));
  assert.equal((await site.tryJwb('code', 'verify', codes[0], '--jwks', site.path('jwks.json'))).code, 0, 'by mbedTLS');
  const told = await gateway.verdict(codes[1], await site.token('partner'));
  assert.equal(told.result, 'valid');
  assert.equal((await verifyReceipt(Buffer.from(told.receipt, 'base64url'), jwks)).result, 'ok');
  const inspector = await site.token('inspector');
  const seized = await gateway.json('POST', '/v1/enforcement/actions', inspector,
    { licence: site.records[0].ZZBH, action: 'seize', case_number: '2026-17', reason: 'a test' },
    { 'idempotency-key': crypto.randomUUID() });
  const { receipt, id } = seized.json();
  site.write('receipt.cose', Buffer.from(receipt, 'base64url'));
  assert.equal((await site.tryJwb('receipt', 'check', site.path('receipt.cose'))).code, 0);
  const pdf = await gateway.request('GET', `/v1/enforcement/actions/${id}/receipt`, { token: inspector, headers: { accept: 'application/pdf' } });
  assert.equal(pdf.status, 200);
  await site.redis('FLUSHALL');
  for (const code of codes.slice(0, 8)) assert.equal((await gateway.verdict(code)).reason, 'licence_seized', 'authentic');
});

test('a token whose key is gone costs signatures alone, and they come back by themselves', async (t) => {
  const { site, made, gateway, holder, display } = await start(t);
  // SoftHSM looks for what others changed when somebody made a key.
  let bumps = 0;
  const bump = () => site.jwb('key', 'create', '--unpublished', '--pkcs11', `bump ${++bumps}`, '--file', site.path('others.jwks'));
  const move = (names, from, to) => { for (const name of names) fs.renameSync(name + from, name + to); };
  const code = await gateway.display(holder);
  for (let round = 0; round < 2; round++) {
    move(made.code, '', '.away');
    await bump();
    const refused = await until(display, (answer) => answer.status !== 201);
    assert.deepEqual([refused.status, refused.json().code], [503, 'signing_unavailable']);
    assert.ok(refused.headers['retry-after'] > 0);
    assert.equal((await gateway.verdict(code)).result, 'valid', 'verifying needs no token');
    assert.ok(await gateway.metric('signing_failures_total') > 0);
    move(made.code, '.away', '');
    await bump();
    await until(display, (answer) => answer.status === 201);
  }
  assert.equal(gateway.log.filter((line) => line.level === 'error').length <= 2 * 2, true, 'told once, by each loop');
  assert.equal((await gateway.verdict(await gateway.display(holder))).result, 'valid');
});

test('a gateway does not start on a token or key that is not there, and says why', async (t) => {
  const { site, hsm } = await start(t);
  const config = (hsmConfig, codes = 'codes.jwks') => site.config('broken', { ...(hsmConfig && { hsm: hsmConfig }), keys: { codes } });
  const fails = (why) => assert.rejects(site.startGateway('broken'), why);
  config({ ...hsm.config, token: 'another' });
  await fails(/no token labelled 'another'/);
  config({ ...hsm.config, module: '/nowhere/module.so' });
  await fails(/jwb-gateway: .*module/);
  config({ ...hsm.config, pin: 'none' });
  await fails(/none: No such file/);
  config(undefined);
  await fails(/hsm\.module, hsm\.token and hsm\.pin must name it/);
  const text = site.read('codes.jwks').toString();
  site.write('wrong.jwks', text.replace('codes%201', 'codes%202'));
  config(hsm.config, 'wrong.jwks');
  await fails(/no private key, or several/);
  site.write('wrong.jwks', text.replace('codes%201', 'receipts%201'));
  await fails(/not the public key's other half/);
  for (const [args, why] of [
    [['--pkcs11', 'codes 1'], /label/],
    [['--pkcs11', 'x', '--alg', 'SM2'], /no SM2 by any standard/]]) {
    const { code, stderr } = await site.tryJwb('key', 'create', ...args);
    assert.ok(code > 0);
    assert.match(stderr, why);
  }
});
