// Gateways that share a log: what each of them answers gets into it, once, whoever writes it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { Site, until } from './lib/site.mjs';

const NAMES = ['gateway', 'second'];

// Two gateways on the log `log`; `others(name)` is what each has as evidence.others.
async function pair(t, others) {
  const site = await Site.start(t, { licences: 20, gateway: false });
  const folder = (name) => site.path(`evidence-${name}`);
  for (const name of NAMES)
    site.config(name, { evidence: { log: site.path('log'), checkpoint_ms: 50, others: others(folder, name) } });
  const gateways = {};
  const start = async (name) => { gateways[name] = await site.startGateway(name); };
  for (const name of NAMES) await start(name);
  const answered = [];
  const verify = async (name, times = 20) => {
    for (let i = 0; i < times; i++) {
      const answer = await gateways[name].verify('no code');
      assert.equal(answer.status, 200);
      answered.push(answer.headers['x-request-id']);
    }
  };
  // How often each that was answered is in the log.
  const times = async () => {
    const lines = (await site.jwb('evidence', 'list', site.path('log'))).split('\n').filter(Boolean);
    const counts = new Map();
    for (const { request } of lines.map((line) => JSON.parse(line))) counts.set(request, (counts.get(request) ?? 0) + 1);
    return answered.map((id) => counts.get(id) ?? 0);
  };
  const allOnce = () => until(times, (counts) => counts.every((n) => n === 1), 20000);
  return { site, gateways, start, verify, times, allOnce, folder };
}

test('a gateway whose journals nobody takes into the log says so, and they are taken when its folder is known', async (t) => {
  const { site, gateways, start, verify, times, allOnce, folder } =
    await pair(t, (of, name) => (name === 'second' ? of('gateway') : '""'));
  const { second } = gateways;
  await verify('second');
  const line = await second.waitForLog((l) => l.event === 'the evidence log is in trouble');
  assert.ok(line.why.includes(`takes nothing of ${folder('second')}: it must be in the evidence.others of every gateway`), line.why);
  assert.deepEqual(await times(), Array(20).fill(0));
  assert.equal(await second.metric('log_trouble'), 1);
  assert.ok(await second.metric('log_lag_seconds') > 5);
  site.config('gateway', { evidence: { log: site.path('log'), checkpoint_ms: 50, others: folder('second') } });
  gateways.gateway.child.kill('SIGHUP');
  const warning = await gateways.gateway.waitForLog((l) => l.event === 'changes that need a restart');
  assert.match(warning.keys, /evidence\.others/);
  await gateways.gateway.stop('SIGKILL');
  await start('gateway');
  for (const name of ['gateway', 'second']) await verify(name);
  await allOnce();
  for (const name of ['gateway', 'second'])
    await until(() => gateways[name].metric('log_trouble'), (trouble) => trouble === 0);
  assert.equal((await site.tryJwb('evidence', 'verify')).code, 0);
});

test('gateways with one configuration, which names all folders and links to them, have all in the log once', async (t) => {
  const world = await pair(t, (folder) => [folder('gateway'), folder('second'), folder('gateway'), `${folder('second')}-link`].join(':'));
  const { gateways, site } = world;
  fs.symlinkSync(world.folder('second'), `${world.folder('second')}-link`);
  for (let round = 0; round < 2; round++) {
    for (const name of NAMES) await world.verify(name);
    await world.allOnce();
    await gateways.gateway.stop(round ? 'SIGKILL' : 'SIGTERM'); // the other one takes over
    await world.verify('second');
    await world.allOnce();
    await world.start('gateway');
  }
  assert.equal(await gateways.second.metric('log_leads'), 1);
  for (const name of NAMES) assert.equal(await gateways[name].metric('log_trouble'), 0);
  assert.equal((await site.tryJwb('evidence', 'verify')).code, 0);
});
