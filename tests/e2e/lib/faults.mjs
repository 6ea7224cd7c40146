// What the fault suites share: a watch that verifies without pause and judges every answer, a proxy
// that can be cut and frozen, and a count of rounds that FAULT_ROUNDS multiplies.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';

// `few` in make test; FAULT_ROUNDS times as many in make test-faults.
export const rounds = (few) => few * Number(process.env.FAULT_ROUNDS ?? 1);

// Numbers from 0 to 1, from a seed that is told: FAULT_SEED runs the same again.
export function chance(t) {
  let state = Number(process.env.FAULT_SEED ?? Date.now() % 1e9) >>> 0;
  t.diagnostic(`FAULT_SEED=${state}`);
  return () => { // mulberry32
    state = (state + 0x6D2B79F5) >>> 0;
    let x = state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

// What a licence was worth, and when that was certain: a change counts from the moment its command
// returned; from its beginning till then both answers are right.
export class Truth {
  #changes = [{ began: 0, returned: 0, result: 'valid' }];
  async change(result, command) {
    const change = { began: performance.now(), returned: Infinity, result };
    this.#changes.push(change);
    await command();
    change.returned = performance.now();
  }
  // The only right result of a verify that ran from `began` to `ended`; undefined: both are.
  of(began, ended) {
    if (this.#changes.some((c) => c.began <= ended && c.returned > began)) return undefined;
    return this.#changes.findLast((c) => c.returned <= began).result;
  }
}

// Verifies one code on one gateway, again and again, until stopped.
export class Watch {
  tried = 0; valid = 0; invalid = 0; indeterminate = 0; unavailable = 0;
  by = { cache: 0, registry: 0, null: 0 };
  wrong = []; // answers that contradict the truth, and statuses other than 200 and 503
  lost = 0;   // connections that broke: allowed only where the test kills the gateway
  slowest_ms = 0;
  #running; #stopped = false;

  constructor(gateway, { code, token, headers, truth, pause_ms = 0 }) {
    Object.assign(this, { gateway, code, token, headers, truth, pause_ms });
    this.#running = this.#run();
  }
  async #run() {
    while (!this.#stopped) {
      const began = performance.now();
      let answer;
      this.tried++;
      try {
        answer = await this.gateway.verify(this.code, this.token, this.headers);
      } catch {
        this.lost++;
        await new Promise((resolve) => setTimeout(resolve, 5));
        continue;
      }
      this.judge(answer, began, performance.now());
      if (this.pause_ms) await new Promise((resolve) => setTimeout(resolve, this.pause_ms));
    }
  }
  judge(answer, began, ended) {
    this.slowest_ms = Math.max(this.slowest_ms, ended - began);
    const verdict = answer.json();
    if (answer.status === 503) {
      this.unavailable++;
    } else if (answer.status !== 200) {
      this.wrong.push({ status: answer.status, verdict });
    } else {
      const right = this.truth.of(began, ended);
      this[verdict.result]++;
      this.by[verdict.by]++;
      if (verdict.result !== 'indeterminate' && right && verdict.result !== right)
        this.wrong.push({ right, verdict, took_ms: ended - began });
    }
  }
  async stop() {
    this.#stopped = true;
    await this.#running;
    return this;
  }
}

// Stops the watches, says what they counted, and insists that none saw a wrong answer.
export async function judged(t, watches, { indeterminate = false, unavailable = false, lost = false } = {}) {
  const sum = { tried: 0, answered: 0, valid: 0, invalid: 0, by_cache: 0, by_registry: 0, indeterminate: 0,
    unavailable: 0, lost: 0, wrong: 0, slowest_ms: 0 };
  for (const watch of await Promise.all(watches.map((w) => w.stop()))) {
    sum.tried += watch.tried;
    sum.answered += watch.valid + watch.invalid + watch.indeterminate;
    sum.by_cache += watch.by.cache;
    sum.by_registry += watch.by.registry;
    for (const name of ['valid', 'invalid', 'indeterminate', 'unavailable', 'lost']) sum[name] += watch[name];
    sum.wrong += watch.wrong.length;
    sum.slowest_ms = Math.round(Math.max(sum.slowest_ms, watch.slowest_ms));
  }
  t.diagnostic(Object.entries(sum).map(([name, n]) => `${name} ${n}`).join(', '));
  assert.deepEqual(watches.flatMap((w) => w.wrong).slice(0, 3), [], 'wrong answers');
  if (!indeterminate) assert.equal(sum.indeterminate, 0, 'answers that could not find out');
  if (!unavailable) assert.equal(sum.unavailable, 0, 'answers 503');
  if (!lost) assert.equal(sum.lost, 0, 'requests without an answer');
  assert.ok(sum.answered > 0);
  return sum;
}

// Stands before Redis's socket. cut(): nobody gets through. freeze(): everybody is connected and
// nothing moves; thaw() delivers, late, all that was held.
export class Proxy {
  #pairs = new Set(); #frozen = false;
  static async start(t, path, target) {
    const proxy = new Proxy();
    Object.assign(proxy, { path, target });
    t.after(() => proxy.cut());
    await proxy.restore();
    return proxy;
  }
  #accept(client) {
    const redis = net.connect(this.target);
    const pair = { client, redis, held: [] };
    this.#pairs.add(pair);
    const pass = (from, to) => {
      from.on('data', (data) => { if (this.#frozen) pair.held.push([to, data]); else to.write(data); });
      from.on('error', () => {});
      from.on('close', () => { to.destroy(); this.#pairs.delete(pair); });
    };
    pass(client, redis);
    pass(redis, client);
  }
  async restore() {
    this.server = net.createServer((client) => this.#accept(client)).listen(this.path);
    await once(this.server, 'listening');
  }
  async cut() {
    this.#frozen = false;
    for (const { client, redis } of this.#pairs) { client.destroy(); redis.destroy(); }
    if (!this.server) return;
    const closed = once(this.server, 'close');
    this.server.close();
    this.server = undefined;
    await closed;
    fs.rmSync(this.path, { force: true });
  }
  freeze() { this.#frozen = true; }
  thaw() {
    this.#frozen = false;
    for (const pair of this.#pairs) for (const [to, data] of pair.held.splice(0)) to.write(data);
  }
}

// One licence with all that a fault suite does with it.
export class Subject {
  truth = new Truth();
  #cases = 0;
  // A code of the `n`th valid licence of the site's; its holder's token is `holder`.
  static async make(t, site, n = 0) {
    const subject = new Subject();
    subject.t = t;
    const persons = new Set(site.records.map((r) => r.CZZTDM).filter((number) => /^\d{17}[\dX]$/.test(number)));
    let seen = 0;
    for (const number of persons) {
      const holder = (await site.jwb('token', 'mint', '--role', 'holder', '--holder-number', '-', { input: number })).trim();
      const licence = holder && (await site.gateway.licences(holder)).find((l) => l.status === 'valid');
      if (!licence || seen++ < n) continue;
      Object.assign(subject, { site, holder, id: licence.id });
      subject.code = await subject.display();
      const shown = await site.jwb('licence', 'show', licence.id);
      [subject.list, subject.index] = /place \[(\d+), (\d+)\]/.exec(shown).slice(1).map(Number);
      return subject;
    }
    throw new Error(`the site has only ${seen} licences to display`);
  }
  display(gateway = this.site.gateway) { return gateway.display(this.holder, this.id); }
  seize() {
    return this.truth.change('invalid', () => this.site.jwb('hold', 'place', this.id, '--agency', 'traffic-police',
      '--case', String(++this.#cases)));
  }
  lift() {
    return this.truth.change('valid', () => this.site.jwb('hold', 'lift', this.id, '--agency', 'traffic-police',
      '--case', String(this.#cases)));
  }
  watch(gateway, token, headers, options) {
    const watch = new Watch(gateway, { code: this.code, truth: this.truth, token, headers, ...options });
    this.t.after(() => watch.stop());
    return watch;
  }
  // Where its two bits stand in status:{L}, for BITFIELD.
  get bit() { return 8 * Math.floor(this.index / 4) + 6 - 2 * (this.index % 4); }
  get key() { return `status:{${this.list}}`; }
  async redisBits() { return this.site.redis('BITFIELD_RO', this.key, 'GET', 'u2', this.bit); }
}
