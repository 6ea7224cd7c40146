// A thousand codes, displayed before and after seizures, verified with the gateway stopped: under clocks, lists and
// bundles of every kind, each answer is the one that the table of docs/TERMINAL.md has for its situation.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import test from 'node:test';
import { Site, until } from './lib/site.mjs';
import { Between, listToken, Terminal } from './lib/terminal.mjs';
import { makeBundle, makeTrust } from './lib/trust.mjs';

const table = new Map(fs.readFileSync(new URL('../../docs/TERMINAL.md', import.meta.url), 'utf8').split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim())).filter((cells) => cells.length === 6)
  .map(([, situation, ...answer]) => [situation, answer.slice(0, 3)]));
function row(situation) {
  assert.ok(table.has(situation), `docs/TERMINAL.md has a row for: ${situation}`);
  return table.get(situation);
}
const seconds = (time) => Math.floor(Date.parse(time) / 1000);
// In memory: each scan is synced to the disk, of thirteen thousand.
const base = fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir();
// Under sanitizers a fifth of them.
const LOT = process.env.JWB_VARIANT === 'asan' ? 4 : 20;
const now = () => Math.floor(Date.now() / 1000);

async function world(t) {
  const site = await Site.start(t, { licences: 60, gateway: false });
  const proxy = await Between.start(t, site);
  site.config('gateway', { public: { origin: proxy.origin }, code: { life_s: 300 },
    status_lists: { interval_s: 1, life_s: 300, ttl_s: 10 } });
  const gateway = await site.startGateway('gateway');
  await makeTrust(site);
  return { site, gateway, proxy };
}

// `count` licences that can be displayed, each with its holder's token.
async function displayable(site, gateway, count) {
  const found = [];
  for (const number of new Set(site.records.map((record) => record.CZZTDM).filter((n) => /^\d{17}[\dX]$/.test(n)))) {
    const token = (await site.jwb('token', 'mint', '--role', 'holder', '--holder-number', '-', { input: number })).trim();
    for (const licence of await gateway.licences(token))
      if ((await gateway.json('POST', '/v1/codes', token, { licence: licence.id })).status === 201) found.push({ id: licence.id, token });
    if (found.length >= count) return found.slice(0, count);
  }
  throw new Error(`only ${found.length} licences can be displayed`);
}

// If this fails, a terminal in a valley says something else than the rules do.
test('a thousand codes, without a network', async (t) => {
  const { site, gateway, proxy } = await world(t);
  const licences = await displayable(site, gateway, 20), codes = [];
  const early = licences.slice(0, 5), late = licences.slice(5, 10), kept = licences.slice(10);
  const display = async (of, each) => {
    for (let i = 0; i < each; i++)
      await Promise.all(of.map(async ({ id, token }) => codes.push({ id, text: await gateway.display(token, id) })));
  };
  const seize = (of) => Promise.all(of.map(({ id }) => site.jwb('hold', 'place', id, '--agency', 'traffic-police', '--case', 'A-1')));
  const is = (of) => ({ id }) => of.some((licence) => licence.id === id);
  const seizedIn = (terminal, of) => until(async () => {
    await terminal.must('sync', '--force');
    return terminal.copy('probe').offline(codes.filter(is(of)).map(({ text }) => text));
  }, (verdicts) => verdicts.length && verdicts.every(({ reason }) => reason === 'licence_seized'), 30000);

  const terminal = await Terminal.ready(t, site, proxy.origin, { base });
  proxy.answer = ({ url }) => url.startsWith('/v1/status-lists/') && { status: 503, body: '{}' };
  const listless = await Terminal.enrol(t, site, proxy.origin, { id: 'terminal-10', base });
  await until(() => listless.run('sync'), (out) => /token/.test(out.stderr) === false, 30000);
  proxy.answer = () => undefined;

  await display(early, LOT); // before they are seized
  await seize(early);
  await seizedIn(terminal, early);
  const sooner = terminal.copy('sooner');
  await display([...late, ...kept], LOT);
  await seize(late);
  await display(kept, 3 * LOT);
  await seizedIn(terminal, late);
  assert.equal(codes.length, 50 * LOT);

  // What the city does next reaches one of them; what others make of it is refused by all.
  const revoked = terminal.copy('revoked');
  const { keys } = JSON.parse(fs.readFileSync(site.path('codes.jwks')));
  const codeKey = keys.find((key) => !key.jwb_use), statusKey = keys.findLast((key) => key.jwb_use === 'status');
  const uri = `${proxy.origin}/v1/status-lists/`, life = { iat: now() - 1, exp: now() + 3600 };
  const forged = { 'lists swapped': listToken(statusKey, { sub: `${uri}1`, ...life }),
    'the list under a key for codes': listToken(codeKey, { sub: `${uri}0`, ...life }) };
  for (const [what, token] of Object.entries(forged)) {
    proxy.answer = ({ url }) => url.startsWith('/v1/status-lists/') && { status: 200, body: token };
    for (const device of [terminal, listless]) assert.equal((await device.run('sync', '--force')).code, 1, what);
  }
  proxy.answer = () => undefined;
  const firstBundle = (await gateway.request('GET', '/v1/trust-bundle')).body;
  await site.jwb('key', 'create');
  await site.jwb('key', 'revoke', codeKey.kid);
  await makeBundle(site);
  await until(() => revoked.run('sync', '--force'), (out) => /trust bundle: version/.test(out.stdout));
  const older = revoked.copy('older'), olderFile = revoked.copy('older-file');
  fs.copyFileSync(terminal.path('trust'), olderFile.path('trust'));
  proxy.answer = ({ url }) => url === '/v1/trust-bundle' && { status: 200, body: firstBundle };
  assert.match((await older.must('sync')).stdout, /trust bundle: what is held is as new/);
  const olderList = terminal.copy('older-list');
  fs.copyFileSync(sooner.path('list-0'), olderList.path('list-0'));
  await gateway.stop();
  assert.equal((await terminal.run('sync')).code, 2, 'there is no network');

  const ends = now() + 330;
  let asked = 0;
  // Every code, in this terminal at this time: by the table's row for those seized early, late, and the others.
  const situation = async (what, device, at, ...rows) => {
    const answers = rows.map(row);
    const verdicts = await device.copy('situation').offline(codes.map(({ text }) => text), { at });
    assert.equal(verdicts.length, codes.length, what);
    verdicts.forEach((verdict, i) => {
      const which = is(early)(codes[i]) ? 0 : is(late)(codes[i]) ? 1 : 2;
      const [result, reason, shown] = answers[Math.min(which, answers.length - 1)];
      assert.deepEqual([verdict.result, verdict.reason ?? 'none', verdict.licence ? 'yes' : 'no'], [result, reason, shown],
        `${what}: code ${i} (${['seized early', 'seized late', 'in order'][which]})`);
      asked += 1;
    });
    return verdicts;
  };
  const fine = 'nothing is wrong', seized = 'seized in the list', right = now();
  const state = await terminal.status(), soonerState = await sooner.status();
  const told = await situation('as it is', terminal, right, seized, seized, fine);
  assert.ok(told.every(({ as_of, mode }) => mode === 'offline' && as_of === state.lists[0].as_of), 'each says as of when');
  await situation('before the second sync', sooner, right, seized, fine, fine);
  await situation('the clock moved back', terminal, seconds(state.clock_mark) - 61, 'the clock 61 s behind the last scan');
  await situation('the clock moved on', terminal, ends, '30 s after its end');
  await situation('the list aged', sooner, seconds(soonerState.lists[0].good_until),
    'seized, in a list past its end', 'in order, in a list past its end');
  await situation('the bundle aged', terminal, seconds(state.bundle_expires), 'the bundle is over');
  await situation('no list', listless, right, 'no list');
  await situation('a key revoked', revoked, right, 'the next bundle revokes the key');
  await situation('the bundle replaced by an older one', older, right, 'the bundle was replaced by an older one');
  await situation('an older copy of the bundle put into its place', olderFile, right, 'no bundle');
  assert.equal((await olderFile.status()).damaged, true);
  await situation('another\'s list was refused', terminal, right, seized, seized, fine);
  await situation('another\'s list was refused, and none is held', listless, right, 'lists swapped');
  await situation('a list under a key for codes', listless, right, 'the list under a key for codes');
  const replaced = await olderList.offline(codes.map(({ text }) => text), { at: right });
  assert.deepEqual(replaced.filter(({ result }, i) => result === 'valid' && !is(kept)(codes[i])), [], 'no seized one is valid by it');
  assert.equal(asked, 13 * codes.length);
});
