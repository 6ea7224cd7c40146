// The registry is lost, and comes back from a backup that is older than what inspectors and issuers did.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { Site, until } from './lib/site.mjs';

const run = promisify(execFile);
const PER_KIND = 3;

// Displayed licences of different persons, each with its record, its holder's token and a code.
async function displayed(site, count) {
  const all = [], persons = new Set();
  for (const record of site.records) {
    if (all.length === count) return all;
    if (record.ZZZT !== '01' || !/^\d{17}[\dX]$/.test(record.CZZTDM) || persons.has(record.CZZTDM)) continue;
    persons.add(record.CZZTDM);
    const holder = (await site.jwb('token', 'mint', '--role', 'holder', '--holder-number', '-', { input: record.CZZTDM })).trim();
    const licence = (await site.gateway.licences(holder)).find((l) => l.status === 'valid' && l.type.code === record.ZZLXDM);
    if (licence) all.push({ record, holder, id: licence.id, code: await site.gateway.display(holder, licence.id) });
  }
  throw new Error(`only ${all.length} licences to display`);
}
async function deliver(site, name, records) {
  site.write(name, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  await site.jwb('licence', 'import', site.path(name), '--source', 'test');
}
async function act(site, inspector, action, licence) {
  const answer = await site.gateway.json('POST', '/v1/enforcement/actions', inspector,
    { code: licence.code, action, case_number: '2026-17', reason: 'a test' }, { 'idempotency-key': `${action}-${licence.id}` });
  assert.equal(answer.status, 201, answer.body.toString());
}
const verdictOf = async (site, code) => {
  const { result, reason, problem } = await site.gateway.verdict(code);
  return problem ?? reason ?? result;
};

test('a registry restored from a backup is put right from the evidence log, and until then nothing is valid', async (t) => {
  const site = await Site.start(t, { licences: 120, config: { code: { life_s: 300 } } });
  const inspector = await site.token('inspector');
  const all = await displayed(site, 6 * PER_KIND);
  const kinds = ['untouched', 'seized', 'revoked', 'lifted', 'renewed', 'held'];
  const of = (kind) => all.filter((_, i) => kinds[i % kinds.length] === kind);
  const renewed = of('renewed').map(({ record }) => ({ ...record, ZZYXQJZRQ: '2039-12-31', SJBBH: '7' }));
  for (const licence of [...of('lifted'), ...of('held')]) await act(site, inspector, 'seize', licence);

  await run('sqlite3', ['-cmd', '.timeout 5000', site.path('registry.db'), `.backup ${site.path('backup.db')}`]);

  for (const licence of of('seized')) await act(site, inspector, 'seize', licence);
  for (const { id } of of('revoked')) await site.jwb('licence', 'status', id, 'revoked');
  for (const licence of of('lifted')) await act(site, inspector, 'restore', licence);
  await deliver(site, 'renewed.ndjson', renewed);
  const newCodes = [];
  for (const { holder, id } of of('renewed')) newCodes.push(await site.gateway.display(holder, id));
  const truth = { untouched: 'valid', seized: 'licence_seized', revoked: 'licence_revoked', lifted: 'valid',
    renewed: 'licence_superseded', held: 'licence_seized' };
  const expectTruth = async () => {
    for (const kind of kinds)
      for (const { code } of of(kind)) assert.equal(await verdictOf(site, code), truth[kind], kind);
  };
  await expectTruth();
  for (const code of newCodes) assert.equal(await verdictOf(site, code), 'valid');

  await site.gateway.stop();
  for (const end of ['-wal', '-shm']) fs.rmSync(site.path(`registry.db${end}`), { force: true });
  fs.copyFileSync(site.path('backup.db'), site.path('registry.db'));
  await site.redis('FLUSHALL'); // nobody but the log knows any more
  site.gateway = await site.startGateway('gateway');
  assert.equal((await site.gateway.request('GET', '/readyz', { internal: true })).status, 503);
  for (const { code } of all) assert.equal(await verdictOf(site, code), 'status_unavailable');

  let stop = false, looks = 0;
  const wrong = [];
  const watch = (async () => {
    while (!stop)
      for (const { code } of [...of('seized'), ...of('revoked'), ...of('renewed')]) {
        looks++;
        if (await verdictOf(site, code) === 'valid') wrong.push(code);
      }
  })();
  const began = performance.now();
  const told = await site.jwb('registry', 'restored');
  const restored = performance.now();
  await until(() => verdictOf(site, of('untouched')[0].code), (verdict) => verdict === 'valid');
  t.diagnostic(`restored in ${Math.round(restored - began)} ms, served again after ` +
    `${Math.round(performance.now() - began)} ms, ${looks} looks meanwhile`);
  await expectTruth();
  stop = true;
  await watch;
  assert.deepEqual(wrong, []);
  assert.match(told, new RegExp(`in doubt +${PER_KIND} licences`));

  // Could not find out: the version that the backup lacks was lost, and what it said is not known.
  for (const code of newCodes) assert.match(await verdictOf(site, code), /^(licence_unknown|status_unavailable)$/);
  for (const { holder, id } of of('renewed')) {
    assert.equal((await site.gateway.licences(holder)).find((l) => l.id === id).status, 'in_doubt');
    const display = await site.gateway.json('POST', '/v1/codes', holder, { licence: id });
    assert.deepEqual([display.status, display.json().reason], [503, 'status_unavailable'], 'nobody says that it is invalid');
  }
  await deliver(site, 'again.ndjson', renewed);
  for (const { holder, id } of of('renewed')) {
    const code = await site.gateway.display(holder, id);
    assert.equal(await verdictOf(site, code), 'valid');
  }
  // Whose it was when the lost version's code was made nobody knows: not that it is another's now.
  const unknown = await site.gateway.json('POST', '/v1/enforcement/actions', inspector,
    { code: newCodes[0], action: 'seize', case_number: '2026-18', reason: 'a test' }, { 'idempotency-key': 'of-a-lost-version' });
  assert.deepEqual([unknown.status, unknown.json().code], [503, 'registry_unavailable'], unknown.body.toString());
  for (const licence of [...of('seized'), ...of('held')]) await act(site, inspector, 'restore', licence);
  for (const { code } of [...of('seized'), ...of('held')]) assert.equal(await verdictOf(site, code), 'valid');
  await until(() => site.gateway.metric('log_lag_seconds'), (lag) => lag === 0);
  await site.jwb('evidence', 'verify');
});

test('what was done to a licence that the backup does not have holds when it is delivered again', async (t) => {
  const site = await Site.start(t, { licences: 20 });
  const inspector = await site.token('inspector');
  const issuer = await site.token('issuer', '--client', site.records[0].ZZBFJGDM);
  const records = ['SEIZED', 'REVOKED', 'UNTOUCHED', 'RESTORED'].map((name) => ({ ...site.records[0], ZZBH: `NEW-${name}`, ZZBS: '', ZZZT: '01' }));
  const deliverAll = async () => {
    const answer = await site.gateway.request('POST', '/v1/issuer/licences:import', { token: issuer,
      headers: { 'content-type': 'application/x-ndjson' }, body: records.map((record) => `${JSON.stringify(record)}\n`).join('') });
    assert.equal(answer.status, 200, answer.body.toString());
    assert.equal(answer.body.toString().match(/"outcome": ?"added"/g)?.length, records.length, answer.body.toString());
  };
  const done = async (method, path, token, body, headers) => {
    const answer = await site.gateway.json(method, path, token, body, headers);
    assert.ok([200, 201].includes(answer.status), answer.body.toString());
    return answer;
  };
  const enforce = (action, licence) => done('POST', '/v1/enforcement/actions', inspector,
    { licence, action, case_number: '2026-17', reason: 'a test' }, { 'idempotency-key': `${action}-${licence}` });
  const shown = (number) => site.jwb('licence', 'show', '-', { input: number });
  await run('sqlite3', ['-cmd', '.timeout 5000', site.path('registry.db'), `.backup ${site.path('backup.db')}`]);
  await deliverAll();
  const seized = (await enforce('seize', 'NEW-SEIZED')).json();
  await enforce('seize', 'NEW-RESTORED');
  await enforce('restore', 'NEW-RESTORED');
  const id = /\b[0-9a-f]{32}\b/.exec(await shown('NEW-REVOKED'))[0];
  await done('POST', `/v1/issuer/licences/${id}/status`, issuer, { status: '03' });
  const before = await Promise.all(records.map(({ ZZBH }) => shown(ZZBH)));
  await until(() => site.gateway.metric('log_lag_seconds'), (lag) => lag === 0);
  await site.gateway.stop();
  for (const end of ['-wal', '-shm']) fs.rmSync(site.path(`registry.db${end}`), { force: true });
  fs.copyFileSync(site.path('backup.db'), site.path('registry.db'));
  assert.match(await site.jwb('registry', 'restored'), /waiting +1 holds and 1 statuses/);
  site.gateway = await site.startGateway('gateway');
  await until(() => site.gateway.metric('registry_behind'), (behind) => behind === 0);
  await deliverAll();
  const status = (text) => /^status .*: (\w+)$/m.exec(text)?.[1];
  for (const [i, { ZZBH }] of records.entries()) {
    assert.ok(status(before[i]), before[i]);
    assert.equal(status(await shown(ZZBH)), status(before[i]), ZZBH);
  }
  const again = await enforce('seize', 'NEW-SEIZED'); // with its key: a key is never forgotten
  assert.deepEqual([again.status, again.json().id, again.json().at], [200, seized.id, seized.at]);
  const action = await done('GET', `/v1/enforcement/actions/${seized.id}`, inspector);
  assert.deepEqual([action.json().state, action.json().case_number, action.json().reason], ['open', '2026-17', '']);
  await enforce('restore', 'NEW-SEIZED');
  assert.equal(status(await shown('NEW-SEIZED')), 'valid');
});

test('after a restore the log goes on where it was, and nothing in it is told twice', async (t) => {
  const site = await Site.start(t, { licences: 20 });
  const { id } = (await site.gateway.licences(await site.token('holder'))).find((l) => l.status === 'valid');
  await run('sqlite3', ['-cmd', '.timeout 5000', site.path('registry.db'), `.backup ${site.path('backup.db')}`]);
  await site.jwb('hold', 'place', id, '--agency', 'traffic-police', '--case', '1');
  await until(() => site.evidence(), (all) => all.some((r) => r.kind === 'hold'));
  await site.gateway.stop();
  for (const end of ['-wal', '-shm']) fs.rmSync(site.path(`registry.db${end}`), { force: true });
  fs.copyFileSync(site.path('backup.db'), site.path('registry.db'));
  await site.jwb('registry', 'restored');
  assert.match(await site.jwb('licence', 'show', id), /seized/);
  site.gateway = await site.startGateway('gateway');
  const events = (await until(() => site.evidence(), (all) => all.some((r) => r.kind === 'operator' && /licence show/.test(r.purpose))))
    .filter((r) => r.number);
  assert.deepEqual(events.map((r) => r.number).sort((a, b) => a - b), events.map((_, i) => i + 1), 'gapless, each once');
  assert.equal(events.filter((r) => r.kind === 'hold').length, 1);
  assert.equal(events.filter((r) => r.kind === 'restored').length, 1);
  await site.jwb('hold', 'lift', id, '--agency', 'traffic-police', '--case', '1');
  await site.jwb('evidence', 'verify');
});

test('a restored registry that has grown past the log before anybody put it right is not believed, and is put right all the same', async (t) => {
  const site = await Site.start(t, { licences: 120, config: { code: { life_s: 300 } } });
  const inspector = await site.token('inspector');
  const [seized, steady] = await displayed(site, 2);
  await run('sqlite3', ['-cmd', '.timeout 5000', site.path('registry.db'), `.backup ${site.path('backup.db')}`]);
  await act(site, inspector, 'seize', seized);
  await site.gateway.stop();
  for (const end of ['-wal', '-shm']) fs.rmSync(site.path(`registry.db${end}`), { force: true });
  fs.copyFileSync(site.path('backup.db'), site.path('registry.db'));
  await site.redis('FLUSHALL');
  for (let i = 0; i < 4; i++) await site.jwb('licence', 'show', steady.id); // each is an event
  site.gateway = await site.startGateway('gateway');
  for (const { code } of [seized, steady]) assert.equal(await verdictOf(site, code), 'status_unavailable');
  for (let i = 0; i < 4; i++) await site.jwb('licence', 'show', steady.id);
  for (const { code } of [seized, steady]) assert.equal(await verdictOf(site, code), 'status_unavailable');
  await site.jwb('registry', 'restored');
  await until(() => verdictOf(site, steady.code), (verdict) => verdict === 'valid');
  assert.equal(await verdictOf(site, seized.code), 'licence_seized');
  await until(() => site.gateway.metric('log_trouble'), (trouble) => trouble === 0);
  await until(() => site.gateway.metric('log_lag_seconds'), (lag) => lag === 0);
  const events = (await until(() => site.evidence(), (all) => all.filter((r) => /licence show/.test(r.purpose ?? '')).length === 8))
    .filter((r) => r.number);
  assert.deepEqual(events.map((r) => r.number).sort((a, b) => a - b), events.map((_, i) => i + 1), 'gapless, each once');
  await site.jwb('evidence', 'verify');
});

test('nothing of another registry\'s log is replayed', async (t) => {
  const [site, other] = [await Site.start(t, { licences: 20 }), await Site.start(t, { licences: 20 })];
  const { id } = (await site.gateway.licences(await site.token('holder'))).find((l) => l.status === 'valid');
  await Promise.all([site.gateway.stop(), other.gateway.stop()]);
  fs.rmSync(site.path('evidence-gateway/log'), { recursive: true });
  fs.cpSync(other.path('evidence-gateway/log'), site.path('evidence-gateway/log'), { recursive: true });
  fs.copyFileSync(other.path('evidence.key'), site.path('evidence.key'));
  const refused = await site.tryJwb('registry', 'restored');
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /another's/);
  assert.doesNotMatch(await site.jwb('licence', 'show', id), /in doubt/);
});

test('a log that can not tell its last event vouches for no registry', async (t) => {
  const site = await Site.start(t, { licences: 20, config: { code: { life_s: 300 } } });
  const inspector = await site.token('inspector');
  const [seized] = await displayed(site, 1);
  await act(site, inspector, 'seize', seized);
  await until(() => site.gateway.metric('log_lag_seconds'), (lag) => lag === 0);
  await site.gateway.stop();
  const entries = site.path('evidence-gateway/log/tile/entries');
  const kept = fs.readdirSync(entries, { recursive: true }).map((name) => path.join(entries, name))
    .filter((name) => fs.statSync(name).isFile()).map((name) => [name, fs.readFileSync(name)]);
  for (const [name, octets] of kept) fs.writeFileSync(name, Buffer.from(octets.map((octet) => octet ^ 0x55)));
  site.gateway = await site.startGateway('gateway');
  assert.equal((await site.gateway.request('GET', '/readyz', { internal: true })).status, 503);
  assert.equal(await verdictOf(site, seized.code), 'status_unavailable');
  for (const [name, octets] of kept) fs.writeFileSync(name, octets);
  await site.gateway.stop();
  site.gateway = await site.startGateway('gateway');
  await until(() => verdictOf(site, seized.code), (verdict) => verdict === 'licence_seized');
});
