// Redis killed, emptied, set back, damaged, frozen, under a load of verifies that are all judged.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { judged, rounds, Subject } from './lib/faults.mjs';
import { Site, until } from './lib/site.mjs';

const life = { code: { life_s: 300 } };
const FULL_SERVICE_MS = 2000; // from the moment that Redis takes connections again

// A site with one licence that stays valid and one for enforcement; watches of both by every role.
async function underWatch(t, config = life) {
  const site = await Site.start(t, { config });
  const { gateway } = site;
  const inspector = await site.token('inspector'), partner = await site.token('partner');
  const steady = await Subject.make(t, site, 0), taken = await Subject.make(t, site, 1);
  assert.notEqual(steady.id, taken.id);
  await until(() => gateway.verdict(steady.code), (v) => v.by === 'cache');
  const watches = () => [steady, taken].flatMap((subject) => [
    subject.watch(gateway, inspector), subject.watch(gateway, undefined)]);
  return { site, gateway, inspector, partner, steady, taken, watches };
}
async function dropDump(site) { fs.rmSync(site.path('dump.rdb'), { force: true }); }
async function comparisons(gateway, n) {
  const target = await gateway.metric('comparisons_total') + n;
  await until(() => gateway.metric('comparisons_total'), (done) => done >= target);
}
// Milliseconds till valid licences are answered by the cache, to inspectors and to everybody.
async function backByCache({ gateway, steady, inspector }) {
  const began = performance.now();
  await until(() => gateway.verdict(steady.code), (v) => v.by === 'cache');
  await until(() => gateway.verdict(steady.code, inspector), (v) => v.by === 'cache');
  return Math.round(performance.now() - began);
}

test('killed under load and back empty, Redis costs no verify its answer, and full service is back within 2 s', async (t) => {
  const world = await underWatch(t);
  const { site, gateway, partner, steady, taken } = world;
  await taken.seize();
  const watches = world.watches();
  const once_used = await steady.display();
  assert.equal((await gateway.verdict(once_used, partner)).result, 'valid');
  for (let round = 0; round < rounds(2); round++) {
    const before = await steady.display();
    await site.stopRedis();
    await until(() => gateway.verdict(steady.code), (v) => v.by === 'registry');
    const checked = await gateway.verify(await steady.display(), partner);
    assert.equal(checked.status, 503);
    assert.equal(checked.json().code, 'single_use_unavailable');
    await dropDump(site);
    await site.startRedis();
    const ms = await backByCache(world);
    t.diagnostic(`round ${round}: full service after ${ms} ms`);
    assert.ok(ms <= FULL_SERVICE_MS, `${ms} ms`);
    for (const code of [before, once_used])
      assert.equal((await gateway.verdict(code, partner)).problem, 'single_use_unavailable');
    const after = await until(async () => gateway.verdict(await steady.display(), partner), (v) => v.result);
    assert.equal(after.result, 'valid');
  }
  await judged(t, watches);
});

test('set back to a dump of when the licence was valid, Redis is not believed and is brought up to date', async (t) => {
  const world = await underWatch(t);
  const { site, gateway, steady, taken } = world;
  assert.equal(await site.redis('SAVE'), 'OK');
  const watches = world.watches();
  for (let round = 0; round < rounds(2); round++) {
    await taken.seize();
    assert.equal(await taken.redisBits(), '2');
    await site.stopRedis();
    await site.startRedis();
    await until(() => taken.redisBits(), (bits) => bits === '2', FULL_SERVICE_MS);
    assert.ok(await backByCache(world) <= FULL_SERVICE_MS);
    const seen = await gateway.verdict(taken.code);
    assert.equal(seen.reason, 'licence_seized');
    await taken.lift();
    assert.equal((await gateway.verdict(taken.code)).result, 'valid');
  }
  assert.equal((await gateway.verdict(steady.code)).result, 'valid');
  await judged(t, watches);
});

const EMPTY = "redis.call('SETRANGE', KEYS[1], 0, string.rep('\\0', 262144))";
const damages = {
  'the list is deleted': (site, s) => site.redis('DEL', s.key),
  'its change number is deleted': (site, s) => site.redis('DEL', `${s.key}:seq`),
  'both are deleted': (site, s) => site.redis('DEL', s.key, `${s.key}:seq`),
  'the list is cut short': (site, s) => site.redis('SET', s.key, 'short'),
  'the list is cut off before the seized place': (site, s) => site.redis('EVAL',
    "redis.call('SET', KEYS[1], redis.call('GETRANGE', KEYS[1], 0, ARGV[1] - 1))", '1', s.key, Math.floor(s.index / 4)),
  'the list grows': (site, s) => site.redis('APPEND', s.key, 'x'),
  'the list becomes another type': async (site, s) => { await site.redis('DEL', s.key); await site.redis('RPUSH', s.key, '1'); },
  'its change number becomes another type': async (site, s) => {
    await site.redis('DEL', `${s.key}:seq`);
    await site.redis('RPUSH', `${s.key}:seq`, '1');
  },
  'its change number becomes nonsense': (site, s) => site.redis('SET', `${s.key}:seq`, 'nonsense'),
  'its change number goes back': async (site, s) => {
    const [generation, seq] = (await site.redis('GET', `${s.key}:seq`)).split(' ');
    await site.redis('SET', `${s.key}:seq`, `${generation} ${Number(seq) - 1}`);
    await site.redis('BITFIELD', s.key, 'SET', 'u2', s.bit, '0');
  },
  'its generation is another': (site, s) => site.redis('SET', `${s.key}:seq`, '4711 2'),
  'the seized place turns to 0': (site, s) => site.redis('BITFIELD', s.key, 'SET', 'u2', s.bit, '0'),
  'every place turns to 0': (site, s) => site.redis('EVAL', EMPTY, '1', s.key),
  'every place turns to 2': (site, s) => site.redis('EVAL', EMPTY.replace('\\0', '\\170'), '1', s.key),
  'everything is lost': (site) => site.redis('FLUSHALL'),
};

test('whatever is done to a list in Redis, a seized licence is never called valid, and the list is mended', async (t) => {
  const world = await underWatch(t, { ...life, relay: { compare_ms: 100 } });
  const { site, gateway, steady, taken } = world;
  await taken.seize();
  await comparisons(gateway, 2); // the copy in memory has the seizure, however late its thread was
  const watches = world.watches();
  for (let round = 0; round < rounds(1); round++) {
    for (const [what, damage] of Object.entries(damages)) {
      await damage(site, taken);
      await until(() => taken.redisBits().catch(() => ''), (bits) => bits === '2')
        .catch((error) => { throw new Error(`${what}: not mended: ${error.message}`); });
      const ms = await backByCache(world);
      t.diagnostic(`${what}: by the cache again ${ms} ms after the place was mended`);
      assert.equal((await gateway.verdict(taken.code)).reason, 'licence_seized', what);
      assert.equal((await gateway.verdict(steady.code)).result, 'valid', what);
    }
  }
  assert.equal(await site.redis('STRLEN', taken.key), '262144');
  assert.match(await site.jwb('registry', 'count'), /outbox +0 /);
  await judged(t, watches);
});

test('a list lost while others commit without pause is missed all the same', async (t) => {
  const { site, gateway, steady, taken, watches } = await underWatch(t);
  await taken.seize();
  const watched = watches();
  let cases = 0;
  await site.redis('DEL', steady.key);
  await until(async () => { // one more hold is a commit, and leaves the list as it is
    await site.jwb('hold', 'place', taken.id, '--agency', 'market', '--case', String(++cases));
    return gateway.verdict(steady.code);
  }, (v) => v.by === 'cache', 2 * FULL_SERVICE_MS);
  await judged(t, watched);
});

test('a seized place turned to 0 again and again is never called valid', async (t) => {
  const world = await underWatch(t);
  const { site, gateway, taken } = world;
  await taken.seize();
  await comparisons(gateway, 2);
  const watches = world.watches();
  for (let round = 0; round < rounds(100); round++)
    await site.redis('BITFIELD', taken.key, 'SET', 'u2', taken.bit, '0');
  await until(() => taken.redisBits(), (bits) => bits === '2');
  const sum = await judged(t, watches);
  assert.ok(sum.valid > 0 && sum.invalid > 0);
});

test('a change number far ahead of the registry takes the gateway out until somebody looks', async (t) => {
  const { site, gateway, taken, steady, inspector } = await underWatch(t);
  await taken.seize();
  await comparisons(gateway, 2);
  const [generation] = (await site.redis('GET', `${taken.key}:seq`)).split(' ');
  const watches = [taken.watch(gateway, inspector), steady.watch(gateway, inspector)];
  await site.redis('SET', `${taken.key}:seq`, `${generation} 4711`);
  await site.redis('BITFIELD', taken.key, 'SET', 'u2', taken.bit, '0');
  await until(() => gateway.verdict(steady.code), (v) => v.reason === 'status_unavailable');
  await taken.lift(); // not told to this Redis, and so in force after 2 s
  await site.jwb('registry', 'restored');
  await until(() => gateway.verdict(steady.code), (v) => v.by === 'cache');
  assert.equal((await gateway.verdict(taken.code)).result, 'valid');
  await judged(t, watches, { indeterminate: true });
});

test('frozen, Redis delays verifies by its deadline alone, and a seizure meanwhile binds once it is answered', async (t) => {
  const world = await underWatch(t);
  const { site, gateway, taken } = world;
  const watches = world.watches();
  for (let round = 0; round < rounds(1); round++) {
    site.redisProcess.kill('SIGSTOP');
    site.redisProcess.stoppedByTest = true;
    await until(() => gateway.verdict(taken.code), (v) => v.by === 'registry');
    await taken.seize();
    const seen = await gateway.verdict(taken.code);
    assert.equal(seen.reason, 'licence_seized');
    site.redisProcess.kill('SIGCONT');
    const ms = await backByCache(world);
    assert.ok(ms <= FULL_SERVICE_MS, `${ms} ms`);
    await until(() => taken.redisBits(), (bits) => bits === '2');
    await taken.lift();
  }
  await judged(t, watches);
});

test('a Redis that is not there when the gateway starts is told, and used once it is', async (t) => {
  const site = await Site.start(t, { config: life, redis: false });
  const told = () => site.gateway.log.filter((line) => line.event === 'redis').map((line) => line.state);
  await until(told, (states) => states.length > 0);
  assert.deepEqual(told(), ['away']);
  await site.startRedis();
  const subject = await Subject.make(t, site);
  await until(() => site.gateway.verdict(subject.code), (v) => v.by === 'cache');
  assert.deepEqual(told(), ['away', 'up']);
});

test('a Redis that may evict is not used, and is looked at again', async (t) => {
  const site = await Site.start(t, { config: life, redis: false, gateway: false });
  await site.startRedis(['--save', '', '--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru']);
  site.gateway = await site.startGateway('gateway');
  const subject = await Subject.make(t, site);
  assert.equal((await site.gateway.verdict(subject.code)).by, 'registry');
  const ready = await site.gateway.request('GET', '/readyz', { internal: true });
  assert.equal(ready.json().redis, 'unsuitable');
  await site.redis('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
  await until(() => site.gateway.verdict(subject.code), (v) => v.by === 'cache');
});
