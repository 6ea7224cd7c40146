// Archives: evidence leaves the log and the journals only into a package that proves itself, while gateways go on,
// and that it left is evidence.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { writeJournal } from './lib/journal.mjs';
import { Site, until } from './lib/site.mjs';

const DAY = 864e5, VERIFY = 2, CHECK = 3;
const OLD = 700; // records of a gateway that is no more, four years ago: checks of partners and verifies
const before = (days) => new Date(Date.now() - days * DAY).toISOString().slice(0, 10);

const list = async (site) => {
  const folder = site.path('evidence-gateway');
  const journals = fs.readdirSync(folder).filter((n) => n.endsWith('.jwbj')).map((n) => path.join(folder, n));
  return site.list(...journals);
};
const size = async (site) => {
  const page = await site.gateway.request('GET', '/evidence/checkpoint');
  return page.status === 200 ? Number(page.body.toString().split('\n')[1]) : 0;
};
// All of the log's entries, one behind the other.
function entries(site) {
  const folder = site.path('evidence-gateway/log/tile/entries');
  const files = fs.readdirSync(folder, { recursive: true }).map((n) => path.join(folder, n));
  return Buffer.concat(files.filter((f) => fs.statSync(f).isFile()).map((f) => fs.readFileSync(f)));
}
const manifest = (site, name) => fs.readFileSync(site.path(`${name}/manifest.json`));
const exported = (site, name, ...more) => site.tryJwb('archive', 'export', '--out', site.path(name), ...more);

async function world(t, retention) {
  const site = await Site.start(t, { licences: 60, gateway: false, config: { retention } });
  writeJournal(site.path('evidence-gateway'), 7, Array.from({ length: OLD }, (_, i) =>
    ({ kind: i % 3 ? VERIFY : CHECK, at: new Date(Date.now() - 1461 * DAY + i * 1000), request: i + 1, client: 'gone' })));
  site.gateway = await site.startGateway('gateway');
  const holder = await site.token('holder');
  await site.gateway.verdict(await site.gateway.display(holder), undefined);
  await until(() => size(site), (n) => n >= OLD + 2);
  return site;
}

test('nothing leaves before its time, nor what is younger than was asked for', async (t) => {
  const site = await world(t, { days: 1000, kinds: 'verify=2000,check=1400' });
  const records = (await list(site)).length;
  const none = await exported(site, 'package', '--before', before(1470), '--remove');
  assert.deepEqual([none.code, none.stderr], [0, '']);
  assert.match(none.stdout, /nothing is due/);
  assert.ok(!fs.existsSync(site.path('package')));
  assert.equal((await list(site)).length, records);
  // The checks' time is over, the verifies' is not.
  const made = await exported(site, 'package', '--before', before(1));
  assert.equal(made.code, 0, made.stderr);
  assert.deepEqual(Object.keys(JSON.parse(manifest(site, 'package')).kinds), ['check']);
  assert.equal((await list(site)).length, records, 'without --remove nothing goes');
  for (const args of [['--before', before(1)], ['--out', 'x'], ['--before', 'soon', '--out', 'x'], []])
    assert.equal((await site.tryJwb('archive', 'export', ...args)).code, 2, args.join(' '));
  const there = await exported(site, 'package', '--before', before(1), '--remove');
  assert.equal(there.code, 1);
  assert.match(there.stderr, /is there already/);
  assert.equal((await list(site)).length, records);
});

test('a rule that is mistyped takes nothing out', async (t) => {
  const site = await Site.start(t, { licences: 10, config: { retention: { kinds: 'scan=1' } } });
  await until(() => size(site), (n) => n > 0);
  const made = await exported(site, 'package', '--before', before(0), '--remove');
  assert.equal(made.code, 1);
  assert.match(made.stderr, /retention\.kinds: 'scan=1'/);
});

test('what is due goes into a package that proves itself, then from log and journals, and the gateway goes on', async (t) => {
  const site = await world(t, { days: 365 });
  const kept = site.path('kept.txt'), key = (await site.jwb('evidence', 'key')).trim();
  fs.writeFileSync(kept, (await site.gateway.request('GET', '/evidence/checkpoint')).body);
  const records = (await list(site)).length;
  const made = await exported(site, 'package', '--before', before(30), '--remove');
  assert.equal(made.code, 0, made.stderr);
  const { entries: taken, kinds, bundles, files } = JSON.parse(manifest(site, 'package'));
  assert.ok(taken > OLD - 256 && taken <= OLD && bundles >= 2, JSON.stringify({ taken, bundles }));
  assert.equal(kinds.verify + kinds.check, taken);
  assert.deepEqual(Object.keys(kinds), ['verify', 'check'], 'what the registry is put right from stays');

  // It verifies with nothing of the site but its key, and not with one octet changed.
  const check = () => site.tryJwb('archive', 'check', site.path('package'), '--key', key, { config: 'none' });
  const good = await check();
  assert.equal(good.code, 0, good.stderr);
  assert.match(good.stdout, new RegExp(`${taken} entries in ${bundles} bundles`));
  const sha256 = (octets) => crypto.createHash('sha256').update(octets).digest('hex');
  for (const [name, hash] of Object.entries(files)) {
    const file = site.path(`package/${name}`), octets = fs.readFileSync(file);
    assert.equal(sha256(octets), hash, name);
    octets[octets.length >> 1] ^= 1;
    fs.writeFileSync(file, octets);
    const bad = await check();
    assert.deepEqual([bad.code, bad.stdout], [1, ''], name);
    octets[octets.length >> 1] ^= 1;
    fs.writeFileSync(file, octets);
  }
  assert.equal((await check()).code, 0);

  // Gone from the journals and, but for their hashes, from the log, which is still the one that was.
  const left = await list(site);
  assert.ok(left.length <= records - taken + bundles * 256 && left.length >= records - taken, `${left.length}`);
  assert.match(made.stdout, new RegExp(`removed +${taken} entries of the log, ${records - left.length} records`));
  assert.match(await site.jwb('evidence', 'verify', '--checkpoint', kept),
    new RegExp(`^${taken} of them were removed; archives account for ${taken}$`, 'm'));
  // That they went is evidence, under the package's name.
  await until(() => entries(site).includes(sha256(manifest(site, 'package'))), (found) => found);
  // Holders are told what is left, and a trace's proofs hold.
  const holder = await site.token('holder');
  const checks = await site.gateway.request('GET', '/v1/me/checks', { token: holder });
  assert.deepEqual(checks.json().checks.map((c) => c.kind), ['verify', 'display']);
  assert.equal(checks.json().complete, true);
  const { id } = (await site.gateway.licences(holder)).find((l) => l.status === 'valid');
  const trace = await until(() => site.gateway.request('GET', `/v1/licences/${id}/trace`, { token: holder }),
    (answer) => answer.json().entries.every((entry) => entry.log)); // a look is in the log within a second
  assert.deepEqual(trace.json().entries.map((e) => [e.kind, e.log !== null]),
    [['verify', true], ['display', true], ['issued', true]]);
  assert.equal(trace.json().complete, true);
  // The same call with another folder finds nothing more of it.
  const again = await exported(site, 'second', '--before', before(30), '--remove');
  assert.match(again.stdout, /nothing is due/);
  assert.equal(again.code, 0, again.stderr);
});

test('nothing is removed before the log has the evidence of it', async (t) => {
  const site = await world(t, { days: 365 });
  await site.gateway.stop();
  const records = (await list(site)).length;
  const early = await exported(site, 'early', '--before', before(30), '--remove');
  assert.equal(early.code, 1);
  assert.match(early.stderr, /nothing was removed: its evidence is not in the log/);
  assert.equal((await list(site)).length, records);
  assert.doesNotMatch(await site.jwb('evidence', 'verify'), /removed/);
  site.gateway = await site.startGateway('gateway');
  assert.equal((await exported(site, 'package', '--before', before(30), '--remove')).code, 0);
  await site.gateway.stop();
  assert.match(await site.jwb('evidence', 'verify'), /of them were removed/);
});

test('what witnesses cosigned that are not in the configuration any more holds no archive up', async (t) => {
  const retention = { days: 365 }, site = await world(t, retention);
  site.write('evidence-gateway/log/checkpoint.witnessed', 'theirs\n');
  site.config('witnessed', { retention, evidence: { folder: 'evidence-gateway', witnesses: 'witnesses' } });
  const theirs = await exported(site, 'package', '--before', before(30), { config: 'witnessed' });
  assert.equal(theirs.code, 1);
  assert.match(theirs.stderr, /checkpoint/);
  const made = await exported(site, 'package', '--before', before(30));
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /entries in [0-9]+ bundles/);
});

test('a package that is cut short, or another log\'s, is none', async (t) => {
  const site = await world(t, { days: 365 });
  assert.equal((await exported(site, 'package', '--before', before(30))).code, 0);
  fs.rmSync(site.path('evidence.key'));
  await site.jwb('key', 'create', '--use', 'evidence');
  const other = (await site.jwb('evidence', 'key')).trim();
  const foreign = await site.tryJwb('archive', 'check', site.path('package'), '--key', other);
  assert.equal(foreign.code, 1);
  assert.match(foreign.stderr, /another key/);
  assert.match((await site.jwb('archive', 'check', site.path('package'))), /the package's own word/);
  fs.truncateSync(site.path('package/manifest.json'), fs.statSync(site.path('package/manifest.json')).size - 2);
  assert.equal((await site.tryJwb('archive', 'check', site.path('package'))).code, 1);
});
