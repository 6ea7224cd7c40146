// Partner enterprises: what they are told of a licence without a code, under its holder's consent
// alone; what they are not told; receipts, quotas, guessing.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { shownOf, subjectOf, verifyReceipt } from '../independent/receipts.mjs';
import { Site, until } from './lib/site.mjs';

const DAY_MS = 86400000;
const NOBODY = '00000000000000000000000000000000';
// A date in UTC+8, so many days from now.
const day = (days) => new Date(Date.now() + 8 * 3600000 + days * DAY_MS).toISOString().slice(0, 10);

class Partners {
  static async open(t, options = {}) {
    const p = new Partners();
    p.site = await Site.start(t, options);
    p.gateway = p.site.gateway;
    p.holder = await p.site.token('holder');
    p.partner = await p.site.token('partner');
    const { id } = (await p.gateway.licences(p.holder)).find((l) => l.status === 'valid');
    p.licence = (await p.gateway.request('GET', `/v1/licences/${id}?view=full`, { token: p.holder })).json();
    return p;
  }
  give(changes = {}, token = this.holder) {
    return this.gateway.json('POST', '/v1/consents', token,
      { licence: this.licence.id, partner: 'car-rental', purpose: 'car_rental', until: day(30), ...changes });
  }
  async consents(token = this.holder) { return (await this.gateway.request('GET', '/v1/consents', { token })).json().consents; }
  withdraw(id, token = this.holder) { return this.gateway.request('DELETE', `/v1/consents/${id}`, { token }); }
  check(changes = {}, token = this.partner) {
    return this.gateway.json('POST', '/v1/partner/checks', token,
      { licence_number: this.licence.number, holder_name: this.licence.holder_name, ...changes });
  }
  async jwks() { return (await this.gateway.request('GET', '/.well-known/jwks.json')).json(); }
  async records(kind) {
    return (await this.site.evidence()).filter((record) => record.kind === kind);
  }
  async place() {
    return /place \[(\d+), (\d+)\]/.exec(await this.site.jwb('licence', 'show', this.licence.id)).slice(1).map(Number);
  }
}
const problem = (answer) => [answer.status, answer.json().code];
const holderOf = async (p, input) =>
  (await p.site.jwb('token', 'mint', '--role', 'holder', '--holder-number', '-', { input })).trim();
// The token of another holder than the first, of a person.
const stranger = (p) => holderOf(p,
  p.site.records.find((r) => /^\d{17}[\dX]$/.test(r.CZZTDM) && r.CZZTDM !== p.site.holderNumber).CZZTDM);

test('a consent lets this partner check this licence for this purpose, until it is withdrawn', async (t) => {
  const p = await Partners.open(t);
  assert.deepEqual(problem(await p.check()), [404, 'check_refused']);
  const given = await p.give();
  assert.equal(given.status, 201);
  const consent = given.json();
  assert.match(consent.id, /^[0-9a-f]{32}$/);
  assert.deepEqual([consent.licence, consent.partner, consent.purpose, consent.withdrawn],
    [p.licence.id, { client: 'car-rental', organisation: 'fictional-car-rental' },
      { name: 'car_rental', title: '汽车租赁', title_en: 'Car rental' }, null]);
  assert.deepEqual(consent.fields, ['type', 'name', 'holder_name', 'number', 'issuer', 'valid_from', 'valid_until']);
  assert.equal(consent.until, `${day(31)}T00:00:00+08:00`);
  assert.deepEqual(await p.consents(), [consent]);

  const checked = await p.check();
  assert.equal(checked.status, 200);
  const answer = checked.json();
  assert.deepEqual([answer.result, answer.reason, answer.by, answer.purpose, answer.keep_until],
    ['valid', null, 'registry', 'car_rental', day(90)]);
  assert.deepEqual(Object.keys(answer.licence), consent.fields);
  assert.equal(answer.licence.holder_name, p.licence.holder_name);
  assert.equal(answer.licence.number, `****${p.licence.number.slice(-4)}`);
  assert.ok(!('holder_number' in answer.licence));
  assert.equal((await p.check({ holder_name: ` ${p.licence.holder_name}\t`, licence_number: `${p.licence.number} ` })).status, 400,
    'a control character is none of a name');
  assert.equal((await p.check({ holder_name: ` ${p.licence.holder_name} `, type: p.licence.type.code })).status, 200);

  assert.deepEqual(problem(await p.check({ purpose: 'hiring' })), [404, 'check_refused'], 'another purpose');
  const other = await p.site.token('partner', '--client', 'other-rental');
  assert.deepEqual(problem(await p.check({}, other)), [404, 'check_refused'], 'another partner');

  const nobody = await stranger(p);
  assert.deepEqual(problem(await p.withdraw(consent.id, nobody)), [404, 'consent_not_found']);
  assert.deepEqual(problem(await p.withdraw(NOBODY)), [404, 'consent_not_found']);
  assert.deepEqual(problem(await p.withdraw('x')), [404, 'consent_not_found']);
  assert.deepEqual(await p.consents(nobody), []);
  assert.equal((await p.check()).status, 200);
  const withdrawn = await p.withdraw(consent.id);
  assert.deepEqual([withdrawn.status, withdrawn.body.length], [204, 0]);
  assert.deepEqual(problem(await p.check()), [404, 'check_refused']);
  assert.deepEqual(problem(await p.withdraw(consent.id)), [404, 'consent_not_found']);
  const [past] = await p.consents();
  assert.ok(past.withdrawn >= past.since);

  const place = await p.place();
  assert.deepEqual((await p.records('consent')).map((r) => [r.role, r.place, r.result, r.acting, r.purpose, r.reference]),
    [['holder', place, 'valid', 'holder', 'car-rental', consent.id], ['holder', place, 'invalid', 'holder', 'car-rental', consent.id]]);
  const checks = await p.records('check');
  assert.deepEqual(checks.filter((r) => r.place).map((r) => [r.client, r.result, r.purpose, r.place, r.fields]),
    Array(3).fill(['car-rental', 'valid', 'car_rental', place, consent.fields]));
  assert.equal(checks.filter((r) => !r.place && r.result === 'invalid' && !r.fields.length).length, 4);
});

test('a consent shows no more than its fields, nor than the policy, and the newest one decides', async (t) => {
  const p = await Partners.open(t);
  assert.equal((await p.give({ fields: ['type', 'valid_until'] })).status, 201);
  assert.deepEqual(Object.keys((await p.check()).json().licence), ['type', 'valid_until']);
  assert.equal((await p.give({ fields: ['holder_name'] })).status, 201);
  assert.deepEqual(Object.keys((await p.check()).json().licence), ['holder_name']);
  for (const fields of [['holder_number'], ['type', 'identifier'], ['face'], ['Type'], [], [''], 'type', [1]])
    assert.deepEqual(problem(await p.give({ fields })), [400, 'malformed_body'], JSON.stringify(fields));
});

test('only whoever may decide gives a consent, to a partner that may have it, for at most a year', async (t) => {
  const p = await Partners.open(t);
  const nobody = await stranger(p);
  for (const [changes, token] of [[{}, nobody], [{ licence: NOBODY }, p.holder]])
    assert.deepEqual(problem(await p.give(changes, token)), [404, 'licence_not_found']);
  await p.site.client('terminal-8', { role: 'inspector', organisation: 'traffic-police' });
  await p.site.client('no-cars', { role: 'partner', organisation: 'no-cars', purpose: 'car_rental', type: '1' });
  const gone = await p.site.token('partner', '--client', 'gone');
  await p.site.jwb('client', 'disable', 'gone');
  await until(() => p.check({}, gone), (a) => a.status === 401);
  for (const changes of [{ partner: 'nobody' }, { partner: 'gone' }, { partner: 'terminal-8' }, { partner: 'no-cars' }, { purpose: 'bank_account' },
    { purpose: 'overview' }, { purpose: 'nothing' }])
    assert.deepEqual(problem(await p.give(changes)), [403, 'purpose_not_allowed'], JSON.stringify(changes));
  for (const until_ of [day(-1), day(367), '2027-02-30', '20270630', '', null, 5])
    assert.deepEqual(problem(await p.give({ until: until_ })), [400, 'malformed_body'], String(until_));
  for (const changes of [{ licence: 'x' }, { partner: '' }, { note: 'x' }, { purpose: undefined }])
    assert.deepEqual(problem(await p.give(changes)), [400, 'malformed_body'], JSON.stringify(changes));
  assert.deepEqual(await p.consents(), []);
  assert.equal((await p.give({ until: day(366) })).status, 201);
  assert.equal((await p.give({ until: day(0) })).status, 201);
});

test('for an enterprise its representative consents, and its agent can\'t', async (t) => {
  const p = await Partners.open(t);
  const enterprise = p.site.records.find((r) => r.FDDBRZJH && r.ZZZT === '01');
  const agentNumber = p.site.records.find((r) => /^\d{17}[\dX]$/.test(r.CZZTDM) && r.CZZTDM !== enterprise.FDDBRZJH).CZZTDM;
  const representative = await holderOf(p, enterprise.FDDBRZJH), agent = await holderOf(p, agentNumber);
  await p.site.jwb('agent', 'grant', enterprise.CZZTDM, agentNumber);
  const own = (await p.gateway.licences(await holderOf(p, enterprise.CZZTDM))).map((l) => l.id);
  const { id: licence } = (await p.gateway.licences(agent)).find((l) => own.includes(l.id));
  const gift = { licence, purpose: 'hiring' };
  assert.deepEqual(problem(await p.give(gift, agent)), [404, 'licence_not_found']);
  const consent = (await p.give(gift, representative)).json();
  assert.deepEqual(await p.consents(representative), [consent]);
  assert.deepEqual(await p.consents(agent), []);
  assert.deepEqual(problem(await p.withdraw(consent.id, agent)), [404, 'consent_not_found']);
  const { number } = (await p.gateway.request('GET', `/v1/licences/${licence}?view=full`, { token: representative })).json();
  const check = () => p.check({ licence_number: number, holder_name: enterprise.CZZT, purpose: 'hiring' });
  assert.equal((await check()).json().licence.holder_name, enterprise.CZZT);
  assert.equal((await p.withdraw(consent.id, representative)).status, 204);
  assert.deepEqual(problem(await check()), [404, 'check_refused']);
  assert.deepEqual((await p.records('consent')).map((r) => r.acting), ['representative', 'representative']);
});

test('the four refusals are the same octets under the same headers, each counted and recorded without a place', async (t) => {
  const p = await Partners.open(t, { config: { partners: { refusals_per_hour: 100 } } });
  const other = p.site.records.find((r) => r.ZZBH && r.CZZT && r.CZZT !== p.licence.holder_name && r.ZZBH !== p.licence.number);
  const kinds = {
    number: { licence_number: `${p.licence.number}1` },
    name: { holder_name: p.licence.holder_name.replace(/.$/, '某') },
    consent: { licence_number: other.ZZBH, holder_name: other.CZZT },
    licence: { licence_number: 'A-1', holder_name: '某某' },
  };
  assert.equal((await p.give()).status, 201);
  assert.equal((await p.check()).status, 200, 'with the right number and name it is told');
  const answers = [];
  for (let round = 0; round < 3; round++)
    for (const [kind, changes] of Object.entries(kinds)) {
      const answer = await p.check(changes);
      assert.deepEqual(problem(answer), [404, 'check_refused'], kind);
      const { date, 'x-request-id': id, ...headers } = answer.headers;
      assert.equal(answer.json().request, id);
      answers.push([answer.body.toString().replace(id, ''), headers]);
    }
  for (const answer of answers) assert.deepEqual(answer, answers[0]);
  assert.equal(await p.gateway.metric('checks_refused_total'), answers.length);
  const records = (await p.records('check')).filter((r) => !r.place);
  assert.equal(records.length, answers.length);
  for (const { at, at_us: _, request, ...record } of records)
    assert.deepEqual(record, { kind: 'check', role: 'partner', subject: '', client: 'car-rental', licence: null, type: null,
      place: null, result: 'invalid',
      reason: 'none', cti: null, acting: null, fields: [], purpose: 'car_rental', reference: '' }, `${at} ${request}`);
  const journal = fs.readdirSync(p.site.path('evidence-gateway')).filter((name) => name.endsWith('.jwbj')).map((name) => p.site.read(`evidence-gateway/${name}`));
  for (const text of [...journal, p.gateway.text()])
    for (const secret of [p.licence.number, p.licence.holder_name, other.CZZT]) assert.ok(!text.includes(secret));
});

test('what a partner may not ask is said before anything is looked up', async (t) => {
  const p = await Partners.open(t);
  await p.site.client('no-cars', { role: 'partner', organisation: 'no-cars', purpose: 'car_rental', type: '1' });
  await p.site.client('no-purpose', { role: 'partner', organisation: 'no-purpose' });
  const noCars = await p.site.token('partner', '--client', 'no-cars');
  assert.deepEqual(problem(await p.check({ purpose: 'bank_account' })), [403, 'purpose_not_allowed']);
  assert.deepEqual(problem(await p.check({}, await p.site.token('partner', '--client', 'no-purpose'))), [403, 'purpose_not_allowed']);
  assert.deepEqual(problem(await p.check({ type: p.licence.type.code }, noCars)), [403, 'type_not_allowed']);
  assert.deepEqual(problem(await p.check({}, noCars)), [404, 'check_refused']);
  for (const changes of [{ licence_number: undefined }, { holder_name: '' }, { holder_name: 7 }, { purpose: '' }, { more: 1 }])
    assert.deepEqual(problem(await p.check(changes)), [400, 'malformed_body'], JSON.stringify(changes));
  for (const role of ['holder', 'inspector', 'issuer', 'system'])
    assert.deepEqual(problem(await p.check({}, await p.site.token(role))), [403, 'forbidden']);
  assert.equal(await p.gateway.metric('checks_refused_total'), 1);
});

test('a seized licence is told invalid, with its fields and its reason', async (t) => {
  const p = await Partners.open(t);
  assert.equal((await p.give()).status, 201);
  await p.site.jwb('hold', 'place', p.licence.id, '--agency', 'traffic-police', '--case', '1');
  const seized = (await p.check()).json();
  assert.deepEqual([seized.result, seized.reason, seized.licence.holder_name], ['invalid', 'licence_seized', p.licence.holder_name]);
  await p.site.jwb('hold', 'lift', p.licence.id, '--agency', 'traffic-police', '--case', '1');
  assert.equal((await p.check()).json().result, 'valid');
});

test('every answer to a partner has a receipt that others can verify, through a change of keys', async (t) => {
  const p = await Partners.open(t);
  assert.equal((await p.give()).status, 201);
  const verified = async (answer) => {
    const { receipt: text, ...told } = answer.json();
    const { result, receipt } = await verifyReceipt(Buffer.from(text, 'base64url'), await p.jwks());
    assert.equal(result, 'ok');
    assert.deepEqual([receipt.iss, receipt.sub, receipt.cti], ['https://localhost:8443', 'car-rental', answer.headers['x-request-id']]);
    assert.deepEqual([receipt.result, receipt.reason, receipt.purpose], [told.result, told.reason, told.purpose]);
    assert.deepEqual(receipt.fields, Object.keys(told.licence ?? {}));
    assert.equal(receipt.shown, shownOf(answer.body));
    assert.ok(Math.abs(receipt.iat - Date.now() / 1000) < 60);
    return receipt;
  };
  const checked = await verified(await p.check());
  assert.deepEqual([checked.kind, checked.subject], [2, subjectOf(checked.cti, p.licence.number, p.licence.holder_name)]);

  const code = await p.gateway.display(p.holder, p.licence.id);
  const scanned = await verified(await p.gateway.verify(code, p.partner));
  assert.equal(scanned.kind, 1);
  const again = await verified(await p.gateway.verify(code, p.partner));
  assert.deepEqual([again.subject, again.reason], [scanned.subject, 'code_already_used']);
  const old = (await p.check()).json().receipt;

  const before = await p.jwks();
  assert.deepEqual(before.keys.map((k) => k.jwb_use), [undefined, 'receipt', 'webhook', 'status']);
  await p.site.jwb('key', 'create', '--use', 'receipt', '--from', String(Math.floor(Date.now() / 1000) + 1));
  p.gateway.child.kill('SIGHUP');
  const { keys } = await until(() => p.jwks(), (jwks) => jwks.keys.length === 5);
  const kids = keys.map((k) => k.kid);
  const listed = async () => (await p.site.jwb('key', 'list')).trim().split('\n').map((line) => line.split(/ {2,}/).slice(0, 3));
  const now = await until(listed, (list) => list[4][2] === 'signs now');
  await verified(await p.check());
  assert.equal((await verifyReceipt(Buffer.from(old, 'base64url'), await p.jwks())).result, 'ok', 'the old key stays');
  assert.deepEqual(now, [[kids[0], 'code', 'signs now'], [kids[1], 'receipt', 'replaced'],
    [kids[2], 'webhook', 'signs now'], [kids[3], 'status', 'signs now'], [kids[4], 'receipt', 'signs now']]);

  for (const kid of kids.slice(1)) await p.site.jwb('key', 'revoke', kid);
  p.gateway.child.kill('SIGHUP');
  await until(() => p.jwks(), (jwks) => jwks.keys.length === 1);
  assert.deepEqual(problem(await p.check()), [503, 'signing_unavailable'], 'no receipt, no answer');
  await p.gateway.waitForLog((line) => line.event === 'no key to sign receipts with' && line.level === 'warning');
  assert.equal((await verifyReceipt(Buffer.from(old, 'base64url'), await p.jwks())).result, 'unknown_key');
});

test('a quota is told in RateLimit headers, and what is above it gets 429 with Retry-After', async (t) => {
  const p = await Partners.open(t);
  await p.site.client('small', { role: 'partner', organisation: 'small', purpose: 'car_rental', quota: 3 });
  const small = await p.site.token('partner', '--client', 'small');
  for (const left of [2, 1, 0]) {
    const answer = await p.check({}, small);
    assert.deepEqual([answer.status, answer.headers['ratelimit-policy'], answer.headers.ratelimit],
      [404, '"minute";q=3;w=60', `"minute";r=${left};t=20`]);
  }
  const refused = await p.check({}, small);
  assert.deepEqual(problem(refused), [429, 'quota_exceeded']);
  const [, r, s] = /^"minute";r=(\d+);t=(\d+)$/.exec(refused.headers.ratelimit);
  assert.equal(r, '0');
  assert.equal(refused.headers['retry-after'], s);
  assert.ok(Number(s) >= 1 && Number(s) <= 20);
  const code = await p.gateway.display(p.holder, p.licence.id);
  assert.deepEqual(problem(await p.gateway.verify(code, small)), [429, 'quota_exceeded'], 'scans and checks share it');
  assert.equal((await p.gateway.verdict(code, p.partner)).result, 'valid', 'the refused scan did not spend the code');
  const unlimited = await p.check();
  assert.deepEqual([unlimited.status, unlimited.headers.ratelimit], [404, undefined]);
  assert.equal(await p.gateway.metric('quotas_exceeded_total'), 2);
});

test('whoever is refused too often is throttled and reported, whatever he asks, and nobody else', async (t) => {
  const p = await Partners.open(t, { config: { partners: { refusals_per_hour: 4, tick_ms: 5 } } });
  const other = await p.site.token('partner', '--client', 'other-rental');
  assert.equal((await p.give()).status, 201);
  for (let i = 0; i < 4; i++)
    assert.deepEqual(problem(await p.check({ licence_number: `${i}` })), [404, 'check_refused']);
  for (let i = 0; i < 3; i++) {
    const answer = await p.check(i ? { licence_number: 'x' } : {});
    assert.deepEqual(problem(answer), [429, 'too_many_refusals']);
    assert.ok(Number(answer.headers['retry-after']) > 800 && Number(answer.headers['retry-after']) <= 901);
  }
  assert.equal(await p.gateway.metric('guessing_total'), 3);
  assert.equal(await p.gateway.metric('checks_refused_total'), 4);
  const lines = p.gateway.log.filter((line) => line.event === 'guessing');
  assert.deepEqual(lines.map((line) => [line.level, line.client]), Array(3).fill(['warning', 'car-rental']));
  assert.deepEqual(problem(await p.check({}, other)), [404, 'check_refused']);
});

test('without Redis nobody is refused: what can\'t be counted is not answered', async (t) => {
  const p = await Partners.open(t, { config: { partners: { refusals_per_hour: 3 } } });
  await p.site.client('small', { role: 'partner', organisation: 'small', purpose: 'car_rental', quota: 3 });
  const small = await p.site.token('partner', '--client', 'small');
  assert.equal((await p.give()).status, 201);
  await p.site.stopRedis();
  for (let i = 0; i < 5; i++)
    for (const token of [p.partner, small])
      assert.deepEqual(problem(await p.check(i ? { licence_number: 'x' } : {}, token)), [503, 'quota_unavailable']);
  assert.deepEqual(problem(await p.gateway.verify(await p.gateway.display(p.holder, p.licence.id), small)), [503, 'quota_unavailable']);
  await p.site.startRedis();
  await until(() => p.check(), (answer) => answer.status === 200);
  assert.equal(await p.gateway.metric('checks_refused_total'), 0);
});

test('of guesses that come all at once no more are answered than one by one', async (t) => {
  const p = await Partners.open(t, { config: { partners: { refusals_per_hour: 5 }, cache: { trip_timeout_ms: 5000 } } });
  assert.equal((await p.give()).status, 201);
  const guesses = Array.from({ length: 150 }, (_, i) => p.check(i < 149 ? { licence_number: `${i}` } : {}));
  const statuses = (await Promise.all(guesses)).map((answer) => answer.status);
  assert.deepEqual([404, 429, 200].map((status) => statuses.filter((s) => s === status).length), [5, 145, 0]);
});
