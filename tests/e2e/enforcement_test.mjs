// What an inspector does to a licence: it binds at once, belongs to its case alone, is done once however often it is
// asked for, and can be filed and proven.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import test from 'node:test';
import { promisify } from 'node:util';
import { verifyActionReceipt } from '../independent/action_receipts.mjs';
import { Site, until } from './lib/site.mjs';

const DRIVING = '11100000000000001M001', QUALIFIED = '11100000000000002Q001';
const CASE = '焦公交〔2026〕17号';
const run = promisify(execFile);

const place = (site, token, body, key = crypto.randomUUID(), gateway = site.gateway) =>
  gateway.json('POST', '/v1/enforcement/actions', token,
    { case_number: CASE, reason: '涉嫌使用伪造的驾驶证件', ...body }, { 'idempotency-key': key });
async function placed(site, token, body, key) {
  const answer = await place(site, token, body, key);
  assert.equal(answer.status, 201, answer.body.toString());
  return answer.json();
}
async function refused(site, token, body, status, code, key) {
  const answer = await place(site, token, body, key);
  assert.deepEqual([answer.status, answer.json().code], [status, code], answer.body.toString());
  return answer.json();
}
const show = (site, token, id, path = '', headers = {}) =>
  site.gateway.request('GET', `/v1/enforcement/actions/${id}${path}`, { token, headers });
const jwks = async (site) => (await site.gateway.request('GET', '/.well-known/jwks.json')).json();
const valid = (site, type) => site.records.find((r) => r.ZZZT === '01' && r.ZZLXDM === type);
async function records(site, kind) {
  const files = fs.readdirSync(site.path('evidence-gateway')).filter((name) => name.endsWith('.jwbj')).sort()
    .map((name) => site.path(`evidence-gateway/${name}`));
  return (await site.list(...files)).filter((r) => r.kind === kind);
}
// A displayed code of a valid licence, its id, an inspector.
async function world(t, options) {
  const site = await Site.start(t, { licences: 200, ...options });
  await site.client('licensing', { role: 'issuer', organisation: valid(site, DRIVING).ZZBFJGDM });
  const holder = await site.token('holder');
  const { id } = (await site.gateway.licences(holder)).find((l) => l.status === 'valid' && l.type.code === DRIVING);
  return { site, holder, id, code: await site.gateway.display(holder, id), inspector: await site.token('inspector') };
}
// A new version of a licence.
async function renew(site, record, change) {
  const fields = { ...record, SJBBH: '9', ...change };
  site.write('renewed.csv', `${Object.keys(fields).join(',')}\n${Object.values(fields).join(',')}\n`);
  assert.match(await site.jwb('licence', 'import', site.path('renewed.csv'), '--source', 'test'), /1 {2}new version/);
}
// The end of the n-th working day after today, in UTC+8; weekends alone are free.
function dueAt(days) {
  const at = new Date(Math.floor((Date.now() / 1000 + 28800) / 86400) * 86400000);
  while (days > 0) {
    at.setUTCDate(at.getUTCDate() + 1);
    if (at.getUTCDay() % 6 !== 0) days--;
  }
  at.setUTCDate(at.getUTCDate() + 1);
  return `${at.toISOString().slice(0, 10)}T00:00:00+08:00`;
}

test('a licence seized by its displayed code is invalid when that is answered, and valid when it was restored', async (t) => {
  const { site, id, code, inspector } = await world(t);
  assert.equal((await site.gateway.verdict(code, inspector)).result, 'valid');
  const seized = await placed(site, inspector, { code, action: 'seize' });
  assert.equal((await site.gateway.verdict(code, inspector)).reason, 'licence_seized');
  assert.match(seized.id, /^[0-9a-f]{32}$/);
  assert.deepEqual([seized.action, seized.state, seized.agency, seized.case_number, seized.status],
    ['seize', 'open', 'traffic-police', CASE, 'seized']);
  assert.equal(seized.licence.type.code, DRIVING);
  assert.equal(seized.due_at, undefined);
  const restored = await placed(site, inspector, { licence: id, action: 'restore' });
  assert.equal((await site.gateway.verdict(code, inspector)).result, 'valid');
  assert.deepEqual([restored.state, restored.status], ['done', 'valid']);
  assert.equal((await show(site, inspector, seized.id)).json().state, 'restored');
});

test('a licence is named by its id, its number or its identifier, and by a code long after its minute', async (t) => {
  const { site, id, code, inspector } = await world(t, { config: { code: { life_s: 2, refresh_s: 1, past_s: 0 } } });
  const record = valid(site, DRIVING);
  for (const [i, licence] of [id, ` ${record.ZZBH.toLowerCase()} `, record.ZZBS.toLowerCase()].entries())
    assert.equal((await placed(site, inspector, { licence, action: 'seize', case_number: `2026-${i}` })).status, 'seized');
  await until(() => site.gateway.verdict(code, inspector), (v) => v.reason === 'code_expired');
  await placed(site, inspector, { code, action: 'seize', case_number: '2026-9' });
});

test('a code of the version before names the licence as it is now', async (t) => {
  const { site, holder, id, code, inspector } = await world(t);
  await renew(site, valid(site, DRIVING), { ZZYXQJZRQ: '2051-01-01' });
  assert.equal((await site.gateway.verdict(code, inspector)).reason, 'licence_superseded');
  const renewed = await site.gateway.display(holder, id);
  const action = await placed(site, inspector, { code, action: 'seize' });
  assert.deepEqual([action.status, action.licence.valid_until], ['seized', '2051-01-01']);
  assert.equal((await site.gateway.verdict(renewed, inspector)).reason, 'licence_seized');
  const [, place] = (await site.jwb('licence', 'show', id)).match(/place\D+(\d+\D+\d+)/);
  assert.deepEqual((await records(site, 'action')).map((r) => r.place), [place.match(/\d+/g).map(Number)]);
});

test('a code of the version before does nothing to whoever has the licence after its holder', async (t) => {
  const { site, id, code, inspector } = await world(t);
  const record = valid(site, DRIVING);
  const { CZZT, CZZTDM } = site.records.find((r) => /^[0-9]{17}[0-9X]$/.test(r.CZZTDM) && r.CZZT !== record.CZZT);
  await renew(site, record, { CZZT, CZZTDM });
  const told = await refused(site, inspector, { code, action: 'seize' }, 404, 'no_such_licence');
  assert.equal(told.reason, 'licence_superseded');
  assert.match(await site.jwb('licence', 'show', id), /valid/);
});

test('a hold is its own agency\'s and its own case\'s: no other restores it', async (t) => {
  const { site, id, code, inspector } = await world(t);
  const other = await site.token('inspector', '--subject', 'market-office/0001', '--client', 'terminal-9');
  const { id: action } = await placed(site, inspector, { code, action: 'withdraw' });
  await refused(site, other, { licence: id, action: 'restore' }, 404, 'hold_not_found');
  await refused(site, inspector, { licence: id, action: 'restore', case_number: '2026-18' }, 404, 'hold_not_found');
  await refused(site, inspector, { licence: id, action: 'withdraw' }, 409, 'hold_exists');
  assert.equal((await site.gateway.verdict(code, inspector)).reason, 'licence_withdrawn');
  await placed(site, other, { licence: id, action: 'seize', case_number: '2026-3' });
  await placed(site, inspector, { licence: id, action: 'restore' });
  assert.equal((await site.gateway.verdict(code, inspector)).reason, 'licence_seized', 'the other agency\'s still holds');
  for (const path of ['', '/receipt']) {
    const answer = await show(site, other, action, path);
    assert.deepEqual([answer.status, answer.json().code], [404, 'action_not_found'], 'not another agency\'s to see');
  }
});

test('a terminal acts on the types of its competence alone, and what it tried is in evidence', async (t) => {
  const { site, id, inspector } = await world(t);
  await site.client('terminal-8', { role: 'inspector', organisation: 'traffic-police', type: QUALIFIED });
  const token = await site.token('inspector', '--subject', 'traffic-police/0501', '--client', 'terminal-8');
  await refused(site, token, { licence: id, action: 'seize' }, 403, 'type_not_allowed');
  await placed(site, token, { licence: valid(site, QUALIFIED).ZZBS, action: 'seize' });
  await refused(site, inspector, { licence: id, action: 'restore' }, 404, 'hold_not_found');
  const tried = await records(site, 'action');
  assert.deepEqual(tried.map((r) => [r.subject, r.client, r.purpose, r.reference, r.result]), [
    ['traffic-police/0501', 'terminal-8', 'seize', CASE, 'invalid'],
    ['traffic-police/0501', 'terminal-8', 'seize', CASE, 'valid'],
    ['traffic-police/0417', 'terminal-7', 'restore', CASE, 'invalid']]);
  assert.deepEqual(tried.map((r) => r.fields.length > 0), [false, true, false], 'who was refused was shown nothing');
});

test('who tries numbers in a case number is told of none that is not his to know, and evidence has each try', async (t) => {
  const { site, id, inspector } = await world(t);
  const { CZZTDM } = valid(site, DRIVING);
  await site.client('terminal-8', { role: 'inspector', organisation: 'traffic-police', type: QUALIFIED });
  const other = await site.token('inspector', '--subject', 'traffic-police/0501', '--client', 'terminal-8');
  for (const case_number of ['2026-110101199003077710', '2026-110101199003077715', `2026-${CZZTDM}`])
    await refused(site, other, { licence: id, action: 'seize', case_number }, 403, 'type_not_allowed');
  assert.ok((await refused(site, inspector, { licence: id, action: 'seize', case_number: CZZTDM }, 400, 'malformed_body')).detail);
  assert.deepEqual((await records(site, 'action')).map((r) => [r.subject, r.reference ?? '', r.result]), [
    ['traffic-police/0501', '2026-110101199003077710', 'invalid'], ['traffic-police/0501', '', 'invalid'],
    ['traffic-police/0501', '', 'invalid'], ['traffic-police/0417', '', 'invalid']]);
});

test('a case number that names anybody, however it is written, is refused in its own words and in no evidence', async (t) => {
  const { site, id, inspector } = await world(t);
  const { CZZTDM, CZZT, ZZBH } = valid(site, DRIVING);
  const wide = CZZTDM.replace(/[0-9]/g, (digit) => String.fromCharCode(0xff10 + Number(digit)));
  for (const text of [`${CZZTDM.slice(0, 6)}-${CZZTDM.slice(6)}`, wide, CZZT, `${ZZBH.slice(0, 3)}. ${ZZBH.slice(3)}`, '110101199003077715']) {
    const told = await refused(site, inspector, { licence: id, action: 'seize', case_number: `案${text}` }, 400, 'malformed_body');
    assert.match(told.detail, /case number goes into evidence/);
    assert.ok(!JSON.stringify(told).includes(text));
  }
  assert.deepEqual((await records(site, 'action')).map((r) => [r.reference, r.result]), Array(5).fill(['', 'invalid']));
});

test('one officer\'s key does not tell another that he did what his colleague did', async (t) => {
  const { site, id, code, inspector } = await world(t);
  const colleague = await site.token('inspector', '--subject', 'traffic-police/0999', '--client', 'terminal-7');
  const key = crypto.randomUUID();
  await placed(site, inspector, { licence: id, action: 'seize' }, key);
  await placed(site, colleague, { licence: id, action: 'restore' });
  await refused(site, colleague, { licence: id, action: 'seize' }, 422, 'idempotency_key_reused', key);
  assert.equal((await site.gateway.verdict(code, inspector)).result, 'valid');
});

test('a receipt never names who had the licence only after the action', async (t) => {
  const { site, id, inspector } = await world(t);
  const record = valid(site, DRIVING);
  const { CZZT, CZZTDM } = site.records.find((r) => /^[0-9]{17}[0-9X]$/.test(r.CZZTDM) && r.CZZT[0] !== record.CZZT[0]);
  const before = await placed(site, inspector, { licence: id, action: 'seize' });
  const holderIn = async (action) => (await verifyActionReceipt((await show(site, inspector, action.id, '/receipt')).body,
    await jwks(site))).receipt.holder;
  await renew(site, record, { ZZYXQJZRQ: '2041-12-31', SJBBH: '8' });
  assert.equal((await holderIn(before))[0], record.CZZT[0], 'his own later version changes nothing');
  await renew(site, record, { CZZT, CZZTDM });
  assert.equal(await holderIn(before), '');
  assert.equal((await show(site, inspector, before.id, '/receipt', { accept: 'application/pdf' })).status, 200);
  const { at } = (await placed(site, inspector, { licence: id, action: 'withdraw' }));
  await until(() => Date.now(), (now) => now >= Date.parse(at) + 1000);
  const after = await placed(site, inspector, { licence: id, action: 'withdraw', case_number: '2026-2' });
  assert.equal((await holderIn(after))[0], CZZT[0]);
});

test('with one key an action is taken once, whether asked twice or by twenty at once, and only this one', async (t) => {
  const { site, id, code, inspector } = await world(t);
  const key = 'terminal-7/0001', body = { licence: id, action: 'seize' };
  const answers = await Promise.all(Array.from({ length: 20 }, () => place(site, inspector, body, key)));
  assert.deepEqual(answers.map((a) => a.status).sort(), [...Array(19).fill(200), 201]);
  const [first] = answers.map((a) => a.json());
  const alike = ({ receipt, ...told }) => told;
  for (const answer of answers) assert.deepEqual(alike(answer.json()), alike(first));
  const again = await site.gateway.request('POST', '/v1/enforcement/actions', { token: inspector,
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
    body: `{ "reason": "涉嫌使用伪造的驾驶证件", "case_number":"${CASE}", "action": "s\\u0065ize", "licence":\n"${id}" }` });
  assert.deepEqual([again.status, again.json().id], [200, first.id], 'another order and other escapes are the same body');
  for (const other of [{ action: 'withdraw' }, { case_number: '2026-18' }, { reason: '涉嫌使用伪造的驾驶证书' }, { licence: undefined, code },
    { evidence_hash: '00'.repeat(32) }])
    await refused(site, inspector, { ...body, ...other }, 422, 'idempotency_key_reused', key);
  const colleague = await site.token('inspector', '--subject', 'traffic-police/0501', '--client', 'terminal-9');
  await refused(site, colleague, body, 409, 'hold_exists', key);
  await placed(site, inspector, { licence: id, action: 'restore' });
  assert.equal((await place(site, inspector, body, key)).status, 200);
  assert.equal((await site.gateway.verdict(code, inspector)).result, 'valid', 'a repetition does nothing again');
});

test('a request to cancel holds the licence until the authority\'s day', async (t) => {
  const { site, id, code, inspector } = await world(t);
  const before = dueAt(10);
  const action = await placed(site, inspector, { licence: id, action: 'request_cancel', evidence_hash: 'AB'.repeat(32) });
  assert.ok([before, dueAt(10)].includes(action.due_at), action.due_at);
  assert.deepEqual([action.state, action.status], ['open', 'seized']);
  assert.equal((await site.gateway.verdict(code, inspector)).reason, 'licence_seized');
  const shown = (await show(site, inspector, action.id)).json();
  assert.deepEqual([shown.id, shown.action, shown.state, shown.reason, shown.decision, shown.licence, shown.status, shown.due_at],
    [action.id, 'request_cancel', 'open', '涉嫌使用伪造的驾驶证件', null, id, 'seized', action.due_at]);
  assert.deepEqual((await records(site, 'view')).map((r) => [r.purpose, r.reference, r.fields]),
    [['request_cancel', CASE, []]]);
});

test('what the authority decides is shown to the agency, with its reason', async (t) => {
  const { site, id, code, inspector } = await world(t);
  const authority = await site.token('issuer', '--client', 'licensing');
  const decide = (action, decision) =>
    site.gateway.json('POST', `/v1/issuer/actions/${action}/decision`, authority, decision);
  for (const [action, decision, state, status] of [['seize', 'revert', 'reverted', 'valid'],
    ['request_cancel', 'refuse', 'refused', 'valid'], ['withdraw', 'confirm', 'confirmed', 'withdrawn']]) {
    const taken = await placed(site, inspector, { licence: id, action });
    const answer = await decide(taken.id, { decision, ...(decision !== 'confirm' && { reason: '证据不足' }) });
    assert.equal(answer.status, 200, answer.body.toString());
    const shown = (await show(site, inspector, taken.id)).json();
    assert.deepEqual([shown.state, shown.status, shown.decision.decision, shown.decision.reason],
      [state, status, decision, decision === 'confirm' ? null : '证据不足']);
    assert.ok(Date.parse(shown.decision.at) >= Date.parse(shown.at));
    const receipt = await show(site, inspector, taken.id, '/receipt');
    const { receipt: told } = await verifyActionReceipt(receipt.body, await jwks(site));
    assert.equal(told.status, taken.status, 'a receipt says what was, not what is');
  }
  assert.equal((await site.gateway.verdict(code, inspector)).reason, 'licence_withdrawn');
});

test('the receipt says what was done, to the tool and to a reader that is not ours, and stays the same', async (t) => {
  const { site, id, inspector } = await world(t, { config: { public: { origin: 'https://jwb.example' } } });
  const action = await placed(site, inspector, { licence: id, action: 'request_cancel', evidence_hash: 'ab'.repeat(32) });
  const octets = Buffer.from(action.receipt, 'base64url');
  const { result, receipt, payload } = await verifyActionReceipt(octets, await jwks(site));
  assert.equal(result, 'ok');
  const { holder, tail, licence, ...told } = receipt;
  assert.deepEqual(told, { iss: 'https://jwb.example', sub: 'terminal-7', id: action.id, action: 'request_cancel',
    agency: 'traffic-police', case_number: CASE, officer: '0417', type: DRIVING, status: 'seized',
    at: Date.parse(action.at) / 1000, due_at: Date.parse(action.due_at) / 1000, evidence: 'ab'.repeat(32) });
  const { CZZT, ZZBH } = valid(site, DRIVING);
  assert.equal(holder, [...CZZT][0] + '*'.repeat([...CZZT].length - 1));
  assert.ok(ZZBH.endsWith(tail) && tail.length === 4);
  const journals = fs.readdirSync(site.path('evidence-gateway')).filter((name) => name.endsWith('.jwbj'));
  assert.ok(journals.some((name) => site.read(`evidence-gateway/${name}`).includes(Buffer.from(licence, 'hex'))),
    'named as in evidence');

  await placed(site, inspector, { licence: id, action: 'restore' });
  const later = await show(site, inspector, action.id, '/receipt');
  assert.deepEqual([later.status, later.headers['content-type'], later.headers.vary], [200, 'application/cose', 'accept']);
  const again = await verifyActionReceipt(later.body, await jwks(site));
  assert.deepEqual([again.result, Buffer.from(again.payload)], ['ok', Buffer.from(payload)]);

  site.write('jwks.json', JSON.stringify(await jwks(site)));
  site.write('receipt.cose', octets);
  const text = `jwb-receipt:${action.receipt}`;
  for (const given of [[text], [site.path('receipt.cose')]])
    for (const keys of [[], ['--keys', site.path('jwks.json')]]) {
      const stdout = await site.jwb('receipt', 'check', ...given, ...keys);
      assert.match(stdout, /^genuine\n/);
      for (const word of [action.id, 'request_cancel', 'traffic-police', CASE, '0417', 'seized', licence, 'ab'.repeat(32)])
        assert.ok(stdout.includes(word), word);
    }
  const fails = async (input, reason, ...more) => {
    const { code, stdout } = await site.tryJwb('receipt', 'check', ...more, { input });
    assert.equal(code, 1);
    assert.match(stdout, new RegExp(`^${reason}`));
    assert.equal(stdout.trim().split('\n').length, 1, 'nothing of it is shown');
  };
  const altered = Buffer.from(octets);
  altered[altered.indexOf('request_cancel')] ^= 1;
  await fails(`jwb-receipt:${altered.toString('base64url')}`, 'bad_signature');
  await fails(`${text}A`, 'malformed');
  await fails('jwb-receipt:', 'malformed');
  await fails('hello', 'malformed');
  site.write('none.json', '{"keys":[]}');
  await fails(text, 'unknown_key', '--keys', site.path('none.json'));
  await site.jwb('key', 'revoke', octets.subarray(9, 13).toString('hex'));
  await fails(text, 'key_revoked');
});

test('on paper it is the same receipt: people read it, and its code is checked', async (t) => {
  const { site, id, inspector } = await world(t);
  const action = await placed(site, inspector, { licence: id, action: 'seize' });
  const pdf = await show(site, inspector, action.id, '/receipt', { accept: 'application/pdf' });
  assert.deepEqual([pdf.status, pdf.headers['content-type']], [200, 'application/pdf'], pdf.body.toString());
  site.write('receipt.pdf', pdf.body);
  const { stdout: text } = await run('pdftotext', ['-layout', site.path('receipt.pdf'), '-']);
  for (const word of ['核验回执', CASE, action.id, '暂扣', 'traffic-police']) assert.ok(text.includes(word), word);
  await run('pdftoppm', ['-r', '150', '-gray', '-png', '-singlefile', site.path('receipt.pdf'), site.path('receipt')]);
  const scanned = await site.jwb('qr', 'read', site.path('receipt.png'));
  assert.match(await site.jwb('receipt', 'check', { input: scanned }), /^genuine\n/);
  for (const [accept, type] of [['application/cose', 'application/cose'], ['*/*', 'application/cose'],
    ['application/pdf, application/cose', 'application/pdf']])
    assert.equal((await show(site, inspector, action.id, '/receipt', { accept })).headers['content-type'], type);
  const none = await show(site, inspector, action.id, '/receipt', { accept: 'image/png' });
  assert.deepEqual([none.status, none.json().code], [406, 'not_acceptable']);
});

test('what is not an action is refused in its own words, and nothing is held', async (t) => {
  const { site, id, code, inspector } = await world(t);
  const good = { licence: id, action: 'seize' };
  const { CZZTDM, ZZBH } = valid(site, DRIVING);
  for (const body of [{ action: 'seize' }, { ...good, code }, { ...good, action: 'SEIZE' }, { ...good, action: undefined },
    { ...good, case_number: undefined }, { ...good, case_number: 'x'.repeat(65) }, { ...good, case_number: '' }, { ...good, case_number: ' ' },
    { ...good, case_number: '17号 ' }, { ...good, case_number: '17\u200b号' }, { ...good, case_number: '\u202e号17' }, { ...good, reason: undefined }, { ...good, reason: '字'.repeat(86) }, { ...good, reason: 'a\nb' },
    { ...good, evidence_hash: 'ab' }, { ...good, evidence_hash: 'x'.repeat(64) }, { ...good, more: '1' }, { ...good, licence: 7 },
    { ...good, case_number: `2026-${CZZTDM}` }, { ...good, case_number: ZZBH.toLowerCase() }])
    assert.ok((await refused(site, inspector, body, 400, 'malformed_body')).detail, JSON.stringify(body));
  for (const key of ['short', 'x'.repeat(65), '密钥密钥密钥'].map((k) => Buffer.from(k).toString('latin1')))
    await refused(site, inspector, good, 400, 'idempotency_key_missing', key);
  const without = await site.gateway.json('POST', '/v1/enforcement/actions', inspector, { ...good, case_number: CASE, reason: 'r' });
  assert.deepEqual([without.status, without.json().code], [400, 'idempotency_key_missing']);
  for (const [bad, reason] of [[`${code.slice(0, -1)}x`, 'malformed'], ['https://localhost/v#123', 'malformed'],
    [code.replace(/\d{3}$/, (d) => String((Number(d) + 1) % 256).padStart(3, '0')), undefined]]) {
    const told = await refused(site, inspector, { ...good, licence: undefined, code: bad }, 400, 'malformed_body');
    if (reason) assert.equal(told.reason, reason);
  }
  for (const licence of ['0'.repeat(32), 'H9999999', '   '])
    await refused(site, inspector, { ...good, licence }, 404, 'no_such_licence');
  for (const unknown of ['0'.repeat(32), 'x', `${id}`]) {
    const answer = await show(site, inspector, unknown);
    assert.deepEqual([answer.status, answer.json().code], [404, 'action_not_found']);
  }
  const holder = await place(site, await site.token('holder'), good);
  assert.deepEqual([holder.status, holder.json().code], [403, 'forbidden']);
  assert.equal((await site.gateway.verdict(code, inspector)).result, 'valid');
});

test('an action names its holder nowhere in evidence, and its reason not at all', async (t) => {
  const { site, id, inspector } = await world(t);
  const { CZZT, CZZTDM, ZZBH } = valid(site, DRIVING);
  const action = await placed(site, inspector, { licence: id, action: 'seize', reason: '理由不入存证' });
  await show(site, inspector, action.id, '/receipt');
  const holds = (text) => run('grep', ['-raF', text, site.path('evidence-gateway')]).then(() => true, () => false);
  assert.ok(await holds(CASE), 'grep finds what is there');
  for (const secret of [CZZT, CZZTDM, ZZBH, id, '理由不入存证']) assert.ok(!await holds(secret), secret);
});
