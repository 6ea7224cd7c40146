// Business systems get what their matter's entry in the use list names, while it holds, and nothing else.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import test from 'node:test';
import { promisify } from 'node:util';
import { Site, until } from './lib/site.mjs';
import { ask } from './lib/schema.mjs';

const sqlite = (site, command) =>
  promisify(execFile)('sqlite3', ['-cmd', '.timeout 5000', site.path('registry.db'), command]);
const DRIVING = '11100000000000001M001', QUALIFIED = '11100000000000002Q001', HOUSE = '111000000000000052001';
const BASIS = '行政许可法第二十九条';
const OWNER = ['--by', 'data-owner'];
const DAY_MS = 864e5;

const post = (site, path, token, value) => ask(site.gateway, 'POST', path, { token, body: JSON.stringify(value),
  headers: { 'content-type': 'application/json' } });
const application = (more = {}) => ({ matter: '11410800MB0001', types: [DRIVING, QUALIFIED],
  fields: ['type', 'holder_name', 'number'], purpose: 'service', legal_basis: BASIS, ...more });
const apply = (site, token, more) => post(site, '/v1/access-requests', token, application(more));
async function applied(site, token, more) {
  const answer = await apply(site, token, more);
  assert.equal(answer.status, 201, answer.body.toString());
  return answer.json();
}
const approve = (site, id, ...args) => site.jwb('access', 'approve', id, ...OWNER, ...args);
const retrieve = (site, token, more = {}) => post(site, '/v1/licences:retrieve', token,
  { matter: '11410800MB0001', operator: 'clerk-4', legal_basis: BASIS, ...more });
const listed = async (site, token) =>
  (await ask(site.gateway, 'GET', '/v1/access-requests', { token })).json().requests;

// Somebody with a valid driving licence and a valid qualification: the records of both.
function holderOfBoth(site) {
  const valid = site.records.filter((r) => r.ZZZT === '01' && /^[0-9]{17}[0-9X]$/.test(r.CZZTDM));
  const qualified = valid.find((q) => q.ZZLXDM === QUALIFIED &&
    valid.some((d) => d.ZZLXDM === DRIVING && d.CZZTDM === q.CZZTDM));
  return [valid.find((r) => r.ZZLXDM === DRIVING && r.CZZTDM === qualified.CZZTDM), qualified];
}
async function records(site, kind) {
  const all = await site.evidence();
  return { text: JSON.stringify(all), records: all.filter((r) => r.kind === kind) };
}
const of = (answer, list) => list.filter((r) => r.request === answer.headers['x-request-id']);

test('an approval makes the scope: of this system, matter, basis, types and fields, and no other', async (t) => {
  const site = await Site.start(t, { licences: 200 });
  const [driving, qualified] = holderOfBoth(site), holder_number = driving.CZZTDM;
  const system = await site.token('system'), other = await site.token('system', '--client', 'business-system-2');
  const refused = async (token, more) => {
    const answer = await retrieve(site, token, { holder_number, ...more });
    assert.equal(answer.status, 403, answer.body.toString());
    return answer.json().code;
  };
  assert.equal(await refused(system), 'matter_not_approved');
  const { id, state } = await applied(site, system);
  assert.equal(state, 'submitted');
  assert.equal(await refused(system), 'matter_not_approved', 'an application is no approval');
  await approve(site, id);

  const answer = await retrieve(site, system, { holder_number });
  assert.equal(answer.status, 200, answer.body.toString());
  const { matter, purpose, keep_until, licences, more } = answer.json();
  assert.deepEqual([matter, purpose, more], ['11410800MB0001', 'service', false]);
  const kept = Math.round((Date.parse(keep_until) - Date.now()) / DAY_MS);
  assert.ok(kept >= 29 && kept <= 31, `${keep_until} is not in 30 days`);
  assert.deepEqual(licences.map((l) => l.licence.type.code).sort(), [DRIVING, QUALIFIED]);
  for (const l of licences) {
    const record = l.licence.type.code === DRIVING ? driving : qualified;
    assert.deepEqual([l.result, l.reason, l.status, l.by], ['valid', null, 'valid', 'registry']);
    assert.deepEqual(l.licence, { type: { code: record.ZZLXDM, name: l.licence.type.name }, holder_name: record.CZZT,
      number: record.ZZBH }, 'the fields of the entry, and no other');
  }
  const one = (await retrieve(site, system, { holder_number: holder_number.toLowerCase(), types: [DRIVING] })).json();
  assert.deepEqual(one.licences.map((l) => l.licence.number), [driving.ZZBH]);

  assert.equal(await refused(other), 'matter_not_approved', 'another system has nothing of it');
  assert.equal(await refused(system, { matter: '11410800MB0002' }), 'matter_not_approved');
  assert.equal(await refused(system, { legal_basis: `${BASIS}第二款` }), 'matter_not_approved');
  assert.equal(await refused(system, { types: [DRIVING, HOUSE] }), 'matter_not_approved');
});

test('who is not known and who has no such licence are answered alike: nothing', async (t) => {
  const site = await Site.start(t, { licences: 200 });
  const system = await site.token('system');
  await approve(site, (await applied(site, system)).id);
  const houses = site.records.filter((r) => r.CZZTDMLXDM === '111' && r.CZZTDM.length === 18 &&
    !site.records.some((d) => d.CZZTDM === r.CZZTDM && [DRIVING, QUALIFIED].includes(d.ZZLXDM)));
  const answers = [];
  for (const holder_number of [houses[0].CZZTDM, '110101199003070038', '91110000000000000X', '1', '号'.repeat(40), '  '])
    answers.push(await retrieve(site, system, { holder_number }));
  for (const answer of answers) {
    assert.equal(answer.status, 200, answer.body.toString());
    assert.equal(answer.body.toString(), answers[0].body.toString());
    assert.deepEqual([answer.json().licences, answer.json().more], [[], false]);
  }
});

test('the expiry of an approval ends it', async (t) => {
  const site = await Site.start(t);
  const system = await site.token('system');
  const { id } = await applied(site, system);
  const tomorrow = new Date(Date.now() + 8 * 36e5 + DAY_MS).toISOString().slice(0, 10);
  await approve(site, id, '--until', tomorrow);
  const asked = async () => (await retrieve(site, system, { holder_number: site.holderNumber })).status;
  assert.equal(await asked(), 200);
  const [entry] = await listed(site, system);
  assert.equal(Date.parse(entry.expires_at), Date.parse(`${tomorrow}T00:00:00+08:00`) + DAY_MS);
  await sqlite(site, 'UPDATE access_request SET expires_at = unixepoch()');
  assert.equal(await asked(), 403);
  await sqlite(site, 'UPDATE access_request SET expires_at = unixepoch() + 600');
  assert.equal(await asked(), 200);
});

test('a status is told as it is, also one that is seized', async (t) => {
  const site = await Site.start(t, { licences: 200 });
  const system = await site.token('system');
  const [driving] = holderOfBoth(site);
  await approve(site, (await applied(site, system)).id);
  await site.jwb('hold', 'place', driving.ZZBS, '--agency', 'traffic-police', '--case', '2026-1');
  const [row] = (await retrieve(site, system, { holder_number: driving.CZZTDM, types: [DRIVING] })).json().licences;
  assert.deepEqual([row.result, row.reason, row.status], ['invalid', 'licence_seized', 'seized']);
});

test('a client that is not competent for a type gets none of it, approved or not', async (t) => {
  const site = await Site.start(t, { licences: 200 });
  const [driving] = holderOfBoth(site);
  await site.client('narrow', { role: 'system', organisation: 'narrow-hall', type: [DRIVING] });
  const narrow = await site.token('system', '--client', 'narrow');
  const refused = await apply(site, narrow);
  assert.deepEqual([refused.status, refused.json().code], [403, 'type_not_allowed']);
  const { id } = await applied(site, narrow, { types: [DRIVING] });
  await approve(site, id);
  const { licences } = (await retrieve(site, narrow, { holder_number: driving.CZZTDM })).json();
  assert.deepEqual(licences.map((l) => l.licence.type.code), [DRIVING]);
});

test('a refusal needs a reason, which the system reads; what is decided stays decided', async (t) => {
  const site = await Site.start(t);
  const system = await site.token('system'), other = await site.token('system', '--client', 'business-system-2');
  const { id } = await applied(site, system);
  for (const args of [[], ['--reason', '']])
    assert.notEqual((await site.tryJwb('access', 'refuse', id, ...OWNER, ...args)).code, 0);
  assert.equal((await listed(site, system))[0].state, 'submitted');
  await site.jwb('access', 'refuse', id, ...OWNER, '--reason', '法律依据与事项不符');
  const [entry] = await listed(site, system);
  assert.deepEqual([entry.id, entry.state, entry.reason, entry.overdue, entry.expires_at],
    [id, 'refused', '法律依据与事项不符', false, null]);
  assert.ok(Math.abs(Date.parse(entry.decided_at) - Date.now()) < 60000);
  const { submitted_at, decided_at, due_on, ...rest } = entry;
  assert.deepEqual(rest, { id, ...application(), state: 'refused', reason: '法律依据与事项不符', overdue: false,
    expires_at: null });
  assert.notEqual((await site.tryJwb('access', 'approve', id, ...OWNER)).code, 0, 'not decided again');
  assert.equal((await retrieve(site, system, { holder_number: site.holderNumber })).status, 403);
  assert.deepEqual(await listed(site, other), [], 'others see nothing of it');
});

test('what waits past its day shows in a metric, a list and the application', async (t) => {
  const site = await Site.start(t);
  const { gateway } = site;
  const system = await site.token('system');
  const metrics = async () => [await gateway.metric('access_requests_waiting'), await gateway.metric('access_requests_overdue')];
  assert.deepEqual(await metrics(), [0, 0]);
  const late = await applied(site, system, { matter: 'late' }), early = await applied(site, system, { matter: 'early' });
  assert.deepEqual(await metrics(), [2, 0]);
  assert.doesNotMatch(await site.jwb('access', 'list', '--overdue'), /late|early/);
  await sqlite(site, "UPDATE access_request SET due_on = due_on - 30 WHERE matter = 'late'");
  assert.deepEqual(await metrics(), [2, 1]);
  const overdue = await site.jwb('access', 'list', '--overdue');
  assert.match(overdue, new RegExp(late.id));
  assert.doesNotMatch(overdue, new RegExp(early.id));
  assert.deepEqual((await listed(site, system)).map((r) => [r.matter, r.overdue]), [['early', false], ['late', true]]);
  await approve(site, late.id);
  assert.deepEqual(await metrics(), [1, 0]);
  assert.doesNotMatch(await site.jwb('access', 'list', '--overdue'), new RegExp(late.id));
});

test('the day it is due follows the calendar: holidays are not counted, worked weekends are', async (t) => {
  // Of the next fortnight every day is turned round: weekends are worked, the others are off.
  const today = Math.floor((Date.now() + 8 * 36e5) / DAY_MS);
  const dayOf = (n) => new Date(n * DAY_MS).toISOString().slice(0, 10);
  const weekend = (n) => [0, 6].includes(new Date(n * DAY_MS).getUTCDay());
  const lines = Array.from({ length: 14 }, (_, i) => today - 2 + i).map((n) => `${dayOf(n)} ${weekend(n) ? 'work' : 'off'}`);
  const site = await Site.start(t, { gateway: false, config: { access: { holidays: 'holidays.txt', due_days: 3 } } });
  site.write('holidays.txt', `# turned round\n${lines.join('\n')}\n`);
  site.gateway = await site.startGateway('gateway');
  const system = await site.token('system');
  let due = today;
  for (let left = 3; left;) {
    due++;
    if (due < today + 12 ? weekend(due) : !weekend(due)) left--;
  }
  const answer = await applied(site, system);
  assert.equal(answer.due_on, dayOf(due));

  site.write('holidays.txt', `${lines.join('\n')}\n2020-01-01 off\n`);
  site.gateway.child.kill('SIGHUP');
  await site.gateway.waitForLog((l) => l.level === 'error' && /holidays.txt:15: the days must stand in order/.test(l.text));
});

test('what the policy never shows, and what is no application, is refused at once', async (t) => {
  const site = await Site.start(t, { gateway: false, config: { policy: { file: 'policy.yaml' } } });
  site.write('policy.yaml', ['purposes:', '  service: {title: 服务, title_en: Service, keep_days: 1}',
    '  statistics: {title: 统计, title_en: Statistics, keep_days: 1}', 'plain_up_to: {system: highly_sensitive}', 'rules:',
    `  - {role: system, purpose: service, types: [${QUALIFIED}], fields: {type: plain, number: plain}}`,
    '  - {role: system, purpose: service, fields: {type: plain, number: plain, holder_name: plain}}', ''].join('\n'));
  site.gateway = await site.startGateway('gateway');
  const system = await site.token('system');
  const refusal = async (more) => {
    const answer = await apply(site, system, more), { code, reason, detail } = answer.json();
    return [answer.status, code, reason, detail];
  };
  assert.deepEqual(await refusal({}), [403, 'purpose_not_allowed', 'fields_not_shown',
    'the policy does not show this purpose: holder_name'], 'one of the types lacks it');
  assert.equal((await refusal({ purpose: 'statistics' }))[2], 'fields_not_shown');
  assert.deepEqual((await refusal({ purpose: 'nothing' })).slice(0, 3), [403, 'purpose_not_allowed', undefined]);
  for (const wrong of [{ fields: ['photo'] }, { fields: [] }, { types: [] }, { types: ['a b'] }, { types: 'a' }, { matter: '王云' },
    { matter: '' }, { matter: 'm'.repeat(65) }, { legal_basis: '' }, { legal_basis: undefined }, { purpose: 7 }, { more: 1 },
    { types: Array.from({ length: 17 }, (_, i) => `t${i}`) }])
    assert.deepEqual((await refusal(wrong)).slice(0, 2), [400, 'malformed_body'], JSON.stringify(wrong));
  assert.deepEqual(await listed(site, system), []);
  await applied(site, system, { types: [DRIVING] });
});

test('a system that has used up its quota is told for how long, and gets nothing', async (t) => {
  const site = await Site.start(t);
  await site.client('thrifty', { role: 'system', organisation: 'thrifty-hall', quota: 2 });
  const thrifty = await site.token('system', '--client', 'thrifty');
  const up = async () => (await site.gateway.request('GET', '/readyz', { internal: true })).json().redis;
  await until(up, (state) => state === 'up');
  await approve(site, (await applied(site, thrifty)).id);
  assert.equal((await retrieve(site, thrifty, { holder_number: site.holderNumber })).status, 200);
  const third = await retrieve(site, thrifty, { holder_number: site.holderNumber });
  assert.deepEqual([third.status, third.json().code], [429, 'quota_exceeded']);
  assert.ok(Number(third.headers['retry-after']) > 0);
  assert.equal(await site.gateway.metric('quotas_exceeded_total'), 1);
});

test('what is no request for licences is malformed, above all an operator who is a person', async (t) => {
  const site = await Site.start(t);
  const system = await site.token('system');
  const good = { holder_number: site.holderNumber };
  for (const wrong of [{ holder_number: undefined }, { holder_number: '' }, { operator: '王云' }, { operator: 'wang yun' },
    { operator: site.holderNumber }, { operator: `c-${site.holderNumber}` },
    { matter: site.holderNumber }, { operator: 'o'.repeat(33) }, { operator: undefined }, { matter: '王云' }, { types: [] },
    { types: ['t', 7] }, { legal_basis: '' }, { holder_name: 'x' }]) {
    const answer = await retrieve(site, system, { ...good, ...wrong });
    assert.deepEqual([answer.status, answer.json().code], [400, 'malformed_body'], JSON.stringify(wrong));
  }
  assert.equal((await records(site, 'retrieve')).records.length, 0);
});

test('each licence that was shown has its record, nothing and refused ones have one too, with no name or number', async (t) => {
  const site = await Site.start(t, { licences: 200 });
  const system = await site.token('system');
  const [driving] = holderOfBoth(site);
  const early = await retrieve(site, system, { holder_number: driving.CZZTDM });
  const submitted = await apply(site, system), { id } = submitted.json();
  await approve(site, id);
  const shown = await retrieve(site, system, { holder_number: driving.CZZTDM, operator: 'A.17_b' });
  const none = await retrieve(site, system, { holder_number: '110101199003070038' });
  assert.equal(shown.json().licences.length, 2);

  const { text, records: all } = await records(site, 'retrieve');
  const seen = of(shown, all);
  assert.equal(seen.length, 2);
  for (const r of seen) {
    assert.deepEqual([r.role, r.subject, r.client, r.purpose, r.reference, r.result],
      ['system', 'A.17_b', 'business-system-1', '11410800MB0001', id, 'valid']);
    assert.deepEqual([...r.fields].sort(), ['holder_name', 'number', 'type']);
    assert.equal(r.place.length, 2);
  }
  assert.notDeepEqual(seen[0].place, seen[1].place);
  const [nothing, ...others] = of(none, all), [refused] = of(early, all);
  assert.deepEqual([others.length, nothing.place, nothing.reference, nothing.reason], [0, null, id, 'licence_unknown']);
  assert.deepEqual([refused.place, refused.reference, refused.purpose], [null, '', '11410800MB0001']);
  const [application] = of(submitted, (await records(site, 'apply')).records);
  assert.deepEqual([application.purpose, application.reference], ['11410800MB0001', id]);
  for (const secret of [driving.CZZTDM, driving.CZZT, '110101199003070038']) assert.ok(!text.includes(secret));
  for (const secret of [driving.CZZTDM, driving.CZZT]) assert.ok(!site.gateway.text().includes(secret));
});

test('nobody drowns the data\'s owner: after a hundred that wait the next one is not taken', async (t) => {
  const site = await Site.start(t);
  const system = await site.token('system'), other = await site.token('system', '--client', 'business-system-2');
  const { id } = await applied(site, system);
  await sqlite(site,
    'WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 99) INSERT INTO access_request SELECT NULL,' +
    'randomblob(16), client, matter, types, fields, purpose, legal_basis, state, submitted_at, due_on, decided_at,' +
    'decided_by, reason, expires_at FROM access_request, n');
  const answer = await apply(site, system);
  assert.deepEqual([answer.status, answer.json().code], [429, 'quota_exceeded']);
  assert.equal(Number(answer.headers['retry-after']), 86400);
  const list = await ask(site.gateway, 'GET', '/v1/access-requests', { token: system });
  assert.deepEqual([list.json().requests.length, list.json().more], [100, false]);
  await applied(site, other);
  await approve(site, id);
  await applied(site, system, { matter: 'the-next' });
  const after = (await ask(site.gateway, 'GET', '/v1/access-requests', { token: system })).json();
  assert.deepEqual([after.requests.length, after.more, after.requests[0].matter], [100, true, 'the-next']);
});
