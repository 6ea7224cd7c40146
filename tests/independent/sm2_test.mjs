// What OpenSSL signs, hashes and seals here, read by a library that shares nothing with it (npm's
// sm-crypto, whose default id is ours), and the other way round.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import smCrypto from 'sm-crypto';

const { sm2, sm3, sm4 } = smCrypto;
const VECTORS = JSON.parse(readFileSync(new URL('../vectors/sm2.json', import.meta.url)));

const octets = (hex) => [...Buffer.from(hex, 'hex')];
const ascii = (text) => [...Buffer.from(text)];

// Without this a signature of ours would be good here alone: OpenSSL's default id is the empty one.
test('SM2 signatures are good and bad elsewhere as they are here', () => {
  for (const v of VECTORS.sm2) {
    const good = sm2.doVerifySignature(octets(v.message), v.signature, v.public_key, { der: false, hash: true });
    assert.equal(good, v.good, v.name);
  }
  assert.ok(VECTORS.sm2.filter((v) => v.good).length >= 5 && VECTORS.sm2.some((v) => !v.good));
});

// Without this the test above could pass with any id: each good signature must fail under another one.
test('the id is part of what is signed', () => {
  for (const v of VECTORS.sm2.filter((each) => each.good)) {
    const options = { der: false, hash: true, userId: '1234567812345679' };
    assert.equal(sm2.doVerifySignature(octets(v.message), v.signature, v.public_key, options), false);
  }
});

// Without this a hash could differ from everybody's near the end of a block.
test('SM3 is the same', () => {
  for (const v of VECTORS.sm3)
    assert.equal(sm3(octets(v.message)), v.hash);
});

// Without this what lies sealed on a disk could be read by nothing but this program.
test('sealed texts open by the description in crypto.h', () => {
  const hmac = (key, message) => octets(sm3(message, { key }));
  const block = (key, counter) => sm4.encrypt(counter, key, { padding: 'none', output: 'array' });
  for (const v of VECTORS.sm4_ctr_hmac_sm3) {
    const sealed = octets(v.sealed);
    const [nonce, cipher, tag] = [sealed.slice(0, 12), sealed.slice(12, -16), sealed.slice(-16)];
    const cipherKey = hmac(octets(v.secret), ascii('jwb-sm4-1')).slice(0, 16);
    const macKey = hmac(octets(v.secret), ascii('jwb-hmac-sm3-1'));
    const aadLength = [0, 0, 0, 0, 0, 0, 0, v.aad.length / 2];
    assert.deepEqual(hmac(macKey, [...aadLength, ...octets(v.aad), ...nonce, ...cipher]).slice(0, 16), tag);
    const plain = cipher.map((octet, at) => octet ^ block(cipherKey, [...nonce, 0, 0, 0, at >> 4])[at % 16]);
    assert.equal(Buffer.from(plain).toString('hex'), v.plain);
  }
});
