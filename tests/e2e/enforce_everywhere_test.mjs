// What an inspector does on one gateway binds on every other from the moment it is answered, however slowly Redis is
// reached, and nothing that an authority delivers undoes it. ENFORCE_INTERLEAVINGS (1000; make test-faults: 100000)
// says how many actions are taken, each while another gateway verifies the same code without pause.
import assert from 'node:assert/strict';
import test from 'node:test';
import { chance } from './lib/faults.mjs';
import { Site, until } from './lib/site.mjs';
import { SlowRedis } from './lib/slow_redis.mjs';
import { plainHttp, Wire } from './lib/wire.mjs';

const interleavings = Number(process.env.ENFORCE_INTERLEAVINGS ?? 1000);
const SUBJECTS = interleavings > 10000 ? 200 : 50; // at once
const CODE_LIFE_S = 300, CODE_FRESH_MS = 200000;
const TRIP_MS = 150; // so that most trips are answered, however slow, and those that stall are not

// ---- a licence, and what may be said of it ----

class Subject {
  worth = ['valid']; // first, and as each action has it, from when it is sent
  answered = 0;      // of those after the first
  cases = 0;

  constructor(world, holder, id) { Object.assign(this, { world, holder, id }); }

  async display(wire) {
    const answer = await wire.json('POST', '/v1/codes', this.holder, { licence: this.id });
    assert.equal(answer.status, 201, answer.body.toString());
    this.code = answer.json().code;
    this.displayed = performance.now();
  }
  // One action, asked for over each of `wires` with one key. It counts from the first answer on; `then` is called
  // with that, and all is waited for.
  async act(action, worth, wires, then) {
    const key = `${this.id}/${this.worth.push(worth)}`, sent = performance.now();
    const ask = async (wire) => {
      const answer = await wire.json('POST', '/v1/enforcement/actions', this.world.inspector,
        { code: this.code, action, case_number: `2026-${this.cases}`, reason: '涉嫌使用伪造的驾驶证件' },
        { 'idempotency-key': key });
      assert.ok([200, 201].includes(answer.status), answer.body.toString());
      this.answered = this.worth.length - 1;
    };
    const asked = wires.map(ask);
    await Promise.race(asked);
    this.world.took.push(performance.now() - sent);
    await Promise.all([...asked, then()]);
  }
  // A verify may say what held when it was sent, or what was asked for before it ended (it was overtaken then).
  async verify(wire, token) {
    const from = this.answered, moving = from < this.worth.length - 1;
    const answer = await wire.verify(this.code, token);
    const may = this.worth.slice(from), { result, reason, by } = answer.json();
    const said = result === 'valid' ? 'valid' : reason ?? answer.status;
    if (said === 503) { // no answer is no wrong one, but it is told why
      this.world.unavailable.push(answer.json().code);
      return;
    }
    this.world.sum[moving ? 'during' : may.length > 1 ? 'overtaken' : from === 0 ? 'before' :
      may[0] === 'valid' ? 'after_restore' : 'after_hold']++;
    this.world.sum[`by_${by}`]++;
    if (!may.includes(said)) this.world.wrong.push({ said, may, by });
  }
}

// ---- two gateways, each with a slow way of its own to Redis ----

async function start(t, poll_ms) {
  const site = await Site.start(t, { gateway: false, licences: 3 * SUBJECTS, clients: ['terminal-7'] });
  const random = chance(t);
  const gateways = [], ways = [];
  for (const [name, relay] of [['first', { poll_ms: 5 }], ['second', { poll_ms }]]) {
    ways.push(await SlowRedis.start(t, site.path(`${name}.sock`), site.path('redis.sock'), random));
    site.config(name, { relay, public: plainHttp, loops: { count: 2 }, code: { life_s: CODE_LIFE_S },
      http: { idle_timeout_ms: 600000 }, cache: { socket: ways.at(-1).path, trip_timeout_ms: TRIP_MS },
      anomalies: { people_per_hour: 0, looks_per_hour: 0 } });
    gateways.push(await site.startGateway(name));
  }
  const world = { site, ways, random, wrong: [], unavailable: [], took: [], inspector: await site.token('inspector'),
    sum: { before: 0, during: 0, after_hold: 0, after_restore: 0, overtaken: 0,
      by_cache: 0, by_registry: 0, by_null: 0 } };
  world.open = async (n) => {
    const wire = await Wire.open(gateways[n]);
    t.after(() => wire.close());
    return wire;
  };
  world.subjects = await findSubjects(world);
  return world;
}
// Licences of as many holders; each has been displayed, by one of the gateways.
async function findSubjects(world) {
  const { site, random } = world, subjects = [];
  const wires = [await world.open(0), await world.open(1)], today = new Date().toISOString().slice(0, 10);
  const numbers = [...new Set(site.records.filter((r) => r.ZZZT === '01').map((r) => r.CZZTDM))]
    .filter((number) => /^\d{17}[\dX]$/.test(number));
  const mint = async (input) => (await site.jwb('token', 'mint', '--role', 'holder', '--life', '86400',
    '--holder-number', '-', { input })).trim();
  while (numbers.length && subjects.length < SUBJECTS)
    for (const holder of await Promise.all(numbers.splice(0, 10).map(mint))) {
      const { licences } = (await wires[0].ask('GET', '/v1/licences', { token: holder })).json();
      const own = licences.find((l) => l.status === 'valid' && !(l.valid_until < today));
      if (!own) continue;
      subjects.push(new Subject(world, holder, own.id));
      await subjects.at(-1).display(wires[random() < 0.5 ? 0 : 1]);
    }
  assert.ok(subjects.length >= SUBJECTS);
  return subjects;
}
const pause = (world, ms) => new Promise((resolve) => setTimeout(resolve, world.random() * ms));

// Verifies on the second gateway, by an inspector and by anybody in turn, until it is told to stop.
async function watch(world, subject) {
  const wire = await world.open(1);
  for (let n = 0; !world.over; n++) {
    await subject.verify(wire, n % 2 ? world.inspector : undefined);
    await pause(world, 100);
  }
}
// Holds and restores a licence from the first gateway, sometimes from both at once, as long as there is work. When
// an action is answered, an inspector and anybody verify at once, and are answered before the next is sent.
async function enforce(world, subject) {
  const [first, second, inspectors, anybodys] = await Promise.all([0, 1, 1, 1].map((n) => world.open(n)));
  const act = async (action, worth, ms) => {
    await pause(world, ms);
    await subject.act(action, worth, world.random() < 0.1 ? [first, second] : [first], () =>
      Promise.all([subject.verify(inspectors, world.inspector), subject.verify(anybodys)]));
  };
  while (world.left-- > 0) {
    if (world.random() < 0.1 || performance.now() - subject.displayed > CODE_FRESH_MS)
      await subject.display(world.random() < 0.5 ? first : second);
    subject.cases++;
    const hold = world.random() < 0.5 ? ['seize', 'licence_seized'] : ['withdraw', 'licence_withdrawn'];
    await act(...hold, world.random() < 0.5 ? 20 : 1000); // Redis and the copy may agree again till then, or not
    await act('restore', 'valid', 20);
  }
}

for (const [second, poll_ms] of [['looks at the registry all the time', 5], ['looks at it five times a second', 200]])
  test(`no verify that begins after an action was answered contradicts it, on a gateway that ${second}`, async (t) => {
    const world = await start(t, poll_ms), { subjects, sum, took, wrong } = world;
    const began = performance.now();
    const all = world.left = Math.ceil(interleavings / 2);
    const watches = subjects.map((subject) => watch(world, subject));
    const work = subjects.map((subject) => enforce(world, subject));
    try {
      await Promise.race([Promise.all(watches), Promise.all(work)]);
    } finally {
      world.over = true;
      world.left = 0;
    }
    await Promise.all(watches);
    const passed_s = (performance.now() - began) / 1000;

    took.sort((a, b) => a - b);
    const at = (q) => took[Math.min(took.length - 1, Math.floor(q * took.length))].toFixed(0);
    t.diagnostic(`${all} holds, as many restores, ${subjects.length} licences, ${passed_s.toFixed(1)} s`);
    const counted = Object.entries({ ...sum, unavailable: world.unavailable.length, wrong: wrong.length }).map(([name, n]) => `${name} ${n}`);
    t.diagnostic(`verifies: ${counted.join(', ')}`);
    t.diagnostic(`answer to an action, ms: p50 ${at(0.5)}, p99 ${at(0.99)}, max ${at(1)}`);
    for (const { connections, passed, stalls } of world.ways)
      t.diagnostic(`a way to Redis: ${connections} connections, ${passed} times something passed, ${stalls} stalls`);
    assert.deepEqual(wrong.slice(0, 3), []);
    assert.ok(world.unavailable.length * 10000 <= all, `503: ${world.unavailable.slice(0, 9)}`);
    for (const way of world.ways) way.calm();
    await until(() => world.site.jwb('registry', 'count'), (text) => /outbox +0 /.test(text));
    const wire = await world.open(1);
    for (const subject of subjects)
      await until(async () => (await wire.verify(subject.code)).json(),
        (v) => v.result === 'valid' && v.by === 'cache');
    for (const [name, n] of Object.entries(sum)) assert.ok(n > 0 || name === 'by_null', name);
    assert.equal(sum.by_null, 0, 'answers that could not find out');
  });

// ---- what may not undo it ----

const AGAIN = { action: 'restore', case_number: '2026-17', reason: '当事人申请' };

for (const [action, worth] of [['seize', 'seized'], ['withdraw', 'withdrawn'], ['request_cancel', 'seized']])
  test(`what was done by ${action} is undone by nothing that comes in, but by its own case's restore`, async (t) => {
    const site = await Site.start(t);
    site.config('second');
    const gateways = [site.gateway, await site.startGateway('second')];
    const holder = await site.token('holder'), inspector = await site.token('inspector');
    const elsewhere = await site.token('inspector', '--subject', 'market-office/0001', '--client', 'terminal-9');
    const record = { ...site.records[0], SJBBH: '5', ZZZT: '01' };
    const issuer = await site.token('issuer', '--client', record.ZZBFJGDM);
    const answered = async (asked, status) => {
      const answer = await asked;
      assert.equal(answer.status, status, answer.body.toString());
      return answer;
    };
    const post = async (path, token, body, status, headers) =>
      (await answered(site.gateway.json('POST', path, token, body, headers), status)).json();
    const act = (token, body, status, key) =>
      post('/v1/enforcement/actions', token, { licence: id, ...body }, status, { 'idempotency-key': key });
    const deliver = async (change) => {
      const answer = await answered(gateways[1].request('POST', '/v1/issuer/licences:import', { token: issuer,
        headers: { 'content-type': 'application/x-ndjson' }, body: JSON.stringify({ ...record, ...change }) }), 200);
      return JSON.parse(answer.body.toString().split('\n')[0]).outcome;
    };
    const put = async (change, status) => (await answered(gateways[0].json('PUT', `/v1/issuer/licences/${id}`, issuer,
      { ...record, ...change }), status)).json();

    const { id } = (await site.gateway.licences(holder)).find((l) => l.status === 'valid');
    await put({}, 200);
    const code = await site.gateway.display(holder, id);
    const verdict = async (gateway, token, shown) => {
      const { result, reason } = await gateway.verdict(shown, token);
      return reason ?? result;
    };
    const verdicts = (shown) => Promise.all(gateways.flatMap((gateway) =>
      [inspector, undefined].map((token) => verdict(gateway, token, shown))));
    const all = (word) => Array(4).fill(word);
    assert.deepEqual(await verdicts(code), all('valid'));
    await act(inspector, { ...AGAIN, action }, 201, 'key-hold');

    const attempts = {
      'delivered again': async () => assert.equal(await deliver({}), 'unchanged'),
      'delivered newer, the same': async () => assert.equal(await deliver({ SJBBH: '6' }), 'unchanged'),
      'a feed that went back': async () => {
        assert.equal(await deliver({ SJBBH: '4', CZZT: '某某' }), 'older');
        assert.equal((await put({ SJBBH: '4' }, 409)).code, 'source_version_older');
      },
      'revoked, and valid again': async () => {
        assert.equal(await deliver({ SJBBH: '7', ZZZT: '03' }), 'status_changed');
        assert.deepEqual(await verdicts(code), all('licence_revoked'));
        assert.equal(await deliver({ SJBBH: '8' }), 'status_changed');
      },
      'the authority says valid': async () => assert.deepEqual(
        await post(`/v1/issuer/licences/${id}/status`, issuer, { status: 'valid' }, 200),
        { id, issuer_status: 'valid', status: worth }),
      'the operator says valid': () => site.jwb('licence', 'status', id, 'valid'),
      'another agency restores': () => act(elsewhere, AGAIN, 404, 'key-else-1'),
      'another agency restores what it held itself': async () => {
        await act(elsewhere, { ...AGAIN, action: 'seize' }, 201, 'key-else-2');
        assert.equal((await act(elsewhere, AGAIN, 201, 'key-else-3')).status, worth);
      },
      'another case of the agency restores': () => act(inspector, { ...AGAIN, case_number: '2026-18' }, 404, 'key-case'),
      'the hold is asked for again': () => act(inspector, { ...AGAIN, action }, 200, 'key-hold'),
    };
    for (const [what, attempt] of Object.entries(attempts)) {
      await attempt();
      assert.deepEqual(await verdicts(code), all(`licence_${worth}`), what);
    }
    const renewed = await put({ SJBBH: '9', ZZYXQJZRQ: '2051-01-01' }, 200);
    assert.deepEqual([renewed.outcome, renewed.status], ['new_version', worth]);
    assert.deepEqual(await verdicts(code), all('licence_superseded'));
    for (const gateway of gateways) {
      assert.equal((await gateway.licences(holder)).find((l) => l.id === id).status, worth, 'of the new version');
      await answered(gateway.json('POST', '/v1/codes', holder, { licence: id }), 409);
    }
    assert.equal((await act(inspector, AGAIN, 201, 'key-restore')).status, 'valid');
    assert.deepEqual(await verdicts(await gateways[1].display(holder, id)), all('valid'));
  });
