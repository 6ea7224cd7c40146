// Replays receipts.json with the independent reader.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { subjectOf, shownOf, verifyReceipt } from './receipts.mjs';
import { verifyOctets } from './verifier.mjs';

const { jwks, vectors } = JSON.parse(readFileSync(new URL('../vectors/receipts.json', import.meta.url), 'utf8'));

test('receipts.json: every receipt gets the expected answer', async (t) => {
  for (const { name, cose, expect } of vectors)
    assert.deepEqual(await verifyReceipt(Buffer.from(cose, 'hex'), jwks), expect, name);
  t.diagnostic(`${vectors.length} receipts agree`);
});

test('no receipt is a code to the verifier of codes', async () => {
  for (const { name, cose } of vectors) {
    const octets = Buffer.from(cose, 'hex');
    for (const message of [octets, octets.subarray(1)])
      assert.notEqual((await verifyOctets(message, { jwks, now: 1750000010 })).result, 'ok', name);
  }
});

test('subject and shown are what the document says', () => {
  assert.equal(subjectOf('0102030405060708', '410899', '张三'),
    'd053645382ee7ba51f316b44dc7d7c77c2fcfdca998a2871a813d8ffd38bfb35');
  const nothing = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
  assert.equal(shownOf(Buffer.from('{"result":"invalid"}')), nothing);
  assert.equal(shownOf(Buffer.from('{"licence":{"type":{"code":"1"},"holder_name":"a\\"}{"},"receipt":"x"}')),
    'eccc0fc328b96d1869cb6b1514d18f48918bf95ef5181cf3af841644cb1b5459');
});
