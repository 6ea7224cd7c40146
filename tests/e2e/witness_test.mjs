// The evidence log before witnesses on other machines: cosigned as it grows, found out when it was
// rewritten, missed when they are away.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import test from 'node:test';
import { Gateway, program, Site, until } from './lib/site.mjs';

const NAME = 'archive.example/witness';
const EVIDENCE = { checkpoint_ms: 50, witnesses: 'witnesses', witness_late_s: 1 };

// jwb-gateway --witness of its own folder; on the port it had, if it had one.
class Witness {
  static async start(t, site) {
    const witness = new Witness();
    Object.assign(witness, { site, port: 0 });
    fs.mkdirSync(site.path('witness'));
    witness.vkey = (await site.jwb('key', 'create', '--use', 'witness', '--name', NAME,
      '--file', site.path('witness/key'))).trim();
    site.write('witness/logs', `# of the traffic administration\n${await site.jwb('evidence', 'key')}`);
    await witness.open();
    t.after(() => witness.stop());
    return witness;
  }
  spawn() {
    const { site, port } = this;
    site.config('witness', { public: { plain_http: true },
      witness: { port, key: 'witness/key', logs: 'witness/logs', folder: 'witness/state' } });
    // libh2o keeps the buffers that an ending thread had put aside.
    const known = new URL('../lsan.supp', import.meta.url).pathname;
    return spawn(program('jwb-gateway'), ['--witness', '--config', site.path('witness.yaml')],
      { stdio: ['ignore', 'ignore', 'pipe'],
        env: { ...process.env, LSAN_OPTIONS: `suppressions=${known}:print_suppressions=0` } });
  }
  async open() {
    this.process = new Gateway(this.site, this.spawn());
    await this.process.waitForLog((line) => line.event === 'ready');
    this.port = this.process.internalPort;
    this.url = `http://127.0.0.1:${this.port}`;
  }
  // It does not start: what it says.
  async refusal() {
    const child = this.spawn();
    let text = '';
    child.stderr.on('data', (data) => {
      text += data;
      if (text.includes('"ready"')) child.kill();
    });
    const [code] = await once(child, 'close');
    assert.equal(code, 1, text);
    return text;
  }
  stop(signal) { return this.process.stop(signal); }
  ask(body, method = 'POST', path = '/add-checkpoint') {
    return this.process.request(method, path, { body, internal: true });
  }
}

async function opened(t) {
  const site = await Site.start(t, { gateway: false, config: { evidence: EVIDENCE } });
  const witness = await Witness.start(t, site);
  site.write('witnesses', `${witness.vkey} ${witness.url}\n`);
  site.gateway = await site.startGateway('gateway');
  return { site, witness, holder: await site.token('holder') };
}
const log = (site, name) => site.path(`evidence-gateway/log/${name}`);
const note = (site, name = 'checkpoint') => {
  try { return fs.readFileSync(log(site, name), 'utf8'); } catch { return ''; }
};
const sizeOf = (text) => Number(text.split('\n')[1] ?? 0);
const signers = (text) => [...text.matchAll(/^— (\S+) /gm)].map((line) => line[1]);
async function grow({ site, holder }, displays = 3) {
  const size = sizeOf(note(site));
  for (let i = 0; i < displays; i++) await site.gateway.display(holder);
  return until(() => sizeOf(note(site)), (now) => now >= size + displays);
}
const witnessed = (site, size) => until(() => note(site, 'checkpoint.witnessed'), (text) => sizeOf(text) >= size, 20000);
const complaint = (gateway, why, from = 0) =>
  gateway.waitForLog((line) => line.event === 'a witness did not cosign' && why.test(line.why), from);

test('a log is cosigned as it grows, over restarts of both, and whoever checks it may ask for that', async (t) => {
  const world = await opened(t);
  const { site, witness } = world;
  const first = await witnessed(site, await grow(world));
  assert.deepEqual(signers(first), [first.split('\n')[0], NAME]);
  await site.jwb('evidence', 'verify', '--witness', witness.vkey);
  site.write('kept.txt', first);
  await witness.stop();
  await witness.open();
  await witnessed(site, await grow(world));
  await site.gateway.stop('SIGKILL');
  site.gateway = await site.startGateway('gateway');
  const last = await witnessed(site, await grow(world));
  assert.ok(sizeOf(last) > sizeOf(first));
  await site.jwb('evidence', 'verify', '--witness', witness.vkey, '--checkpoint', site.path('kept.txt'));
  assert.equal(await site.gateway.metric('witnesses'), 1);
  assert.equal(await site.gateway.metric('witnesses_late'), 0);
});

test('a log that was rewritten with its own key is refused by the witness, and that is reported', async (t) => {
  const world = await opened(t);
  const { site, witness } = world;
  const before = await witnessed(site, await grow(world, 5));
  await site.gateway.stop();
  for (const name of fs.readdirSync(site.path('evidence-gateway')))
    fs.rmSync(site.path(`evidence-gateway/${name}`), { recursive: true });
  site.gateway = await site.startGateway('gateway'); // the same key, the same origin, another history
  while (sizeOf(note(site)) <= sizeOf(before)) await grow(world, 5);
  await complaint(site.gateway, /rewritten|another tree/);
  const proof = await witness.process.waitForLog((line) => line.event === 'a proof does not hold');
  assert.equal(proof.level, 'warning');
  assert.equal(proof.note.split('\n')[0], before.split('\n')[0], 'with the checkpoint that shows it');
  assert.equal(note(site, 'checkpoint.witnessed'), '');
  await until(() => site.gateway.metric('witnesses_late'), (n) => n === 1);
  site.write('kept.txt', before);
  assert.notEqual((await site.tryJwb('evidence', 'verify', '--checkpoint', site.path('kept.txt'))).code, 0);
});

// A checkpoint of the same size, by the log's own key, of another tree.
function fork(site, text) {
  const [origin, size, , , signature] = text.split('\n');
  const seed = Buffer.from(site.read('evidence.key').toString().trim().split('+').slice(4).join('+'), 'base64').subarray(1);
  const key = crypto.createPrivateKey({ format: 'der', type: 'pkcs8',
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]) });
  const body = `${origin}\n${size}\n${Buffer.alloc(32).toString('base64')}\n`;
  const [, name, octets] = signature.split(' ');
  const signed = Buffer.concat([Buffer.from(octets, 'base64').subarray(0, 4), crypto.sign(null, Buffer.from(body), key)]);
  return `${body}\n— ${name} ${signed.toString('base64')}\n`;
}

test('only who has a log\'s key can make a witness say that it contradicts itself, and nobody can fill its log', async (t) => {
  const world = await opened(t);
  const { site, witness } = world;
  const before = await witnessed(site, await grow(world));
  await site.gateway.stop();
  await witness.stop();
  await witness.open();
  const size = Number((await witness.ask(`old 0\n\n${before}`)).body.toString());
  const told = (event) => witness.process.log.filter((line) => line.event === event);
  const anybodys = `old ${size}\n${Buffer.alloc(32).toString('base64')}\n\n${note(site)}`;
  for (let i = 0; i < 20; i++) assert.equal((await witness.ask(anybodys)).status, 422);
  await witness.process.waitForLog((line) => line.event === 'a proof does not hold');
  assert.deepEqual(told('a proof does not hold').map((line) => line.level), ['warning']);
  assert.deepEqual(told('a log contradicts itself'), []);
  const forked = fork(site, before.split('\n')[1] === String(size) ? before : note(site));
  assert.equal((await witness.ask(`old ${size}\n\n${forked}`)).status, 409);
  const lie = await witness.process.waitForLog((line) => line.event === 'a log contradicts itself');
  assert.deepEqual([lie.level, lie.note], ['error', forked]);
});

test('a witness that is away is missed after a while, and found again', async (t) => {
  const world = await opened(t);
  const { site, witness } = world;
  await witnessed(site, await grow(world));
  await witness.stop();
  const from = site.gateway.log.length;
  const size = await grow(world);
  const late = await site.gateway.waitForLog((line) => line.event === 'a witness is late', from);
  assert.deepEqual([late.level, late.witness], ['error', NAME]);
  await until(() => site.gateway.metric('witnesses_late'), (n) => n === 1);
  assert.equal((await site.gateway.licences(world.holder)).length > 0, true, 'it is an alert, and stops nothing');
  await witness.open();
  await site.gateway.waitForLog((line) => line.event === 'a witness cosigns again', from);
  await until(() => site.gateway.metric('witnesses_late'), (n) => n === 0);
  await witnessed(site, size);
  assert.equal(site.gateway.log.slice(from).filter((line) => line.event === 'a witness is late').length, 1);
});

test('what answers nonsense in a witness\'s place harms neither the log nor the other witness', async (t) => {
  let answer, asked = 0;
  const fake = http.createServer((request, response) => {
    request.resume();
    request.on('end', () => { asked++; answer(response); });
  });
  await new Promise((resolve) => { fake.listen(0, '127.0.0.1', resolve); });
  t.after(() => { fake.close(); fake.closeAllConnections?.(); });
  const world = await opened(t);
  const { site, witness } = world;
  const other = (await site.jwb('key', 'create', '--use', 'witness', '--name', 'nonsense.example/w',
    '--file', site.path('other.key'))).trim();
  await site.gateway.stop();
  site.write('witnesses', `# two\n${witness.vkey} ${witness.url}/\n\n${other}   http://127.0.0.1:${fake.address().port}\n`);
  const cosigned = await witnessed(site, 1);
  const borrowed = cosigned.split('\n').filter((line) => line.startsWith('—')).join('\n');
  const say = (status, body, headers = {}) => (response) => { response.writeHead(status, headers); response.end(body); };
  const rows = [
    [say(200, ''), /no cosignature/], [say(200, `${borrowed}\n`), /no cosignature/],
    [say(200, `— nonsense.example/w ${Buffer.alloc(76).toString('base64')}\n`), /no cosignature/],
    [say(200, 'x'.repeat(100000)), /too long/], [say(409, 'soon'), /without a size/],
    [say(409, '18446744073709551615\n', { 'content-type': 'text/x.tlog.size' }), /larger tree/],
    [say(409, '0\n'), /another tree/], [say(422, ''), /rewritten/], [say(500, ''), /status 500/],
    [say(301, '', { location: '/' }), /status 301/], [(response) => response.destroy(), /./],
  ];
  for (const [reply, why] of rows) { // a gateway each: what fails is asked ever more seldom
    answer = reply;
    site.gateway = await site.startGateway('gateway');
    const size = await grow(world);
    const line = await complaint(site.gateway, why);
    assert.equal(line.witness, 'nonsense.example/w');
    await until(() => note(site), (text) => sizeOf(text) >= size && signers(text).includes(NAME), 20000);
    assert.ok(!note(site).includes('nonsense'));
    await site.gateway.stop();
  }
  assert.ok(asked >= rows.length);
  assert.ok(sizeOf(note(site, 'checkpoint.witnessed')) <= sizeOf(cosigned), 'one of two is not all');
});

test('a witness answers as C2SP tlog-witness says, and what it remembers is not forgotten', async (t) => {
  const world = await opened(t);
  const { site, witness } = world;
  const old = await witnessed(site, await grow(world));
  await site.gateway.stop();
  const newest = note(site), size = sizeOf(newest);
  const ask = async (...args) => { const { status, body, headers } = await witness.ask(...args); return [status, body.toString(), headers['content-type']]; };
  const [, , , , signature] = newest.split('\n');
  const forged = newest.replace(signature, signature.replace(/.{4}$/, signature.endsWith('AAA=') ? 'BBB=' : 'AAA='));
  const conflict = [409, `${size}\n`, 'text/x.tlog.size'];
  await until(() => ask(`old 0\n\n${newest}`), (got) => got[1] === `${size}\n`);
  assert.deepEqual(await ask(`old 0\n\n${newest}`), conflict);
  const [status, line] = await ask(`old ${size}\n\n${newest}`);
  assert.equal(status, 200);
  assert.match(line, /^— archive\.example\/witness [A-Za-z0-9+/]+={0,2}\n$/);
  assert.deepEqual(await ask(`old ${size}\n${Buffer.alloc(32).toString('base64')}\n\n${newest}`), [422, '', undefined]);
  if (sizeOf(old) < size) assert.deepEqual(await ask(`old ${sizeOf(old)}\n\n${old}`), conflict);
  assert.deepEqual(await ask(`old ${size + 1}\n\n${newest}`), [400, '', undefined]);
  assert.deepEqual(await ask(`old ${size}\n\n${newest}`.replace(newest.split('\n')[0], 'stranger.example/log')), [404, '', undefined]);
  assert.deepEqual(await ask(`old ${size}\n\n${forged}`), [403, '', undefined]);
  for (const body of ['', 'old', `old 0${size}\n\n${newest}`, `old ${size}\n${newest}`, `${'x'.repeat(20000)}`])
    assert.equal((await ask(body))[0], 400, JSON.stringify(body.slice(0, 40)));
  assert.equal((await ask('x'.repeat(30000)))[0], 413);
  assert.equal((await ask(undefined, 'GET'))[0], 405);
  assert.equal((await ask('', 'POST', '/elsewhere'))[0], 404);
  assert.equal((await ask(undefined, 'GET', '/healthz'))[0], 200);

  await witness.stop('SIGKILL');
  const [name] = fs.readdirSync(site.path('witness/state')), whole = site.read(`witness/state/${name}`);
  site.write(`witness/state/${name}`, whole.subarray(0, whole.length - 5));
  assert.match(await witness.refusal(), /damaged/);
  site.write(`witness/state/${name}`, whole);
  await witness.open();
  assert.deepEqual(await ask(`old 0\n\n${newest}`), conflict);
  assert.match(await witness.refusal(), /another witness works there|can't listen/);
});
