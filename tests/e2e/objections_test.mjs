// Objections: who is told of a mistake, who decides, and that a correction makes the wrong licence's codes worthless.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import test from 'node:test';
import { Site } from './lib/site.mjs';

const refused = (answer, status, code) =>
  assert.deepEqual([answer.status, answer.json().code], [status, code], answer.body.toString());
const digest = (text) => crypto.createHash('sha256').update(text).digest('hex');

// A site, its holder with a displayed licence, the licence's authority and another one.
async function world(t, options) {
  const site = await Site.start(t, { licences: 100, ...options });
  const [record] = site.records;
  const foreign = site.records.find((r) => r.ZZBFJGDM !== record.ZZBFJGDM);
  const holder = await site.token('holder');
  const { id } = (await site.gateway.licences(holder)).find((l) => l.status === 'valid');
  return { site, gateway: site.gateway, record, holder, id,
    issuer: await site.token('issuer', '--client', record.ZZBFJGDM),
    other: await site.token('issuer', '--client', foreign.ZZBFJGDM),
    inspector: await site.token('inspector') };
}
const object = (w, token, body) =>
  w.gateway.json('POST', '/v1/objections', token, { field: 'valid_until', claimed: '2039-12-31', ...body });
async function objected(w, token, body) {
  const answer = await object(w, token, body);
  assert.equal(answer.status, 201, answer.body.toString());
  return answer.json();
}
const list = async (w, token, path = '/v1/objections') => {
  const answer = await w.gateway.request('GET', path, { token });
  assert.equal(answer.status, 200, answer.body.toString());
  return answer.json();
};
const theirs = (w, token = w.issuer) => list(w, token, '/v1/issuer/objections');
const ids = (answer) => answer.objections.map((o) => o.id);
const decide = (w, id, body, token = w.issuer) => w.gateway.json('POST', `/v1/issuer/objections/${id}`, token, body);
async function decided(w, id, body) {
  const answer = await decide(w, id, body);
  assert.equal(answer.status, 200, answer.body.toString());
  return answer.json();
}
// A new version of the holder's licence, as its authority delivers it.
async function correct({ site, record }) {
  const fields = { ...record, SJBBH: '9', ZZYXQJZRQ: '2039-12-31' };
  site.write('corrected.csv', `${Object.keys(fields).join(',')}\n${Object.values(fields).join(',')}\n`);
  assert.match(await site.jwb('licence', 'import', site.path('corrected.csv'), '--source', 'test'), /1 {2}new version/);
}
// The n-th working day after today in UTC+8; weekends alone are free.
function dueOn(days) {
  const at = new Date(Math.floor((Date.now() / 1000 + 28800) / 86400) * 86400000);
  while (days > 0) {
    at.setUTCDate(at.getUTCDate() + 1);
    if (at.getUTCDay() % 6 !== 0) days--;
  }
  return at.toISOString().slice(0, 10);
}

test('an objection goes to the authority, and its correction makes the old codes worthless', async (t) => {
  const w = await world(t), { gateway, holder, id, inspector, record } = w;
  const code = await gateway.display(holder, id);
  const due = dueOn(10);
  const made = await objected(w, holder, { licence: id, attachment: digest('a scan of the paper') });
  assert.match(made.id, /^[0-9a-f]{32}$/);
  assert.deepEqual([made.state, made.field, made.claimed, made.licence, made.reason, made.decided_at],
    ['received', 'valid_until', '2039-12-31', id, null, null]);
  assert.equal(made.attachment, digest('a scan of the paper'));
  assert.ok([due, dueOn(10)].includes(made.due_on), made.due_on);
  assert.deepEqual(await list(w, holder), { objections: [made], more: false });

  const { objections: [waiting, ...more] } = await theirs(w);
  assert.deepEqual(more, []);
  assert.deepEqual(waiting, { ...made, type: record.ZZLXDM, number: record.ZZBH, by: 'holder', agency: null });
  assert.deepEqual((await theirs(w, w.other)).objections, [], "another authority's are not its own");

  assert.deepEqual(await decided(w, made.id, { state: 'checking' }), { id: made.id, state: 'checking', reason: null });
  refused(await decide(w, made.id, { state: 'corrected' }), 409, 'no_new_version');
  assert.equal((await gateway.verdict(code, inspector)).result, 'valid');
  await correct(w);
  assert.equal((await decided(w, made.id, { state: 'corrected' })).state, 'corrected');
  assert.equal((await gateway.verdict(code, inspector)).reason, 'licence_superseded');
  const [{ state, decided_at }] = (await list(w, holder)).objections;
  assert.equal(state, 'corrected');
  assert.ok(Math.abs(Date.parse(decided_at) - Date.now()) < 60000);
  for (const again of [{ state: 'checking' }, { state: 'corrected' }, { state: 'refused', reason: 'late' }])
    refused(await decide(w, made.id, again), 409, 'objection_closed');
});

test('a refusal has a reason, which who objected is told, and nobody else', async (t) => {
  const w = await world(t), { gateway, holder, id, inspector } = w;
  const code = await gateway.display(holder, id);
  const made = await objected(w, inspector, { code, field: 'holder_name', claimed: '王伟' });
  assert.equal(made.licence, id);
  const [waiting] = (await theirs(w)).objections;
  assert.deepEqual([waiting.by, waiting.agency], ['inspector', 'traffic-police']);
  assert.ok(!JSON.stringify(waiting).includes('/0417'), "an inspector's number is not the authority's matter");
  for (const body of [{ state: 'refused' }, { state: 'refused', reason: '' }, { state: 'checking', reason: 'x' },
    { state: 'received' }, { state: 'done' }, {}, { state: 'refused', reason: 'x'.repeat(257) }])
    refused(await decide(w, made.id, body), 400, 'malformed_body');
  for (const name of [made.id.replace(/^./, (c) => c === '0' ? '1' : '0'), 'x', `${made.id}00`])
    refused(await decide(w, name, { state: 'checking' }), 404, 'objection_not_found');
  refused(await decide(w, made.id, { state: 'checking' }, w.other), 404, 'objection_not_found');
  await decided(w, made.id, { state: 'refused', reason: '与档案一致' });
  const [told] = (await list(w, inspector)).objections;
  assert.deepEqual([told.id, told.state, told.reason], [made.id, 'refused', '与档案一致']);
  assert.deepEqual((await list(w, holder)).objections, [], "an inspector's objection is his own");
});

test('only an own licence is objected to by its id, and only a scanned code names one to an inspector', async (t) => {
  const w = await world(t), { site, gateway, holder, id, inspector } = w;
  const stranger = (await site.jwb('token', 'mint', '--role', 'holder', '--holder-number', '-',
    { input: site.records.find((r) => /^\d{17}[\dX]$/.test(r.CZZTDM) && r.CZZTDM !== site.holderNumber).CZZTDM })).trim();
  const code = await gateway.display(holder, id);
  refused(await object(w, stranger, { licence: id }), 404, 'licence_not_found');
  refused(await object(w, holder, { licence: '0'.repeat(32) }), 404, 'licence_not_found');
  for (const [token, body] of [[holder, { code }], [holder, { licence: id, code }], [holder, {}],
    [holder, { licence: site.records[0].ZZBH }], [inspector, { licence: id }], [inspector, {}],
    [inspector, { code, licence: id }], [inspector, { code: 'no code' }], [inspector, { code: `${code.slice(0, -1)}x` }],
    [holder, { licence: id, field: 'colour' }], [holder, { licence: id, claimed: '' }],
    [holder, { licence: id, claimed: 'x'.repeat(257) }], [holder, { licence: id, attachment: 'ab' }],
    [holder, { licence: id, attachment: 'g'.repeat(64) }], [holder, { licence: id, claimed: 7 }]])
    refused(await object(w, token, body), 400, 'malformed_body');
  await site.client('fishery', { role: 'inspector', organisation: 'fishery', type: 'X1' });
  const fishery = await site.token('inspector', '--subject', 'fishery/1', '--client', 'fishery');
  refused(await object(w, fishery, { code }), 403, 'type_not_allowed');
  for (const token of [w.issuer, await site.token('partner')])
    refused(await object(w, token, { licence: id }), 403, 'forbidden');
  assert.deepEqual((await theirs(w)).objections, []);
});

test('nobody has more than twenty open, and reading them is evidence without what they say', async (t) => {
  const w = await world(t), { site, holder, id } = w;
  const first = await objected(w, holder, { licence: id, claimed: 'value-0' });
  for (let i = 1; i < 20; i++) await objected(w, holder, { licence: id, claimed: `value-${i}` });
  const answer = await object(w, holder, { licence: id });
  refused(answer, 429, 'too_many_objections');
  assert.ok(Number(answer.headers['retry-after']) > 0);
  const { objections } = await theirs(w);
  assert.deepEqual(objections.map((o) => o.claimed), Array.from({ length: 20 }, (_, i) => `value-${i}`), 'whose day is first');
  await decided(w, first.id, { state: 'refused', reason: 'a reason-of-refusal' });
  await objected(w, holder, { licence: id });
  await list(w, holder);
  const folder = site.path('evidence-gateway');
  const journals = fs.readdirSync(folder).filter((n) => n.endsWith('.jwbj')).map((n) => `${folder}/${n}`);
  const records = await site.list(...journals);
  assert.deepEqual(records.filter((r) => ['pull', 'read'].includes(r.kind)).map((r) => [r.kind, r.role, r.purpose]),
    [['pull', 'issuer', 'objections'], ['read', 'holder', 'objections']]);
  const kept = Buffer.concat([...journals, site.path('registry.db'), site.path('registry.db-wal'),
    ...fs.readdirSync(`${folder}/log/tile`, { recursive: true }).map((n) => `${folder}/log/tile/${n}`)]
    .filter((file) => fs.existsSync(file) && fs.statSync(file).isFile()).map((file) => fs.readFileSync(file)));
  for (const secret of ['value-7', 'reason-of-refusal']) assert.ok(!kept.includes(secret), secret);
});

test('an authority finds the objections that wait for it, and page by page those that were decided, too', async (t) => {
  const w = await world(t), { site, gateway, record, holder, id } = w;
  const [first, second, third] = [await objected(w, holder, { licence: id }), await objected(w, holder, { licence: id }),
    await objected(w, holder, { licence: id })];
  await decided(w, first.id, { state: 'refused', reason: '与档案一致' });
  await decided(w, second.id, { state: 'checking' });
  assert.deepEqual(ids(await theirs(w)), [second.id, third.id], 'what is decided waits for nobody');
  const all = (query = '') => list(w, w.issuer, `/v1/issuer/objections?all=true${query}`);
  assert.deepEqual(ids(await all()), [third.id, second.id, first.id], 'newest first');
  assert.deepEqual(ids(await all(`&after=${second.id}`)), [first.id]);
  assert.deepEqual(ids(await list(w, w.issuer, `/v1/issuer/objections?after=${second.id}`)), [third.id]);
  for (const query of ['all=perhaps', 'after=x', `after=${'0'.repeat(32)}`])
    refused(await gateway.request('GET', `/v1/issuer/objections?${query}`, { token: w.issuer }), 400, 'malformed_body');
  refused(await gateway.request('GET', `/v1/issuer/objections?after=${first.id}`, { token: w.other }), 400, 'malformed_body');

  await site.client('one-type', { role: 'issuer', organisation: record.ZZBFJGDM, type: 'OTHER' });
  assert.deepEqual(await theirs(w, await site.token('issuer', '--client', 'one-type')), { objections: [], more: false });
});
