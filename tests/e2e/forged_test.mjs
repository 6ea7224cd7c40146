// What a forged code, or a forged entry in Redis, must not get out of the gateway.
import assert from 'node:assert/strict';
import test from 'node:test';
import { digitsOfOctets, octetsOfDigits } from '../independent/verifier.mjs';
import { Site, until } from './lib/site.mjs';

test('a forged code shows nobody a face, also not one that Redis keeps sealed', async (t) => {
  const site = await Site.start(t);
  const { gateway } = site;
  const holder = await site.token('holder'), inspector = await site.token('inspector');
  const code = await gateway.display(holder);
  await until(() => gateway.verdict(code, inspector), (v) => v.by === 'cache'); // its face is kept now
  const octets = octetsOfDigits(code.replace(/^.*#/, ''));
  octets[octets.length - 1] ^= 1;
  for (const token of [inspector, await site.token('partner'), undefined]) {
    const seen = await gateway.verdict(digitsOfOctets(octets), token);
    assert.equal(seen.result, 'invalid');
    assert.equal(seen.reason, 'bad_signature');
    assert.equal(seen.licence, undefined);
    assert.equal(seen.first_scan, undefined);
  }
});

test('an entry of a first scan that no gateway wrote is not told, and costs no gateway its life', async (t) => {
  const site = await Site.start(t);
  const { gateway } = site;
  const holder = await site.token('holder'), inspector = await site.token('inspector');
  const entries = {
    'one that escapes to six times its length': '00'.repeat(41) + '01'.repeat(215),
    'one of a time far beyond any calendar': '7f' + 'ff'.repeat(7) + '00'.repeat(33) + '61',
    'one of a time before any calendar': '80' + '00'.repeat(7) + '00'.repeat(33) + '61',
    'one that is no UTF-8': '00'.repeat(41) + 'ff',
    'one of a longer subject than any token has': '00'.repeat(41) + '61'.repeat(65),
    'one cut within its client': '00'.repeat(40) + '40' + '61'.repeat(63),
  };
  for (const [what, hex] of Object.entries(entries)) {
    const code = await gateway.display(holder);
    const octets = hex.match(/../g).map((h) => `\\${parseInt(h, 16)}`).join('');
    await site.redis('EVAL', "for _, key in ipairs(redis.call('KEYS', 'code:*')) do " +
      `redis.call('HSET', key, 'i', '${octets}') end`, '0');
    const seen = await gateway.verdict(code, inspector);
    assert.equal(seen.result, 'valid', what);
    assert.equal(seen.first_scan, null, what);
  }
});
