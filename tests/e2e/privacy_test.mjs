// What is kept beside the registry holds nobody's name or number.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Site } from './lib/site.mjs';

test('Redis holds no name, no number, no officer, no token and no code', async (t) => {
  const site = await Site.start(t);
  const holder = await site.token('holder'), inspector = await site.token('inspector');
  const code = await site.gateway.display(holder);
  await site.gateway.verdict(code, inspector);
  await site.gateway.verdict(code, await site.token('partner'));
  const keys = (await site.redis('--scan')).split('\n');
  const kinds = new Set(keys.map((key) => key.split(':')[0]));
  assert.deepEqual([...kinds].sort(), ['code', 'face', 'status']);
  let all = keys.join('\n');
  for (const key of keys.filter((k) => k.startsWith('code:'))) all += await site.redis('HGETALL', key);
  for (const key of keys.filter((k) => k.startsWith('face:'))) all += await site.redis('GET', key);
  assert.ok(all.includes('traffic-police'), 'the scan was counted for its agency');
  const record = site.records[0];
  for (const secret of [record.CZZT, record.CZZTDM, record.ZZBH, '/0417', holder, inspector, code.split('#')[1]])
    assert.ok(!all.includes(secret));
});

test('a partner repeats its first scan from another of its servers, another partner does not', async (t) => {
  const site = await Site.start(t);
  const code = await site.gateway.display(await site.token('holder'));
  const key = { 'idempotency-key': 'rental-4711' };
  const one = await site.token('partner', '--client', 'car-rental', '--subject', 'server-1');
  const two = await site.token('partner', '--client', 'car-rental', '--subject', 'server-2');
  const other = await site.token('partner', '--client', 'hotel', '--subject', 'server-1');
  assert.equal((await site.gateway.verdict(code, one, key)).result, 'valid');
  assert.equal((await site.gateway.verdict(code, two, key)).result, 'valid');
  assert.equal((await site.gateway.verdict(code, other, key)).reason, 'code_already_used');
  assert.equal((await site.gateway.verdict(code, one)).reason, 'code_already_used');
});
