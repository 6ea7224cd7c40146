// The page's verifier (web/code.mjs), a second one of the same specification, replays the vectors of
// docs/PROTOCOL.md section 12. SM2, which browsers lack, is plugged in.
import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { encode, rfc8949EncodeOptions } from 'cborg';
import sm from 'sm-crypto';
import { doubtOf, readBundle } from '../../web/bundle.mjs';
import { hex, Malformed } from '../../web/cbor.mjs';
import { digitsOf, octetsOf, readOctets, verify, verifyMessage } from '../../web/code.mjs';
import { decide, readAnswer } from '../../web/verdict.mjs';
import { words } from '../../web/words.mjs';
import { ES256, isSignedBy, kidOf, SM2, verifyByWebCrypto } from '../../web/cose.mjs';

globalThis.crypto ??= webcrypto; // Node 18 has it in node:crypto alone

const VECTORS = new URL('../vectors/', import.meta.url);
const readJson = (name) => JSON.parse(readFileSync(new URL(name, VECTORS), 'utf8'));
const octetsOfHex = (text) => new Uint8Array(Buffer.from(text, 'hex'));

async function verifySignature(key, signed, signature) {
  if (key.alg === ES256) return verifyByWebCrypto(key, signed, signature);
  return sm.sm2.doVerifySignature(Array.from(signed), hex(signature), hex(key.publicKey),
    { hash: true, userId: '1234567812345678' });
}

// The page has its keys from bundles; a key set says the same of a key.
const pointOf = ({ x, y }) =>
  new Uint8Array(Buffer.concat([Buffer.of(4), ...[x, y].map((c) => Buffer.from(c, 'base64url'))]));
const keysOf = ({ keys }) => new Map(keys.map((jwk) => [jwk.kid, {
  alg: jwk.alg === 'SM2' ? SM2 : ES256, use: jwk.jwb_use ?? 'code', publicKey: pointOf(jwk),
  useFrom: jwk.nbf ?? 0, retireAt: jwk.exp ?? Infinity }]));

function optionsOf({ now, future_s: future, past_s: past, revoked_kids: revoked }, keys) {
  return { keys, revoked: new Set(revoked), now, future, past, verifySignature };
}

const wordOf = ({ result, reason }) => (result === 'authentic' ? 'ok' : reason);

test('codes.json: a reader that differs from the gateway would tell a phone something else than a terminal', async (t) => {
  const { jwks, vectors } = readJson('codes.json');
  const keys = keysOf(jwks);
  for (const vector of vectors) {
    const { name, text, cose, expect } = vector;
    const options = optionsOf(vector, keys);
    const answers = [await verify(text, options)];
    if (cose !== undefined) {
      assert.equal(hex(octetsOf(digitsOf(text))), cose, name);
      if (expect.result !== 'malformed') answers.push(await verifyMessage(readOctets(octetsOfHex(cose)), options));
    }
    for (const answer of answers) {
      assert.equal(wordOf(answer), expect.result, name);
      if (expect.result === 'ok') assert.deepEqual(answer.claims, expect.claims, name);
      else if (expect.result !== 'licence_expired') assert.equal(answer.claims, null, `${name}: content without a signature`);
    }
  }
  t.diagnostic(`${vectors.length} codes agree`);
});

test('signatures.json: a signature\'s twin, or one out of range, would make a second valid form of a code', async (t) => {
  const { key, codes } = readJson('signatures.json');
  const publicKey = { alg: ES256, publicKey: pointOf(key) };
  for (const { name, cose, result } of codes) {
    const isGood = await isSignedBy(publicKey, readOctets(octetsOfHex(cose)), verifySignature);
    assert.equal(isGood ? 'ok' : 'bad_signature', result, name);
  }
  t.diagnostic(`${codes.length} signatures agree`);
});

test('digits.json: octets with two texts, or none, would make codes that some verifiers read and others not', (t) => {
  const { pairs, refused } = readJson('digits.json');
  for (const { bytes, digits } of pairs) assert.equal(hex(octetsOf(digits)), bytes);
  for (const digits of refused) assert.throws(() => octetsOf(digits), { message: /./ }, digits);
  t.diagnostic(`${pairs.length} pairs and ${refused.length} refusals agree`);
});

test('jwks.json: a kid that is computed otherwise would make every bundle malformed', async (t) => {
  const sets = readJson('jwks.json').sets.filter(({ expect }) => expect.result === 'ok');
  const jwks = sets.flatMap(({ jwks: { keys }, expect }) =>
    expect.keys.map(({ kid }) => keys.find((key) => key.kid === kid && ['P-256', 'SM2'].includes(key.crv))));
  for (const jwk of jwks) assert.equal(await kidOf(jwk.crv === 'SM2' ? SM2 : ES256, pointOf(jwk)), jwk.kid);
  t.diagnostic(`${jwks.length} kids agree`);
});

test('without SM2 a code under an SM2 key is left to the gateway, and nothing of it is shown', async () => {
  const { jwks, vectors } = readJson('codes.json');
  const vector = vectors.find(({ name }) => name === 'typical');
  const keys = keysOf(jwks);
  const cannot = async () => null;
  const answer = await verify(vector.text, { ...optionsOf(vector, keys), verifySignature: cannot });
  assert.deepEqual(answer, { result: 'unchecked', reason: null, claims: null });
});

// ---------------------------------------------------------------------------------------------
// Trust bundles, made here with a general CBOR library

const NOW = 1750000000;
const cbor = (value) => Buffer.from(encode(value, rfc8949EncodeOptions));
const P256_N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

async function makeEs256(use) {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const publicKey = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
  const sign = async (data) => {
    const signature = Buffer.from(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, pair.privateKey, data));
    const s = BigInt(`0x${hex(signature.subarray(32))}`);
    const low = s > P256_N / 2n ? P256_N - s : s; // WebCrypto writes either
    return Buffer.concat([signature.subarray(0, 32), octetsOfHex(low.toString(16).padStart(64, '0'))]);
  };
  return { use, alg: ES256, publicKey, sign, kid: await kidOf(ES256, publicKey) };
}

async function makeSm2(use) {
  const { privateKey, publicKey: point } = sm.sm2.generateKeyPairHex();
  const publicKey = octetsOfHex(point);
  const sign = async (data) => octetsOfHex(sm.sm2.doSignature(Array.from(data), privateKey,
    { hash: true, publicKey: point, userId: '1234567812345678' }));
  return { use, alg: SM2, publicKey, sign, kid: await kidOf(SM2, publicKey) };
}

const rowOf = ({ kid, alg, publicKey }, use) => [octetsOfHex(kid), use, alg, publicKey, 0, NOW, 0xffffffff];

function contentOf(codeKey, changes = {}) {
  const members = { 1: NOW, 2: NOW, 3: NOW + 604800, 4: [rowOf(codeKey, 0)], 5: [octetsOfHex('00000001'), octetsOfHex('00000002')],
    6: [[3, 'fictional-type', '机动车驾驶证', 'Driving licence']], 7: [[412, 'fictional-issuer', '示例市公安局', '']],
    8: [[0, 'https://jwb.example/v1/status-lists/0']], 9: [300, 60, 30], ...changes };
  return new Map(Object.entries(members).map(([key, value]) => [Number(key), value]));
}

async function makeBundle(root, content, type = 'application/jwb-trust+cbor') {
  const header = cbor(new Map([[1, root.alg], [4, octetsOfHex(root.kid)], [16, type]]));
  const payload = Buffer.isBuffer(content) ? content : cbor(content);
  const signature = await root.sign(cbor(['Signature1', header, Buffer.alloc(0), payload]));
  return new Uint8Array(Buffer.concat([Buffer.of(0xd2), cbor([header, new Map(), payload, signature])]));
}

test('a bundle that is not read would leave the page without keys: of either algorithm, under a pinned root', async () => {
  for (const make of [makeEs256, makeSm2]) {
    const [root, other, codeKey] = [await make('root'), await make('root'), await make('code')];
    const octets = await makeBundle(root, contentOf(codeKey));
    const pinned = (key) => ({ roots: new Map([[key.kid, key]]), verifySignature });
    const bundle = await readBundle(octets, pinned(root));
    const { alg, use, useFrom, retireAt } = bundle.keys.get(codeKey.kid);
    assert.deepEqual([alg, use, useFrom, retireAt], [codeKey.alg, 'code', NOW, Infinity]);
    assert.deepEqual(bundle.types.get(3),
      { index: 3, code: 'fictional-type', name: '机动车驾驶证', english: 'Driving licence' });
    assert.deepEqual([...bundle.revoked], ['00000001', '00000002']);
    assert.deepEqual([bundle.lifeMax, bundle.future, bundle.past], [300, 60, 30]);
    await assert.rejects(readBundle(octets, pinned(other)), /root key/);
    await assert.rejects(readBundle(octets, pinned({ ...root, use: 'code' })), /root key/);
    octets[octets.length - 40] ^= 1;
    await assert.rejects(readBundle(octets, pinned(root)), /root key/);
  }
});

test('a bundle that is read leniently would be another one to a terminal', async () => {
  const root = await makeEs256('root'), codeKey = await makeEs256('code'), wrongKid = { ...codeKey, kid: '00000003' };
  const refused = {
    'a key whose kid is not its thumbprint': { 4: [rowOf(wrongKid, 0)] },
    'a key twice': { 4: [rowOf(codeKey, 0), rowOf(codeKey, 1)] },
    'a revoked key among the keys': { 5: [octetsOfHex(codeKey.kid)] },
    'an evidence key': { 4: [rowOf(codeKey, 3)] },
    'revoked kids out of order': { 5: [octetsOfHex('00000002'), octetsOfHex('00000001')] },
    'a type twice': { 6: [[3, 'a', 'b', ''], [3, 'c', 'd', '']] },
    'types out of order': { 6: [[4, 'a', 'b', ''], [3, 'c', 'd', '']] },
    'a control character': { 6: [[3, 'a', 'b\u0085', '']] },
    'a list out of range': { 8: [[65536, 'https://jwb.example/']] },
    'a time that ends before it begins': { 2: NOW + 1, 3: NOW + 1 },
    'version 0': { 1: 0 },
    'a life longer than a code may have': { 9: [301, 60, 30] },
    'a limit too many': { 9: [300, 60, 30, 0] },
    'a member too many': { 10: 0 },
  };
  for (const [name, changes] of Object.entries(refused))
    await assert.rejects(async () => readBundle(await makeBundle(root, contentOf(codeKey, changes))), Malformed, name);
  const otherType = await makeBundle(root, contentOf(codeKey), 'application/statuslist+cwt');
  await assert.rejects(readBundle(otherType), Malformed);
  const payload = cbor(contentOf(codeKey));
  const longer = Buffer.concat([payload, Buffer.of(0)]);
  const long = Buffer.concat([payload.subarray(0, 2), Buffer.of(0x1b, 0, 0, 0, 0), payload.subarray(3)]);
  assert.equal(payload[2], 0x1a, 'the version, of four octets');
  for (const other of [longer, long]) await assert.rejects(async () => readBundle(await makeBundle(root, other)), Malformed);
  const good = await makeBundle(root, contentOf(codeKey));
  await assert.rejects(readBundle(good.subarray(1)), Malformed, 'without its tag');
  await assert.rejects(readBundle(new Uint8Array([...good, 0])), Malformed, 'with something behind it');
  await assert.rejects(readBundle(new Uint8Array(512 * 1024 + 1)), /too long/);
  for (let at = 0; at < good.length; at++) await assert.rejects(readBundle(good.subarray(0, at)), Malformed, `cut at ${at}`);
});

test('a bundle out of its time, or a clock before it, would let old keys vouch', async () => {
  const bundle = { notBefore: NOW, expires: NOW + 100 };
  const doubts = [-61, -60, 0, 99, 100].map((at) => doubtOf(bundle, NOW + at));
  assert.deepEqual(doubts, ['clock_untrusted', null, null, null, 'trust_stale']);
  const { jwks, vectors } = readJson('codes.json');
  const vector = vectors.find(({ name }) => name === 'typical');
  const options = optionsOf(vector, keysOf(jwks));
  const answer = await verify(vector.text, { ...options, doubt: 'trust_stale' });
  assert.deepEqual(answer, { result: 'indeterminate', reason: 'trust_stale', claims: null });
  const short = await verify(vector.text, { ...options, past: 0, lifeMax: 9 });
  assert.equal(short.reason, 'code_expired', 'the bundle allows no life of 10 s');
});

// ---------------------------------------------------------------------------------------------
// The phone's own check and the gateway's answer, made into one

const claims = { exp: NOW + 60, type: 3, holder_name: '张*', number_tail: '0417', valid_until: 21000 };
const types = new Map([[3, { name: '机动车驾驶证', english: 'Driving licence' }]]);
const licence = { type: '机动车驾驶证', typeEnglish: '', holderName: '张*', number: '****0417', validUntil: '2027-07-01' };
const LOCALS = {
  authentic: { result: 'authentic', reason: null, claims },
  unchecked: { result: 'unchecked', reason: null, claims: null },
  forged: { result: 'invalid', reason: 'bad_signature', claims: null },
  over: { result: 'invalid', reason: 'licence_expired', claims },
  keyless: { result: 'indeterminate', reason: 'keys_unavailable', claims: null },
};
const GATEWAYS = {
  valid: { result: 'valid', reason: null, licence },
  seized: { result: 'invalid', reason: 'licence_seized', licence },
  unsure: { result: 'indeterminate', reason: 'status_unavailable', licence: null },
  silent: { result: null, reason: 'gateway_unreachable' },
};

test('a page that is green without both of them would call valid what one of them did not', () => {
  const expected = {
    authentic: { valid: 'valid', seized: 'licence_seized', unsure: 'status_unavailable', silent: 'gateway_unreachable' },
    unchecked: { valid: 'valid', seized: 'licence_seized', unsure: 'status_unavailable', silent: 'gateway_unreachable' },
    forged: { valid: 'bad_signature', seized: 'licence_seized', unsure: 'bad_signature', silent: 'bad_signature' },
    over: { valid: 'licence_expired', seized: 'licence_seized', unsure: 'licence_expired', silent: 'licence_expired' },
    keyless: { valid: 'keys_unavailable', seized: 'licence_seized', unsure: 'status_unavailable', silent: 'gateway_unreachable' },
  };
  const withFace = ['authentic valid', 'authentic seized', 'authentic unsure', 'authentic silent', 'unchecked valid',
    'unchecked seized', 'over valid', 'over seized', 'over unsure', 'over silent', 'keyless valid', 'keyless seized'];
  for (const [l, local] of Object.entries(LOCALS)) for (const [g, gateway] of Object.entries(GATEWAYS)) {
    const { result, reason, face } = decide(claims, local, gateway, types, NOW + 59);
    assert.equal(reason ?? result, expected[l][g], `${l}, ${g}`);
    assert.equal(result === 'valid', expected[l][g] === 'valid');
    assert.equal(face !== null, withFace.includes(`${l} ${g}`), `${l}, ${g}: content`);
    const later = decide(claims, local, gateway, types, NOW + 60);
    assert.equal(later.result, 'invalid', 'its life is over');
    assert.equal(later.reason, result === 'invalid' ? reason : 'code_expired');
    assert.equal(later.face, null);
  }
  const { face } = decide(claims, LOCALS.authentic, GATEWAYS.silent, types, NOW);
  assert.deepEqual(face, { ...licence, typeEnglish: 'Driving licence' }, 'of the code alone');
});

test('an answer that is not understood would be green if it only looked like one', () => {
  const good = { result: 'valid', reason: null, as_of: '2026-11-23T20:40:21+08:00', by: 'cache',
    licence: { type: { code: 'x', name: '机动车驾驶证' }, holder_name: '张*', number: '****0417', valid_until: '2027-07-01' } };
  assert.deepEqual(readAnswer(JSON.stringify(good)), { result: 'valid', reason: null, licence, asOf: good.as_of });
  const strange = [{ ...good, result: 'VALID' }, { ...good, reason: 'none' }, { ...good, reason: undefined },
    { ...good, result: 'invalid' }, { ...good, result: 'invalid', reason: 'unheard_of' },
    { ...good, result: undefined, reason: 'constructor' }, { ...good, reason: 'licence_seized' }, {}, [], null, 'valid'];
  for (const body of ['', '<html>', ...strange.map((value) => JSON.stringify(value))])
    assert.deepEqual(readAnswer(body), { result: null, reason: 'gateway_unclear' }, body);
  const odd = readAnswer(JSON.stringify({ ...good, as_of: 5, licence: { type: [], holder_name: {}, valid_until: null } }));
  assert.deepEqual([odd.asOf, odd.licence.holderName, odd.licence.validUntil], [null, '', null]);
});

test('a reason without words would leave a red page that says nothing', () => {
  const table = readFileSync(new URL('../../protocol/status.h', import.meta.url), 'utf8');
  const reasons = [...table.matchAll(/R\(\w+, (?:VALID|INVALID|INDETERMINATE), "(\w+)"\)/g)].map(([, reason]) => reason);
  assert.ok(reasons.length > 20);
  const offline = ['none', 'licence_invalid', 'status_stale']; // of a status list, which the page has not
  for (const reason of reasons.filter((word) => !offline.includes(word))) assert.ok(words[`reason_${reason}`], reason);
  for (const { zh, en } of Object.values(words)) assert.ok(zh && en);
});
