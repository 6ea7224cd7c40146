// Keys that turn, as docs/OPERATIONS.md tells operators to turn them: with two gateways at work, no
// good code is refused, by either of them or by a reader of the published keys.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { readMessage, digitsOfText, octetsOfDigits, verifyText } from '../independent/verifier.mjs';
import { Site, until } from './lib/site.mjs';

const now = () => Math.floor(Date.now() / 1000);
const kidOf = (code) => readMessage(octetsOfDigits(digitsOfText(code))).kid;
const reached = (moment) => until(() => now(), (s) => s >= moment, 30000);

async function reload(gateway) {
  const from = gateway.log.length;
  gateway.child.kill('SIGHUP');
  assert.equal((await gateway.waitForLog((line) => /^reload/.test(line.event), from)).event, 'reloaded');
}

// Two gateways that share registry, Redis and key file, and the load on them: holders display at each
// without a pause, and each code is scanned at once at both.
class Street {
  codes = []; // {code, kid, at, reader}: in the order of display
  refused = [];
  #running = true;

  static async open(t) {
    const street = new Street();
    const site = street.site = await Site.start(t, { config: { code: { life_s: 300 } } });
    site.config('second', { code: { life_s: 300 } });
    street.gateways = [site.gateway, await site.startGateway('second')];
    street.holder = await site.token('holder');
    const licences = await site.gateway.licences(street.holder);
    street.licence = licences.find((l) => l.status === 'valid').id;
    await street.read();
    street.loops = street.gateways.map((gateway) => street.#work(gateway));
    t.after(() => street.close());
    return street;
  }
  async #work(gateway) {
    while (this.#running) {
      const reader = this.jwks; // as the reader has it before this code is displayed
      const code = await gateway.display(this.holder, this.licence);
      this.codes.push({ code, kid: kidOf(code), at: now(), reader });
      await this.#scan(code);
    }
  }
  async #scan(code) {
    for (const gateway of this.gateways) {
      const verdict = await gateway.verdict(code);
      if (verdict.result !== 'valid') this.refused.push({ ...verdict, kid: kidOf(code) });
    }
  }
  // A reader without a network fetches the published keys seldom: here, once in each rotation.
  async read() { this.jwks = (await this.site.gateway.request('GET', '/.well-known/jwks.json')).json(); }
  reload() { return Promise.all(this.gateways.map(reload)); }
  signing(kid) { return until(() => this.codes.slice(-4), (last) => last.length === 4 && last.every((c) => c.kid === kid), 30000); }
  count(kid) { return this.codes.filter((c) => c.kid === kid).length; }
  async close() {
    this.#running = false;
    await Promise.all(this.loops);
  }
  // A sample from first to last: all of them were scanned when they were displayed.
  get sample() {
    const step = Math.ceil(this.codes.length / 400);
    return this.codes.filter((_, i) => i % step === 0);
  }
  async rescan() {
    for (const { code } of this.sample) await this.#scan(code);
  }
}

// The steps of docs/OPERATIONS.md, "Keys that turn", with seconds for days. The minute between the order to retire
// and the key's end, which is there for the gateways to read the file, is the tool's alone: they read it at once.
async function rotate(street, old) {
  const { site } = street, began = performance.now();
  const kid = (await site.jwb('key', 'create', '--unpublished')).split(' ')[0];
  await street.reload();
  const once_s = (performance.now() - began) / 1000; // what the tool and a reload take under this load
  const from = now() + 3 + Math.ceil(4 * once_s);
  await site.jwb('key', 'publish', kid, '--from', String(from));
  await street.reload();
  await street.read();
  assert.ok(street.jwks.keys.some((key) => key.kid === kid), 'known before it signs');
  assert.equal(street.count(kid), 0);
  await street.signing(kid);
  const at = now() + 2;
  await site.jwb('key', 'retire', old, '--at', String(at), { clock: '-60s' });
  await street.reload();
  await reached(at + 1);
  return kid;
}

test('two rotations under load refuse no good code', async (t) => {
  const street = await Street.open(t);
  const { site } = street;
  const first = street.jwks.keys.find((key) => !key.jwb_use).kid;
  await street.signing(first);
  const second = await rotate(street, first);
  const third = await rotate(street, second);
  for (let i = 0; i < 10; i++) await street.reload(); // requests are under way all the time
  await street.close();

  await street.rescan(); // by the marks in Redis
  await site.redis('FLUSHALL');
  await street.rescan(); // by their signatures
  assert.deepEqual(street.refused, []);
  for (const { code, at, reader } of street.sample)
    assert.equal((await verifyText(code, { jwks: reader, now: at })).result, 'ok', 'a reader of the keys of before');
  const jwks = street.jwks;
  for (const { code } of street.sample)
    assert.equal((await verifyText(code, { jwks, now: now() })).result, 'ok', 'a reader of the keys of now');
  const counts = [first, second, third].map((kid) => street.count(kid));
  assert.ok(counts.every((n) => n > 0) && counts.reduce((a, b) => a + b) === street.codes.length, `${counts}`);
  t.diagnostic(`${street.codes.length} codes (${counts.join(', ')} by key), 0 refused in ${2 * street.codes.length + 4 * street.sample.length} scans`);

  // Revoked: at once, everywhere, for good.
  const of = (kid) => street.codes.findLast((c) => c.kid === kid).code;
  await site.jwb('key', 'revoke', second);
  await street.reload();
  for (const gateway of street.gateways) {
    const { result, reason } = await until(() => gateway.verdict(of(second)), (v) => v.result !== 'valid');
    assert.deepEqual([result, reason], ['invalid', 'key_revoked']);
    assert.equal((await gateway.verdict(of(first))).result, 'valid', 'a retired key is not a revoked one');
    assert.equal((await gateway.verdict(of(third))).result, 'valid');
  }
  await street.read();
  assert.equal((await verifyText(of(second), { jwks: street.jwks, now: now() })).reason, 'unknown_key', 'published no more');
  for (const [command, why] of [[['revoke', second], /revoked already/], [['publish', second], /revoked/], [['retire', second], /revoked/]]) {
    const { code, stderr } = await site.tryJwb('key', ...command);
    assert.equal(code, 1);
    assert.match(stderr, why);
  }
  const { keys } = JSON.parse(site.read('codes.jwks'));
  const again = { ...keys.find((key) => key.kid === second), revoked: false };
  site.write('codes.jwks', JSON.stringify({ keys: [...keys, again] }));
  assert.match((await site.tryJwb('key', 'list')).stderr, /another key has the same kid/, 'a kid is never given again');
});

test('a key file that is full would leave a city whose key was stolen without another', async (t) => {
  const site = await Site.start(t, { gateway: false, redis: false, licences: 0, clients: [] });
  const count = () => JSON.parse(site.read('codes.jwks')).keys.length;
  const kids = async () => (await site.jwb('key', 'list')).trim().split('\n').map((line) => line.slice(0, 8));
  const create = async (use, ...args) => (await site.jwb('key', 'create', '--use', use, ...args)).slice(0, 8);
  const past = (use, days) => create(use, '--until', String(now() - days * 86400), { clock: '-100d' });
  const kept = [...await kids(), await past('receipt', 99), await past('code', 31), await past('webhook', 99)];
  const gone = [await past('code', 33), await past('status', 33), kept.pop()];
  const stolen = await past('code', 99);
  await site.jwb('key', 'revoke', stolen);
  assert.equal((await site.tryJwb('key', 'list')).stderr, '');

  while (count() < 47) await create('status');
  const near = /warning: .* holds 48 of the 64 keys that it can.*'jwb key prune'/;
  assert.match((await site.tryJwb('key', 'create', '--use', 'status')).stderr, near);
  assert.match((await site.tryJwb('key', 'list')).stderr, near);
  while (count() < 64) await create('status');
  const { code, stderr } = await site.tryJwb('key', 'create');
  assert.equal(code, 1);
  assert.match(stderr, /as many keys as it can; 'jwb key prune'/);

  assert.match(await site.jwb('key', 'prune'), /^3 keys are gone/);
  const left = await kids();
  assert.equal(left.length, 61);
  assert.deepEqual([...kept, stolen].filter((kid) => !left.includes(kid)), [], 'needed still');
  assert.deepEqual(gone.filter((kid) => left.includes(kid)), []);
  assert.match(await site.jwb('key', 'prune'), /^no key/);
  await site.jwb('key', 'create');
});

test('a key file that changes hands or place with a command would be read by no gateway', async (t) => {
  const site = await Site.start(t, { gateway: false, redis: false, licences: 0, clients: [] });
  const file = site.path('codes.jwks'), link = site.path('link.jwks'), mine = process.getuid();
  const owner = mine === 0 ? 65534 : mine; // root may give it away
  const [kid, other] = (await site.jwb('key', 'list')).trim().split('\n').map((line) => line.slice(0, 8));
  fs.chownSync(file, owner, process.getgid());
  fs.symlinkSync('codes.jwks', link);
  const seen = /gateways take it at the next SIGHUP: then their log says "reloaded"/i;
  assert.match(await site.jwb('key', 'revoke', kid, '--file', link), seen);
  assert.match(await site.jwb('key', 'retire', other), seen);
  assert.match(await site.jwb('key', 'create', '--file', link), seen);
  const next = (await site.jwb('key', 'create', '--unpublished')).slice(0, 8);
  assert.match(await site.jwb('key', 'publish', next), seen);
  assert.ok(fs.lstatSync(link).isSymbolicLink(), 'a link stays one');
  assert.equal(fs.statSync(file).uid, owner);
  assert.deepEqual(JSON.parse(site.read('codes.jwks')).keys.filter(({ revoked }) => revoked).map((key) => key.kid), [kid]);
});

test('the tool keeps operators from refusing what was signed, and says what is missing', async (t) => {
  const site = await Site.start(t, { gateway: false, redis: false, licences: 0, clients: [] });
  const [kid] = (await site.jwb('key', 'list')).split(' ');
  const refused = async (why, ...args) => {
    const { code, stderr } = await site.tryJwb('key', ...args);
    assert.equal(code, 1, args.join(' '));
    assert.match(stderr, why);
  };
  const states = async (...args) => (await site.jwb('key', 'list', ...args)).trim().split('\n')
    .map((line) => line.split(/ {2,}/)).filter((columns) => columns[1] === 'code' || columns[1] === 'root').map((columns) => columns[2]);

  for (const [args, why] of [
    [['create', '--alg', 'RSA'], /--alg is ES256 or SM2/], [['create', '--use', 'king'], /--use is code, status/],
    [['create', '--use', 'root'], /a root key has a --file of its own/],
    [['create', '--use', 'evidence', '--alg', 'SM2'], /has --file and --name alone/],
    [['create', '--unpublished', '--from', '2027-01-01'], /'key publish' says when/],
    [['publish'], /name a KID, or --use root/], [['publish', '--use', 'root'], /name a KID, or --use root/],
    [['publish', kid, '--out', 'x'], /name a KID, or --use root/], [['retire', 'abc'], /8 hexadecimal digits/]]) {
    const { code, stderr } = await site.tryJwb('key', ...args);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, why);
  }
  await refused(/--at must lie ahead/, 'retire', kid, '--at', String(now() - 1));
  await refused(/a minute ahead/, 'retire', kid, '--at', String(now() + 30));
  await refused(/retires before that/, 'retire', kid, '--at', '2099-01-01');
  const next = (await site.jwb('key', 'create', '--unpublished')).split(' ')[0];
  assert.deepEqual(await states(), ['signs now', 'unpublished']);
  await refused(/never published/, 'retire', next);
  await refused(/lies in the past/, 'publish', next, '--from', String(now() - 1));
  await refused(/retires before it would begin/, 'publish', next, '--from', '2099-01-01');
  await refused(/published already/, 'publish', kid);
  const hasty = await site.tryJwb('key', 'publish', next, '--from', String(now() + 3600));
  assert.match(hasty.stderr, /warning: verifiers that don't hear of it/);
  assert.deepEqual(await states(), ['signs now', 'later']);
  assert.match((await site.tryJwb('key', 'create')).stderr, /warning: verifiers that have not heard/);
  await refused(/a minute ahead/, 'retire', kid, '--at', String(now() + 30)); // replaced, in the file alone
  await site.jwb('key', 'retire', kid);
  const last = await site.tryJwb('key', 'retire', next, '--at', String(now() + 7200));
  assert.doesNotMatch(last.stderr, /no key is left/, 'the third goes on');

  // The root keys' file.
  const root = site.path('root.jwks');
  const made = await site.tryJwb('key', 'create', '--use', 'root', '--file', root);
  assert.match(made.stderr, /this root key has no successor/);
  assert.equal(fs.statSync(root).mode & 0o777, 0o600);
  assert.doesNotMatch((await site.tryJwb('key', 'create', '--use', 'root', '--file', root, '--alg', 'SM2')).stderr, /successor/);
  await refused(/root keys are in a file of their own/, 'create', '--file', root);
  await refused(/root keys are in a file of their own/, 'create', '--use', 'root', '--file', site.path('codes.jwks'));
  await refused(/the file has no root keys/, 'publish', '--use', 'root', '--file', site.path('codes.jwks'));
  const set = JSON.parse(await site.jwb('key', 'publish', '--use', 'root', '--file', root));
  assert.deepEqual(set.keys.map((key) => [key.jwb_use, key.alg, key.d]), [['root', 'ES256', undefined], ['root', 'SM2', undefined]]);
  assert.deepEqual(await states('--file', root), ['signs now', 'signs now']);
  site.config('rooted', { keys: { codes: 'root.jwks' } });
  await assert.rejects(site.startGateway('rooted'), /it holds root keys, which are not a gateway's/);
});
