// tests/vectors/offline.json: what it holds, and that a verifier which shares no line with terminal/ agrees with it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { Terminal } from './offline.mjs';

const ROOT = new URL('../..', import.meta.url).pathname;
const PATH = join(ROOT, 'tests/vectors/offline.json');
const COMMITTED = readFileSync(PATH, 'utf8');
const { cities, cases } = JSON.parse(COMMITTED);
const octets = (hex) => new Uint8Array(Buffer.from(hex, 'hex'));

async function run({ bundles, lists, codes }, terminal, { now, bundle, list, as, scan }) {
  if (bundle) return terminal.takeBundle(octets(bundles[bundle]), now);
  if (list) return terminal.takeList(as, octets(lists[list]), now);
  const { result, reason } = await terminal.scan(codes[scan], now);
  return { result, reason };
}

for (const city of cities) {
  test(`${city.alg}: whoever writes a terminal in another language would answer otherwise`, async (t) => {
    for (const { name, single_use: singleUse, steps } of cases) {
      const terminal = new Terminal({ singleUse });
      await terminal.pin(city.roots);
      for (const [i, step] of steps.entries()) assert.deepEqual(await run(city, terminal, step), step.expect, `${name}, step ${i + 1}`);
    }
    t.diagnostic(`${cases.length} cases agree`);
  });
}

test('the committed vectors could not be made again', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vectors-'));
  const make = (name, ...more) => {
    const path = join(folder, name);
    execFileSync(join(ROOT, 'build/jwb'), ['vectors', '--out', path, ...more], { stdio: 'inherit' });
    return readFileSync(path, 'utf8');
  };
  try {
    assert.ok(make('again.json') === COMMITTED, "'jwb vectors' gives another file than tests/vectors/offline.json");
    const other = JSON.parse(make('other.json', '--seed', '2'));
    assert.notDeepEqual(other.cities[0].keys, cities[0].keys);
    assert.deepEqual(other.cases, cases);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
