// What issuing authorities are told of actions on their licences: once, signed, in order, for as long
// as it takes.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import test from 'node:test';
import { promisify } from 'node:util';
import { Hooks, isSigned } from './lib/hooks.mjs';
import { Site, until } from './lib/site.mjs';

const run = promisify(execFile);
const sqlite = (site, command) => run('sqlite3', ['-cmd', '.timeout 5000', site.path('registry.db'), command]);
const RETRY = { retry_s: 1, retry_max_s: 1 };

// A site whose first record's authority has a receiver.
async function opened(t, { webhooks = RETRY, answer, ...options } = {}) {
  const site = await Site.start(t, { ...options, config: { webhooks: { ca: 'server.pem', ...webhooks }, ...options.config } });
  const issuer = site.records[0].ZZBFJGDM;
  const hooks = await Hooks.start(t, site, answer);
  await tellAt(site, 'police-system', issuer, hooks);
  const licences = site.records.filter((r) => r.ZZBFJGDM === issuer).map((r) => r.ZZBH);
  return { site, hooks, issuer, licences, inspector: await site.token('inspector') };
}
async function tellAt(site, client, issuer, hooks, more = {}) {
  await site.client(client, { role: 'issuer', organisation: issuer, ...more });
  await site.jwb('client', 'webhook', client, '--url', hooks.url);
}
// Places an action: the answer's body.
async function act({ site, inspector }, action, licence, case_number, key = crypto.randomUUID()) {
  const answer = await site.gateway.json('POST', '/v1/enforcement/actions', inspector,
    { licence, action, case_number, reason: 'a test' }, { 'idempotency-key': key });
  assert.ok([200, 201].includes(answer.status), `${answer.status} ${answer.body}`);
  return answer.json();
}
const waiting = (site) => site.gateway.metric('webhooks_waiting');
const settled = (site) => until(() => waiting(site), (n) => n === 0, 20000);
const caseOf = (request) => request.body.action.case_number;

test('an authority is told of each action once, signed, and nobody else is', async (t) => {
  const world = await opened(t);
  const { site, hooks, licences } = world;
  const other = await Hooks.start(t, site);
  await tellAt(site, 'other-system', site.records.find((r) => r.ZZBFJGDM !== world.issuer).ZZBFJGDM, other);
  const seized = await act(world, 'seize', licences[0], '2026-17');
  const [first] = await hooks.messages(1);
  assert.deepEqual([first.method, first.path, first.type], ['POST', '/hook?key=swordfish', 'application/json']);
  assert.match(first.id, /^[0-9a-f]{32}$/);
  assert.ok(Math.abs(first.time - Date.now() / 1000) < 60);
  const { id, event, at, licence, ...rest } = first.body;
  assert.equal(id, first.id);
  assert.ok(Number.isInteger(event) && Date.parse(at) <= Date.now() + 1000);
  assert.deepEqual(rest, { kind: 'action', status: 'seized',
    action: { id: seized.id, action: 'seize', agency: 'traffic-police', case_number: '2026-17' } });
  assert.deepEqual([licence.type, licence.number], [site.records[0].ZZLXDM, licences[0]]);
  assert.ok(!first.text.includes(site.records[0].CZZT), 'nobody is named');

  assert.equal(await isSigned(site.gateway, first), true);
  for (const changes of [{ id: '0'.repeat(32) }, { time: `${+first.time + 1}` }, { text: first.text.replace('seized', 'valid') }])
    assert.equal(await isSigned(site.gateway, first, changes), false);

  const asked = await act(world, 'request_cancel', licences[1], '2026-18');
  await act(world, 'restore', licences[0], '2026-17');
  const all = await hooks.messages(3);
  const cancel = all.find((r) => caseOf(r) === '2026-18'), restored = all.find((r) => r.body.kind === 'restored');
  assert.deepEqual([cancel.body.kind, cancel.body.action.action, cancel.body.action.id, cancel.body.status],
    ['action', 'request_cancel', asked.id, 'seized']);
  assert.ok(Date.parse(cancel.body.action.due_at) > Date.now());
  assert.deepEqual([caseOf(restored), restored.body.action.action, restored.body.status], ['2026-17', 'restore', 'valid']);
  await settled(site);
  assert.equal(hooks.received.length, 3);
  assert.deepEqual(other.received, []);
  assert.equal(await site.gateway.metric('webhooks_delivered_total'), 3);
  const said = site.gateway.log.map((line) => line.text).join('\n');
  for (const secret of ['swordfish', licences[0], site.records[0].CZZT]) assert.ok(!said.includes(secret), 'the log has what it must not');
});

test('a client is told of the types it was registered with, and of nothing when its time is over', async (t) => {
  const world = await opened(t);
  const { site, hooks, licences } = world;
  const [right, wrong, over] = await Promise.all([1, 2, 3].map(() => Hooks.start(t, site)));
  const type = site.records[0].ZZLXDM;
  await tellAt(site, 'right-types', world.issuer, right, { type: ['OTHER', type] });
  await tellAt(site, 'wrong-type', world.issuer, wrong, { type: `${type}2` });
  await tellAt(site, 'time-over', world.issuer, over);
  await sqlite(site, "UPDATE client SET expires_at = 1 WHERE id = 'time-over'");
  await act(world, 'seize', licences[0], 'T-1');
  await Promise.all([hooks.messages(1), right.messages(1)]);
  await settled(site);
  assert.deepEqual([wrong.received.length, over.received.length], [0, 0]);
});

test('a receiver that was away is told when it is back: by the same ids, in the order of each licence', async (t) => {
  const world = await opened(t);
  const { site, hooks, licences } = world;
  await hooks.close();
  for (const action of ['seize', 'restore', 'withdraw']) await act(world, action, licences[0], 'A-1');
  await act(world, 'seize', licences[1], 'B-1');
  await until(() => site.gateway.metric('webhooks_failed_total'), (n) => n >= 4);
  hooks.answer = () => 503;
  await hooks.open();
  await hooks.requests(6);
  assert.deepEqual(new Set(hooks.received.map((r) => caseOf(r) + r.body.action.action)), new Set(['A-1seize', 'B-1seize']),
    'what comes after waits for what comes first');
  for (const number of ['A-1', 'B-1'])
    assert.equal(new Set(hooks.received.filter((r) => caseOf(r) === number).map((r) => r.id)).size, 1, 'the same id at each attempt');
  for (const one of hooks.received) assert.equal(await isSigned(site.gateway, one), true);
  assert.ok(new Set(hooks.received.map((r) => r.time)).size > 1, 'each attempt has its own time');

  hooks.answer = () => 302; // is not followed, and is no 2xx
  const before = hooks.received.length;
  await hooks.requests(before + 2);
  assert.ok(hooks.received.every((r) => r.path === '/hook?key=swordfish'));
  hooks.answer = () => 200;
  await hooks.messages(4);
  await settled(site);
  assert.deepEqual(hooks.delivered.filter((r) => caseOf(r) === 'A-1').map((r) => r.body.action.action), ['seize', 'restore', 'withdraw']);
  assert.equal(hooks.delivered.length, 4, 'each once');
});

test('a message that comes late names the action it is about, and not the newest of its case', async (t) => {
  const world = await opened(t);
  const { hooks, licences: [licence], site } = world;
  await hooks.close();
  const [first, , second] = [await act(world, 'seize', licence, 'C-1'), await act(world, 'restore', licence, 'C-1'),
    await act(world, 'seize', licence, 'C-1')];
  await act(world, 'restore', licence, 'C-1');
  await site.jwb('hold', 'place', licence, '--agency', 'traffic-police', '--case', 'C-1'); // an operator's, which is no action
  await hooks.open();
  await hooks.messages(5);
  assert.deepEqual(hooks.delivered.map((r) => [r.body.kind, r.body.action.id]), [['action', first.id], ['restored', first.id],
    ['action', second.id], ['restored', second.id], ['action', undefined]]);
});

test('an authority that does not answer keeps no other waiting', async (t) => {
  const world = await opened(t, { webhooks: { ...RETRY, timeout_ms: 20000 } });
  const { site, hooks, licences } = world;
  const quick = await Hooks.start(t, site);
  await tellAt(site, 'archive-system', world.issuer, quick);
  hooks.hold();
  for (const [i, licence] of licences.slice(0, 6).entries()) await act(world, 'seize', licence, `C-${i}`);
  await quick.messages(6);
  await hooks.requests(4);
  await act(world, 'seize', licences[6], 'C-6'); // another look at what is due
  await quick.messages(7);
  assert.equal(hooks.received.length, 4, 'and only so many at once');
  hooks.release();
  await hooks.messages(7);
});

test('a message that can\'t be made waits as one that was refused, and keeps no other waiting', async (t) => {
  const world = await opened(t);
  const { site, hooks, licences } = world;
  await hooks.close();
  for (const [i, licence] of licences.slice(0, 5).entries()) await act(world, 'seize', licence, `B-${i}`);
  await act(world, 'seize', licences[5], 'G-1');
  await sqlite(site, "UPDATE action SET reason = CAST(reason || x'00' AS BLOB) WHERE case_number LIKE 'B-%'"); // does not open
  await hooks.open();
  await hooks.messages(1);
  assert.equal(caseOf(hooks.delivered[0]), 'G-1');
  await until(() => site.jwb('outbox', 'list'), (text) => text.match(/the registry can't be read$/gm)?.length === 5);
  await sqlite(site, "UPDATE action SET reason = substr(reason, 1, length(reason) - 1) WHERE case_number LIKE 'B-%'");
  await hooks.messages(6);
});

test('what is given up is a dead letter, lets the next pass, and is tried again when an operator says so', async (t) => {
  const world = await opened(t, { answer: () => 500, webhooks: { ...RETRY, give_up_days: 1 } });
  const { site, hooks, licences } = world;
  await act(world, 'seize', licences[0], 'D-1');
  await act(world, 'restore', licences[0], 'D-1');
  await hooks.requests(2);
  const [{ id }] = hooks.received;
  await sqlite(site, 'UPDATE delivery SET made_at = made_at - 172800'); // two days have passed
  const said = await site.gateway.waitForLog((line) => line.event === 'webhook given up' && line.delivery === id);
  assert.deepEqual([said.level, said.client, said.why], ['error', 'police-system', 'answered with status 500']);
  await until(() => hooks.received.some((r) => r.body.kind === 'restored'), (there) => there);
  await until(() => site.gateway.metric('webhooks_dead'), (n) => n === 2);
  const dead = await site.jwb('outbox', 'list', '--dead');
  assert.match(dead, new RegExp(`^${id} +dead +police-system .*answered with status 500$`, 'm'));
  assert.equal(dead.trim().split('\n').length, 2);

  hooks.answer = () => 204;
  await site.jwb('outbox', 'retry', id);
  assert.equal((await hooks.messages(1))[0].id, id, 'under the id it had');
  await site.jwb('outbox', 'retry', '--dead');
  await hooks.messages(2);
  await settled(site);
  assert.equal(await site.jwb('outbox', 'list', '--dead'), '');
  assert.equal(hooks.delivered.length, 2);
});

test('a gateway that is killed again and again loses nothing and doubles nothing by its id', async (t) => {
  const world = await opened(t);
  const { site, hooks, licences } = world;
  const answered = [];
  for (let round = 0; round < 6; round++) {
    hooks.hold(); // so that some are under way when it dies
    const acts = licences.slice(0, 4).map(async (licence, i) => {
      const number = `E-${round}-${i}`;
      await act(world, 'seize', licence, number);
      answered.push(number);
    });
    await Promise.all(acts);
    const before = hooks.received.length;
    if (round % 2) await hooks.requests(before + 1);
    await site.gateway.stop('SIGKILL');
    hooks.release();
    site.gateway = await site.startGateway('gateway');
  }
  await until(() => new Set(hooks.delivered.map(caseOf)).size, (n) => n === answered.length, 30000);
  await settled(site);
  const ids = new Map();
  for (const one of hooks.delivered) ids.set(caseOf(one), (ids.get(caseOf(one)) ?? new Set()).add(one.id));
  for (const number of answered) assert.equal(ids.get(number)?.size, 1, `${number} has one id`);
  assert.equal(new Set(hooks.delivered.map((r) => r.id)).size, answered.length);
  const fresh = hooks.delivered.filter((r, i) => hooks.delivered.findIndex((o) => o.id === r.id) === i);
  for (const licence of licences.slice(0, 4)) {
    const order = fresh.filter((r) => r.body.licence.number === licence).map((r) => r.body.event);
    assert.deepEqual(order, [...order].sort((a, b) => a - b), 'in the order of the licence');
  }
});

test('without a key to sign with nothing is sent, which is said once; with one it goes on', async (t) => {
  const site = await Site.start(t, { gateway: false, config: { webhooks: { ca: 'server.pem', ...RETRY } } });
  const issuer = site.records[0].ZZBFJGDM, whole = site.read('codes.jwks').toString();
  const kept = JSON.parse(whole).keys.filter((key) => key.jwb_use !== 'webhook');
  fs.writeFileSync(site.path('codes.jwks'), JSON.stringify({ keys: kept }));
  site.gateway = await site.startGateway('gateway');
  const hooks = await Hooks.start(t, site);
  await tellAt(site, 'police-system', issuer, hooks);
  const world = { site, inspector: await site.token('inspector') };
  const ours = site.records.filter((r) => r.ZZBFJGDM === issuer).map((r) => r.ZZBH);
  for (const [i, licence] of ours.slice(0, 3).entries()) await act(world, 'seize', licence, `F-${i}`);
  const isIt = (line) => line.event === 'no key to sign webhooks with';
  await site.gateway.waitForLog(isIt);
  fs.writeFileSync(site.path('codes.jwks'), whole);
  site.gateway.child.kill('SIGHUP');
  await hooks.messages(3);
  await settled(site);
  assert.equal(hooks.received.length, 3);
  assert.equal(site.gateway.log.filter(isIt).length, 1);
});

test('a request to cancel whose day has passed escalates: its authority is told, and so is the operator', async (t) => {
  const world = await opened(t);
  const { site, hooks, licences, inspector } = world;
  const { id, due_at } = await act(world, 'request_cancel', licences[0], '2026-18');
  assert.ok(Date.parse(due_at) > Date.now());
  await hooks.messages(1);
  assert.deepEqual([await site.gateway.metric('cancellations_open'), await site.gateway.metric('cancellations_escalated')], [1, 0]);
  await site.gateway.stop();
  await sqlite(site, 'UPDATE action SET due_at = 1');
  site.gateway = await site.startGateway('gateway');
  const [, told] = await hooks.messages(2);
  assert.deepEqual([told.body.kind, told.body.action.id, told.body.status], ['escalation', id, 'seized']);
  const shown = await site.gateway.request('GET', `/v1/enforcement/actions/${id}`, { token: inspector });
  assert.deepEqual([shown.json().state, shown.json().status], ['escalated', 'seized'], 'its hold stays');
  assert.deepEqual([await site.gateway.metric('cancellations_open'), await site.gateway.metric('cancellations_escalated')], [0, 1]);
  await site.gateway.waitForLog((line) => line.event === 'requests to cancel are overdue' && line.count === 1);
});

test('a registry that went back tells nobody anything, and nothing escalates by it', async (t) => {
  const world = await opened(t);
  const { site, hooks, licences } = world;
  await hooks.close();
  await act(world, 'seize', licences[0], 'X-1');
  await act(world, 'request_cancel', licences[1], 'X-2');
  await sqlite(site, `.backup ${site.path('backup.db')}`);
  await act(world, 'restore', licences[0], 'X-1');
  await act(world, 'restore', licences[1], 'X-2');
  await run('sqlite3', [site.path('backup.db'), 'UPDATE action SET due_at = 1 WHERE kind = 2']); // its day has passed
  await until(() => site.gateway.metric('log_lag_seconds'), (lag) => lag === 0);
  await site.gateway.stop();
  for (const end of ['-wal', '-shm']) fs.rmSync(site.path(`registry.db${end}`), { force: true });
  fs.copyFileSync(site.path('backup.db'), site.path('registry.db'));
  await hooks.open();
  site.gateway = await site.startGateway('gateway');
  assert.equal(await site.gateway.metric('registry_behind'), 1);
  await new Promise((go) => { setTimeout(go, 2000); }); // twenty looks
  assert.deepEqual(hooks.received, []);
  assert.equal((await sqlite(site, 'SELECT count(*) FROM action WHERE state <> 0')).stdout.trim(), '0');
  await site.jwb('registry', 'restored');
  await hooks.messages(4);
  await settled(site);
  assert.deepEqual(hooks.received.map(({ body }) => `${body.kind} ${body.action.case_number} ${body.status}`).sort(),
    ['action X-1 valid', 'action X-2 valid', 'restored X-1 valid', 'restored X-2 valid']);
});
