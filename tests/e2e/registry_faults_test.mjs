// The registry set back in time, locked, without room on the disk.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import test from 'node:test';
import { promisify } from 'node:util';
import { judged, Subject } from './lib/faults.mjs';
import { program, Site, until } from './lib/site.mjs';

const life = { code: { life_s: 300 } };
const run = promisify(execFile);
const sqlite = (site, command) => run('sqlite3', ['-cmd', '.timeout 5000', site.path('registry.db'), command]);
const ready = async (gateway) => (await gateway.request('GET', '/readyz', { internal: true })).status;
const outbox = (site) => until(() => site.jwb('registry', 'count'), (text) => /outbox +0 /.test(text));

async function opened(t) {
  const site = await Site.start(t, { config: life });
  const inspector = await site.token('inspector');
  const steady = await Subject.make(t, site, 0), taken = await Subject.make(t, site, 1);
  await until(() => site.gateway.verdict(steady.code), (v) => v.by === 'cache');
  return { site, gateway: site.gateway, inspector, partner: await site.token('partner'), steady, taken };
}

// A gateway in front of a registry that lost a seizure tells nobody anything of a licence's worth.
async function isOut({ site, gateway, inspector, steady, taken }) {
  await until(() => ready(gateway), (status) => status === 503);
  for (const subject of [steady, taken])
    for (const token of [inspector, undefined, await site.token('partner')]) {
      const answer = await gateway.verify(subject.code, token);
      assert.notEqual(answer.json().result, 'valid');
      if (answer.status === 200) assert.equal(answer.json().reason, 'status_unavailable');
      else assert.equal(answer.json().code, 'single_use_unavailable');
    }
  const status = await gateway.json('POST', '/v1/status', inspector, { handles: [[taken.list, taken.index]] });
  assert.equal(status.json().statuses[0].status, 'unavailable');
  const display = await gateway.json('POST', '/v1/codes', steady.holder, { licence: steady.id });
  assert.equal(display.status, 503);
  assert.equal(display.json().code, 'registry_unavailable');
  assert.equal(await gateway.metric('registry_behind'), 1);
  assert.equal((await gateway.request('GET', '/healthz', { internal: true })).status, 200);
}
async function isBack({ gateway, inspector, steady }) {
  await until(() => ready(gateway), (status) => status === 200);
  await until(() => gateway.verdict(steady.code, inspector), (v) => v.by === 'cache');
  await until(() => gateway.verdict(steady.code), (v) => v.by === 'cache');
}

test('a registry set back under a running gateway makes nothing valid, however far its numbers grow, until it is declared', async (t) => {
  const world = await opened(t);
  const { site, gateway, inspector, partner, steady, taken } = world;
  await sqlite(site, `.backup ${site.path('old.db')}`);
  const watches = [inspector, undefined].map((token) => taken.watch(gateway, token));
  watches.push(taken.watch(gateway, partner, { 'idempotency-key': '1' }));
  await taken.seize();
  assert.equal((await gateway.verdict(taken.code)).reason, 'licence_seized');
  await outbox(site);
  await sqlite(site, `.restore ${site.path('old.db')}`);
  await isOut(world);
  await steady.seize();
  await steady.lift(); // its numbers pass those of the copy
  await isOut(world);
  await site.jwb('registry', 'restored'); // and the evidence log tells it of the seizure
  await isBack(world);
  assert.equal((await gateway.verdict(taken.code)).reason, 'licence_seized');
  await taken.lift();
  await outbox(site);
  await judged(t, watches, { indeterminate: true, unavailable: true });
});

test('a registry set back while no gateway ran is found out by what Redis still knows', async (t) => {
  const world = await opened(t);
  const { site, taken } = world;
  await sqlite(site, `.backup ${site.path('old.db')}`);
  await taken.seize();
  await outbox(site);
  await site.gateway.stop();
  await sqlite(site, `.restore ${site.path('old.db')}`);
  world.gateway = site.gateway = await site.startGateway('gateway');
  await isOut(world);
  await site.jwb('registry', 'restored');
  await isBack(world);
  await taken.seize();
  assert.equal((await world.gateway.verdict(taken.code)).reason, 'licence_seized');
});

test('a registry set back under a running gateway lets in nobody by what was known of clients before', async (t) => {
  const site = await Site.start(t), { gateway } = site;
  const tokens = await Promise.all(['partner', 'inspector', 'issuer'].map((role) => site.token(role)));
  const answers = async () => {
    const all = await Promise.all(tokens.map((token) => gateway.verify('1', token)));
    return all.map((a) => (a.status === 200 ? 'in' : a.json().code));
  };
  const shutOut = (officer) => site.jwb('person', 'shut-out', '--officer', `traffic-police/${officer}`);
  const all = (word) => (seen) => seen.every((answer) => answer === word);
  assert.ok(all('in')(await answers()));
  await sqlite(site, `.backup ${site.path('old.db')}`);
  for (const officer of [1, 2]) await shutOut(officer);
  await sqlite(site, `.restore ${site.path('old.db')}`);
  await until(answers, all('directory_unavailable'));
  await site.jwb('client', 'disable', 'car-rental');
  await shutOut(1); // as many changes as were lost
  await until(answers, (seen) => seen.join() === 'token_revoked,in,in', 5000);

  await sqlite(site, `.restore ${site.path('old.db')}`);
  await until(answers, all('directory_unavailable'));
  await site.jwb('registry', 'restored');
  await until(answers, all('in'), 5000);
});

test('a registry locked by somebody else is read all the same, and a change says so and changes nothing', async (t) => {
  const { site, gateway, inspector, steady, taken } = await opened(t);
  const holder = spawn('sqlite3', [site.path('registry.db')], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => holder.kill('SIGKILL'));
  holder.stdin.write('BEGIN EXCLUSIVE;\nSELECT 1;\n');
  await once(holder.stdout, 'data');
  const watches = [steady, taken].map((subject) => subject.watch(gateway, inspector));
  const refused = await site.tryJwb('hold', 'place', taken.id, '--agency', 'traffic-police', '--case', '1');
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /busy/);
  await site.stopRedis();
  await until(() => gateway.verdict(steady.code), (v) => v.by === 'registry');
  assert.equal((await gateway.verify(await taken.display())).status, 200);
  const left = once(holder, 'exit');
  holder.stdin.end('COMMIT;\n');
  await left;
  await taken.seize();
  assert.equal((await gateway.verdict(taken.code)).reason, 'licence_seized');
  await judged(t, watches);
});

test('a change that has no room on the disk is refused and leaves the licence as it was', async (t) => {
  const { site, gateway, taken } = await opened(t);
  const watches = [taken.watch(gateway)];
  const child = spawn('prlimit', ['--fsize=8192', program('jwb'), 'hold', 'place', taken.id, '--agency', 'traffic-police',
    '--case', '1'], { env: { ...process.env, JWB_CONFIG: site.path('gateway.yaml') }, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (data) => { said += data; });
  const [code] = await once(child, 'close');
  assert.equal(code, 1, said);
  assert.match(said, /^jwb: .+/);
  assert.equal((await gateway.verdict(taken.code)).result, 'valid');
  assert.match(await site.jwb('licence', 'show', taken.id), /strictest hold +none/);
  await taken.seize();
  assert.equal((await gateway.verdict(taken.code)).reason, 'licence_seized');
  await judged(t, watches);
});

test('whether a terminal is competent for a type that can\'t be looked up is not known, which is not no', async (t) => {
  const site = await Site.start(t, { clients: [] });
  const { gateway } = site;
  await site.client('narrow', { role: 'inspector', organisation: 'traffic-police', type: site.records[0].ZZLXDM });
  const inspector = await site.token('inspector', '--subject', 'traffic-police/1', '--client', 'narrow');
  const code = await gateway.display(await site.token('holder'));
  gateway.child.kill('SIGSTOP');
  // A commit makes its readers forget their pages; the files they would read them from are empty.
  await site.jwb('person', 'shut-out', '--officer', 'traffic-police/2');
  for (const file of ['registry.db', 'registry.db-wal']) fs.truncateSync(site.path(file), 0);
  gateway.child.kill('SIGCONT');
  const answer = await gateway.verify(code, inspector);
  assert.equal(answer.status, 503, answer.body.toString());
  assert.match(answer.json().code, /^(registry|directory)_unavailable$/);
});
