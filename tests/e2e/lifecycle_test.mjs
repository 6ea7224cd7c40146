// Starting, reloading, changing keys and stopping: what an operator does to a gateway.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import test from 'node:test';
import tls from 'node:tls';
import { program, Site, until } from './lib/site.mjs';
import { raw } from './lib/raw.mjs';
import { source } from './lib/schema.mjs';

const GATEWAY = program('jwb-gateway');
const call = (...args) => spawnSync(GATEWAY, args, { encoding: 'utf8', timeout: 20000 });
const now = () => Math.floor(Date.now() / 1000);

// Sends SIGHUP and gives the log lines that it led to, up to the one that says how it went.
async function reload(gateway) {
  const from = gateway.log.length;
  gateway.child.kill('SIGHUP');
  const last = await gateway.waitForLog((line) => /^reload/.test(line.event), from);
  return { event: last.event, why: last.why, lines: gateway.log.slice(from) };
}
const REFUSED = 'reload refused, the old configuration stays';

const certificate = (site, name) => execFileSync('openssl', ['req', '-x509', '-nodes', '-days', '2',
  '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-subj', '/CN=localhost',
  '-addext', 'subjectAltName=DNS:localhost', '-keyout', `${name}.key`, '-out', `${name}.pem`],
{ cwd: site.folder, stdio: 'ignore' });
// The fingerprint of the certificate that a new connection is shown.
const shown = (gateway) => new Promise((resolve, reject) => {
  const socket = tls.connect({ host: '127.0.0.1', port: gateway.port, rejectUnauthorized: false }, () => {
    resolve(socket.getPeerCertificate().fingerprint256);
    socket.destroy();
  });
  socket.on('error', reject);
});

// ---- stopping

const HALF = 'POST /v1/verify HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\n12';

for (const signal of ['SIGTERM', 'SIGINT'])
  test(`${signal} lets requests under way be answered, takes no new ones, and ends with status 0`, async (t) => {
    const site = await Site.start(t, { config: { http: { drain_ms: 60000 }, loops: { count: 2 } } });
    const { gateway } = site;
    const holder = await site.token('holder');
    const [{ id }] = await gateway.licences(holder); // its connection stays open, and idle
    let half;
    const answered = raw(gateway, HALF, (socket) => { half = socket; });
    await until(() => half, Boolean);
    const before = await gateway.metric('http_requests_total');
    const pictures = Promise.all(Array.from({ length: 20 }, () =>
      gateway.json('POST', '/v1/codes', holder, { licence: id }, { accept: 'image/png' })));
    let polls = 0; // which are requests, too
    const received = async () => await gateway.metric('http_requests_total') - before - ++polls;
    await until(received, (requests) => requests >= 20);
    const exit = once(gateway.child, 'exit');
    gateway.child.kill(signal);
    await gateway.waitForLog((line) => line.event === 'stopping');
    await until(() => shown(gateway).then(() => 'open', (e) => e.code), (code) => code === 'ECONNREFUSED');
    assert.equal(gateway.child.exitCode, null, 'it waits for the request that has begun');
    half.write('34');
    const { answers } = await answered;
    assert.deepEqual(answers.map((a) => [a.status, a.headers.connection]), [[200, 'close']]);
    for (const picture of await pictures) assert.equal(picture.status, 201);
    assert.deepEqual(await exit, [0, null]);
    assert.equal(gateway.log.at(-1).event, 'stopped');
  });

test('a request that never ends holds a stop for drain_ms and no longer', async (t) => {
  const { gateway } = await Site.start(t, { licences: 0, config: { http: { drain_ms: 200 } } });
  let half;
  const cut = raw(gateway, HALF, (socket) => { half = socket; });
  await until(() => half, Boolean);
  const exit = once(gateway.child, 'exit');
  gateway.child.kill('SIGTERM');
  assert.deepEqual(await exit, [0, null]);
  assert.deepEqual((await cut).answers, []);
});

test('a stop does not wait for Redis: who asked it is not answered, and the gateway ends with 0', async (t) => {
  const config = { http: { drain_ms: 100 }, cache: { trip_timeout_ms: 60000 } };
  const site = await Site.start(t, { config });
  const { gateway } = site;
  const code = await gateway.display(await site.token('holder'));
  await until(() => gateway.verdict(code), (v) => v.by === 'cache');
  site.redisProcess.stoppedByTest = true;
  site.redisProcess.kill('SIGSTOP');
  const cut = gateway.verify(code).then((answer) => answer.status, (e) => e.code);
  await until(() => gateway.metric('redis_in_flight'), (trips) => trips > 0);
  const exit = once(gateway.child, 'exit');
  gateway.child.kill('SIGTERM');
  assert.deepEqual(await exit, [0, null], gateway.text());
  assert.equal(await cut, 'ECONNRESET');
});

// ---- reloading

test('after SIGHUP new connections see the new certificate, open ones go on', async (t) => {
  const site = await Site.start(t, { licences: 0 });
  const { gateway } = site;
  const before = await shown(gateway);
  let open;
  const old = raw(gateway, '', (socket) => { open = socket; });
  await until(() => open, Boolean);
  certificate(site, 'new');
  site.config('gateway', { public: { certificate: 'new.pem', certificate_key: 'new.key' } });
  assert.equal((await reload(gateway)).event, 'reloaded');
  const after = await until(() => shown(gateway), (fingerprint) => fingerprint !== before);
  assert.equal(after, new (await import('node:crypto')).X509Certificate(site.read('new.pem')).fingerprint256);
  open.write('GET /v HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
  assert.equal((await old).answers[0].status, 200);
});

test('a reload that can\'t be had says what is wrong and where, and changes nothing', async (t) => {
  const site = await Site.start(t);
  const { gateway } = site;
  const holder = await site.token('holder');
  const before = await shown(gateway), good = site.read('gateway.yaml').toString(), keys = site.read('codes.jwks');
  certificate(site, 'other');
  const configured = (sections) => () => site.config('gateway', sections);
  const lineOf = (text) => good.split('\n').findIndex((line) => line.includes(text)) + 1;
  for (const [break_, expected] of [
    [configured({ public: { certificate: 'none.pem' } }), /none\.pem/],
    [configured({ public: { certificate_key: 'other.key' } }), /server\.pem.*other\.key|other\.key/],
    [configured({ public: { certificate: 'codes.jwks' } }), /codes\.jwks/],
    [configured({ http: { body_byte_max: 1 } }),
      /gateway\.yaml:\d+: unknown key 'http\.body_byte_max'; did you mean 'http\.body_bytes_max'\?/],
    [() => site.write('gateway.yaml', good.replace('count: 1', 'count: many')),
      new RegExp(`gateway\\.yaml:${lineOf('count: 1')}: .*loops\\.count`)],
    [() => site.write('gateway.yaml', `${good}  - [`), /gateway\.yaml:\d+/],
    [() => fs.rmSync(site.path('gateway.yaml')), /gateway\.yaml: No such file/],
    [() => site.write('codes.jwks', '{"keys":'), /codes\.jwks/],
    [() => fs.chmodSync(site.path('codes.jwks'), 0o644), /codes\.jwks: .*others/],
  ]) {
    break_();
    const { event, why, lines } = await reload(gateway);
    assert.equal(event, REFUSED, `${break_}`);
    assert.match(why, expected);
    assert.ok(lines.some((line) => line.level === 'error'));
    site.write('gateway.yaml', good);
    site.write('codes.jwks', keys);
    fs.chmodSync(site.path('codes.jwks'), 0o600);
    assert.equal(await shown(gateway), before);
    assert.equal((await gateway.verdict(await gateway.display(holder))).result, 'valid');
  }
  assert.equal((await reload(gateway)).event, 'reloaded');
});

test('a reload changes what may change, and says of the rest that it needs a restart until it had one', async (t) => {
  const site = await Site.start(t);
  const { gateway } = site;
  const holder = await site.token('holder'), [{ id }] = await gateway.licences(holder);
  const lifeOf = async () => {
    const { expires_at, refresh_after } = (await gateway.json('POST', '/v1/codes', holder, { licence: id })).json();
    return (Date.parse(expires_at) - Date.parse(refresh_after)) / 1000;
  };
  assert.equal(await lifeOf(), 20);
  site.config('gateway', { code: { life_s: 90, refresh_s: 10 }, loops: { count: 2 }, relay: { poll_ms: 7 },
    log: { level: 'debug' } });
  for (let i = 0; i < 2; i++) {
    const { event, lines } = await reload(gateway);
    assert.equal(event, 'reloaded');
    assert.equal(lines.find((line) => line.event === 'changes that need a restart')?.keys,
      'loops.count, relay.poll_ms', `reload ${i + 1}`);
    await until(lifeOf, (life) => life === 80);
  }
  await gateway.verify('1');
  assert.ok(gateway.log.some((line) => line.level === 'debug'));
});

// ---- keys

test('keys are changed and revoked while it runs', async (t) => {
  const site = await Site.start(t, { gateway: false });
  fs.rmSync(site.path('codes.jwks'));
  await site.jwb('key', 'create', '--from', String(now() - 1000));
  const gateway = await site.startGateway('gateway');
  const holder = await site.token('holder');
  const jwks = async () => (await gateway.request('GET', '/.well-known/jwks.json')).json();
  const kids = async () => (await jwks()).keys.map((k) => k.kid).sort();
  const create = async (...args) => (await site.jwb('key', 'create', ...args)).split(' ')[0];
  const [first] = await kids();
  const oldCode = await gateway.display(holder);

  const later = await create('--from', String(now() + 3600));
  assert.deepEqual(await kids(), [first], 'not before the reload');
  await reload(gateway);
  await until(kids, (k) => k.length === 2);
  assert.deepEqual(await kids(), [first, later].sort(), 'published before it is used');
  site.write('jwks.json', JSON.stringify(await jwks()));
  assert.match(await site.jwb('code', 'verify', await gateway.display(holder), '--jwks', site.path('jwks.json')),
    new RegExp(first));

  const second = await create();
  await reload(gateway);
  await until(kids, (k) => k.length === 3);
  site.write('jwks.json', JSON.stringify(await jwks()));
  const newCode = await gateway.display(holder);
  assert.match(await site.jwb('code', 'verify', newCode, '--jwks', site.path('jwks.json')), new RegExp(second));
  await site.redis('FLUSHALL'); // so that signatures are checked
  for (const code of [oldCode, newCode]) assert.equal((await gateway.verdict(code)).result, 'valid');

  await site.jwb('key', 'revoke', first);
  assert.equal((await gateway.verdict(oldCode)).result, 'valid', 'not before the reload');
  await reload(gateway);
  const revoked = await until(() => gateway.verdict(oldCode), (v) => v.result !== 'valid');
  assert.deepEqual([revoked.result, revoked.reason, revoked.licence], ['invalid', 'key_revoked', undefined]);
  assert.deepEqual(await kids(), [later, second].sort());
  assert.equal((await gateway.verdict(newCode)).result, 'valid');
  assert.equal((await site.tryJwb('key', 'revoke', first)).code, 1, 'once is enough');
});

test('revoking the only key takes effect at the reload, though nothing can be displayed then', async (t) => {
  const site = await Site.start(t);
  const { gateway } = site;
  const holder = await site.token('holder'), code = await gateway.display(holder);
  const [{ id }] = await gateway.licences(holder);
  const { keys: [{ kid }] } = JSON.parse(site.read('codes.jwks'));
  const { stderr } = await site.tryJwb('key', 'revoke', kid);
  assert.match(stderr, /no key is left that signs now/);
  const { event, lines } = await reload(gateway);
  assert.equal(event, 'reloaded');
  assert.ok(lines.some((line) => line.level === 'error' && /no key/.test(line.event)));
  assert.equal((await until(() => gateway.verdict(code), (v) => v.result !== 'valid')).reason, 'key_revoked');
  const refused = await gateway.json('POST', '/v1/codes', holder, { licence: id });
  assert.deepEqual([refused.status, refused.json().code], [503, 'signing_unavailable']);
  await site.jwb('key', 'create');
  await reload(gateway);
  await until(() => gateway.json('POST', '/v1/codes', holder, { licence: id }), (a) => a.status === 201);
});

// ---- the command line

test('the command line says what it can, and what was wrong with a call', async (t) => {
  const site = await Site.start(t, { licences: 0, clients: [], gateway: false, redis: false });
  const config = site.path('gateway.yaml');
  const help = call('--help');
  assert.equal(help.status, 0);
  for (const told of ['--config', '--check-config', '--print-config', '--version', '--help', 'SIGHUP', 'SIGTERM'])
    assert.ok(help.stdout.includes(told), told);
  assert.deepEqual([call('--version').status, call('--version').stdout],
    [0, `jwb-gateway ${source('VERSION').trim()}\n`]);
  for (const [args, text] of [[[], /--config FILE is missing/], [['--config'], /requires an argument/],
    [['--confug', config], /unrecognized option/],
    [['--config', config, 'more'], /an argument too many/], [['-x'], /invalid option/],
    [['--check-config'], /--config FILE is missing/]]) {
    const { status, stdout, stderr } = call(...args);
    assert.deepEqual([status, stdout], [2, ''], args.join(' '));
    assert.match(stderr, text);
  }
  const check = call('--config', config, '--check-config');
  assert.deepEqual([check.status, check.stdout], [0, `${config}: ok\n`]);
  assert.ok(!fs.existsSync(site.path('registry.db')), 'a check makes nothing');
  site.config('lacking', { keys: { secret: 'none.secret' } });
  const lacking = call('--config', site.path('lacking.yaml'), '--check-config');
  assert.equal(lacking.status, 1, 'what would not start is not well');
  assert.match(lacking.stderr, /none\.secret: No such file or directory; 'jwb secret create' makes one$/m);
  for (const args of [['--check-config'], ['--print-config'], []]) {
    const { status, stdout, stderr } = call('--config', site.path('none.yaml'), ...args);
    assert.deepEqual([status, stdout], [1, '']);
    assert.match(stderr, /^jwb-gateway: .*none\.yaml: No such file or directory$/m);
  }
});

test('the configuration that is printed is whole, explained, and reads back the same', async (t) => {
  const site = await Site.start(t, { licences: 0, gateway: false, redis: false,
    config: { http: { body_bytes_max: 12345 } } });
  const first = call('--config', site.path('gateway.yaml'), '--print-config').stdout;
  site.write('printed.yaml', first);
  assert.equal(call('--config', site.path('printed.yaml'), '--print-config').stdout, first);
  assert.equal(call('--config', site.path('printed.yaml'), '--check-config').status, 0);
  assert.match(first, /^ {2}body_bytes_max: 12345\b/m);
  const rows = /^(?:TEXT|FILE_|NUMBER|FLAG|CHOICE)\((\w+), (\w+),.*"(.+)"\)$/gm;
  const table = [...source('gateway/config/config.def').matchAll(rows)];
  assert.ok(table.length > 30);
  for (const [, , key, prose] of table) {
    assert.match(first, new RegExp(`^  ${key}:`, 'm'));
    assert.ok(first.replace(/\s*\n\s*#\s*/g, ' ').includes(prose), `${key}: ${prose}`);
  }
});

test('a gateway that can\'t start says why in one line and ends with status 1', async (t) => {
  const site = await Site.start(t, { config: { public: { port: 0 } } });
  const { gateway } = site;
  const fails = async (name, sections, pattern, spoil = () => {}) => {
    site.config(name, sections);
    await spoil();
    const { status, stderr } = call('--config', site.path(`${name}.yaml`));
    const lines = stderr.trim().split('\n').filter((line) => !line.startsWith('{'));
    assert.deepEqual([status, lines.length], [1, 1], stderr);
    assert.match(lines[0], pattern);
  };
  await fails('a', { evidence: { folder: 'evidence-gateway' } },
    /evidence-gateway\/journal-0\.lock: another gateway is writing this journal/);
  await fails('b', { public: { address: '192.0.2.1' } }, /192\.0\.2\.1 port 0: Cannot assign requested address/);
  await fails('c', { internal: { address: '0.0.0.0' } }, /c\.yaml:\d+: .*loopback/);
  await fails('d', { registry: { secret: 'none.secret' } }, /none\.secret: No such file/);
  await fails('e', { registry: { secret: 'other.secret' } }, /registry\.db: /,
    () => site.jwb('secret', 'create', site.path('other.secret')));
  await fails('f', { registry: { path: 'server.pem' } }, /server\.pem: /);
  await fails('g', { keys: { codes: 'old.jwks' } }, /old\.jwks: no key of use code in it signs now/,
    () => site.jwb('key', 'create', '--file', site.path('old.jwks'), '--from', String(now() + 3600)));
  await fails('h', { keys: { secret: 'server.pem' } }, /server\.pem: /);
  assert.equal((await gateway.verify('1')).status, 200, 'the one that runs is as it was');
});
