// Replays the vectors of docs/PROTOCOL.md section 12 with the independent verifier, and checks what
// the document says and no vector shows. With JWB_DEMO=folder it verifies the code left there by a
// running gateway, too: code.txt as scanned and the jwks.json it goes with.

import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { encode, rfc8949EncodeOptions } from 'cborg';
import { checkCitizen, checkCreditCode, checkLicence } from './identifiers.mjs';
import {
  digitsOfOctets, digitsOfText, octetsOfDigits, readJwks, readMessage, verifyOctets, verifyText,
} from './verifier.mjs';

const VECTORS = new URL('../vectors/', import.meta.url);
const DEMO = process.env.JWB_DEMO;
const P256_N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const NOW = 1750000010;

function readJson(url) {
  return JSON.parse(readFileSync(url, 'utf8'));
}

function fileExists(name) {
  return existsSync(new URL(name, VECTORS));
}

const hex = (octets) => Buffer.from(octets).toString('hex');

// ---------------------------------------------------------------------------------------------
// Vectors

function optionsOf(vector, jwks) {
  return {
    jwks, now: vector.now, futureS: vector.future_s, pastS: vector.past_s, revokedKids: vector.revoked_kids,
  };
}

function asExpected({ result, reason, kid, claims }) {
  return result === 'ok' ? { result, kid, claims } : { result: reason };
}

// The octets of a text, or null if it holds none.
function octetsOfText(text) {
  try {
    return octetsOfDigits(digitsOfText(text));
  } catch {
    return null;
  }
}

// Octets speak for a vector only where its text means just them.
function speaksForText({ cose, text }) {
  const octets = octetsOfText(text);
  return cose !== undefined && octets !== null && hex(octets) === cose;
}

async function disagreementOf(vector, jwks) {
  const options = optionsOf(vector, jwks);
  const answers = [asExpected(await verifyText(vector.text, options))];
  if (speaksForText(vector)) {
    const octets = Buffer.from(vector.cose, 'hex');
    answers.push(asExpected(await verifyOctets(octets, options)));
    answers.push(asExpected(await verifyText(digitsOfOctets(octets), options)));
  }
  const other = answers.find((answer) => {
    try {
      assert.deepEqual(answer, vector.expect);
      return false;
    } catch {
      return true;
    }
  });
  return other && { name: vector.name, expected: vector.expect, got: other };
}

test('codes.json: every code gets the expected answer', async (t) => {
  const { jwks, vectors } = readJson(new URL('codes.json', VECTORS));
  const disagreements = [];
  for (const vector of vectors) {
    const disagreement = await disagreementOf(vector, jwks);
    if (disagreement) disagreements.push(disagreement);
  }
  assert.deepEqual(disagreements, []);
  assert.ok(vectors.some(({ expect }) => expect.result === 'ok'), 'no vector is ok');
  const fromOctets = vectors.filter(speaksForText).length;
  t.diagnostic(`${vectors.length} codes agree, ${fromOctets} of them from octets and from digits alone as well`);
});

test('digits.json: both directions, and refusals', { skip: !fileExists('digits.json') }, (t) => {
  const { pairs, refused } = readJson(new URL('digits.json', VECTORS));
  for (const { bytes, digits } of pairs) {
    assert.equal(digitsOfOctets(Buffer.from(bytes, 'hex')), digits);
    assert.equal(hex(octetsOfDigits(digits)), bytes);
  }
  for (const digits of refused) {
    assert.throws(() => octetsOfDigits(digits), { reason: 'malformed' }, digits);
  }
  t.diagnostic(`${pairs.length} pairs and ${refused.length} refusals agree`);
});

test('identifiers.json: every check', { skip: !fileExists('identifiers.json') }, (t) => {
  const { licences, citizens, credit_codes: creditCodes } = readJson(new URL('identifiers.json', VECTORS));
  for (const { text, result } of licences) assert.equal(checkLicence(text), result, text);
  for (const { text, ...expected } of citizens) assert.deepEqual(checkCitizen(text), expected, text);
  for (const { text, result } of creditCodes) assert.equal(checkCreditCode(text), result, text);
  t.diagnostic(`${licences.length} licences, ${citizens.length} citizens, ${creditCodes.length} credit codes agree`);
});

// ---------------------------------------------------------------------------------------------
// What no vector shows: codes of a key of our own

function cbor(value) {
  return encode(value, rfc8949EncodeOptions);
}

async function thumbprintOf({ x, y }) {
  const point = [x, y].map((text) => Buffer.from(text, 'base64url'));
  const key = cbor(new Map([[1, 2], [-1, 1], [-2, point[0]], [-3, point[1]]]));
  return Buffer.from(await webcrypto.subtle.digest('SHA-256', key));
}

async function makeKey() {
  const pair = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const { kty, crv, x, y } = await webcrypto.subtle.exportKey('jwk', pair.publicKey);
  const kid = (await thumbprintOf({ x, y })).subarray(0, 4);
  return { privateKey: pair.privateKey, kid, jwk: { kty, crv, use: 'sig', alg: 'ES256', kid: hex(kid), x, y } };
}

// WebCrypto writes either s; a code has the lower one.
async function signLow(privateKey, data) {
  const signature = Buffer.from(await webcrypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, data));
  const s = BigInt(`0x${hex(signature.subarray(32))}`);
  const low = s > P256_N / 2n ? P256_N - s : s;
  return Buffer.concat([signature.subarray(0, 32), Buffer.from(low.toString(16).padStart(64, '0'), 'hex')]);
}

async function makeCode(key, { name = '张*', validUntil = null } = {}) {
  const header = cbor(new Map([[1, -7], [4, key.kid]]));
  const licence = [1, 0, 3, 412, 1, name, '0417', validUntil, 0, 7];
  const payload = cbor(new Map([[4, NOW + 50], [6, NOW - 10], [7, Buffer.alloc(8)], [-65537, licence]]));
  const signature = await signLow(key.privateKey, cbor(['Signature1', header, Buffer.alloc(0), payload]));
  return cbor([header, new Map(), payload, signature]);
}

async function answerFor(octets, keys, options = {}) {
  return verifyText(digitsOfOctets(octets), { jwks: { keys }, now: NOW, ...options });
}

test('a name keeps U+FEFF and U+FFFD, which lenient decoders lose or make up', async () => {
  const key = await makeKey();
  for (const name of ['\ufeffA', 'A\ufeff', '\ufffd', 'é', 'e\u0301']) {
    const { result, claims } = await answerFor(await makeCode(key, { name }), [key.jwk]);
    assert.equal(result, 'ok');
    assert.equal(claims.holder_name, name);
  }
});

test('the edges of the control characters and of the length of a name', async () => {
  const key = await makeKey();
  const reasonFor = async (name) => (await answerFor(await makeCode(key, { name }), [key.jwk])).reason;
  for (const name of ['\u001f', '\u007f', '\u0080', '\u009f', '张'.repeat(36)]) {
    assert.equal(await reasonFor(name), 'malformed');
  }
  for (const name of [' ', '~', '\u00a0', '张'.repeat(35)]) assert.equal(await reasonFor(name), null);
});

test('digits that mean the same octets only when cut to 56 bits are refused', async () => {
  const key = await makeKey();
  const digits = digitsOfOctets(await makeCode(key));
  const alias = (BigInt(digits.slice(0, 17)) + (1n << 56n)).toString();
  assert.equal(alias.length, 17);
  const { reason } = await verifyText(alias + digits.slice(17), { jwks: { keys: [key.jwk] }, now: NOW });
  assert.equal(reason, 'malformed');
});

test('every character of a prefix, and what is next to them', () => {
  for (const good of ['https://a-b.c_d~e:1/f/v#000', '\r\n\t https://A/v/000 ', 'https://a/v/v#000']) {
    assert.equal(digitsOfText(good), '000');
  }
  const bad = ['https://a%41/v#000', 'https://a\\b/v#000', 'https://a/V#000', 'https://-a/v#000', 'https://a/v#000#',
    '\f000', '000\0', '000\u2028', '000\u3000', '000 000', '٠٠٠'];
  for (const text of bad) assert.throws(() => digitsOfText(text), { reason: 'malformed' }, text);
});

test('r and s not below n are a bad signature', async () => {
  const key = await makeKey();
  const code = Buffer.from(await makeCode(key));
  for (const at of [code.length - 64, code.length - 32]) {
    const altered = Buffer.from(code);
    Buffer.from(P256_N.toString(16), 'hex').copy(altered, at);
    assert.equal((await answerFor(altered, [key.jwk])).reason, 'bad_signature');
  }
});

test('content is answered only when the signature has been found good', async () => {
  const key = await makeKey();
  const code = await makeCode(key, { validUntil: 1 });
  const expired = await answerFor(code, [key.jwk]);
  assert.equal(expired.reason, 'licence_expired');
  assert.equal(expired.claims.valid_until, 1);
  const refusals = [
    await answerFor(code, [key.jwk], { revokedKids: [key.jwk.kid] }),
    await answerFor(code, []),
    await answerFor(code, [key.jwk], { now: NOW + 80 }),
    await answerFor(code, [key.jwk], { now: NOW - 71 }),
  ];
  assert.deepEqual(refusals.map(({ reason }) => reason), ['key_revoked', 'unknown_key', 'code_expired', 'not_yet_valid']);
  assert.deepEqual(refusals.map(({ result }) => result), ['invalid', 'indeterminate', 'invalid', 'indeterminate']);
  assert.ok(refusals.every(({ kid, claims }) => kid === null && claims === null));
});

test('JWKS: keys of another sort are skipped, members nobody knows are ignored', async () => {
  const { jwk } = await makeKey();
  const others = [{ kty: 'OKP' }, { crv: 'P-384' }, { use: 'enc' }, { alg: 'ES384' }];
  for (const other of others) {
    const keys = await readJwks({ keys: [{ ...jwk, ...other }] });
    assert.equal(keys.size, 0);
  }
  const keys = await readJwks({ keys: [{ ...jwk, key_ops: ['sign'], x5c: [], stranger: 1 }], more: 1 });
  assert.deepEqual([...keys.keys()], [jwk.kid]);
});

test('JWKS: a kid that is not the thumbprint, or comes twice, spoils the set', async () => {
  const [one, other] = [(await makeKey()).jwk, (await makeKey()).jwk];
  await assert.rejects(readJwks({ keys: [one, { ...other, kid: '00000000' }] }), /thumbprint/);
  await assert.rejects(readJwks({ keys: [one, { ...other, kid: undefined }] }), /thumbprint/);
  await assert.rejects(readJwks({ keys: [one, { ...one, nbf: 5 }] }), /twice/);
  await assert.rejects(readJwks({ keys: [{ ...one, x: `${one.x}=` }] }), /coordinate/);
  await assert.rejects(readJwks({}), /no keys/);
});

// ---------------------------------------------------------------------------------------------
// A code of a running gateway

test('JWB_DEMO: a code of the gateway is authentic when it was issued', { skip: !DEMO && 'JWB_DEMO is not set' }, async (t) => {
  const text = readFileSync(join(DEMO, 'code.txt'), 'utf8');
  const jwks = readJson(join(DEMO, 'jwks.json'));
  const { iat } = readMessage(octetsOfDigits(digitsOfText(text))).claims;
  const answer = await verifyText(text, { jwks, now: iat });
  assert.equal(answer.result, 'ok', answer.reason);
  t.diagnostic(`key ${answer.kid} vouches for ${JSON.stringify(answer.claims)}`);
});
