// No evidence, no answer: one record for each answered display and verify, before the answer, through
// kills, full disks and overload.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import test from 'node:test';
import { promisify } from 'node:util';
import { judged, rounds, Subject } from './lib/faults.mjs';
import { Site, until } from './lib/site.mjs';

const life = { code: { life_s: 300 } };
const run = promisify(execFile);

const files = (site) => fs.readdirSync(site.path('evidence-gateway')).filter((name) => name.endsWith('.jwbj')).sort()
  .map((name) => site.path(`evidence-gateway/${name}`));
async function records(site) {
  return (await site.list(...files(site))).filter(({ kind }) => kind === 'display' || kind === 'verify');
}
const limit = (gateway, bytes) => run('prlimit', ['--pid', String(gateway.child.pid), `--fsize=${bytes}:unlimited`]);

test('every answered display and verify has one record, with place, result and reason, and no name or number', async (t) => {
  const site = await Site.start(t, { config: { ...life, loops: { count: 2 } } });
  const { gateway } = site;
  const subject = await Subject.make(t, site), taken = await Subject.make(t, site, 1);
  const tokens = { inspector: await site.token('inspector'), partner: await site.token('partner'), anybody: undefined };
  const before = (await records(site)).length;
  assert.equal(before, 2);
  const expected = new Map();
  const expect = (answer, record) => {
    assert.ok(!expected.has(answer.headers['x-request-id']));
    expected.set(answer.headers['x-request-id'], record);
  };
  await taken.seize();
  const place = [subject.list, subject.index];
  for (let i = 0; i < 20; i++) {
    const display = await gateway.json('POST', '/v1/codes', subject.holder, { licence: subject.id });
    expect(display, { kind: 'display', role: 'holder', place, result: 'valid', reason: 'none' });
    const { code } = display.json();
    for (const [role, token] of Object.entries(tokens)) {
      const verify = { kind: 'verify', role };
      expect(await gateway.verify(code, token), { ...verify, place, result: 'valid', reason: 'none' });
      expect(await gateway.verify(taken.code, token), { ...verify, place: [taken.list, taken.index], result: 'invalid',
        reason: 'licence_seized' });
      expect(await gateway.verify('no code', token), { ...verify, place: null, result: 'invalid', reason: 'malformed' });
    }
    expect(await gateway.verify(code, tokens.partner), { kind: 'verify', role: 'partner', place, result: 'invalid',
      reason: 'code_already_used' });
  }
  const all = await records(site);
  assert.equal(all.length, before + expected.size);
  const known = new Map(all.map((r) => [r.request, r]));
  assert.equal(known.size, all.length, 'request ids are unique');
  for (const [id, { kind, role, place: where, result, reason }] of expected) {
    const record = known.get(id);
    assert.ok(record, `${id} has a record`);
    assert.deepEqual([record.kind, record.role, record.place, record.result, record.reason ?? 'none'],
      [kind, role, where, result, reason]);
  }
  const inspected = all.find((r) => r.role === 'inspector');
  assert.deepEqual([inspected.subject, inspected.client], ['traffic-police/0417', 'terminal-7']);
  const octets = Buffer.concat(files(site).map((file) => fs.readFileSync(file))).toString('latin1');
  for (const record of site.records)
    for (const field of ['CZZT', 'CZZTDM', 'ZZBH', 'ZZBS'])
      for (const text of [record[field], Buffer.from(record[field]).toString('latin1')])
        assert.ok(text.length < 4 || !octets.includes(text), `no ${field} in the journal`);
  assert.ok(!octets.includes(subject.code.slice(-40)), 'no code either');
  t.diagnostic(`${expected.size} answers, ${all.length - before} records`);
});

test('killed under load, the gateway left a record of every verify it had answered', async (t) => {
  const site = await Site.start(t, { config: { ...life, loops: { count: 2 } } });
  const subject = await Subject.make(t, site);
  const inspector = await site.token('inspector');
  const answered = [];
  let stop = false;
  const load = async () => {
    while (!stop) {
      const answer = await site.gateway.verify(subject.code, inspector)
        .catch(() => new Promise((resolve) => setTimeout(resolve, 5)));
      if (answer?.status === 200) answered.push(answer.headers['x-request-id']);
    }
  };
  const loads = Array.from({ length: 16 }, load);
  t.after(() => { stop = true; });
  let torn = 0;
  for (let round = 0; round < rounds(3); round++) {
    const enough = answered.length + 200;
    await until(() => answered.length, (n) => n >= enough);
    await site.gateway.stop('SIGKILL');
    const newest = files(site).at(-1);
    const octets = fs.readFileSync(newest);
    fs.appendFileSync(newest, octets.subarray(octets.length - 30)); // as if a write had been cut
    site.gateway = await site.startGateway('gateway');
    torn += await site.gateway.metric('evidence_torn_bytes_total');
  }
  stop = true;
  await Promise.all(loads);
  const known = new Set((await records(site)).map((r) => r.request));
  const missing = answered.filter((id) => !known.has(id));
  t.diagnostic(`${answered.length} answered, ${known.size} records, ${missing.length} missing, ${torn} torn bytes cut`);
  assert.equal(missing.length, 0);
  assert.equal(new Set(answered).size, answered.length);
  assert.equal(torn, 30 * rounds(3));
});

test('what can not be recorded is not answered, and is again when there is room', async (t) => {
  const site = await Site.start(t, { config: life });
  const { gateway } = site;
  const subject = await Subject.make(t, site);
  const inspector = await site.token('inspector'), partner = await site.token('partner');
  for (let round = 0; round < rounds(2); round++) {
    assert.equal((await gateway.verdict(subject.code, inspector)).result, 'valid');
    const before = await records(site);
    await limit(gateway, fs.statSync(files(site).at(-1)).size + 40); // less than a record
    for (const token of [inspector, partner, undefined]) {
      const refused = await gateway.verify(subject.code, token);
      assert.equal(refused.status, 503);
      assert.equal(refused.json().code, 'evidence_unavailable');
      assert.ok(Number(refused.headers['retry-after']) > 0);
      assert.equal(refused.json().licence, undefined);
    }
    const display = await gateway.json('POST', '/v1/codes', subject.holder, { licence: subject.id });
    assert.equal(display.status, 503);
    assert.equal(display.json().code, 'evidence_unavailable');
    assert.equal(display.json().id, undefined);
    assert.deepEqual(await records(site), before);
    await limit(gateway, 'unlimited');
    assert.equal((await gateway.verdict(subject.code, inspector)).result, 'valid');
    assert.equal((await records(site)).length, before.length + 1);
    assert.ok(await gateway.metric('evidence_failures_total') > 0);
  }
  const ready = async () => {
    const answer = await gateway.request('GET', '/readyz', { internal: true });
    return [answer.status, answer.json().evidence];
  };
  assert.deepEqual(await ready(), [200, 'up']);
  await limit(gateway, fs.statSync(files(site).at(-1)).size + 40);
  await gateway.verify(subject.code, inspector);
  assert.deepEqual(await ready(), [503, 'can\'t be written']);
  await limit(gateway, 'unlimited');
  await until(ready, ([status, evidence]) => status === 200 && evidence === 'up'); // though it is asked nothing
  const watch = subject.watch(gateway, inspector);
  for (let round = 0; round < rounds(10); round++) { // in the middle of a turn's records
    await limit(gateway, fs.statSync(files(site).at(-1)).size + 60 * round);
    const refused = watch.unavailable;
    await until(() => watch.unavailable, (n) => n > refused);
    await limit(gateway, 'unlimited');
    const answered = watch.valid;
    await until(() => watch.valid, (n) => n > answered);
  }
  const sum = await judged(t, [watch], { unavailable: true });
  const listed = (await records(site)).filter((r) => r.kind === 'verify').length;
  assert.equal(listed, sum.answered + 2 * rounds(2));
});

test('two thousand connections at once get an answer or a fast 503, and then it serves as before', async (t) => {
  const site = await Site.start(t, { config: { ...life, cache: { in_flight_max: 64 }, http: { request_timeout_ms: 120000 } } });
  const { gateway } = site;
  const subject = await Subject.make(t, site);
  const inspector = await site.token('inspector');
  const counts = {};
  let slowest_ms = 0;
  await Promise.all(Array.from({ length: 2000 }, async () => {
    for (let i = 0; i < 2; i++) {
      const began = performance.now();
      const answer = await gateway.verify(subject.code, inspector).catch((error) => ({ status: error.code }));
      slowest_ms = Math.max(slowest_ms, performance.now() - began);
      const key = answer.status === 200 ? answer.json().result : answer.status;
      counts[key] = (counts[key] ?? 0) + 1;
    }
  }));
  t.diagnostic(`${JSON.stringify(counts)}, slowest ${Math.round(slowest_ms)} ms, connections and their handshakes included`);
  assert.deepEqual(Object.keys(counts).filter((key) => !['valid', '503'].includes(key)), []);
  assert.equal(Object.values(counts).reduce((a, b) => a + b), 4000);
  await until(() => gateway.verdict(subject.code, inspector), (v) => v.by === 'cache');
  const verified = (await records(site)).filter((r) => r.kind === 'verify').length;
  assert.ok(verified > counts.valid);
});

// Without this an operator could look through everybody's evidence and nobody would know.
test('who reads evidence with the tool leaves evidence before he sees any, and of a copy elsewhere none', async (t) => {
  const site = await Site.start(t, { config: life });
  const log = site.path('evidence-gateway/log'), [journal] = files(site);
  const { headers } = await site.gateway.verify('no code'), request = headers['x-request-id'];
  await until(() => site.list(log), (all) => all.some((r) => r.request === request));
  const commands = async () => (await site.list(log)).filter((r) => r.kind === 'operator').map((r) => r.purpose);
  const before = await commands();
  fs.symlinkSync(site.path('evidence-gateway'), site.path('another-way'));
  assert.ok((await site.jwb('evidence', 'list', site.path('another-way/log'))).includes(request));
  assert.ok((await site.jwb('evidence', 'list', journal)).includes(request));
  await site.jwb('evidence', 'prove', request, '--out', site.folder);
  fs.copyFileSync(journal, site.path('copy.jwbj'));
  assert.ok((await site.jwb('evidence', 'list', site.path('copy.jwbj'))).includes(request));
  const after = await until(commands, (all) => all.length >= before.length + 3);
  assert.deepEqual(after.slice(before.length), ['evidence list', 'evidence list', 'evidence prove']);
  await site.gateway.stop();
  fs.renameSync(site.path('registry.db'), site.path('away.db'));
  for (const args of [['list', log], ['list', site.path('copy.jwbj'), journal], ['prove', request, '--out', site.path('none')]]) {
    const told = await site.tryJwb('evidence', ...args);
    assert.deepEqual([told.code, told.stdout], [1, ''], args.join(' '));
    assert.match(told.stderr, /registry/);
  }
  assert.ok((await site.jwb('evidence', 'list', site.path('copy.jwbj'))).includes(request));
});
