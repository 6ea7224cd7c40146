#!/usr/bin/env node
// make bench-refusals: can the four refusals of a partner's check be told apart by their time? Each
// kind is timed REFUSALS_TIMINGS times (20000), in an order drawn at random, over
// REFUSALS_CONNECTIONS connections (32) that ask again as soon as they are answered. For each pair
// the AUC of the best classifier by a threshold (the rank statistic, folded: 0.5 is chance, 1 is
// certainty). Exit status 1 when one is above 0.52.
import net from 'node:net';
import { Site } from '../tests/e2e/lib/site.mjs';

const number = (name, otherwise) => Number(process.env[name] ?? otherwise);
const TIMINGS = number('REFUSALS_TIMINGS', 20000), CONNECTIONS = number('REFUSALS_CONNECTIONS', 32);
const AUC_MAX = 0.52, LICENCES = 2000;

const random = (n) => Math.floor(Math.random() * n);
const digits = (length) => Array.from({ length }, () => random(10)).join('');

// What is wrong in each kind; all of them are asked of licences drawn anew each time.
const kinds = {
  'wrong number': ({ number, name }) => [digits(number.length), name],
  'wrong name': ({ number, name }) => [number, `某${name.slice(1)}`],
  'no consent': ({ number, name }) => [number, name],
  'no such licence': ({ number, name }) => [digits(number.length), `某${name.slice(1)}`],
};

async function open(stops) {
  const site = await Site.start({ after: (stop) => stops.push(stop) }, {
    licences: LICENCES,
    clients: [],
    config: {
      public: { plain_http: true, certificate: '""', certificate_key: '""' },
      partners: { refusals_per_hour: 1000000 },
    },
  });
  await site.client('guesser', { role: 'partner', organisation: 'guesser', purpose: 'car_rental', quota: 1000000 });
  return site;
}

// One request after the other on one connection; [milliseconds, status] of each.
function connect(port) {
  const socket = net.connect(port, '127.0.0.1');
  let text = '', answered;
  socket.setNoDelay(true);
  socket.on('data', (data) => {
    text += data.toString('latin1');
    const end = text.indexOf('\r\n\r\n');
    if (end < 0 || text.length < end + 4 + Number(/content-length: (\d+)/i.exec(text)[1])) return;
    const status = Number(text.slice(9, 12));
    text = '';
    answered(status);
  });
  return {
    ask: (request) => new Promise((resolve, reject) => {
      const began = process.hrtime.bigint();
      answered = (status) => resolve([Number(process.hrtime.bigint() - began) / 1e6, status]);
      socket.once('close', () => reject(new Error('the gateway closed the connection')));
      socket.write(request, () => socket.removeAllListeners('close'));
    }),
    close: () => socket.destroy(),
  };
}

function requestOf(token, kind, licence) {
  const [licence_number, holder_name] = kinds[kind](licence);
  const body = JSON.stringify({ licence_number, holder_name });
  return `POST /v1/partner/checks HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${token}\r\n` +
    `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

async function measure(site) {
  const token = await site.token('partner', '--client', 'guesser');
  const port = site.gateway.log.find((l) => l.event === 'listening' && l.protocol === 'http').port;
  const licences = site.records.filter((r) => r.ZZBH && r.CZZT).map((r) => ({ number: r.ZZBH, name: r.CZZT }));
  const order = Object.keys(kinds).flatMap((kind) => Array(TIMINGS).fill(kind));
  for (let i = order.length - 1; i > 0; i--) {
    const j = random(i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  const times = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, []]));
  let unavailable = 0;
  await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    const connection = connect(port);
    for (let kind; (kind = order.pop());) {
      const [ms, status] = await connection.ask(requestOf(token, kind, licences[random(licences.length)]));
      if (status === 404) times[kind].push(ms);
      else if (status === 503) unavailable++, order.push(kind); // Redis was too slow: asked again
      else throw new Error(`${kind}: status ${status}`);
    }
    connection.close();
  }));
  if (unavailable) console.log(`${unavailable} answers 503 are left out: a disturbed machine`);
  return times;
}

// The probability that one of `a` took longer than one of `b`, ties by half; folded at 0.5.
function auc(a, b) {
  const all = [...a.map((ms) => [ms, 0]), ...b.map((ms) => [ms, 1])].sort((x, y) => x[0] - y[0]);
  let ranks = 0;
  for (let i = 0, j; i < all.length; i = j) {
    for (j = i; j < all.length && all[j][0] === all[i][0]; j++);
    for (let k = i; k < j; k++) if (all[k][1] === 0) ranks += (i + j + 1) / 2;
  }
  const above = (ranks - a.length * (a.length + 1) / 2) / (a.length * b.length);
  return Math.max(above, 1 - above);
}

function print(times) {
  const names = Object.keys(times);
  for (const name of names) {
    const sorted = times[name].toSorted?.((x, y) => x - y) ?? [...times[name]].sort((x, y) => x - y);
    const at = (q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))].toFixed(3).padStart(8);
    console.log(`${name.padEnd(16)} ${sorted.length} timings, ms: p1${at(0.01)}  p50${at(0.5)}  p99${at(0.99)}`);
  }
  let worst = 0;
  for (let i = 0; i < names.length; i++)
    for (let j = i + 1; j < names.length; j++) {
      const value = auc(times[names[i]], times[names[j]]);
      worst = Math.max(worst, value);
      console.log(`${`${names[i]} / ${names[j]}`.padEnd(34)} AUC ${value.toFixed(4)}`);
    }
  console.log(`worst ${worst.toFixed(4)}, at most ${AUC_MAX}: ${worst <= AUC_MAX ? 'ok' : 'they can be told apart'}`);
  return worst <= AUC_MAX;
}

const stops = [];
try {
  process.exitCode = print(await measure(await open(stops))) ? 0 : 1;
} finally {
  for (const stop of stops.reverse()) await stop();
}
