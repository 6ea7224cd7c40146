// Privacy of looking: a holder is told who looked at his licences, when, why and with which answer; not
// which officer, not the case, and nothing about others' licences.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { digitsOfOctets, octetsOfDigits } from '../independent/verifier.mjs';
import { Site, until } from './lib/site.mjs';

const is18 = (number) => /^[0-9]{17}[0-9X]$/.test(number);
const holderOf = async (site, number) => (await site.jwb('token', 'mint', '--role', 'holder', '--holder-number', '-',
  { input: number })).trim();
const ask = (gateway, token, query = '') => gateway.request('GET', `/v1/me/checks${query}`, { token });
async function checks(gateway, token, query) {
  const answer = await ask(gateway, token, query);
  assert.equal(answer.status, 200, answer.body.toString());
  return answer.json();
}
const lookup = (gateway, token, number) => gateway.json('POST', '/v1/inspections/lookups', token,
  { licence_number: number, case_number: 'case-2026-0417', reason: 'phone_unavailable' });
const files = (site, name = 'gateway') => fs.readdirSync(site.path(`evidence-${name}`))
  .filter((file) => file.endsWith('.jwbj')).map((file) => site.path(`evidence-${name}/${file}`));

test('each look is told once, newest first, with who, why and what was shown, and no more', async (t) => {
  const site = await Site.start(t, { config: { loops: { count: 2 } } });
  const { gateway } = site;
  const holder = await site.token('holder'), inspector = await site.token('inspector'), partner = await site.token('partner');
  const other = await holderOf(site, site.records.find((r) => is18(r.CZZTDM) && r.CZZTDM !== site.holderNumber).CZZTDM);
  assert.deepEqual((await checks(gateway, holder)).checks, []);
  const { id } = (await gateway.licences(holder)).find((l) => l.status === 'valid');
  const expected = [];
  const expect = (kind, by, more = {}) => expected.unshift({ kind, by: { you: false, organisation: null, ...by }, ...more });

  const code = await gateway.display(holder, id);
  expect('display', { you: true, role: 'holder', acting: 'holder' }, { purpose: null, fields: [] });
  assert.equal((await gateway.verdict(code, inspector)).result, 'valid');
  expect('verify', { role: 'inspector', organisation: 'traffic-police' }, { purpose: 'inspection' });
  await gateway.verdict(code, undefined);
  expect('verify', { role: 'anybody' });
  await gateway.verdict(code, holder);
  expect('verify', { role: 'holder', you: true });
  await gateway.verdict(code, other);
  expect('verify', { role: 'holder' });
  const found = await lookup(gateway, inspector, site.records[0].ZZBH);
  assert.equal(found.status, 200, found.body.toString());
  expect('lookup', { role: 'inspector', organisation: 'traffic-police' }, { purpose: 'phone_unavailable' });
  await gateway.verdict(code, partner);
  expect('verify', { role: 'partner', organisation: 'fictional-car-rental' }, { purpose: 'car_rental' });
  await gateway.verdict('no code', inspector); // nobody's
  await gateway.display(other);

  const told = await checks(gateway, holder);
  assert.equal(told.complete, true);
  assert.ok(Math.abs(Date.parse(told.as_of) - Date.now()) < 60000);
  assert.equal(told.checks.length, expected.length, JSON.stringify(told.checks));
  told.checks.forEach((check, i) => {
    for (const [name, value] of Object.entries(expected[i])) assert.deepEqual(check[name], value, `${i} ${name}`);
    assert.deepEqual(Object.keys(check), ['at', 'kind', 'licence', 'by', 'purpose', 'scanned_at', 'status_as_of', 'result', 'reason', 'fields']);
    assert.equal(check.licence, id);
    assert.ok(i === 0 || check.at <= told.checks[i - 1].at);
  });
  const inspected = told.checks.find((c) => c.by.role === 'inspector' && c.kind === 'verify');
  assert.ok(inspected.fields.includes('holder_number') && inspected.result === 'valid' && inspected.reason === null);
  const text = JSON.stringify(told);
  for (const secret of ['/0417', '"0417"', 'terminal-7', 'case-2026', site.records[0].CZZT, site.records[0].ZZBH])
    assert.ok(!text.includes(secret), secret);
  const theirs = await checks(gateway, other);
  assert.deepEqual(theirs.checks.map((c) => c.kind), ['display']);
  const all = await site.evidence();
  assert.equal(all.filter((r) => r.kind === 'read').length, 3, 'reading is evidence too');
});

test("what others display or scan of an enterprise's and of entrusted licences, their holders are told", async (t) => {
  const site = await Site.start(t);
  const { gateway } = site;
  const persons = [...new Set(site.records.filter((r) => r.CZZTDMLXDM === '111' && is18(r.CZZTDM)).map((r) => r.CZZTDM))];
  const enterprise = site.records.find((r) => r.CZZTDMLXDM === '001' && r.ZZZT === '01' && persons.includes(r.FDDBRZJH));
  const friendNumber = persons.find((n) => n !== enterprise.FDDBRZJH && n !== site.holderNumber);
  const holder = await site.token('holder'), friend = await holderOf(site, friendNumber);
  const representative = await holderOf(site, enterprise.FDDBRZJH);
  const give = async (token, licence) => assert.equal((await gateway.json('POST', '/v1/mandates', token, { licence,
    person_name: site.records.find((r) => r.CZZTDM === friendNumber).CZZT, person_number: friendNumber })).status, 201);
  const mine = (await gateway.licences(holder)).find((l) => l.status === 'valid').id;
  const theirs = (await gateway.licences(representative)).find((l) => l.acting === 'representative' && l.status === 'valid').id;
  await give(holder, mine);
  await give(representative, theirs);
  await gateway.display(friend, mine);
  await gateway.display(friend, theirs);
  const by = { you: false, role: 'holder', organisation: null };
  const first = (await checks(gateway, holder)).checks;
  assert.deepEqual(first.map((c) => [c.kind, c.licence, c.by]), [['display', mine, { ...by, acting: 'entrusted' }]]);
  const second = (await checks(gateway, representative)).checks;
  assert.deepEqual(second.map((c) => [c.kind, c.licence, c.by]), [['display', theirs, { ...by, acting: 'agent' }]]);
  assert.deepEqual((await checks(gateway, friend)).checks, [], 'who may act for a licence is not told who looks at it');
});

test('at most 200 are told, the newest, and since when can be asked', async (t) => {
  const site = await Site.start(t, { config: { code: { life_s: 300 } } });
  const { gateway } = site;
  const holder = await site.token('holder'), inspector = await site.token('inspector');
  const code = await gateway.display(holder);
  for (let i = 0; i < 210; i += 30) await Promise.all(Array.from({ length: 30 }, () => gateway.verdict(code, inspector)));
  const told = await checks(gateway, holder);
  assert.equal(told.checks.length, 200);
  assert.equal(told.complete, false);
  assert.ok(told.checks.every((c) => c.kind === 'verify'), 'the display is the oldest');
  const at = Date.now();
  await until(() => Date.now(), (now) => now > at + 1100); // times are told in whole seconds
  await gateway.verdict(code, undefined);
  const since = new Date(at + 1000).toISOString();
  for (const query of [`?since=${since}`, `?since=${encodeURIComponent(since)}`, `?since=${since.slice(0, 19)}%2B00:00`, `?since=${since.slice(0, 19)}+00:00`]) {
    const newest = await checks(gateway, holder, query);
    assert.deepEqual(newest.checks.map((c) => c.by.role), ['anybody'], query);
    assert.equal(newest.complete, true);
  }
  for (const query of ['?since=', '?since=yesterday', '?since=2026-01-01', '?since=%', '?until=1', `?since=${'1'.repeat(100)}`]) {
    const answer = await ask(gateway, holder, query);
    assert.deepEqual([answer.status, answer.json().code], [400, 'malformed_body'], query);
  }
});

test("other gateways' journals are told too; one that can not be read makes the answer incomplete", async (t) => {
  const evidence = { file_bytes_max: 65536, index_ms: 100 };
  const site = await Site.start(t, { gateway: false, config: { code: { life_s: 300 }, evidence } });
  const second = site.path('evidence-second');
  site.config('gateway', { code: { life_s: 300 }, evidence: { ...evidence, others: second } });
  site.config('second', { code: { life_s: 300 }, evidence: { ...evidence, folder: second } });
  const gateway = await site.startGateway('gateway');
  const holder = await site.token('holder');
  assert.equal((await checks(gateway, holder)).complete, false, 'a folder that is not there is not an empty one');
  const other = await site.startGateway('second');
  const inspector = await site.token('inspector');
  const code = await other.display(holder);
  await other.verdict(code, inspector);
  await gateway.verdict(code, undefined);
  const told = await checks(gateway, holder);
  assert.equal(told.complete, true);
  assert.deepEqual(told.checks.map((c) => [c.kind, c.by.role]), [['verify', 'anybody'], ['verify', 'inspector'], ['display', 'holder']]);
  // Through finished, indexed files as well.
  while (files(site, 'second').length < 3)
    await Promise.all(Array.from({ length: 50 }, () => other.verdict('no code', undefined)));
  await until(() => fs.readdirSync(second).filter((file) => file.endsWith('.jwbx')).length, (n) => n >= 2);
  assert.deepEqual(await checks(gateway, holder).then(({ checks: all, complete }) => [all, complete]), [told.checks, true]);
});

test('a code that nobody displayed is no look at the licence whose place it claims', async (t) => {
  const site = await Site.start(t);
  const { gateway } = site;
  const holder = await site.token('holder'), inspector = await site.token('inspector');
  const [, prefix, digits] = /^(.*#)(\d+)$/.exec(await gateway.display(holder));
  const octets = Buffer.from(octetsOfDigits(digits));
  octets[octets.length - 5] ^= 1; // of the signature
  for (const token of [undefined, inspector])
    assert.equal((await gateway.verdict(prefix + digitsOfOctets(octets), token)).reason, 'bad_signature');
  assert.deepEqual((await checks(gateway, holder)).checks.map((c) => c.kind), ['display']);
});

test('who is entrusted with a licence and opens it is told to its holder, and page by page', async (t) => {
  const site = await Site.start(t, { licences: 80 });
  const { gateway } = site;
  const holder = await site.token('holder');
  const friend = site.records.find((r) => is18(r.CZZTDM) && r.CZZTDM !== site.holderNumber);
  const entrusted = await holderOf(site, friend.CZZTDM);
  const { id } = (await gateway.licences(holder)).find((l) => l.acting === 'holder');
  const given = await gateway.json('POST', '/v1/mandates', holder,
    { licence: id, person_name: friend.CZZT, person_number: friend.CZZTDM });
  assert.equal(given.status, 201, given.body.toString());
  const open = (token) => gateway.request('GET', `/v1/licences/${id}?view=full`, { token });
  assert.equal((await open(holder)).status, 200);
  assert.deepEqual((await checks(gateway, holder)).checks, [], 'his own looks are his own');
  assert.equal((await open(entrusted)).status, 200);
  const [look, ...more] = (await checks(gateway, holder)).checks;
  assert.deepEqual([more.length, look.kind, look.by.you, look.by.acting, look.licence], [0, 'view', false, 'entrusted', id]);
  assert.ok(look.fields.includes('holder_number'));
  const before = (time) => checks(gateway, holder, `?before=${encodeURIComponent(time)}`);
  assert.deepEqual((await before(look.at)).checks, [], 'what is older than that look');
  assert.equal((await before(new Date(Date.parse(look.at) + 2000).toISOString().replace(/\.\d+/, ''))).checks.length, 1);
});
