#!/usr/bin/env node
// make bench-status: how long after an action on one gateway another one still says what was before. One licence,
// one action at a time, BENCH_ACTIONS (300) holds and as many restores, while the other gateway verifies its code
// over one connection, one verify after the other; in turn with it one value is written to the same Redis and read
// over another connection, one GET after the other. Prints the quantiles of each; exit status 1 when a verify that
// began after the action's answer contradicted it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import os from 'node:os';
import { promisify } from 'node:util';
import { Site, until } from '../tests/e2e/lib/site.mjs';
import { plainHttp, Wire } from '../tests/e2e/lib/wire.mjs';

const ACTIONS = Number(process.env.BENCH_ACTIONS ?? 300);
const CODE_LIFE_S = 300, CODE_FRESH_MS = 200000;
const PAUSE_MS = 50; // at most, before each: actions come at any moment of the others' clocks

const pause = () => new Promise((resolve) => setTimeout(resolve, Math.random() * PAUSE_MS));

// What performance.now() lacks to the time of day, in ms: read where the clock's millisecond changes.
function clockOffset() {
  const readings = Array.from({ length: 20 }, () => {
    const before = Date.now();
    for (;;) {
      const now = Date.now();
      if (now !== before) return now - performance.now();
    }
  });
  return Math.max(...readings); // a reading that was held up is too small
}

// Asks until `is` is true of what it got: when that arrived.
async function watch(ask, is) {
  while (!is(await ask())) continue;
  return performance.now();
}

// ---- the bare Redis ----

// One connection, one command at a time: its reply, as text.
async function redis(path) {
  const socket = net.connect(path);
  await once(socket, 'connect');
  const command = async (...words) => {
    socket.write(`*${words.length}\r\n${words.map((w) => `$${w.length}\r\n${w}\r\n`).join('')}`);
    return (await once(socket, 'data'))[0].toString();
  };
  return Object.assign(command, { close: () => socket.destroy() });
}

// ---- the gateways ----

async function open(stops) {
  const config = { public: plainHttp, code: { life_s: CODE_LIFE_S } };
  const after = (stop) => stops.push(stop);
  const site = await Site.start({ after }, { licences: 200, clients: ['terminal-7'], config });
  site.config('second', config);
  const second = await site.startGateway('second');
  const wires = await Promise.all([site.gateway, second, second].map((gateway) => Wire.open(gateway)));
  const connections = await Promise.all([1, 2].map(() => redis(site.path('redis.sock'))));
  stops.push(() => { for (const one of [...wires, ...connections]) one.close(); });
  const [first, watching, asking] = wires, [writer, reader] = connections;
  return { site, first, watching, asking, writer, reader,
    holder: await site.token('holder'), inspector: await site.token('inspector') };
}

// A code of the first valid licence, newly displayed.
async function display({ first, holder }) {
  const { licences } = (await first.ask('GET', '/v1/licences', { token: holder })).json();
  const { id } = licences.find((l) => l.status === 'valid');
  const answer = await first.json('POST', '/v1/codes', holder, { licence: id });
  assert.equal(answer.status, 201, answer.body.toString());
  return answer.json().code;
}

// One action, while the second gateway is watched until it shows it.
async function act({ first, watching, asking, inspector }, code, n, action, shows) {
  const verify = async (wire) => (await wire.verify(code, inspector)).json().result;
  const place = async () => {
    await pause();
    const sent = performance.now();
    const answer = await first.json('POST', '/v1/enforcement/actions', inspector,
      { code, action, case_number: `2026-${n}`, reason: '核查需要' },
      { 'idempotency-key': `bench-status/${action}/${n}` });
    const answered = performance.now();
    assert.equal(answer.status, 201, answer.body.toString());
    const request = /^x-request-id: (\w+)/im.exec(answer.head)[1];
    return { request, answer_ms: answered - sent, late: await verify(asking) !== shows };
  };
  const watched = watch(() => verify(watching), (result) => result === shows);
  const [placed, shown] = await Promise.all([place(), watched]);
  return { ...placed, shown };
}
// One value of Redis.
async function write({ writer, reader }, n) {
  const set = async () => {
    await pause();
    const sent = performance.now();
    await writer('SET', 'bench', String(n));
    return sent;
  };
  const watched = watch(() => reader('GET', 'bench'), (reply) => reply.includes(`\n${n}\r`));
  const [sent, read] = await Promise.all([set(), watched]);
  return read - sent;
}

async function measure(world) {
  const times = { seize: [], restore: [], redis: [] };
  let code, displayed = -Infinity;
  for (let n = 0; n < ACTIONS; n++) {
    if (performance.now() - displayed > CODE_FRESH_MS) {
      code = await display(world);
      displayed = performance.now();
    }
    await until(async () => (await world.watching.verify(code, world.inspector)).json(), (v) => v.by === 'cache');
    times.seize.push(await act(world, code, n, 'seize', 'invalid'));
    times.restore.push(await act(world, code, n, 'restore', 'valid'));
    times.redis.push(await write(world, n));
  }
  return times;
}

// When each action was committed, as its event tells: a moment within the transaction, before it was synced.
async function committed(world) {
  const { stdout } = await promisify(execFile)('sqlite3', ['-readonly', world.site.path('registry.db'),
    'SELECT printf(\'%016x\', request_id), at_us FROM event'], { maxBuffer: 1 << 26 });
  return new Map(stdout.trim().split('\n').map((line) => line.split('|')).map(([id, us]) => [id, Number(us) / 1000]));
}

// ---- the table ----

function row(name, times) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))].toFixed(3).padStart(10);
  console.log(`${name.padEnd(44)}${String(times.length).padStart(5)}${at(0.5)}${at(0.99)}${at(1)}`);
}

const stops = [];
try {
  const world = await open(stops);
  const offset = clockOffset();
  const times = await measure(world);
  const drift = clockOffset() - offset, at = await committed(world);
  const both = [...times.seize, ...times.restore], late = both.filter((time) => time.late).length;
  const since = (list) => list.map(({ request, shown }) => shown + offset - at.get(request));
  console.log(`${os.cpus()[0].model}, ${os.cpus().length} cores, load average ${os.loadavg()[0].toFixed(1)}; ` +
    `the clocks drifted by ${drift.toFixed(3)} ms`);
  console.log(`${'ms'.padEnd(49)}${['p50', 'p99', 'max'].map((q) => q.padStart(10)).join('')}`);
  row('committed -> invalid on the other gateway', since(times.seize));
  row('committed -> valid again on the other gateway', since(times.restore));
  row('sent -> answered', both.map(({ answer_ms }) => answer_ms));
  row('bare Redis: written -> read', times.redis);
  console.log(`verifies that began after the answer and contradicted it: ${late}`);
  process.exitCode = late ? 1 : 0;
} finally {
  for (const stop of stops.reverse()) await stop();
}
