// A code counts once for a partner and once for an inspector, however many ask at a time and whatever
// becomes of Redis meanwhile.
import assert from 'node:assert/strict';
import test from 'node:test';
import { rounds, Subject } from './lib/faults.mjs';
import { Site, until } from './lib/site.mjs';

// A trip that a busy machine makes slow is not what is counted here.
const life = { code: { life_s: 300 }, loops: { count: 2 }, cache: { trip_timeout_ms: 5000 } };
const MANY = 200, CROWD = 1000, PARTNERS = 10;

async function opened(t) {
  const site = await Site.start(t, { config: life });
  const subject = await Subject.make(t, site);
  await until(() => site.gateway.verdict(subject.code), (v) => v.by === 'cache');
  return { site, gateway: site.gateway, subject, partner: await site.token('partner'),
    inspector: await site.token('inspector') };
}
const scans = (gateways, n, code, token, headers) => Promise.all(Array.from({ length: n }, (_, i) =>
  gateways[i % gateways.length].verdict(code, token, headers)));
const count = (verdicts, test) => verdicts.filter(test).length;
const isValid = (v) => v.result === 'valid';
const isUsed = (v) => v.reason === 'code_already_used';
const isUnvouched = (v) => v.problem === 'single_use_unavailable';

// A thousand scans by ten partners, in turn.
async function crowd(site) {
  const tokens = [];
  for (let i = 0; i < PARTNERS; i++) tokens.push(await site.token('partner', '--client', `partner-${i}`));
  return (gateway, code) => Promise.all(Array.from({ length: CROWD }, (_, i) => gateway.verdict(code, tokens[i % PARTNERS])));
}

test('of a thousand scans of one code by ten partners exactly one is told valid', async (t) => {
  const { site, gateway, subject } = await opened(t);
  const scan = await crowd(site);
  for (let round = 0; round < rounds(2); round++) {
    const verdicts = await scan(gateway, await subject.display());
    assert.equal(count(verdicts, isValid), 1);
    assert.equal(count(verdicts, isUsed), CROWD - 1);
  }
});

test('repeated with one Idempotency-Key, a first scan stays valid, for this partner alone', async (t) => {
  const { site, gateway, subject, partner } = await opened(t);
  const other = await site.token('partner', '--client', 'hotel');
  const key = { 'idempotency-key': 'b3f1' };
  const verdicts = await scans([gateway], 50, subject.code, partner, key);
  assert.equal(count(verdicts, isValid), 50);
  assert.ok(isUsed(await gateway.verdict(subject.code, partner)));
  assert.ok(isUsed(await gateway.verdict(subject.code, partner, { 'idempotency-key': 'b3f2' })));
  assert.ok(isUsed(await gateway.verdict(subject.code, other, key)));
});

test('inspectors count apart from partners, once, and anonymous scans and the holder never do', async (t) => {
  const { gateway, subject, partner, inspector } = await opened(t);
  const anonymous = await scans([gateway], CROWD, subject.code);
  assert.equal(count(anonymous, isValid), CROWD);
  assert.equal(count(anonymous, (v) => 'first_scan' in v), 0);
  assert.equal(count(await scans([gateway], 10, subject.code, subject.holder), isValid), 10);
  const inspections = await scans([gateway], CROWD, subject.code, inspector);
  assert.equal(count(inspections, isValid), CROWD);
  assert.equal(count(inspections, (v) => v.first_scan.this), 1);
  assert.equal(new Set(inspections.map((v) => v.first_scan.at)).size, 1);
  const checks = await scans([gateway], 20, subject.code, partner);
  assert.equal(count(checks, isValid), 1);
  assert.equal(count(checks, (v) => 'first_scan' in v), 0);
});

test('a code whose key was deleted is counted anew once and no more, and a forged one spends nothing', async (t) => {
  const { site, gateway, subject, partner, inspector } = await opened(t);
  const forget = async () => {
    for (const key of (await site.redis('KEYS', 'code:*')).split('\n').filter(Boolean)) await site.redis('DEL', key);
  };
  await forget();
  const forged = subject.code.slice(0, -20) + (subject.code.at(-20) === '0' ? '1' : '0') + subject.code.slice(-19);
  assert.equal((await gateway.verdict(forged, partner)).result, 'invalid');
  assert.equal(await site.redis('KEYS', 'code:*'), '', 'a forged code leaves no key');
  for (let round = 0; round < 2; round++) {
    const checks = await scans([gateway], MANY, subject.code, partner);
    assert.equal(count(checks, isValid), 1);
    assert.equal(count(checks, isUsed), MANY - 1);
    const inspections = await scans([gateway], 50, subject.code, inspector);
    assert.equal(count(inspections, (v) => v.first_scan.this), 1);
    await forget();
  }
  assert.ok(await gateway.metric('verify_signatures_total') > 0);
});

test('with Redis killed among a thousand checks at most one is told valid, and none after its return', async (t) => {
  const { site, gateway, subject, partner } = await opened(t);
  const scan = await crowd(site);
  for (let round = 0; round < rounds(3); round++) {
    await until(async () => gateway.verdict(await subject.display(), partner), isValid);
    const code = await subject.display();
    const checks = scan(gateway, code);
    await new Promise((resolve) => setTimeout(resolve, 100 * (round % 3)));
    await site.stopRedis();
    const verdicts = await checks;
    await site.startRedis();
    await until(() => gateway.verdict(subject.code), (v) => v.by === 'cache');
    verdicts.push(...await scans([gateway], 20, code, partner));
    const valid = count(verdicts, isValid);
    assert.ok(valid <= 1, `${valid} valid`);
    assert.equal(valid + count(verdicts, isUsed) + count(verdicts, isUnvouched), CROWD + 20);
    t.diagnostic(`valid ${valid}, already used ${count(verdicts, isUsed)}, could not be vouched for ${count(verdicts, isUnvouched)}`);
  }
});

test('a used code is not valid again when Redis lost everything, on whichever gateway it is shown', async (t) => {
  const { site, gateway, subject, partner } = await opened(t);
  site.config('second', life);
  const second = await site.startGateway('second');
  await until(() => second.verdict(subject.code), (v) => v.by === 'cache');
  for (let round = 0; round < rounds(3); round++) {
    const code = await until(async () => {
      const fresh = await subject.display();
      return isValid(await gateway.verdict(fresh, partner)) && fresh;
    }, Boolean);
    await site.redis('FLUSHALL');
    const verdicts = [];
    for (const back of [gateway, second])
      await until(async () => {
        verdicts.push(...await scans([gateway, second], 10, code, partner));
        return back.verdict(subject.code);
      }, (v) => v.by === 'cache');
    verdicts.push(...await scans([gateway, second], 50, code, partner));
    assert.equal(count(verdicts, isValid), 0);
    assert.ok(isUnvouched(verdicts.at(-1)));
    t.diagnostic(`${verdicts.length} checks of a used code, 0 valid`);
  }
});

test('a code shows its fields once: not to another partner, nor for another purpose, also when it is worth nothing any more', async (t) => {
  const site = await Site.start(t, { config: { code: { life_s: 300 } } });
  const { gateway } = site;
  const holder = await site.token('holder'), first = await site.token('partner');
  const second = await site.token('partner', '--client', 'other-rental');
  const { id } = (await gateway.licences(holder)).find((l) => l.status === 'valid');
  const code = await gateway.display(holder, id);
  const ask = async (token, key, purpose = 'car_rental') => {
    const { result, reason, licence } = (await gateway.json('POST', '/v1/verify', token, { code, purpose }, { 'idempotency-key': key })).json();
    return [result, reason, Boolean(licence)];
  };
  assert.deepEqual(await ask(first, '1'), ['valid', null, true]);
  for (const seized of [false, true]) {
    if (seized) await site.jwb('hold', 'place', id, '--agency', 'traffic-police', '--case', '1');
    const worth = seized ? ['invalid', 'licence_seized'] : ['valid', null];
    const used = seized ? worth : ['invalid', 'code_already_used'];
    assert.deepEqual(await ask(first, '1'), [...worth, true], 'its own answer again');
    assert.deepEqual(await ask(first, '2'), [...used, false]);
    assert.deepEqual(await ask(first, '1', 'hiring'), [...used, false]);
    assert.deepEqual(await ask(second, '1'), [...used, false]);
  }
});
