// A city under commercial-cryptography assessment: the main job on SM2, SM3 and SM4 alone, each
// signature verified by a library that shares no code with ours (npm's sm-crypto).
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import test from 'node:test';
import { decode, encode } from 'cborg';
import sm from 'sm-crypto';
import { digitsOfText, octetsOfDigits } from '../independent/verifier.mjs';
import { Hooks } from './lib/hooks.mjs';
import { Site } from './lib/site.mjs';

const SM2 = -65601;
const CHINESE = {
  keys: { algorithm: 'SM2', cipher: 'sm4-ctr-hmac-sm3' },
  registry: { cipher: 'sm4-ctr-hmac-sm3' },
};

const jwksOf = async (gateway) => (await gateway.request('GET', '/.well-known/jwks.json')).json().keys;
const pointOf = ({ x, y }) => '04' + Buffer.from(x, 'base64url').toString('hex') + Buffer.from(y, 'base64url').toString('hex');
// By GB/T 32918 with the distinguishing id 1234567812345678, which is sm-crypto's default.
const isSm2 = (jwk, octets, signature) =>
  sm.sm2.doVerifySignature([...octets], Buffer.from(signature).toString('hex'), pointOf(jwk), { der: false, hash: true });

const cbor = (octets) => decode(octets, { useMaps: true, tags: { 18: (value) => value } });
// Is this COSE_Sign1, tagged or not, signed with SM2 by a key of this use in the gateway's set?
async function assertSigned(gateway, message, use) {
  const [protectedHeader, , payload, signature] = cbor(message);
  const header = cbor(protectedHeader);
  assert.equal(header.get(1), SM2);
  const kid = Buffer.from(header.get(4)).toString('hex');
  const jwk = (await jwksOf(gateway)).find((key) => key.kid === kid);
  assert.deepEqual([jwk.kty, jwk.crv, jwk.alg, jwk.jwb_use], ['EC', 'SM2', 'SM2', use]);
  const signed = encode(['Signature1', protectedHeader, new Uint8Array(), payload]);
  assert.equal(isSm2(jwk, signed, signature), true);
  const forged = Buffer.from(signed);
  forged[forged.length - 1] ^= 1;
  assert.equal(isSm2(jwk, forged, signature), false);
  return cbor(payload);
}

test('a city on SM2 alone displays, scans, seizes and tells as any other', async (t) => {
  const site = await Site.start(t, { config: { ...CHINESE, webhooks: { ca: 'server.pem' } } });
  const { gateway } = site;
  const hooks = await Hooks.start(t, site);
  await site.client('police-system', { role: 'issuer', organisation: site.records[0].ZZBFJGDM });
  await site.jwb('client', 'webhook', 'police-system', '--url', hooks.url);
  assert.ok((await jwksOf(gateway)).every((key) => key.alg === 'SM2'), 'no key of another kind');
  const holder = await site.token('holder'), inspector = await site.token('inspector'), partner = await site.token('partner');

  // What a partner is told.
  const told = await gateway.verdict(await gateway.display(holder), partner);
  await assertSigned(gateway, Buffer.from(told.receipt, 'base64url'), 'receipt');

  // The code: valid for an inspector, authentic for a device and for sm-crypto.
  const code = await gateway.display(holder);
  const verdict = await gateway.verdict(code, inspector);
  assert.equal(verdict.result, 'valid');
  assert.equal(verdict.licence.holder_name, site.records[0].CZZT, 'the face was sealed and opened');
  const claims = await assertSigned(gateway, octetsOfDigits(digitsOfText(code)), undefined);
  assert.ok(claims.has(-65537));
  site.write('jwks.json', JSON.stringify({ keys: await jwksOf(gateway) }));
  assert.equal((await site.tryJwb('code', 'verify', code, '--jwks', site.path('jwks.json'))).code, 0, 'by mbedTLS');
  await site.redis('FLUSHALL'); // so that its signature is checked
  assert.equal((await gateway.verdict(code)).result, 'valid');
  const digits = digitsOfText(code), forged = code.slice(0, -digits.length) + digits.slice(0, -1) + (9 - digits.at(-1));
  assert.ok(['bad_signature', 'malformed'].includes((await gateway.verdict(forged)).reason));

  // A seizure, its receipt, and what the authority is told of it.
  const seized = (await gateway.json('POST', '/v1/enforcement/actions', inspector,
    { licence: site.records[0].ZZBH, action: 'seize', case_number: '2026-17', reason: 'a test' },
    { 'idempotency-key': crypto.randomUUID() })).json();
  await assertSigned(gateway, Buffer.from(seized.receipt, 'base64url'), 'receipt');
  assert.equal((await gateway.verdict(code)).reason, 'licence_seized');
  const checked = await site.tryJwb('receipt', 'check', '-', { input: `jwb-receipt:${seized.receipt}` });
  assert.equal(checked.code, 0, checked.stderr);
  const [message] = await hooks.messages(1);
  const [, kid, signature] = /^sm2 ([0-9a-f]{8}) ([\w-]{86})$/.exec(message.signature);
  const jwk = (await jwksOf(gateway)).find((key) => key.kid === kid);
  assert.equal(jwk.jwb_use, 'webhook');
  assert.equal(isSm2(jwk, Buffer.from(`${message.id}.${message.time}.${message.text}`), Buffer.from(signature, 'base64url')), true);
});

test('a city that changes to SM2 keeps the codes it has displayed', async (t) => {
  const site = await Site.start(t, { config: { code: { life_s: 300 } } });
  const { gateway } = site;
  const holder = await site.token('holder');
  const before = await gateway.display(holder);
  for (const use of ['code', 'receipt', 'webhook', 'status']) await site.jwb('key', 'create', '--use', use, '--alg', 'SM2');
  const states = async () => (await site.jwb('key', 'list')).trim().split('\n').map((line) => line.split(/ {2,}/).slice(2, 4));
  assert.ok((await states()).every(([state, alg]) => state === (alg === 'SM2' ? 'stands by' : 'signs now')));
  const reload = async () => {
    const from = gateway.log.length;
    gateway.child.kill('SIGHUP');
    assert.equal((await gateway.waitForLog((line) => /^reload/.test(line.event), from)).event, 'reloaded');
  };
  await reload();
  assert.equal(cbor(octetsOfDigits(digitsOfText(await gateway.display(holder))))[0].length, cbor(octetsOfDigits(digitsOfText(before)))[0].length);
  site.config('gateway', { code: { life_s: 300 }, keys: { algorithm: 'SM2' } });
  await reload();
  const after = await gateway.display(holder);
  await assertSigned(gateway, octetsOfDigits(digitsOfText(after)), undefined);
  await site.redis('FLUSHALL');
  for (const code of [before, after]) assert.equal((await gateway.verdict(code)).result, 'valid');
  assert.ok((await states()).every(([state, alg]) => state === (alg === 'SM2' ? 'signs now' : 'stands by')));
});
