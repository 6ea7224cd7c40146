// Two gateways on one Redis and one registry: no verify that begins after a seizure was answered says
// valid, on either, whatever happens to the way between one of them and Redis.
import assert from 'node:assert/strict';
import test from 'node:test';
import { chance, judged, Proxy, rounds, Subject } from './lib/faults.mjs';
import { Site, until } from './lib/site.mjs';

const life = { code: { life_s: 300 } };

// `gateway` has Redis to itself; `second` reaches it through a proxy, and its copy lags by up to a second.
async function pair(t) {
  const site = await Site.start(t, { config: life });
  const proxy = await Proxy.start(t, site.path('proxy.sock'), site.path('redis.sock'));
  site.config('second', { ...life, cache: { socket: proxy.path }, relay: { poll_ms: 1000 } });
  const first = site.gateway, second = await site.startGateway('second');
  const inspector = await site.token('inspector');
  const subject = await Subject.make(t, site);
  for (const gateway of [first, second])
    await until(() => gateway.verdict(subject.code), (v) => v.by === 'cache');
  const watches = () => [first, second].flatMap((gateway) => [
    subject.watch(gateway, inspector), subject.watch(gateway, undefined)]);
  return { site, proxy, first, second, subject, inspector, watches };
}
async function agree({ first, second, subject, inspector }, result) {
  for (const gateway of [first, second])
    for (const token of [inspector, undefined])
      assert.equal((await gateway.verdict(subject.code, token)).result, result);
}

test('a gateway cut off from Redis learns of a seizure before it is answered', async (t) => {
  const world = await pair(t);
  const { proxy, second, subject } = world;
  const watches = world.watches();
  for (let round = 0; round < rounds(4); round++) {
    await proxy.cut();
    await subject.seize();
    await agree(world, 'invalid');
    if (round % 2) await proxy.restore(); // lifted over a way that is back, or not
    await subject.lift();
    await agree(world, 'valid');
    if (!(round % 2)) await proxy.restore();
    await until(() => second.verdict(subject.code), (v) => v.by === 'cache');
  }
  await judged(t, watches);
});

test('what a frozen way delivers late makes nothing valid', async (t) => {
  const world = await pair(t);
  const { proxy, second, subject } = world;
  const watches = world.watches();
  for (let round = 0; round < rounds(4); round++) {
    proxy.freeze();
    await subject.seize();
    await agree(world, 'invalid');
    proxy.thaw();
    await agree(world, 'invalid');
    proxy.freeze();
    await subject.lift();
    await agree(world, 'valid');
    proxy.thaw();
    await until(() => second.verdict(subject.code), (v) => v.by === 'cache');
  }
  await judged(t, watches);
});

test('with Redis gone for both, a seizure is answered when neither can believe the old state', async (t) => {
  const world = await pair(t);
  const { site, first, second, subject } = world;
  const watches = world.watches();
  for (let round = 0; round < rounds(1); round++) {
    await site.stopRedis();
    const began = performance.now();
    await subject.seize();
    assert.ok(performance.now() - began >= 2000, 'two seconds');
    await agree(world, 'invalid');
    await site.startRedis();
    await until(() => subject.redisBits(), (bits) => bits === '2');
    await agree(world, 'invalid');
    await until(() => site.jwb('registry', 'count'), (text) => /outbox +0 /.test(text));
    await subject.lift();
    await agree(world, 'valid');
    for (const gateway of [first, second])
      await until(() => gateway.verdict(subject.code), (v) => v.by === 'cache');
  }
  await judged(t, watches);
});

test('after hundreds of seizures and lifts, with faults at random moments, no answer was wrong', async (t) => {
  const world = await pair(t);
  const { proxy, first, second, subject } = world;
  const watches = world.watches();
  const random = chance(t);
  const faults = [
    () => proxy.freeze(), () => proxy.thaw(),
    () => proxy.cut(), async () => { await proxy.cut(); await proxy.restore(); },
    () => {}, () => {},
  ];
  const all = rounds(60);
  for (let round = 0; round < all; round++) {
    for (const change of [() => subject.seize(), () => subject.lift()]) {
      const changing = change();
      await new Promise((resolve) => setTimeout(resolve, random() * 30));
      await faults[Math.floor(random() * faults.length)]();
      await changing;
    }
    if (!proxy.server && random() < 0.5) await proxy.restore();
  }
  await proxy.cut();
  await proxy.restore();
  for (const gateway of [first, second])
    await until(() => gateway.verdict(subject.code), (v) => v.by === 'cache');
  const sum = await judged(t, watches);
  t.diagnostic(`${all} seizures, as many lifts`);
  assert.ok(sum.valid > 0 && sum.invalid > 0);
});

test('a slow relay makes a change slow, never wrong', async (t) => {
  const site = await Site.start(t, { config: { ...life, relay: { poll_ms: 1000 } } });
  const subject = await Subject.make(t, site);
  await until(() => site.gateway.verdict(subject.code), (v) => v.by === 'cache');
  const watches = [subject.watch(site.gateway, await site.token('inspector')), subject.watch(site.gateway)];
  for (let round = 0; round < rounds(2); round++) {
    await subject.seize();
    await subject.lift();
  }
  const sum = await judged(t, watches);
  assert.ok(sum.by_cache > 0);
});

test('a seizure while no gateway runs is in force from the first verify on, and Redis is told', async (t) => {
  const world = await pair(t);
  const { site, first, second, subject, inspector } = world;
  await first.stop();
  await second.stop();
  await subject.seize();
  assert.equal(await subject.redisBits(), '0');
  assert.match(await site.jwb('registry', 'count'), /outbox +1 /);
  site.gateway = await site.startGateway('gateway');
  for (const token of [inspector, undefined])
    assert.equal((await site.gateway.verdict(subject.code, token)).reason, 'licence_seized');
  await until(() => subject.redisBits(), (bits) => bits === '2');
  await until(() => site.jwb('registry', 'count'), (text) => /outbox +0 /.test(text));
});

test('a gateway killed between commit and relay finishes what was cut off when it is back', async (t) => {
  const config = { ...life, relay: { poll_ms: 1000 } }; // a wide gap to be killed in
  const site = await Site.start(t, { config });
  const subject = await Subject.make(t, site);
  const watches = [subject.watch(site.gateway, await site.token('inspector')), subject.watch(site.gateway)];
  const random = chance(t);
  let cut_off = 0;
  for (let round = 0; round < rounds(3); round++) {
    for (const [command, bits] of [[() => subject.seize(), '2'], [() => subject.lift(), '0']]) {
      const changing = command();
      await new Promise((resolve) => setTimeout(resolve, 20 + random() * 200));
      await site.gateway.stop('SIGKILL');
      cut_off += await subject.redisBits() !== bits ? 1 : 0;
      site.gateway = await site.startGateway('gateway');
      for (const watch of watches) watch.gateway = site.gateway;
      await changing;
      await until(() => subject.redisBits(), (now) => now === bits);
      await until(() => site.jwb('registry', 'count'), (text) => /outbox +0 /.test(text));
    }
  }
  t.diagnostic(`killed before Redis was told: ${cut_off} of ${rounds(3) * 2}`);
  assert.ok(cut_off > 0);
  await judged(t, watches, { lost: true });
});
