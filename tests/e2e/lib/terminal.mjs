// A terminal: jwb-terminal in a folder of its own, of a site with a trust bundle and status lists; and what can
// stand between both.
import crypto from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import zlib from 'node:zlib';
import { encode, rfc8949EncodeOptions } from 'cborg';
import { program, until } from './site.mjs';
import { published } from './trust.mjs';

const FAKETIME = ['/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1', '/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1']
  .find((file) => fs.existsSync(file));
// A sanitizer wants to be the first library, and can't look for leaks under strace.
const ASAN = { ASAN_OPTIONS: 'verify_asan_link_order=0:detect_leaks=0' };

export class Terminal {
  constructor(folder) { this.folder = folder; }
  // Registers a client of the site, and enrols with its ticket; what enroll answered is this.enrolled.
  static async enrol(t, site, origin, { id = 'terminal-9', roots = site.path('roots.jwks'), base = os.tmpdir() } = {}) {
    const terminal = new Terminal(path.join(fs.mkdtempSync(path.join(base, 'jwb-terminal-')), 'state'));
    t.after(() => fs.rmSync(path.dirname(terminal.folder), { recursive: true, force: true }));
    const input = await site.ticket(id, { role: 'inspector', organisation: 'traffic-police' });
    terminal.enrolled = await terminal.must('enroll', '--gateway', origin, '--roots', roots, '--ca', site.path('server.pem'),
      '--ticket', '-', { input });
    return terminal;
  }
  // Enrolled, known at the gateway, and with all that the gateway has.
  static async ready(t, site, origin, options) {
    await published(site.gateways[0], '/v1/trust-bundle');
    const terminal = await Terminal.enrol(t, site, origin, options);
    await terminal.synced();
    return terminal;
  }
  // Another device that has what this one has.
  copy(name) {
    const other = new Terminal(path.join(path.dirname(this.folder), name));
    fs.rmSync(other.folder, { recursive: true, force: true });
    fs.cpSync(this.folder, other.folder, { recursive: true, preserveTimestamps: true });
    fs.chmodSync(other.folder, 0o700);
    return other;
  }
  path(name) { return path.join(this.folder, name); }

  // Starts it; a last argument {at (Unix seconds: the clock stands there), input, env, under (a program and its arguments)}.
  spawn(...args) {
    const set = typeof args.at(-1) === 'object' ? args.pop() : {};
    const [command, ...before] = [...set.under ?? [], program('jwb-terminal')];
    const child = spawn(command, [...before, ...args], { env: { PATH: process.env.PATH, LANG: 'C.UTF-8',
      JWB_TERMINAL_FOLDER: this.folder, ...set.under && ASAN,
      ...set.at && { ...ASAN, LD_PRELOAD: FAKETIME, FAKETIME: `${new Date(set.at * 1000).toISOString().slice(0, 19).replace('T', ' ')}`,
        TZ: 'UTC', FAKETIME_DONT_FAKE_MONOTONIC: '1' }, ...set.env } });
    child.stdin.on('error', () => {});
    if (set.input !== null) child.stdin.end(set.input ?? '');
    return child;
  }
  // Runs it: {code, signal, stdout, stderr}.
  async run(...args) {
    const child = this.spawn(...args), out = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text) => { out.stdout += text; });
    child.stderr.setEncoding('utf8').on('data', (text) => { out.stderr += text; });
    const [code, signal] = await once(child, 'close');
    return { code, signal, ...out };
  }
  async must(...args) {
    const out = await this.run(...args);
    if (out.code !== 0) throw new Error(`jwb-terminal ${args[0]}: ${out.code ?? out.signal}: ${out.stdout}${out.stderr}`);
    return out;
  }
  // A gateway may take some seconds to know a new key.
  synced(...args) { return until(() => this.run('sync', ...args), (out) => out.code === 0, 30000); }
  async status(set = {}) { return JSON.parse((await this.must('status', '--json', set)).stdout); }
  // What these texts are worth offline: a verdict for each.
  async offline(texts, set = {}) {
    const out = await this.run('verify', '--offline', '--json', '-', { ...set, input: [texts].flat().join('\n') });
    return out.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  }
  async scans() { return (await this.must('scans', 'list')).stdout.split('\n').filter(Boolean); }
}

// Stands between terminals and the gateway under the gateway's own name, and passes on, unless `answer(request,
// body)` gives {status, body, headers}, or 'lose': the gateway is asked, and its answer lost.
export class Between {
  answer = () => undefined;
  asked = [];
  static async start(t, site) {
    const me = new Between();
    me.server = https.createServer({ key: site.read('server.key'), cert: site.read('server.pem') }, (request, response) =>
      me.#pass(site, request, response).catch(() => response.destroy()));
    me.server.listen(0, '127.0.0.1');
    await once(me.server, 'listening');
    me.origin = `https://localhost:${me.server.address().port}`;
    t.after(() => { me.server.closeAllConnections?.(); me.server.close(); });
    return me;
  }
  async #pass(site, request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    this.asked.push(`${request.method} ${request.url}`);
    const own = this.answer(request, body);
    const { host, connection, ...headers } = request.headers;
    const answer = own && own !== 'lose' ? { headers: {}, ...own } : await site.gateways[0].request(request.method, request.url,
      { headers, body: request.method === 'POST' ? body : undefined });
    if (own === 'lose') return request.socket.destroy();
    response.writeHead(answer.status, answer.headers).end(answer.body);
  }
}

// A status list token (CWT) as anybody could make one with this private JWK.
export function listToken(jwk, { sub, iat, exp, bits = Buffer.alloc(262144), revoked = [], ttl = 300 }) {
  const cbor = (value) => Buffer.from(encode(value, rfc8949EncodeOptions));
  const head = cbor(new Map([[1, -7], [4, Buffer.from(jwk.kid, 'hex')], [16, 'application/statuslist+cwt']]));
  const payload = cbor(new Map([[2, sub], [4, exp], [6, iat], [65533, new Map([['bits', 2], ['lst', zlib.deflateSync(bits)]])],
    [65534, ttl], [-65538, revoked.map((kid) => Buffer.from(kid, 'hex'))]]));
  const key = crypto.createPrivateKey({ key: { kty: 'EC', crv: 'P-256', x: jwk.x, y: jwk.y, d: jwk.d }, format: 'jwk' });
  const signature = crypto.sign('sha256', cbor(['Signature1', head, Buffer.alloc(0), payload]), { key, dsaEncoding: 'ieee-p1363' });
  return Buffer.concat([Buffer.from([0xd2]), cbor([head, new Map(), payload, signature])]);
}

// A PNG of 1 bit grey, as ours are, as a frame of `width` x `height` octets, in the middle of grey.
export function frameOf(png, width, height) {
  const side = png.readUInt32BE(16), high = png.readUInt32BE(20), row = (side + 7) >> 3, data = [];
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at))
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') data.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  const raw = zlib.inflateSync(Buffer.concat(data)), frame = Buffer.alloc(width * height, 200);
  let above = Buffer.alloc(row);
  for (let y = 0; y < high; y++) {
    const filter = raw[y * (row + 1)], line = Buffer.from(raw.subarray(y * (row + 1) + 1, (y + 1) * (row + 1)));
    for (let i = 0; i < row; i++) { // RFC 2083 section 6, with one octet a pixel
      const left = i ? line[i - 1] : 0, up = above[i], corner = i ? above[i - 1] : 0, p = left + up - corner;
      const near = [left, up, corner].reduce((best, v) => (Math.abs(p - v) < Math.abs(p - best) ? v : best));
      line[i] += [0, left, up, (left + up) >> 1, near][filter];
    }
    above = line;
    for (let x = 0; x < side; x++)
      frame[(y + ((height - high) >> 1)) * width + x + ((width - side) >> 1)] = (line[x >> 3] >> (7 - (x & 7)) & 1) * 255;
  }
  return frame;
}
