// Everything at once, for FAULT_SECONDS (120): two gateways, three licences, faults of Redis, of the
// way to it, of the gateways and of the registry's lock at random moments, every answer judged.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import test from 'node:test';
import { chance, judged, Proxy, Subject } from '../e2e/lib/faults.mjs';
import { Site, until } from '../e2e/lib/site.mjs';

const seconds = Math.min(Number(process.env.FAULT_SECONDS ?? 120), 240); // the codes live 300
const life = { code: { life_s: 300 } };
const SETTLED_MS = 1600; // a bit flipped sooner after its change would be a second fault at a time

test('whatever fails, and however many things at once, no answer contradicts the registry', async (t) => {
  const site = await Site.start(t, { config: life });
  const proxy = await Proxy.start(t, site.path('proxy.sock'), site.path('redis.sock'));
  site.config('second', { ...life, cache: { socket: proxy.path } });
  const gateways = { gateway: site.gateway, second: await site.startGateway('second') };
  const random = chance(t);
  const pick = (list) => list[Math.floor(random() * list.length)];
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, random() * ms));
  const inspector = await site.token('inspector'), partner = await site.token('partner');
  const subjects = [];
  for (let n = 0; n < 3; n++) subjects.push(await Subject.make(t, site, n));
  const watches = [];
  const watchAll = () => {
    for (const name of Object.keys(gateways))
      for (const subject of subjects)
        for (const [token, headers] of [[inspector], [undefined], [partner, { 'idempotency-key': '1' }]])
          watches.push(Object.assign(subject.watch(gateways[name], token, headers, { pause_ms: 5 }), { name }));
  };
  watchAll();

  let frozen = false;
  const thaw = () => { if (frozen) site.redisProcess.kill('SIGCONT'); frozen = site.redisProcess.stoppedByTest = false; };
  const restartRedis = async () => { thaw(); await site.stopRedis(); await pause(300); await site.startRedis(); };
  const list = `status:{${subjects[0].list}}`;
  const redis = (...args) => frozen ? undefined : site.redis(...args);
  const faults = {
    freeze_way: () => proxy.freeze(),
    thaw_way: () => proxy.thaw(),
    cut_way: () => proxy.cut(),
    restore_way: async () => { await proxy.cut(); await proxy.restore(); },
    freeze_redis: () => { site.redisProcess.kill('SIGSTOP'); frozen = site.redisProcess.stoppedByTest = true; },
    thaw_redis: thaw,
    empty_redis: async () => { fs.rmSync(site.path('dump.rdb'), { force: true }); await restartRedis(); },
    dump_redis: () => redis('SAVE'),
    set_back_redis: restartRedis,
    lose_list: () => redis('DEL', list),
    lose_number: () => redis('DEL', `${list}:seq`),
    lose_all: () => redis('FLUSHALL'),
    flip: () => {
      const settled = subjects.filter((s) => performance.now() - s.changed > SETTLED_MS);
      return settled.length ? redis('BITFIELD', list, 'SET', 'u2', pick(settled).bit, pick(['0', '1', '2', '3'])) : undefined;
    },
    kill_gateway: async () => {
      const name = pick(Object.keys(gateways));
      await gateways[name].stop('SIGKILL');
      await pause(100);
      gateways[name] = await site.startGateway(name);
      for (const watch of watches) if (watch.name === name) watch.gateway = gateways[name];
    },
    lock_registry: async () => {
      const holder = spawn('sqlite3', [site.path('registry.db')], { stdio: ['pipe', 'pipe', 'ignore'] });
      const left = once(holder, 'exit');
      holder.stdin.write('.timeout 1000\nBEGIN IMMEDIATE;\nSELECT 1;\n');
      await Promise.race([once(holder.stdout, 'data'), left]);
      await pause(500);
      holder.stdin.end('COMMIT;\n');
      await left;
    },
  };

  const end = performance.now() + seconds * 1000;
  const done = {};
  let changes = 0;
  const enforce = async (subject) => {
    for (let seized = false; performance.now() < end; seized = !seized) {
      await pause(2000);
      subject.changed = Infinity;
      await (seized ? subject.lift() : subject.seize());
      subject.changed = performance.now();
      changes++;
    }
  };
  const enforced = Promise.all(subjects.map(enforce));
  enforced.catch(() => {});
  while (performance.now() < end) {
    const name = pick(Object.keys(faults));
    await faults[name]();
    done[name] = (done[name] ?? 0) + 1;
    await pause(250);
  }
  await enforced;
  thaw();
  await faults.restore_way();
  const now = performance.now(), steady = subjects.find((s) => s.truth.of(now, now) === 'valid') ?? subjects[0];
  if (steady.truth.of(now, now) === 'invalid') await steady.lift();
  for (const gateway of Object.values(gateways))
    await until(() => gateway.verdict(steady.code), (v) => v.by === 'cache');
  t.diagnostic(`${changes} changes; faults: ${Object.entries(done).map(([name, n]) => `${name} ${n}`).join(', ')}`);
  await judged(t, watches, { unavailable: true, lost: true });
});
