// A power cut at every write of a sync. strace kills jwb-terminal as it enters the Nth call of each kind that writes:
// before that call, after the one before. Without FAULT_ROUNDS, of the many that open a file only every eighth.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { decode as cbor } from 'cborg';
import { octetsOf } from './lib/forge.mjs';
import { OauthSite } from './lib/oauth.mjs';
import { Site, until } from './lib/site.mjs';
import { Between, Terminal } from './lib/terminal.mjs';
import { makeBundle, makeTrust } from './lib/trust.mjs';

const CALLS = ['openat', 'write', 'pwrite64', 'fsync', 'fdatasync', 'rename,renameat,renameat2', 'link,linkat', 'unlink,unlinkat', 'ftruncate'];
const step = (call) => (call === 'openat' && !process.env.FAULT_ROUNDS ? 8 : 1);
const MODES = { valid: 2, indeterminate: 1, invalid: 0 }; // how much is permitted
const kidOf = (text) => Buffer.from(cbor(cbor(octetsOf(text), { useMaps: true })[0], { useMaps: true }).get(4)).toString('hex');
const seconds = (time) => Math.floor(Date.parse(time ?? '1970-01-01') / 1000);

// If this fails, a terminal whose battery was taken out during a sync doesn't start, forgets a seizure, or goes back.
test('whenever a sync is cut off, the terminal starts, is not older, and permits no more', async (t) => {
  const site = await Site.start(t, { licences: 20, gateway: false });
  const proxy = await Between.start(t, site);
  site.config('gateway', { public: { origin: proxy.origin }, code: { life_s: 300 }, status_lists: { interval_s: 1, ttl_s: 3600 } }); // no list anew but for a change: time stands still in what is looked at
  const gateway = await site.startGateway('gateway');
  await makeTrust(site);
  const terminal = await Terminal.ready(t, site, proxy.origin), holder = await site.token('holder');
  const [first] = (await gateway.licences(holder)).filter((l) => l.status === 'valid');
  const synced = (device, pattern) => until(() => device.run('sync', '--force'), (out) => pattern.test(out.stdout), 30000);

  // Held: a list in which a licence is seized, a bundle that revokes a key. To come: more of both.
  const seizedText = await gateway.display(holder, first.id), revokedKey = kidOf(seizedText);
  await site.jwb('key', 'create');
  await site.jwb('key', 'revoke', revokedKey);
  await makeBundle(site);
  gateway.child.kill('SIGHUP');
  const seized = await until(() => gateway.display(holder, first.id), (text) => kidOf(text) !== revokedKey);
  await site.jwb('hold', 'place', first.id, '--agency', 'traffic-police', '--case', 'A-1');
  await synced(terminal, /trust bundle: version/);
  await until(async () => { await terminal.run('sync', '--force'); return terminal.copy('probe').offline(seized); },
    ([v]) => v.reason === 'licence_seized', 30000);
  const others = [];
  for (const number of new Set(site.records.map((r) => r.CZZTDM).filter((n) => /^\d{17}[\dX]$/.test(n) && n !== site.holderNumber))) {
    const token = (await site.jwb('token', 'mint', '--role', 'holder', '--holder-number', '-', { input: number })).trim();
    for (const { id } of await gateway.licences(token)) {
      const answer = await gateway.json('POST', '/v1/codes', token, { licence: id });
      if (answer.status === 201) others.push({ id, token, text: answer.json().code });
    }
  }
  assert.ok(others.length >= 2);
  const [kept, doomed] = others, codes = [seizedText, seized, kept.text, doomed.text];
  const at = Math.floor(Date.now() / 1000);
  const before = await terminal.offline(codes, { at }), known = await terminal.status();
  assert.deepEqual(before.map((v) => v.reason), ['key_revoked', 'licence_seized', null, null]);
  await site.jwb('hold', 'place', doomed.id, '--agency', 'traffic-police', '--case', 'A-2');
  await site.jwb('key', 'create');
  await makeBundle(site);
  const ahead = terminal.copy('ahead');
  await synced(ahead, /trust bundle: version/);
  await until(async () => { await ahead.run('sync', '--force'); return ahead.copy('probe').offline(doomed.text, { at }); },
    ([v]) => v.result === 'invalid', 30000);
  const goal = await ahead.status();
  assert.ok(goal.bundle_version > known.bundle_version);

  // Never older, never more permissive; what is taken stays usable.
  const look = async (device, what) => {
    const status = await device.run('status', '--json');
    assert.equal(status.code, 0, `${what}: ${status.stderr}`);
    const knows = JSON.parse(status.stdout);
    assert.ok(knows.bundle_version >= known.bundle_version, `${what}: the bundle`);
    assert.ok(seconds(knows.lists[0]?.as_of) >= seconds(known.lists[0].as_of), `${what}: the list`);
    assert.ok(seconds(knows.clock_mark) >= seconds(known.clock_mark), `${what}: the clock`);
    assert.deepEqual([knows.enrolled, knows.damaged, knows.revoked], [true, false, known.revoked], what);
    const after = await device.copy('probe').offline(codes, { at });
    after.forEach((v, i) => assert.ok(MODES[v.result] <= MODES[before[i].result], `${what}: code ${i} is ${v.result}`));
    return knows;
  };
  let cuts = 0;
  for (const call of CALLS) {
    for (let nth = 1; ; nth += step(call)) {
      const device = terminal.copy('cut'), what = `killed at ${call} ${nth}`;
      const out = await device.run('sync', '--force', { under: ['strace', '-f', '-o', '/dev/null', '-e', `trace=${call}`,
        '-e', `inject=${call}:signal=SIGKILL:when=${nth}`] });
      if (out.signal === null && out.code !== 137) {
        assert.equal(out.code, 0, out.stderr);
        break;
      }
      cuts += 1;
      await look(device, what);
      await device.must('sync', '--force');
      const end = await look(device, `${what}, then synced`);
      assert.equal(end.bundle_version, goal.bundle_version, what);
      assert.equal((await device.copy('probe').offline(doomed.text, { at }))[0].result, 'invalid', what);
      assert.deepEqual((await device.scans()), [], what);
    }
  }
  assert.ok(cuts >= 30, `${cuts} cuts`);

  // What it had kept went to the log once, however often it was sent.
  const delivered = (await site.evidence()).filter((r) => r.kind === 'offline_scan').map((r) => r.reference.split(' ')[0]);
  assert.deepEqual(delivered.length, new Set(delivered).size);
  assert.equal(delivered.length, codes.length);
});

// A killed process leaves to the disk what it had written; a battery that comes loose leaves what was synced.
// If this fails, half a file stands where a whole one was, or a scan that was answered is forgotten.
test('what takes a file\'s place has been synced, so has its name, and a scan before it is answered', async (t) => {
  const { site, gateway, origin } = await OauthSite.start(t, { licences: 20 });
  await makeTrust(site);
  const terminal = (await Terminal.ready(t, site, origin)).copy('traced'), code = await gateway.display(await site.token('holder'));
  fs.rmSync(terminal.path('list-0')); // to be fetched again
  const trace = terminal.path('../trace'), folder = fs.realpathSync(terminal.folder), seen = { renamed: 0, appended: 0 };
  for (const args of [['sync', '--force'], ['verify', '--offline', code]]) {
    const out = await terminal.run(...args, { under: ['strace', '-f', '-y', '-o', trace, '-e',
      'trace=openat,write,pwrite64,ftruncate,fsync,fdatasync,rename,renameat,renameat2'] });
    assert.ok([0, 1].includes(out.code), out.stderr);
    const dirty = new Set();
    for (const line of fs.readFileSync(trace, 'utf8').split('\n')) {
      const [, call, rest] = /^\d+ +(\w+)\((.*)\) += \d+/.exec(line) ?? [];
      const file = /^\d+<([^>]+)>/.exec(rest ?? '')?.[1];
      const inside = file === folder || file?.startsWith(`${folder}/`);
      if (/^rename/.test(call)) {
        const [, from, to] = /"([^"]+)".*"([^"]+)"/.exec(rest);
        assert.ok(!dirty.has(`${folder}/${from}`), `${from} was not synced when it became ${to}`);
        dirty.add(folder);
        seen.renamed += 1;
      } else if (inside && /^f(data)?sync$/.test(call)) {
        dirty.delete(file);
      } else if (inside && /write|ftruncate/.test(call)) {
        assert.ok(!dirty.has(folder), `${file} was written before the name of what came before it was synced`);
        dirty.add(file);
        seen.appended += file.endsWith('/scans');
      } else if (call === 'write' && rest.startsWith('1<')) {
        assert.deepEqual([...dirty], [], `not synced when it told: ${rest}`);
      }
    }
    assert.deepEqual([...dirty], [], `not synced at the end of ${args[0]}`);
  }
  assert.ok(seen.renamed >= 2 && seen.appended >= 1, JSON.stringify(seen));
});
