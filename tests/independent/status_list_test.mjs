// Status lists and trust bundles made here, read by libraries of others and by hand: the JWT by the status list library of
// npm and by jose, the CWT and the bundle by cborg, pako and WebCrypto, as docs/PROTOCOL.md describes them.
import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { StatusList, getListFromStatusListJWT } from '@sd-jwt/jwt-status-list';
import { decode, encode, rfc8949EncodeOptions } from 'cborg';
import { importJWK, jwtVerify } from 'jose';
import { inflate } from 'pako';

const read = (name) => JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8'));
const trust = read('trust.json');
const PLACES = 2 ** 20;
const hex = (octets) => Buffer.from(octets).toString('hex');
const keyOf = (kid) => trust.jwks.keys.find((key) => key.kid === kid);

// 18([protected, {}, payload, signature]); cborg refuses keys that come twice.
function readSign1(octets) {
  const [protectedHeader, unprotectedHeader, payload, signature] =
    decode(octets, { useMaps: true, rejectDuplicateMapKeys: true, tags: [...Array(18), (parts) => parts, (parts) => parts] });
  return { protectedHeader, header: decode(protectedHeader, { useMaps: true }), unprotectedHeader, payload, signature };
}
async function isSigned({ protectedHeader, payload, signature, header }) {
  const { kty, crv, x, y } = keyOf(hex(header.get(4)));
  const key = await webcrypto.subtle.importKey('jwk', { kty, crv, x, y }, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify']);
  const signed = encode(['Signature1', protectedHeader, new Uint8Array(), payload]);
  return webcrypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, signature, signed);
}
function expectPlaces(valueOf, places) {
  const named = new Map(places);
  for (let i = 0; i < PLACES; i++)
    if (valueOf(i) !== (named.get(i) ?? 0)) assert.fail(`place ${i} is ${valueOf(i)}`);
}

test('partners who read our lists with a library of npm would see another status', async () => {
  for (const { name, jwt, places, revoked } of trust.lists) {
    const list = getListFromStatusListJWT(jwt);
    assert.equal(list.getBitsPerStatus(), 2, name);
    assert.equal(list.statusList.length, PLACES, name);
    expectPlaces((i) => list.getStatus(i), places);
    const { payload, protectedHeader } = await jwtVerify(jwt,
      ({ kid }) => importJWK(keyOf(kid), 'ES256'), { typ: 'statuslist+jwt', currentDate: new Date(trust.claims.iat * 1000) });
    assert.equal(keyOf(protectedHeader.kid).jwb_use, 'status');
    assert.deepEqual({ sub: payload.sub, iat: payload.iat, exp: payload.exp, ttl: payload.ttl, bits: payload.status_list.bits }, trust.claims);
    assert.deepEqual(payload.jwb_revoked, revoked);
  }
});

test('terminals of others would see another status in our CWT, or find it not to be the one form', async () => {
  for (const { cwt, places, revoked } of trust.lists) {
    const octets = Buffer.from(cwt, 'hex');
    const message = readSign1(octets);
    assert.deepEqual([...message.header.keys()], [1, 4, 16]);
    assert.deepEqual([message.header.get(1), message.header.get(16)], [-7, 'application/statuslist+cwt']);
    assert.equal(message.unprotectedHeader.size, 0);
    assert.ok(await isSigned(message));
    const claims = decode(message.payload, { useMaps: true, rejectDuplicateMapKeys: true });
    assert.deepEqual([...claims.keys()], [2, 4, 6, 65533, 65534, -65538]);
    assert.deepEqual({ sub: claims.get(2), iat: claims.get(6), exp: claims.get(4), ttl: claims.get(65534), bits: claims.get(65533).get('bits') },
      trust.claims);
    assert.deepEqual(claims.get(-65538).map(hex), revoked);
    const array = inflate(claims.get(65533).get('lst'));
    assert.equal(array.length, PLACES / 4);
    expectPlaces((i) => array[i >> 2] >> (2 * (i & 3)) & 3, places);
    // deterministic: written again by another hand it is the same
    assert.equal(hex(encode(claims, rfc8949EncodeOptions)), hex(message.payload));
  }
});

test('the library and we would not mean the same by a place: the draft\'s lists, at every index', () => {
  for (const { lst, bits, count, places } of read('status_lists.json').lists) {
    const list = StatusList.decompressStatusList(lst, bits);
    const named = new Map(places);
    assert.equal(list.statusList.length, count);
    for (let i = 0; i < count; i++) assert.equal(list.getStatus(i), named.get(i) ?? 0);
  }
});

test('verifiers of others would find another trust in a bundle', async () => {
  const { cose } = trust.bundles.find(({ name }) => name === 'typical');
  const message = readSign1(Buffer.from(cose, 'hex'));
  assert.deepEqual([...message.header], [[1, -7], [4, message.header.get(4)], [16, 'application/jwb-trust+cbor']]);
  assert.ok(await isSigned(message));
  const bundle = decode(message.payload, { useMaps: true, rejectDuplicateMapKeys: true });
  assert.deepEqual([...bundle.keys()], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.equal(hex(encode(bundle, rfc8949EncodeOptions)), hex(message.payload));
  const USES = { root: 2, status: 1, undefined: 0 };
  assert.deepEqual(bundle.get(4).map(([kid, use, alg, point, , from, until]) => [hex(kid), use, alg, hex(point), from, until]),
    trust.jwks.keys.map(({ kid, jwb_use: use, alg, x, y, nbf, exp }) => [kid, USES[use], alg === 'SM2' ? -65601 : -7,
      `04${Buffer.from(x, 'base64url').toString('hex')}${Buffer.from(y, 'base64url').toString('hex')}`, nbf, alg === 'SM2' ? 2 ** 32 - 1 : exp]));
  assert.deepEqual(bundle.get(5).map(hex), ['00010203', 'aabbccdd']);
  assert.deepEqual(bundle.get(6)[0], [0, '11100000MB0308732W001', '机动车驾驶证', 'Driving licence']);
  assert.deepEqual(bundle.get(8)[1], [1, 'https://jwb.example/v1/status-lists/1']);
  assert.deepEqual(bundle.get(9), [300, 60, 30]);
});
