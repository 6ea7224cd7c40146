// The evidence log through kills, full disks and hands that change what it says.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { leafOf, readBundle, rootOf } from '../independent/tlog.mjs';
import { chance } from './lib/faults.mjs';
import { Hooks } from './lib/hooks.mjs';
import { crc32c } from './lib/journal.mjs';
import { Site, until } from './lib/site.mjs';

const run = promisify(execFile);
const KILLS = process.env.FAULT_ROUNDS ? 200 : 8;
const LOADS = 8;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const act = (site, token, action, licence, case_number) => site.gateway.json('POST', '/v1/enforcement/actions', token,
  { licence, action, case_number, reason: 'a test' }, { 'idempotency-key': crypto.randomUUID() });
const inLog = (site) => site.list(site.path('evidence-gateway/log'));
// All that is in the journals by now is in the log: a look after it is.
async function caughtUp(site) {
  const last = (await site.gateway.verify('no code')).headers['x-request-id'];
  await until(() => inLog(site), (entries) => entries.some(({ request }) => request === last), 20000);
}
const verifyLog = (site, ...args) => site.tryJwb('evidence', 'verify', ...args);

test('killed at any moment under load, nothing that was answered is lost, and nobody is told twice', async (t) => {
  const site = await Site.start(t, { config: { code: { life_s: 300 }, webhooks: { ca: 'server.pem', retry_s: 1, retry_max_s: 1 },
    evidence: { checkpoint_ms: 100 } } });
  const random = chance(t);
  const issuer = site.records[0].ZZBFJGDM;
  const hooks = await Hooks.start(t, site);
  await site.client('police-system', { role: 'issuer', organisation: issuer });
  await site.jwb('client', 'webhook', 'police-system', '--url', hooks.url);
  const inspector = await site.token('inspector'), holder = await site.token('holder');
  const code = await site.gateway.display(holder);
  const licences = site.records.filter((r) => r.ZZBFJGDM === issuer && r.ZZZT === '01').map((r) => r.ZZBH).slice(0, LOADS);

  const looked = [], changed = []; // request ids of what was answered
  const state = new Map(); // of each licence: what it is, or undefined when a change was not answered
  let stop = false, lost = 0;
  const look = async () => {
    while (!stop) {
      const answer = await site.gateway.verify(code, inspector).catch(() => pause(2));
      if (answer?.status === 200) looked.push(answer.headers['x-request-id']);
    }
  };
  const change = async (licence) => {
    for (let n = 0; !stop; n++) {
      const was = state.get(licence) ?? 'unknown';
      const action = was === 'seized' ? 'restore' : 'seize';
      state.set(licence, undefined);
      const answer = await act(site, inspector, action, licence, 'case-1').catch(() => (lost++, pause(2)));
      const result = answer?.status === 201 ? answer.json().status : undefined;
      if (result) {
        changed.push(answer.headers['x-request-id']);
        state.set(licence, result);
      } else if (answer) { // an action that was not answered had been taken, or not
        const { code: problem } = answer.json();
        if (problem === 'hold_exists') state.set(licence, 'seized');
        else if (problem === 'hold_not_found') state.set(licence, 'valid');
        else assert.equal(answer.status, 503, answer.body.toString());
      }
    }
  };
  const loads = [...Array.from({ length: LOADS }, look), ...licences.map(change)];
  t.after(() => { stop = true; });
  for (let kill = 0; kill < KILLS; kill++) {
    const enough = changed.length + 2;
    await until(() => changed.length, (n) => n >= enough, 30000);
    await pause(random() * 60);
    await site.gateway.stop('SIGKILL');
    site.gateway = await site.startGateway('gateway');
  }
  const settled = changed.length + LOADS * 2;
  await until(() => changed.length, (n) => n >= settled, 30000);
  stop = true;
  await Promise.all(loads);

  await caughtUp(site);
  const entries = await inLog(site);
  const times = new Map();
  for (const { request, kind } of entries) if (kind === 'verify') times.set(request, (times.get(request) ?? 0) + 1);
  assert.deepEqual(looked.filter((id) => times.get(id) !== 1), [], 'each answered verify once');
  const events = entries.filter((r) => r.number);
  assert.deepEqual(events.map((r) => r.number), events.map((_, i) => i + 1), 'each event of the registry once, in order');
  const acted = new Set(events.map((r) => r.request));
  assert.deepEqual(changed.filter((id) => !acted.has(id)), [], 'each answered action');
  assert.equal((await verifyLog(site)).code, 0);
  for (const [licence, status] of state)
    if (status) assert.match(await site.jwb('licence', 'show', '-', { input: licence }), new RegExp(`status +\\S+ ${status}`));

  const owed = new Set(events.filter((r) => r.kind === 'hold' || r.kind === 'lift').map((r) => r.number));
  const told = () => new Set(hooks.received.filter((one) => one.answered === 204).map((one) => one.body.event));
  await until(() => [...owed].filter((number) => !told().has(number)).length, (n) => n === 0, 60000 + 1000 * KILLS);
  const ids = new Map();
  for (const { id, body } of hooks.received) {
    assert.equal(ids.get(body.event) ?? id, id, 'one id for each event');
    ids.set(body.event, id);
  }
  assert.equal(new Set(ids.values()).size, ids.size, 'and one event for each id');
  t.diagnostic(`${KILLS} kills, ${looked.length} verifies and ${changed.length} actions answered, ${lost} actions lost, ` +
    `${entries.length} entries, ${owed.size} messages, ${hooks.received.length - owed.size} of them sent again`);
});

test('with a full disk what would need evidence is refused with its reason, and goes on when there is room', async (t) => {
  const site = await Site.start(t, { config: { code: { life_s: 300 }, evidence: { checkpoint_ms: 50, wait_ms: 400 } } });
  const { gateway } = site;
  const inspector = await site.token('inspector'), holder = await site.token('holder');
  const { id } = (await gateway.licences(holder)).find((l) => l.status === 'valid');
  const code = await gateway.display(holder, id);
  const limit = (bytes) => run('prlimit', ['--pid', String(gateway.child.pid), `--fsize=${bytes}:unlimited`]);
  const refused = [];
  for (let round = 0; round < 3; round++) {
    await limit(64 + round * 40); // every file: journal, registry, log
    const look = await gateway.verify(code, inspector), display = await gateway.json('POST', '/v1/codes', holder, { licence: id });
    const seize = await act(site, inspector, 'seize', id, `case-${round}`);
    assert.deepEqual([look.status, look.json().code, display.status, display.json().code],
      [503, 'evidence_unavailable', 503, 'evidence_unavailable']);
    assert.deepEqual([seize.status, /^(registry|evidence)_unavailable$/.test(seize.json().code)], [503, true]);
    for (const answer of [look, display, seize]) assert.ok(Number(answer.headers['retry-after']) > 0);
    assert.equal((await verifyLog(site)).code, 0, 'nothing half-written counts');
    refused.push(look.headers['x-request-id'], display.headers['x-request-id']);
    await limit('unlimited');
    await until(() => gateway.verdict(code, inspector), (v) => v.result === 'valid', 20000);
    const again = await until(() => act(site, inspector, 'seize', id, `case-${round}`), (a) => a.status === 201 || a.status === 409, 20000);
    assert.ok(again.status === 201 || again.json().code === 'hold_exists');
    await until(() => gateway.verdict(code, inspector), (v) => v.reason === 'licence_seized');
    assert.equal((await act(site, inspector, 'restore', id, `case-${round}`)).status, 201);
  }
  await caughtUp(site);
  assert.equal((await verifyLog(site)).code, 0);
  assert.equal(await gateway.metric('log_trouble'), 0);
  const known = new Set((await inLog(site)).map((r) => r.request));
  assert.deepEqual(refused.filter((id) => known.has(id)), [], 'what was refused left nothing');
});

test('after a journal came back from a backup, all that is answered gets into the log', async (t) => {
  const site = await Site.start(t, { licences: 20, config: { evidence: { checkpoint_ms: 50 } } });
  const journal = site.path('evidence-gateway/journal-0-00000001.jwbj');
  const answered = [];
  const verify = async (times) => {
    for (let i = 0; i < times; i++) answered.push((await site.gateway.verify('no code')).headers['x-request-id']);
  };
  await verify(20);
  await site.gateway.stop();
  const backup = fs.readFileSync(journal);
  site.gateway = await site.startGateway('gateway');
  await verify(20);
  await site.gateway.stop();
  fs.writeFileSync(journal, backup);
  site.gateway = await site.startGateway('gateway');
  assert.ok(site.gateway.log.some((line) => line.event === 'a journal is left as it is' && /older copy/.test(line.why)));
  await verify(60); // more than the backup lacks
  await caughtUp(site);
  const times = new Map();
  for (const { request } of await inLog(site)) times.set(request, (times.get(request) ?? 0) + 1);
  assert.deepEqual(answered.filter((id) => times.get(id) !== 1), [], 'each once');
  assert.equal(await site.gateway.metric('log_trouble'), 0);
  assert.equal((await verifyLog(site)).code, 0);
});

test('whoever changes the log is found: by itself, or by a checkpoint that somebody kept', async (t) => {
  const site = await Site.start(t, { licences: 300, config: { evidence: { checkpoint_ms: 50 } } });
  const log = site.path('evidence-gateway/log'), kept = site.path('kept.txt');
  const inspector = await site.token('inspector'), code = await site.gateway.display(await site.token('holder'));
  for (let i = 0; i < 300; i++) await site.gateway.verify(code, inspector);
  await caughtUp(site);
  fs.copyFileSync(path.join(log, 'checkpoint'), kept);
  const former = site.path('former');
  fs.cpSync(log, former, { recursive: true });
  for (let i = 0; i < 50; i++) await site.gateway.verify(code, inspector);
  await caughtUp(site);
  await site.gateway.stop();
  assert.equal((await verifyLog(site, '--checkpoint', kept)).code, 0);
  const whole = site.path('whole');
  fs.cpSync(log, whole, { recursive: true });
  const again = () => { fs.rmSync(log, { recursive: true }); fs.cpSync(whole, log, { recursive: true }); };
  const refused = async (what, pattern, ...args) => {
    const { code: status, stderr } = await verifyLog(site, ...args);
    assert.equal(status, 1, what);
    assert.match(stderr, pattern, what);
    again();
  };
  const bundle = path.join(log, 'tile/entries/000');
  const edit = (file, change) => { const octets = fs.readFileSync(file); fs.writeFileSync(file, change(octets) ?? octets); };
  const entriesOf = (octets) => {
    const entries = [];
    for (let at = 0; at < octets.length;) { const end = at + 2 + octets.readUInt16BE(at); entries.push(octets.subarray(at, end)); at = end; }
    return entries;
  };
  edit(bundle, (octets) => { octets[octets.length >> 1] ^= 1; });
  await refused('one byte changed', /entry|tile|hash|bundle/);
  edit(path.join(log, 'tile/0/000'), (octets) => { octets[40] ^= 1; });
  await refused('one byte of a hash changed', /entry|tile|hash|root/);
  edit(bundle, (octets) => Buffer.concat(entriesOf(octets).filter((_, i) => i !== 7)));
  await refused('one record cut out', /entry|bundle|7/);
  edit(bundle, (octets) => { const all = entriesOf(octets); [all[3], all[9]] = [all[9], all[3]]; return Buffer.concat(all); });
  await refused('two records swapped', /entry|3/);
  // Emptied, as an archive does: what an archive never takes, and what no archive took.
  const emptied = (i) => (octets) => Buffer.concat(entriesOf(octets).map((entry, k) => (k === i ? Buffer.alloc(2) : entry)));
  edit(bundle, emptied(7));
  await refused('an event emptied', /event \d+ follows event \d+; those between were taken out/);
  const second = path.join(log, 'tile/entries/001');
  edit(second, emptied(entriesOf(fs.readFileSync(second)).findIndex((entry) => entry[3] === 2)));
  await refused('a look emptied', /1 entries were removed, and archives account for 0/);
  const partial = fs.readdirSync(path.join(log, 'tile/entries')).find((name) => name.endsWith('.p'));
  for (const name of fs.readdirSync(path.join(log, 'tile/entries', partial)))
    edit(path.join(log, 'tile/entries', partial, name), (octets) => octets.subarray(0, octets.length - 10));
  await refused('the tail cut', /entry|bundle|tail|end/);
  fs.copyFileSync(path.join(log, 'checkpoint'), site.path('newest.txt'));
  fs.rmSync(log, { recursive: true });
  fs.cpSync(former, log, { recursive: true });
  assert.equal((await verifyLog(site)).code, 0);
  await refused('the tail cut, and all that told of it', /checkpoint|grow/, '--checkpoint', site.path('newest.txt'));
  edit(path.join(log, 'checkpoint'), (octets) => Buffer.from(octets.toString().replace(/^(\d+)$/m, (n) => String(n - 1))));
  await refused('a checkpoint altered', /checkpoint|sign/);

  // The whole log anew, by who has its key: right in itself, and not what it was.
  fs.rmSync(log, { recursive: true });
  for (const name of fs.readdirSync(site.path('evidence-gateway')))
    if (name.endsWith('.jwbj')) fs.rmSync(site.path(`evidence-gateway/${name}`));
  const rewritten = await site.startGateway('gateway');
  site.gateway = rewritten;
  for (let i = 0; i < 400; i++) await rewritten.verify(code, inspector);
  await caughtUp(site);
  assert.equal((await verifyLog(site)).code, 0);
  const found = await verifyLog(site, '--checkpoint', kept);
  assert.equal(found.code, 1);
  assert.match(found.stderr, /checkpoint|grow|rewritten/);
  fs.copyFileSync(path.join(log, 'checkpoint'), site.path('new.txt'));
  const compared = await site.tryJwb('evidence', 'consistency', kept, site.path('new.txt'));
  assert.deepEqual([compared.code, /rewritten/.test(compared.stderr)], [1, true]);
});

// Its checkpoint is put back to an older one, which the log signed; all that lies behind is made anew, but signatures.
test('a tail that was rewritten without the log\'s key is found, and no gateway signs it', async (t) => {
  const site = await Site.start(t, { licences: 20, config: { evidence: { checkpoint_ms: 50 } } });
  const log = site.path('evidence-gateway/log'), file = (name) => path.join(log, name);
  const look = async () => { for (let i = 0; i < 10; i++) await site.gateway.verify('no code'); await caughtUp(site); };
  await look();
  const older = fs.readFileSync(file('checkpoint'));
  const signed = Number(older.toString().split('\n')[1]);
  await look();
  await site.gateway.stop();
  const state = fs.readFileSync(file('state'), 'utf8').split('\n').slice(0, -2);
  const [, count, former] = fs.readFileSync(file('checkpoint'), 'utf8').split('\n'), size = Number(count);
  const entries = readBundle(fs.readFileSync(file(`tile/entries/000.p/${size}`)));
  const [gone] = entries.splice(signed + 2, 1);
  entries.push(gone); // cut out, and put behind all others
  const leaves = entries.map(leafOf), root = rootOf(leaves).toString('base64');
  fs.writeFileSync(file(`tile/entries/000.p/${size}`),
    Buffer.concat(entries.flatMap((entry) => [Buffer.from([entry.length >> 8, entry.length & 255]), entry])));
  fs.writeFileSync(file(`tile/0/000.p/${size}`), Buffer.concat(leaves));
  const lines = Buffer.from(state.map((line) => `${line === former ? root : line}\n`).join(''));
  fs.writeFileSync(file('state'), Buffer.concat([lines, Buffer.from(`${crc32c(lines).toString(16).padStart(8, '0')}\n`)]));
  fs.writeFileSync(file('checkpoint'), older);

  const key = (await site.jwb('evidence', 'key')).trim();
  for (const args of [[], ['--log', log, '--key', key]]) {
    const found = await verifyLog(site, ...args);
    assert.deepEqual([found.code, found.stdout], [1, '']);
    assert.match(found.stderr, /the state has no good signature by this log's key/);
  }
  const restored = await site.tryJwb('registry', 'restored');
  assert.deepEqual([restored.code, /no good signature/.test(restored.stderr)], [1, true]);
  site.gateway = await site.startGateway('gateway');
  await until(() => site.gateway.metric('log_trouble'), (trouble) => trouble === 1);
  assert.deepEqual(fs.readFileSync(file('checkpoint')), older, 'nothing of it is signed');
});

test('what a request left is proved to whoever has the key, without us', async (t) => {
  const site = await Site.start(t, { config: { evidence: { checkpoint_ms: 50 } } });
  const key = (await site.jwb('evidence', 'key')).trim();
  const code = await site.gateway.display(await site.token('holder'));
  const looked = (await site.gateway.verify(code, await site.token('inspector'))).headers['x-request-id'];
  await caughtUp(site);
  fs.mkdirSync(site.path('proofs'));
  await until(() => site.tryJwb('evidence', 'prove', looked, '--out', site.path('proofs')), ({ code: status }) => status === 0);
  const proof = site.path(`proofs/${looked}-1.tlog-proof`);
  const checked = await site.jwb('evidence', 'check', proof, '--key', key);
  assert.deepEqual([JSON.parse(checked).request, JSON.parse(checked).kind], [looked, 'verify']);
  assert.equal(JSON.parse(checked).place, null, 'the log has no place of who was only looked at');
  assert.match(JSON.parse(checked).licence, /^[0-9a-f]{64}$/);
  const text = fs.readFileSync(proof, 'utf8');
  for (const [what, altered] of Object.entries({
    entry: text.replace(/^extra (.{20})(.)/m, (_, head, c) => `extra ${head}${c === 'A' ? 'B' : 'A'}`),
    index: text.replace(/^index (\d+)/m, (_, n) => `index ${Number(n) + 1}`),
    size: text.replace(/^(\d+)$/m, (n) => String(Number(n) + 1)),
  })) {
    site.write('altered', altered);
    assert.notEqual((await site.tryJwb('evidence', 'check', site.path('altered'), '--key', key)).code, 0, what);
  }
  const other = (await site.jwb('key', 'create', '--use', 'evidence', '--file', site.path('other.key'))).trim();
  assert.notEqual((await site.tryJwb('evidence', 'check', proof, '--key', other)).code, 0, 'another log of the same name');
});
