// A licence's trace: each who may is told all that happened to it, nothing that is not his matter, and can prove
// each entry against a checkpoint that he keeps.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import test from 'node:test';
import { Site, until } from './lib/site.mjs';

const CASE = 'case-2026-0417';
const is18 = (number) => /^[0-9]{17}[0-9X]$/.test(number);
const refused = (answer, status, code) =>
  assert.deepEqual([answer.status, answer.json().code], [status, code], answer.body.toString());

async function world(t, config) {
  const site = await Site.start(t, { licences: 100, config: { evidence: { told_per_hour: 100000 }, ...config } });
  const [record] = site.records;
  const holder = await site.token('holder');
  const { id } = (await site.gateway.licences(holder)).find((l) => l.status === 'valid');
  return { site, gateway: site.gateway, record, holder, id, inspector: await site.token('inspector'),
    partner: await site.token('partner'), auditor: await site.token('auditor'),
    issuer: await site.token('issuer', '--client', record.ZZBFJGDM) };
}
const ask = (w, token, query = '', id = w.id) => w.gateway.request('GET', `/v1/licences/${id}/trace${query}`, { token });
async function trace(w, token, query, id) {
  const answer = await ask(w, token, query, id);
  assert.equal(answer.status, 200, answer.body.toString());
  return answer.json();
}
// Until each of its entries is in the log.
async function proven(w, token, query) {
  let told;
  await until(async () => {
    told = await trace(w, token, query);
    return told.entries.map((e) => [e.kind, e.log !== null]);
  }, (entries) => entries.length > 0 && entries.every(([, logged]) => logged));
  return told;
}
const act = async (w, action) => {
  const answer = await w.gateway.json('POST', '/v1/enforcement/actions', w.inspector,
    { licence: w.id, action, case_number: CASE, reason: '测试' }, { 'idempotency-key': crypto.randomUUID() });
  assert.equal(answer.status, 201, answer.body.toString());
};
const display = (w) => w.gateway.display(w.holder, w.id);

// RFC 6962 section 2.1.1, from its text: does this leaf stand there in the tree of the checkpoint?
const sha256 = (...parts) => parts.reduce((h, p) => h.update(p), crypto.createHash('sha256')).digest();
const node = (left, right) => sha256(Buffer.of(1), left, right);
function rootOf(leaf, index, size, path) {
  if (size === 1) return assert.equal(path.length, 0), leaf;
  let k = 1;
  while (2 * k < size) k *= 2;
  const sibling = path.at(-1), rest = path.slice(0, -1);
  return index < k ? node(rootOf(leaf, index, k, rest), sibling) : node(sibling, rootOf(leaf, index - k, size - k, rest));
}
// {entry, checkpoint} of a C2SP tlog-proof that leads from the leaf to its checkpoint's root.
function checkProof({ index, leaf, proof }) {
  const [head, ...notes] = proof.split('\n\n');
  const [version, ...lines] = head.split('\n');
  assert.equal(version, 'c2sp.org/tlog-proof@v1');
  const extra = lines[0].startsWith('extra ') ? Buffer.from(lines.shift().slice(6), 'base64') : undefined;
  assert.equal(lines.shift(), `index ${index}`);
  const checkpoint = notes.join('\n\n');
  const [origin, size, root] = checkpoint.split('\n');
  assert.match(origin, /\/evidence$/);
  if (extra) assert.equal(sha256(Buffer.of(0), extra).toString('hex'), leaf);
  const found = rootOf(Buffer.from(leaf, 'hex'), index, Number(size), lines.map((l) => Buffer.from(l, 'base64')));
  assert.equal(found.toString('base64'), root);
  return { entry: extra, checkpoint };
}

test('its holder is told each thing once, newest first, with a proof of it', async (t) => {
  const w = await world(t), { site, gateway, holder, id } = w;
  const code = await display(w);
  assert.equal((await gateway.verdict(code, w.inspector)).result, 'valid');
  await gateway.verdict(code, w.partner);
  await gateway.verdict(code, undefined);
  const at = Date.now();
  await until(() => Date.now(), (now) => now > at + 1100); // a consent's time is a whole second
  const gift = { licence: id, partner: 'car-rental', purpose: 'car_rental', until: new Date(Date.now() + 864e5).toISOString().slice(0, 10) };
  const given = await gateway.json('POST', '/v1/consents', holder, gift);
  assert.equal(given.status, 201, given.body.toString());
  await act(w, 'seize');
  await act(w, 'restore');
  const kinds = ['lift', 'hold', 'consent', 'verify', 'verify', 'verify', 'display', 'issued'];
  const told = await proven(w, holder);
  assert.deepEqual(told.entries.map((e) => e.kind), kinds, JSON.stringify(told.entries.map((e) => [e.at, e.kind])));
  assert.equal(told.complete, true);
  assert.equal(told.licence, id);
  assert.ok(told.entries.every((e, i) => i === 0 || e.at <= told.entries[i - 1].at));
  const [lift, hold, consent, anybody, partner, inspector, shown] = told.entries;
  assert.deepEqual([hold.who.role, hold.who.organisation, hold.purpose, hold.status], ['inspector', 'traffic-police', 'seize', 'seized']);
  assert.deepEqual([lift.purpose, lift.status], ['restore', 'valid']);
  assert.deepEqual([consent.who.you, consent.purpose, consent.result], [true, 'car-rental', 'given']);
  assert.deepEqual([inspector.who.organisation, inspector.result, inspector.reason], ['traffic-police', 'valid', null]);
  assert.deepEqual([partner.who.organisation, partner.purpose], ['fictional-car-rental', 'car_rental']);
  assert.deepEqual([anybody.who.role, shown.who.you, shown.who.acting], ['anybody', true, 'holder']);

  const checkpoints = new Set(told.entries.map((e) => checkProof(e.log).checkpoint));
  assert.equal(checkpoints.size, 1, 'one answer, one checkpoint');
  const indices = new Set(told.entries.map((e) => e.log.index));
  assert.equal(indices.size, kinds.length);
  assert.ok(checkProof(consent.log).entry && checkProof(shown.log).entry, 'what he did himself he may see whole');
  // An officer's number and his case are in no answer to a holder, nor in a proof's octets.
  const octets = Buffer.concat([Buffer.from(JSON.stringify(told)),
    ...told.entries.map((e) => checkProof(e.log).entry).filter(Boolean)]);
  for (const secret of ['/0417', '"0417"', CASE, 'terminal-7', site.records[0].CZZT, site.records[0].ZZBH])
    assert.ok(!octets.includes(secret), secret);
  // The checkpoint is the log's own, and everybody's to fetch.
  const page = await gateway.request('GET', '/evidence/checkpoint');
  assert.deepEqual([page.status, page.headers['content-type'], page.headers['cache-control']],
    [200, 'text/plain; charset=utf-8', 'no-cache']);
  fs.writeFileSync(site.path('kept.txt'), [...checkpoints][0]);
  await site.jwb('evidence', 'verify', '--checkpoint', site.path('kept.txt'));
  // And its proofs are what the tool's readers take.
  const key = (await site.jwb('evidence', 'key')).trim();
  fs.writeFileSync(site.path('consent.proof'), consent.log.proof);
  await site.jwb('evidence', 'check', site.path('consent.proof'), '--key', key);
});

test('an auditor is told by the number of a case alone, with officers and cases', async (t) => {
  const w = await world(t), { auditor } = w;
  await w.gateway.verdict(await display(w), w.inspector);
  const query = `?case=${encodeURIComponent(CASE)}`;
  refused(await ask(w, auditor, query), 404, 'no_such_licence');
  await act(w, 'withdraw');
  for (const missing of ['', '?case=', `?case=${'x'.repeat(65)}`, '?before=2026-01-01T00:00:00Z'])
    refused(await ask(w, auditor, missing), 400, 'malformed_body');
  refused(await ask(w, auditor, '?case=another'), 404, 'no_such_licence');
  refused(await ask(w, auditor, query, '0'.repeat(32)), 404, 'no_such_licence');
  const { entries } = await proven(w, auditor, query);
  assert.deepEqual(entries.map((e) => e.kind), ['hold', 'verify', 'display', 'issued']);
  const [hold, verify] = entries;
  for (const e of [hold, verify]) assert.deepEqual([e.who.subject, e.who.client], ['traffic-police/0417', 'terminal-7']);
  assert.equal(hold.reference, CASE);
  for (const e of entries) assert.ok(checkProof(e.log).entry, e.kind);
  assert.ok(checkProof(hold.log).entry.includes(CASE));
  const journals = fs.readdirSync(w.site.path('evidence-gateway')).filter((n) => n.endsWith('.jwbj'))
    .map((n) => w.site.path(`evidence-gateway/${n}`));
  const read = (await w.site.list(...journals)).filter((r) => r.kind === 'trace');
  assert.ok(read.length >= 1 && read.every((r) => r.role === 'auditor' && r.reference === CASE && r.client === 'audit-office'));
});

test('an authority is told of its own licences, a stranger of none', async (t) => {
  const w = await world(t), { site, issuer } = w;
  await w.gateway.verdict(await display(w), w.inspector);
  await act(w, 'seize');
  const { entries } = await proven(w, issuer);
  assert.deepEqual(entries.map((e) => e.kind), ['hold', 'verify', 'display', 'issued']);
  for (const secret of ['traffic-police/0417', '"0417"', 'terminal-7']) assert.ok(!JSON.stringify(entries).includes(secret), secret);
  for (const e of entries) checkProof(e.log);
  const foreign = site.records.find((r) => r.ZZBFJGDM !== w.record.ZZBFJGDM).ZZBFJGDM;
  refused(await ask(w, await site.token('issuer', '--client', foreign)), 404, 'no_such_licence');
  const other = (await site.jwb('token', 'mint', '--role', 'holder', '--holder-number', '-',
    { input: site.records.find((r) => is18(r.CZZTDM) && r.CZZTDM !== site.holderNumber).CZZTDM })).trim();
  refused(await ask(w, other), 404, 'licence_not_found');
  refused(await ask(w, w.holder, '?case=x'), 400, 'malformed_body');
  refused(await ask(w, w.holder, '', 'x'), 404, 'licence_not_found');
  refused(await ask(w, w.inspector), 403, 'forbidden');
  refused(await ask(w, w.partner), 403, 'forbidden');
});

test('who is entrusted with a licence is not told who looks at it, nor a new holder what was before him', async (t) => {
  const w = await world(t), { site, gateway, holder, id, record } = w;
  const friend = site.records.find((r) => is18(r.CZZTDM) && r.CZZTDM !== site.holderNumber);
  const token = (await site.jwb('token', 'mint', '--role', 'holder', '--holder-number', '-', { input: friend.CZZTDM })).trim();
  assert.equal((await gateway.json('POST', '/v1/mandates', holder,
    { licence: id, person_name: friend.CZZT, person_number: friend.CZZTDM })).status, 201);
  await gateway.display(token, id);
  refused(await ask(w, token), 404, 'licence_not_found');
  assert.deepEqual((await trace(w, holder)).entries.map((e) => e.kind), ['display', 'mandate', 'issued']);
  // The licence becomes the friend's.
  const fields = { ...record, SJBBH: '9', CZZT: friend.CZZT, CZZTDM: friend.CZZTDM };
  site.write('moved.csv', `${Object.keys(fields).join(',')}\n${Object.values(fields).join(',')}\n`);
  assert.match(await site.jwb('licence', 'import', site.path('moved.csv'), '--source', 'test'), /1 {2}new version/);
  await gateway.display(token, id);
  assert.deepEqual((await trace(w, token)).entries.map((e) => e.kind), ['display', 'version']);
  refused(await ask(w, holder), 404, 'licence_not_found');
  assert.deepEqual((await trace(w, w.issuer)).entries.map((e) => e.kind),
    ['display', 'version', 'superseded', 'display', 'mandate', 'issued']);
});

test('two hundred are told, then those before them', async (t) => {
  const w = await world(t, { code: { life_s: 300 } }), { gateway, holder } = w;
  const code = await display(w);
  for (let i = 0; i < 120; i += 30) await Promise.all(Array.from({ length: 30 }, () => gateway.verdict(code, w.inspector)));
  const middle = Date.now();
  await until(() => Date.now(), (now) => now > middle + 2100); // times are told in whole seconds
  for (let i = 0; i < 120; i += 30) await Promise.all(Array.from({ length: 30 }, () => gateway.verdict(code, undefined)));
  const first = await proven(w, holder);
  assert.equal(first.entries.length, 200);
  assert.equal(first.complete, false);
  const checkpoints = new Set(first.entries.map((e) => checkProof(e.log).checkpoint));
  assert.equal(checkpoints.size, 1);
  const rest = await trace(w, holder, `?before=${encodeURIComponent(new Date(middle + 1000).toISOString())}`);
  assert.equal(rest.complete, true);
  assert.deepEqual([rest.entries.length, rest.entries.at(-1).kind, rest.entries.at(-2).kind], [122, 'issued', 'display']);
});

test('a record that was changed behind the log is told as one that contradicts it', async (t) => {
  const w = await world(t), { site, gateway, holder } = w;
  await display(w);
  await proven(w, holder);
  await gateway.stop();
  // The event of the licence's issue, by whoever can write the registry's file.
  const { execFileSync } = await import('node:child_process');
  execFileSync('sqlite3', [site.path('registry.db'), "UPDATE event SET purpose = 'altered' WHERE kind = 32"]);
  const second = await site.startGateway('gateway');
  w.gateway = second;
  const told = await until(() => trace(w, holder), ({ entries }) => entries.some((e) => e.log));
  assert.equal(told.complete, false);
  const issued = told.entries.find((e) => e.kind === 'issued');
  assert.equal(issued.log, null);
  await second.waitForLog((line) => /contradict the evidence log/.test(line.event ?? ''));
});
