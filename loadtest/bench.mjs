#!/usr/bin/env node
// make bench-quick: the gateway beside the least that it could cost, in turn, on this machine. What
// each row means: loadtest/README.md. Prints a table and writes build/bench/report.json.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { Site, until } from '../tests/e2e/lib/site.mjs';

const root = path.resolve(path.dirname(new URL(import.meta.url).pathname), '..');
const run = promisify(execFile);
const number = (name, otherwise) => Number(process.env[name] ?? otherwise);
const rounds = number('BENCH_ROUNDS', 5), seconds = number('BENCH_SECONDS', 3);
const only = process.env.BENCH_ONLY?.split(',');
const LICENCES = 10000, HOLDERS = 100, CODES = 6000, CONNECTIONS = 64;
const SERVER_CORE = 0, LOAD_CORE = os.cpus().length > 1 ? 1 : 0;

const stops = [];

async function main() {
  const load_average = [], before = machineTicks();
  const note = () => load_average.push(Number(fs.readFileSync('/proc/loadavg', 'utf8').split(' ')[0]));
  note();
  const world = await build(Site);
  const earlier = await buildEarlier(process.env.BENCH_BEFORE);
  const rows = [];
  const wanted = (id) => !only || only.includes(id);
  if (wanted('verify_floor')) rows.push(...await compareCpu(world, 'verify_floor', 2.0, 'verify', [], earlier));
  note();
  if (wanted('redis_trip')) rows.push(await compareTrips(world, 1.5));
  note();
  if (wanted('issue_floor')) rows.push(...await compareCpu(world, 'issue_floor', 1.6, 'issue', ['sign'], earlier));
  note();
  const machine = { cpu: os.cpus()[0].model, cores: os.cpus().length, kernel: os.release(),
    load_average, stolen_percent: stolen(before), rounds, seconds };
  fs.mkdirSync(path.join(root, 'build/bench'), { recursive: true });
  fs.writeFileSync(path.join(root, 'build/bench/report.json'), `${JSON.stringify({ machine, rows }, null, 2)}\n`);
  print(machine, rows);
}

// ---- the two sides ----

// A site with its gateway on SERVER_CORE, and the requests for it as files.
async function build(SiteOf) {
  const site = await SiteOf.start({ after: (stop) => stops.push(stop) }, { licences: LICENCES, config: {
    public: { plain_http: true, certificate: '""', certificate_key: '""' },
    code: { life_s: 300, refresh_s: 200 } } });
  const { gateway } = site;
  const [open, internal] = gateway.log.filter((l) => l.event === 'listening').map((l) => l.port);
  const world = { site, pid: gateway.child.pid, url: `http://127.0.0.1:${open}`,
    metrics: async () => (await fetch(`http://127.0.0.1:${internal}/metrics`)).text() };
  pin(world.pid, SERVER_CORE);

  const inspector = await site.token('inspector');
  const numbers = [...new Set(site.records.map((r) => r.CZZTDM).filter(Boolean))].slice(0, HOLDERS);
  const displays = [], codes = []; // of what can be displayed: not what has expired, say
  await inParallel(2, numbers, async (input) => {
    const minted = await site.tryJwb('token', 'mint', '--role', 'holder', '--holder-number', '-', { input });
    const token = minted.stdout.trim();
    const { licences } = minted.code === 0 ? await (await ask(world, 'GET', '/v1/licences', token)).json() : { licences: [] };
    for (const { id } of licences) {
      const display = [token, 'application/json', JSON.stringify({ licence: id })];
      if ((await ask(world, 'POST', '/v1/codes', ...display)).status === 201) displays.push(display);
    }
  });
  await inParallel(16, Array(CODES).keys(), async (i) => {
    const answer = await ask(world, 'POST', '/v1/codes', ...displays[i % displays.length]);
    codes.push((await answer.json()).code);
  });
  const verifies = codes.map((code) => [inspector, 'text/plain', code]);

  world.verify = await requests(world, '/v1/verify', verifies);
  world.issue = await requests(world, '/v1/codes', displays);
  await until(() => world.metrics(), (m) => /jwb_redis_up 1/.test(m));
  await wrk(world.url, world.verify, { seconds: 2 }); // every face is in Redis after it
  return world;
}

// The same site as another revision makes it, with that revision's programs; none when this clone
// does not have the revision.
async function buildEarlier(revision) {
  const folder = path.join(root, 'build/before');
  if (!revision) return null;
  try {
    execFileSync('git', ['rev-parse', '--verify', '--quiet', `${revision}^{commit}`], { cwd: root });
  } catch {
    console.log(`This clone has no revision ${revision}: nothing to compare with.`);
    return null;
  }
  fs.mkdirSync(folder, { recursive: true });
  execFileSync('sh', ['-c', `git archive ${revision} | tar x -C "$0"`, folder], { cwd: root });
  execFileSync('make', ['-s', '-C', folder, 'build/release/jwb', 'build/release/jwb-gateway'], { stdio: ['ignore', 'ignore', 'inherit'] });
  return build((await import(path.join(folder, 'tests/e2e/lib/site.mjs'))).Site);
}

async function requests(world, target, list) {
  const file = `${path.basename(target)}.tsv`;
  world.site.write(file, list.map((r) => r.join('\t') + '\n').join(''));
  return { target, file: world.site.path(file), sample: await ask(world, 'POST', target, ...list[0]) };
}

// The floor with an answer as long as the gateway's, all headers counted.
async function startFloor(sample, extra) {
  const names = ['x-request-id', 'cache-control'];
  const headers = names.reduce((n, name) => n + name.length + sample.headers.get(name).length + 4, 0);
  const bytes = Buffer.byteLength(await sample.text()) + headers;
  const child = spawn(path.join(root, 'build/release/loadtest/floor'), [String(bytes), ...extra],
    { stdio: ['ignore', 'pipe', 'inherit'] });
  stops.push(() => child.kill());
  pin(child.pid, SERVER_CORE);
  const [text] = await once(child.stdout, 'data');
  return { pid: child.pid, url: `http://127.0.0.1:${text.toString().match(/port (\d+)/)[1]}`, bytes };
}

// ---- CPU per request, saturated ----

async function compareCpu(world, id, target, kind, floorArguments, earlier) {
  const requests = world[kind];
  const floor = await startFloor(requests.sample, floorArguments);
  const before = await world.metrics();
  const ours = [], theirs = [], past = [];
  for (let i = 0; i < rounds; i++) {
    ours.push(await cpuPerRequest(world.pid, () => wrk(world.url, requests, { seconds })));
    theirs.push(await cpuPerRequest(floor.pid, () => wrk(floor.url, requests, { seconds })));
    if (earlier) past.push(await cpuPerRequest(earlier.pid, () => wrk(earlier.url, earlier[kind], { seconds })));
  }
  process.kill(floor.pid);
  const after = await world.metrics();
  const over = (side, base) => side.map((s, i) => s.us / base[i].us).sort((a, b) => a - b);
  const ratios = over(ours, theirs);
  const grown = (name) => metric(after, name) - metric(before, name);
  const told = (side) => `user ${median(side, 'user').toFixed(1)} + system ${median(side, 'system').toFixed(1)} µs, ` +
    `${Math.round(median(side, 'rate'))} requests/s, core ${Math.round(median(side, 'us') * median(side, 'rate') / 1e4)} % busy`;
  const believed = id === 'verify_floor' ? grown('status_beliefs_total{belief="believed"}') / sum(ours, 'requests') : 1;
  const now = row(id, median(ours, 'us'), median(theirs, 'us'), median(ratios), target,
    (believed < 0.999 ? `DISTURBED, only ${(100 * believed).toFixed(1)} % were answered from Redis in time; ` : '') +
    `CPU per request: ours ${told(ours)}; theirs ${told(theirs)}; ratios ${ratios[0].toFixed(2)} to ${ratios.at(-1).toFixed(2)}`,
    { rounds: ours.map((o, i) => ({ ours: o, theirs: theirs[i], earlier: past[i] })) });
  if (!earlier) return [now];
  const then = row(`${id}_before`, median(past, 'us'), median(theirs, 'us'), median(over(past, theirs)), null,
    `CPU per request of ${process.env.BENCH_BEFORE.slice(0, 7)}: ${told(past)}; ours is ${median(over(ours, past)).toFixed(2)} times that`);
  return [then, now];
}

async function cpuPerRequest(pid, load) {
  const ticks = machineTicks(), before = cpuUs(pid), done = await load(), after = cpuUs(pid);
  const [user, system] = after.map((us, i) => (us - before[i]) / done.requests);
  return { us: user + system, user, system, requests: done.requests, rate: done.requests / done.seconds,
    stolen_percent: stolen(ticks) };
}

// What the host of a virtual machine took from all its cores: it makes everything dearer, unevenly.
function machineTicks() {
  return fs.readFileSync('/proc/stat', 'utf8').split('\n')[0].trim().split(/ +/).slice(1, 9).map(Number);
}
function stolen(before) {
  const spent = machineTicks().map((n, i) => n - before[i]), all = spent.reduce((a, b) => a + b, 0);
  return all ? Math.round((1000 * spent[7]) / all) / 10 : 0;
}

// utime and stime of all threads, in clock ticks of 10 ms.
function cpuUs(pid) {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return [11, 12].map((i) => Number(fields[i]) * 10000);
}

// ---- trips to Redis, light load ----

async function compareTrips(world, target) {
  const ours = new Map(), theirs = new Map(), rates = [];
  for (let i = 0; i < rounds; i++) {
    const before = trips(await world.metrics());
    const done = await wrk(world.url, world.verify, { seconds, connections: 1, delayMs: 1 });
    for (const [bound, n] of trips(await world.metrics())) add(ours, bound, n - before.get(bound));
    rates.push(done.requests / done.seconds);
    const bare = await run('taskset', ['-c', String(SERVER_CORE), path.join(root, 'build/release/loadtest/trip'),
      world.site.path('redis.sock'), String(rates.at(-1)), String(seconds)]);
    for (const [bound, n] of JSON.parse(bare.stdout)) add(theirs, bound, n);
  }
  const bounds = [...ours.keys()].sort((a, b) => a - b);
  const told = (h) => [0.5, 0.99, 0.999].map((q) => Math.round(quantile(h, bounds, q))).join(' / ') +
    ` µs, ${(100 * within(h, 1023)).toFixed(3)} % within 1 ms`;
  const [o, t] = [quantile(ours, bounds, 0.999), quantile(theirs, bounds, 0.999)];
  return row('redis_trip', o, t, o / t, target,
    `p99.9 in µs; p50 / p99 / p99.9: ours ${told(ours)}; theirs ${told(theirs)}; ` +
    `${Math.round(median(rates))} trips/s, ${total(ours)} and ${total(theirs)} trips`,
    { trips_us: { ours: nonzero(ours), theirs: nonzero(theirs) } });
}

// The gateway's histogram, from Prometheus's cumulative buckets to a count for each bound.
function trips(metrics) {
  const counts = new Map();
  let below = 0;
  for (const [, le, n] of metrics.matchAll(/^jwb_redis_trip_seconds_bucket\{le="(.*?)"\} (\d+)$/gm)) {
    counts.set(le === '+Inf' ? Infinity : Math.round(Number(le) * 1e6), Number(n) - below);
    below = Number(n);
  }
  return counts;
}

// Within its bucket a quantile is interpolated, for both sides alike.
function quantile(histogram, bounds, q) {
  let rest = q * total(histogram), lower = 0;
  for (const bound of bounds) {
    const n = histogram.get(bound) ?? 0;
    if (n >= rest) return bound === Infinity ? lower : lower + (bound - lower) * (rest / n);
    rest -= n;
    lower = bound;
  }
  return lower;
}
const total = (histogram) => [...histogram.values()].reduce((a, b) => a + b, 0);
const within = (histogram, us) => [...histogram].reduce((n, [b, c]) => (b <= us ? n + c : n), 0) / total(histogram);
const nonzero = (histogram) => [...histogram].filter(([, n]) => n).sort(([a], [b]) => a - b);
const add = (map, key, n) => map.set(key, (map.get(key) ?? 0) + n);

// ---- the load, and other programs ----

async function wrk(url, requests, { seconds: s, connections = CONNECTIONS, delayMs = 0 }) {
  const { stdout } = await run('taskset', ['-c', String(LOAD_CORE), 'wrk', '-t1', `-c${connections}`, `-d${s}s`,
    '-s', path.join(root, 'loadtest/requests.lua'), url + requests.target],
  { env: { ...process.env, REQUESTS: requests.file, DELAY_MS: String(delayMs) } });
  const done = JSON.parse(stdout.trim().split('\n').at(-1));
  if (done.errors) throw new Error(`wrk: ${done.errors} requests failed: ${stdout}`);
  return done;
}
function pin(pid, core) { execFileSync('taskset', ['-a', '-c', '-p', String(core), String(pid)], { stdio: 'ignore' }); }
function ask(world, method, target, token, type, body) {
  const headers = { authorization: `Bearer ${token}`, ...(type && { 'content-type': type }) };
  return fetch(world.url + target, { method, body, headers });
}
async function inParallel(width, items, work) {
  const each = items[Symbol.iterator]();
  await Promise.all(Array.from({ length: width }, async () => {
    for (let next = each.next(); !next.done; next = each.next()) await work(next.value);
  }));
}
function metric(text, name) {
  return Number(text.split('\n').find((l) => l.startsWith(`jwb_${name} `))?.split(' ').at(-1) ?? NaN);
}

// ---- the report ----

function median(values, key) {
  const sorted = values.map((v) => (key ? v[key] : v)).sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}
function sum(values, key) { return values.reduce((n, v) => n + v[key], 0); }
function row(id, ours, theirs, ratio, target, note, more) {
  const round = (x) => Math.round(x * 100) / 100;
  return { id, ours: round(ours), theirs: round(theirs), ratio: round(ratio), target, met: target === null ? null : ratio <= target, note, ...more };
}
function print(machine, rows) {
  console.log(`${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}; medians of ${rounds} rounds in turn. ` +
    `Meanwhile: load average ${machine.load_average.join(', ')}; ${machine.stolen_percent} % of the cores stolen by the host`);
  console.log('\n| id | ours | theirs | ratio | target | met |\n| --- | --- | --- | --- | --- | --- |');
  for (const r of rows) console.log(`| ${r.id} | ${r.ours} | ${r.theirs} | ${r.ratio} | ${r.target ?? '-'} | ${r.met === null ? '-' : r.met ? 'yes' : 'NO'} |`);
  console.log();
  for (const r of rows) console.log(`${r.id}: ${r.note}`);
}

pin(process.pid, LOAD_CORE); // and what is started from here: Redis, wrk
try { await main(); } finally { for (const stop of stops.reverse()) await stop(); }
