// What is unusual in how licences are looked at is reported: to operators and as evidence, once.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import test from 'node:test';
import { promisify } from 'node:util';
import { Site, until } from './lib/site.mjs';

const run = promisify(execFile);
// The registry's events of kind 46, [rule, whom].
async function events(site) {
  const { stdout } = await run('sqlite3', ['-cmd', '.timeout 5000', '-json', site.path('registry.db'),
    'SELECT purpose, reference FROM event WHERE kind = 46 ORDER BY number']);
  return JSON.parse(stdout || '[]').map((row) => [row.purpose, row.reference]);
}
const metric = (site, rule) => site.gateway.metric(`anomalies_total{rule="${rule}"}`);
const told = (site, rule) => site.gateway.waitForLog((line) => line.event === 'anomaly' && line.rule === rule);
const lookUp = (site, token, licence_number) => site.gateway.json('POST', '/v1/inspections/lookups', token,
  { case_number: '2026-17', reason: 'phone_unavailable', licence_number });
async function found(site, token, number) {
  const answer = await lookUp(site, token, number);
  assert.equal(answer.status, 200, answer.body.toString());
  return answer.json().licences.length;
}
// All that was answered is in the log.
async function logged(site) {
  await site.gateway.display(await site.token('holder'));
  await until(() => site.gateway.metric('log_lag_seconds'), (s) => s === 0);
}

test('a terminal that sees more than 300 licences in an hour is reported, once', async (t) => {
  const site = await Site.start(t, { licences: 320, config: { evidence: { checkpoint_ms: 50 } } });
  const token = await site.token('inspector');
  let seen = 0;
  const numbers = [...new Set(site.records.map((r) => r.ZZBH))];
  while (seen < 300) seen += await found(site, token, numbers.shift());
  assert.equal(seen, 300);
  await logged(site);
  assert.equal(await metric(site, 'people_per_hour'), 0);
  await found(site, token, numbers.shift());
  const line = await told(site, 'people_per_hour');
  assert.deepEqual([line.level, line.whom, line.count], ['warning', 'terminal-7', 301]);
  await until(() => metric(site, 'people_per_hour'), (n) => n === 1);
  assert.deepEqual(await until(() => events(site), (rows) => rows.length > 0), [['people_per_hour', 'terminal-7']]);
  while (numbers.length) await found(site, token, numbers.shift());
  await logged(site);
  assert.equal(await metric(site, 'people_per_hour'), 1);
  assert.equal((await events(site)).length, 1);
});

test('a licence that many terminals look up is reported by its reference, which names nobody', async (t) => {
  const site = await Site.start(t, { config: { evidence: { checkpoint_ms: 50 }, anomalies: { looks_per_hour: 2 } } });
  const [{ ZZBH: number }] = site.records;
  for (const terminal of ['t-1', 't-2', 't-3']) {
    const token = await site.token('inspector', '--subject', 'traffic-police/0417', '--client', terminal);
    for (let i = 0; i < 3; i++) await found(site, token, number);
  }
  const line = await told(site, 'looks_per_hour');
  assert.match(line.whom, /^[0-9a-f]{64}$/);
  assert.deepEqual(await until(() => events(site), (rows) => rows.length > 0), [['looks_per_hour', line.whom]]);
  const all = site.gateway.log.map((l) => l.text).join('\n');
  assert.ok(!all.includes(number) && !all.includes(site.records[0].CZZT));
});

test('a partner whose checks are mostly refused is reported; one whose customers\' licences are seized is not', async (t) => {
  const site = await Site.start(t, { config: { evidence: { checkpoint_ms: 50 }, anomalies: { checks_min: 6 } } });
  const partner = await site.token('partner');
  const check = () => site.gateway.json('POST', '/v1/partner/checks', partner, { licence_number: 'none', holder_name: '无' });
  const code = await site.gateway.display(await site.token('holder'));
  await site.jwb('hold', 'place', site.records[0].ZZBS, '--agency', 'traffic-police', '--case', '2026-1');
  await until(() => site.gateway.verdict(code), (v) => v.reason === 'licence_seized');
  for (let i = 0; i < 7; i++) assert.equal((await site.gateway.verdict(code, partner)).reason, 'licence_seized');
  for (let i = 0; i < 7; i++) assert.equal((await check()).status, 404);
  const line = await told(site, 'miss_percent'); // at the half, that is of all 14
  assert.deepEqual([line.whom, line.count], ['car-rental', 7]);
  await until(() => metric(site, 'miss_percent'), (n) => n === 1);
});

test('an inspector whose lookups find nobody is reported, and so is a business system that guesses', async (t) => {
  const site = await Site.start(t, { config: { evidence: { checkpoint_ms: 50 }, anomalies: { checks_min: 6 } } });
  const token = await site.token('inspector'), system = await site.token('system');
  for (let i = 0; i < 6; i++) assert.equal(await found(site, token, `NONE-${i}`), 0);
  const guess = (i) => site.gateway.json('POST', '/v1/licences:retrieve', system, { matter: '11410800MB0001', operator: 'clerk-4',
    legal_basis: 'none', holder_number: `9141080000000000${i}A` });
  for (let i = 0; i < 6; i++) assert.equal((await guess(i)).status, 403);
  const lines = await until(() => site.gateway.log.filter((l) => l.event === 'anomaly'), (all) => all.length >= 2);
  assert.deepEqual(lines.map((l) => [l.rule, l.whom, l.count]).sort(),
    [['miss_percent', 'business-system-1', 6], ['miss_percent', 'terminal-7', 6]]);
});
