// Replays the vectors of docs/PROTOCOL.md section 12 with the independent verifier, and checks what
// the document says and no vector shows. With JWB_DEMO=folder it verifies the code left there by a
// running gateway, too: code.txt as scanned and the jwks.json it goes with.

import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { encode, rfc8949EncodeOptions } from 'cborg';
import { checkCitizen, checkCreditCode, checkLicence } from './identifiers.mjs';
import {
  digitsOfOctets, digitsOfText, importPoint, isSignedBy, octetsOfDigits, readJwks, readMessage, verifyOctets,
  verifyText,
} from './verifier.mjs';

const VECTORS = new URL('../vectors/', import.meta.url);
const DEMO = process.env.JWB_DEMO;
const P256_N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const NOW = 1750000010;

function readJson(url) {
  return JSON.parse(readFileSync(url, 'utf8'));
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

async function disagreementOf(vector, jwks) {
  const options = optionsOf(vector, jwks);
  const answers = [asExpected(await verifyText(vector.text, options))];
  if (vector.cose !== undefined) {
    const octets = Buffer.from(vector.cose, 'hex');
    assert.equal(hex(octetsOfDigits(digitsOfText(vector.text))), vector.cose, vector.name);
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
  const fromOctets = vectors.filter(({ cose }) => cose !== undefined).length;
  t.diagnostic(`${vectors.length} codes agree, ${fromOctets} of them from octets and from digits alone as well`);
});

test('signatures.json: the edges of r and s', async (t) => {
  const { key, codes } = readJson(new URL('signatures.json', VECTORS));
  const publicKey = await importPoint(key);
  for (const { name, cose, result } of codes) {
    const isGood = await isSignedBy({ publicKey }, readMessage(Buffer.from(cose, 'hex')));
    assert.equal(isGood ? 'ok' : 'bad_signature', result, name);
  }
  t.diagnostic(`${codes.length} signatures agree`);
});

// As jwks.json has it.
async function outcomeOf(jwks) {
  let keys;
  try {
    keys = await readJwks(jwks);
  } catch {
    return { result: 'refused' };
  }
  const timesOf = ([kid, { use, useFrom, retireAt }]) => ({
    kid, ...(use === 'code' ? {} : { use }), use_from: useFrom, retire_at: retireAt === Infinity ? null : retireAt });
  return { result: 'ok', keys: [...keys].map(timesOf) };
}

test('jwks.json: every set is read or refused', async (t) => {
  const { sets } = readJson(new URL('jwks.json', VECTORS));
  for (const { name, jwks, expect } of sets) assert.deepEqual(await outcomeOf(jwks), expect, name);
  t.diagnostic(`${sets.length} key sets agree`);
});

test('digits.json: both directions, and refusals', (t) => {
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

test('identifiers.json: every check', (t) => {
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

async function makeCode(key, validUntil) {
  const header = cbor(new Map([[1, -7], [4, key.kid]]));
  const licence = [1, 0, 3, 412, 1, '张*', '0417', validUntil, 0, 7];
  const payload = cbor(new Map([[4, NOW + 50], [6, NOW - 10], [7, Buffer.alloc(8)], [-65537, licence]]));
  const signature = await signLow(key.privateKey, cbor(['Signature1', header, Buffer.alloc(0), payload]));
  return cbor([header, new Map(), payload, signature]);
}

async function answerFor(octets, keys, options = {}) {
  return verifyText(digitsOfOctets(octets), { jwks: { keys }, now: NOW, ...options });
}

test('content is answered only when the signature has been found good', async () => {
  const key = await makeKey();
  const code = await makeCode(key, 1);
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
