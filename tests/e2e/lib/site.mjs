// A site: Redis, registry, gateway on free ports in a temporary folder, all real, stopped and removed
// when the test that made it ends. JWB_VARIANT chooses the build (release, asan).
import { spawn, execFile } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import https from 'node:https';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const root = path.resolve(path.dirname(new URL(import.meta.url).pathname), '../../..');
const build = path.join(root, 'build', process.env.JWB_VARIANT ?? 'release');
const run = promisify(execFile);
export const program = (name) => path.join(build, name);

const CLIENTS = {
  'terminal-7': { role: 'inspector', organisation: 'traffic-police' },
  'car-rental': { role: 'partner', organisation: 'fictional-car-rental', purpose: ['car_rental', 'hiring'] },
  authority: { role: 'issuer', organisation: '11410800000000000X' },
  'business-system-1': { role: 'system', organisation: 'fictional-service-hall' },
  'audit-office': { role: 'auditor', organisation: 'fictional-audit-office' },
};

export class Site {
  #clients = new Set();
  #stops = [];
  gateways = [];

  // options: config (YAML sections merged over the defaults), licences, bad, redis (false: none)
  static async start(t, options = {}) {
    const site = new Site();
    t.after(() => site.stop());
    site.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'jwb-e2e-'));
    site.options = options;
    await site.#makeKeys();
    if (options.redis !== false) await site.startRedis();
    site.config('gateway', options.config);
    if (options.licences !== 0) await site.importLicences(options.licences ?? 50);
    for (const id of options.clients ?? Object.keys(CLIENTS)) await site.client(id);
    if (options.gateway !== false) site.gateway = await site.startGateway('gateway');
    return site;
  }

  path(name) { return path.join(this.folder, name); }
  write(name, content) { fs.writeFileSync(this.path(name), content, { mode: 0o600 }); }
  read(name) { return fs.readFileSync(this.path(name)); }

  async #makeKeys() {
    const openssl = (...args) => run('openssl', args, { cwd: this.folder });
    await openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
      '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
      '-keyout', 'server.key', '-out', 'server.pem');
    this.ca = this.read('server.pem');
    this.config('gateway', { ...(this.options.config?.keys && { keys: this.options.config.keys }) }); // their algorithm
    await this.#setUp('secret', 'create', this.path('gateway.secret'));
    await this.#setUp('secret', 'create', this.path('registry.secret'));
    await this.#setUp('key', 'create');
    await this.#setUp('key', 'create', '--use', 'receipt');
    await this.#setUp('key', 'create', '--use', 'webhook');
    await this.#setUp('key', 'create', '--use', 'status');
    await this.#setUp('key', 'create', '--use', 'evidence');
  }

  // Writes NAME.yaml: sections of key-value pairs.
  config(name, sections = {}) {
    const all = {
      public: { address: '127.0.0.1', port: 0, certificate: 'server.pem', certificate_key: 'server.key' },
      internal: { port: 0 },
      loops: { count: 1 },
      cache: { socket: this.path('redis.sock') },
      throttle: { anonymous_per_minute: 0 },
      evidence: { folder: `evidence-${name}` },
      log: { level: 'info' },
    };
    for (const [section, keys] of Object.entries(sections)) all[section] = { ...all[section], ...keys };
    const yaml = Object.entries(all).map(([section, keys]) =>
      `${section}:\n` + Object.entries(keys).map(([k, v]) => `  ${k}: ${v}\n`).join('')).join('');
    this.write(`${name}.yaml`, yaml);
  }

  // What is not under test: by the tool as released, which is quicker under a sanitizer's gateway.
  #setUp(...args) {
    const set = typeof args.at(-1) === 'object' ? args.pop() : {};
    return this.jwb(...args, { ...set, variant: 'release' });
  }
  async jwb(...args) {
    const set = typeof args.at(-1) === 'object' ? args.pop() : {};
    return (await this.tryJwb(...args, { ...set, must: true })).stdout;
  }
  // Runs the tool; {code, stdout, stderr}. A last argument {input, config, variant, must, clock} sets those; config '': none;
  // clock: how far its clock is from the true one, like '-60s'.
  async tryJwb(...args) {
    const set = typeof args.at(-1) === 'object' ? args.pop() : {};
    const tool = set.variant ? path.join(root, 'build', set.variant, 'jwb') : program('jwb');
    const [command, ...before] = set.clock ? ['faketime', '-f', set.clock, tool] : [tool];
    const child = spawn(command, [...before, ...args], {
      cwd: this.folder,
      env: { ...process.env, JWB_CONFIG: set.config === '' ? '' : this.path(`${set.config ?? 'gateway'}.yaml`),
        ...(set.clock && { ASAN_OPTIONS: 'verify_asan_link_order=0:detect_leaks=0' }) }, // two that want to be the first library
    });
    const out = { stdout: '', stderr: '' };
    child.stdout.on('data', (d) => { out.stdout += d; });
    child.stderr.on('data', (d) => { out.stderr += d; });
    child.stdin.on('error', () => {});
    child.stdin.end(set.input ?? '');
    const [code] = await once(child, 'close');
    if (set.must && code !== 0) throw new Error(`jwb ${args.join(' ')}: exit ${code}: ${out.stderr}`);
    return { code, ...out };
  }

  async startRedis(args = ['--save', '']) {
    const child = spawn('redis-server', ['--port', '0', '--unixsocket', this.path('redis.sock'),
      '--maxmemory-policy', 'noeviction', '--dir', this.folder, ...args]);
    this.redisProcess = child;
    this.#stops.push(() => kill(child));
    await lineOf(child.stdout, /connections at/, 'redis-server');
    child.stdout.resume();
  }
  async stopRedis(signal = 'SIGKILL') { await kill(this.redisProcess, signal); }
  async redis(...args) {
    return (await run('redis-cli', ['-s', this.path('redis.sock'), ...args.map(String)])).stdout.trim();
  }

  async importLicences(count, bad = 0) {
    const file = this.path('licences.csv');
    await this.#setUp('licence', 'generate', String(count), '--seed', '7', '--bad', String(bad), '--encoding', 'gb18030', '--out', file);
    await this.#setUp('licence', 'import', file, '--rejects', this.path('rejects.csv'), '--source', 'test');
    const text = new TextDecoder('gb18030').decode(fs.readFileSync(file));
    const [heading, ...lines] = text.split(/\r?\n/).filter(Boolean).map((line) => line.split(','));
    this.records = lines.map((fields) => Object.fromEntries(heading.map((name, i) =>
      [name.trim(), (fields[i] ?? '').replace(/^"|"$/g, '')])));
  }

  // The first record is always a valid driving licence.
  get holderNumber() { return this.records[0].CZZTDM; }

  async startGateway(name) {
    const child = spawn(path.join(build, 'jwb-gateway'), ['--config', this.path(`${name}.yaml`)], {
      stdio: ['ignore', 'ignore', 'pipe'],
      // libh2o keeps the buffers that an ending thread had put aside.
      env: { ...process.env, LSAN_OPTIONS: `suppressions=${root}/tests/lsan.supp:print_suppressions=0` } });
    const gateway = new Gateway(this, child);
    this.gateways.push(gateway);
    this.#stops.push(() => gateway.stop());
    await gateway.waitForLog((line) => line.event === 'ready');
    return gateway;
  }

  // Registers a client, once: those of CLIENTS, or as `options` say ({role, organisation, ...: one
  // flag of `jwb client add` each, a list for several}). Its private key is NAME.jwk.
  async client(id, options = CLIENTS[id]) {
    if (this.#clients.has(id)) return;
    this.#clients.add(id);
    const flags = Object.entries(options).flatMap(([name, values]) =>
      [values].flat().flatMap((value) => [`--${name}`, String(value)]));
    await this.#setUp('client', 'add', '--id', id, '--new-key', this.path(`${id}.jwk`), ...flags);
    await this.clientsAreKnown();
  }
  // Registers a client that is to give its key itself: its ticket.
  async ticket(id, options = CLIENTS[id]) {
    this.#clients.add(id);
    const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const ticket = await this.jwb('client', 'add', '--id', id, '--ticket', ...flags);
    await this.clientsAreKnown();
    return ticket.trim();
  }
  // What the registry was just told of clients, the running gateways know.
  async clientsAreKnown() {
    const running = this.gateways.filter((g) => g.child.exitCode === null && g.child.signalCode === null);
    for (const gateway of running)
      await until(() => gateway.metric('directory_clients'), (n) => n === this.#clients.size);
  }

  async token(role, ...args) {
    if (role === 'holder' && !args.length)
      return (await this.#setUp('token', 'mint', '--role', 'holder', '--holder-number', '-',
        { input: this.holderNumber })).trim();
    const known = {
      inspector: ['--subject', 'traffic-police/0417', '--client', 'terminal-7'],
      partner: ['--client', 'car-rental'],
      issuer: ['--client', 'authority'],
      system: ['--client', 'business-system-1'],
      auditor: ['--client', 'audit-office'],
    };
    if (!args.length) args = known[role];
    const after = (flag) => args[args.indexOf(flag) + 1];
    const id = after('--client');
    if (role !== 'holder')
      await this.client(id, CLIENTS[id] ?? { role,
        organisation: role === 'inspector' ? after('--subject').split('/')[0] : id,
        ...(role === 'partner' && { purpose: 'car_rental' }) });
    return (await this.#setUp('token', 'mint', '--role', role, ...args)).trim();
  }

  // The records of journals or logs, as one reads them who has no configuration: that leaves none of its own.
  async list(...paths) {
    return (await this.jwb('evidence', 'list', ...paths, { config: '' })).split('\n').filter(Boolean).map((line) => JSON.parse(line));
  }
  // A gateway's evidence: what its journals hold, and the registry's events of its log, by time.
  async evidence(name = 'gateway') {
    const folder = this.path(`evidence-${name}`);
    const journals = fs.readdirSync(folder).filter((file) => file.endsWith('.jwbj')).sort();
    const events = (await this.list(path.join(folder, 'log'))).filter((record) => record.number);
    return [...await this.list(...journals.map((file) => path.join(folder, file))), ...events].sort((a, b) => a.at_us - b.at_us);
  }

  async stop() {
    const failures = [];
    for (const stop of this.#stops.reverse()) await Promise.resolve().then(stop).catch((e) => failures.push(e));
    fs.rmSync(this.folder, { recursive: true, force: true });
    if (failures.length) throw failures[0];
  }
}

export class Gateway {
  log = [];
  #waiting = [];
  constructor(site, child) {
    this.site = site;
    this.child = child;
    this.agent = new https.Agent({ keepAlive: true, ca: site.ca });
    let rest = '';
    child.stderr.on('data', (data) => {
      const lines = (rest + data).split('\n');
      rest = lines.pop();
      for (const text of lines) this.#line(text);
    });
    child.on('exit', () => { for (const w of this.#waiting) w.reject(this.#died()); });
  }
  #died() { return new Error(`the gateway ended (${this.child.exitCode ?? this.child.signalCode}): ${this.text()}`); }
  text() { return this.log.map((l) => l.text).slice(-60).join('\n'); }
  #line(text) {
    let line;
    try { line = JSON.parse(text); } catch { line = {}; }
    line.text = text;
    this.log.push(line);
    if (line.event === 'listening') this[line.protocol === 'https' ? 'port' : 'internalPort'] = line.port;
    this.#waiting = this.#waiting.filter((w) => !(w.test(line) && (w.resolve(line), true)));
  }
  // A line that is there already, or comes within 20 s.
  waitForLog(test, from = 0) {
    const found = this.log.slice(from).find(test);
    if (found) return found;
    if (this.child.exitCode !== null) throw this.#died();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no such log line within 20 s: ${this.text()}`)), 20000);
      this.#waiting.push({ test, resolve: (l) => { clearTimeout(timer); resolve(l); },
        reject: (e) => { clearTimeout(timer); reject(e); } });
    });
  }

  // {status, headers, body (Buffer), json()}; options: token, headers, body, internal
  request(method, target, { token, headers = {}, body, internal = false } = {}) {
    const all = { ...headers };
    if (token) all.authorization = `Bearer ${token}`;
    if (body !== undefined) all['content-length'] ??= Buffer.byteLength(body);
    const options = { method, path: target, headers: all, host: '127.0.0.1' };
    return new Promise((resolve, reject) => {
      const request = internal
        ? http.request({ ...options, port: this.internalPort })
        : https.request({ ...options, port: this.port, agent: this.agent, servername: 'localhost' });
      request.on('response', (response) => {
        const chunks = [];
        response.on('data', (c) => chunks.push(c));
        response.on('error', reject);
        response.on('end', () => resolve({
          status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks),
          json() { return JSON.parse(this.body.toString()); } }));
      });
      request.on('error', reject);
      request.end(body);
    });
  }
  json(method, target, token, value, headers = {}) {
    return this.request(method, target, { token, body: JSON.stringify(value),
      headers: { 'content-type': 'application/json', ...headers } });
  }
  async licences(token) { return (await this.request('GET', '/v1/licences', { token })).json().licences; }
  // Displays a licence (the first valid driving licence without an id): the code's text.
  async display(token, id) {
    id ??= (await this.licences(token)).find((l) => l.status === 'valid').id;
    const answer = await this.json('POST', '/v1/codes', token, { licence: id });
    if (answer.status !== 201) throw new Error(`display: ${answer.status} ${answer.body}`);
    return answer.json().code;
  }
  verify(code, token, headers = {}) {
    return this.request('POST', '/v1/verify', { token, body: code, headers: { 'content-type': 'text/plain', ...headers } });
  }
  async verdict(code, token, headers) {
    const answer = await this.verify(code, token, headers);
    return answer.status === 200 ? answer.json() : { problem: answer.json().code, status: answer.status };
  }
  async metric(name) {
    const text = (await this.request('GET', '/metrics', { internal: true })).body.toString();
    const line = text.split('\n').find((l) => l.startsWith(`jwb_${name} `));
    return line === undefined ? undefined : Number(line.split(' ').at(-1));
  }
  // A gateway that is asked to stop ends with 0; a sanitizer's report would make it another number.
  async stop(signal = 'SIGTERM') {
    this.agent.destroy();
    const running = this.child.exitCode === null && this.child.signalCode === null;
    await kill(this.child, signal);
    if (running && signal === 'SIGTERM' && this.child.exitCode !== 0)
      throw new Error(`the gateway stopped with ${this.child.exitCode ?? this.child.signalCode}: ${this.text()}`);
  }
}

async function kill(child, signal = 'SIGTERM') {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  if (child.stoppedByTest) child.kill('SIGCONT');
  await gone;
}

function lineOf(stream, pattern, name) {
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => reject(new Error(`${name} did not start: ${text}`)), 20000);
    stream.on('data', function look(data) {
      text += data;
      if (!pattern.test(text)) return;
      clearTimeout(timer);
      stream.off('data', look);
      resolve();
    });
  });
}

// Asks again until `test` is true of what `ask` gave; for states that come by themselves within a bound.
export async function until(ask, test, ms = 10000) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await ask();
    if (test(value)) return value;
    if (Date.now() > end) throw new Error(`not within ${ms} ms; last: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
