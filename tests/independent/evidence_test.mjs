// The evidence log and a reader of the C2SP texts that is not ours: it reads the logs, proofs and
// cosignatures that our side (tests/vectors/make_tlog.c) makes, and our side reads what it makes.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  checkConsistency, checkpointText, cosign, COSIGNATURE, ED25519, leafOf, makeSigner, openNote, pathOf,
  readAddCheckpoint, readCheckpoint, readKey, readProof, readState, readTree, resources, rootOf, rootOfPath, signNote, tilePath,
  writeProof,
} from './tlog.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FOLDER = mkdtempSync(join(process.env.TMPDIR ?? tmpdir(), 'jwb-evidence-'));
const PROGRAM = join(FOLDER, 'make_tlog');
const SIZES = [1, 2, 255, 256, 257, 1000, 70000];

const ours = (...words) => execFileSync(PROGRAM, words, { maxBuffer: 1 << 24 }).toString();
const oursOf = (input, ...words) => execFileSync(PROGRAM, words, { input }).toString();
const entryOf = (n) => Buffer.from(`entry ${n}${'.'.repeat(n % 50)}`);
const logs = new Map(); // size -> { folder, key, note, text, checkpoint }

before(() => {
  execFileSync(process.env.CC ?? 'gcc', ['-std=gnu11', '-D_GNU_SOURCE', '-O1', '-I', ROOT,
    join(ROOT, 'tests/vectors/make_tlog.c'), join(ROOT, 'build/release/libjwb.a'), '-lcrypto', '-o', PROGRAM]);
  for (const size of SIZES) {
    const folder = join(FOLDER, `log-${size}`);
    const key = readKey(ours('make', folder, String(size)));
    const note = readFileSync(join(folder, 'checkpoint'));
    const { text } = openNote(note, [key]);
    logs.set(size, { folder, key, note, text, checkpoint: readCheckpoint(text) });
  }
});
after(() => rmSync(FOLDER, { recursive: true }));

// Broken: nobody but us could check our log.
test('checkpoints, tiles and bundles are what the texts say', () => {
  for (const [size, { folder, checkpoint }] of logs) {
    assert.equal(checkpoint.origin, 'city.example/evidence');
    assert.equal(checkpoint.size, size);
    const entries = readTree(size, checkpoint.root, (path) => readFileSync(join(folder, path)));
    entries.forEach((entry, n) => assert.deepEqual(entry, entryOf(n)));
    assert.deepEqual(checkpoint.root, rootOf(entries.map(leafOf)));
  }
  assert.equal([...resources(70000)].filter(({ level }) => level === 0).length, 274); // tlog-tiles, its example
  assert.equal(tilePath(0, 1234067), 'tile/0/x001/x234/067');
});

// Broken: the reader would take anything, and its agreement would say nothing.
test('the reader finds what was changed', () => {
  const { folder, key, note, checkpoint } = logs.get(1000);
  for (const { path } of resources(1000))
    assert.throws(() => readTree(1000, checkpoint.root, (wanted) => {
      const octets = Buffer.from(readFileSync(join(folder, wanted)));
      if (wanted === path) octets[octets.length - 1] ^= 1;
      return octets;
    }), path);
  for (let at = 0; at < note.length; at++) {
    const altered = Buffer.from(note);
    altered[at] ^= 1;
    assert.throws(() => openNote(altered, [key]));
  }
});

// Broken: whoever has a log's key and nothing else of ours could not tell what lies behind its checkpoint.
test('the state is signed as the text says', () => {
  for (const [size, { folder, key, checkpoint: { root } }] of logs) {
    const state = readFileSync(join(folder, 'state'));
    assert.deepEqual(readState(state, key), { size, root });
    state[state.indexOf(`\n${size}\n`) + 1] ^= 1;
    assert.throws(() => readState(state, key));
  }
});

// Broken: a citizen, court or partner with a proof of ours could not check it without us.
test('our proofs of inclusion hold', () => {
  for (const [size, { folder, key, checkpoint }] of logs)
    for (const index of new Set([0, size >> 1, size - 1])) {
      const proof = readProof(ours('proof', folder, String(index)));
      assert.equal(proof.index, index);
      assert.deepEqual(proof.extra, entryOf(index));
      const { text } = openNote(proof.note, [key]);
      assert.deepEqual(readCheckpoint(text), checkpoint);
      assert.deepEqual(rootOfPath(leafOf(proof.extra), index, size, proof.path), checkpoint.root);
      assert.throws(() => assert.deepEqual(rootOfPath(leafOf(Buffer.from('other')), index, size, proof.path), checkpoint.root));
    }
});

// Broken: a witness that is not ours would refuse our log, or could not tell it from a rewritten one.
test('our proofs of consistency hold', () => {
  const { folder, checkpoint } = logs.get(70000);
  for (const [size, { checkpoint: older }] of [[0, { checkpoint: { root: rootOf([]) } }], ...logs]) {
    const { old, proof, note } = readAddCheckpoint(ours('consistency', folder, String(size)));
    assert.equal(old, size);
    assert.deepEqual(note, logs.get(70000).note);
    checkConsistency(old, older.root, checkpoint.size, checkpoint.root, proof);
    if (size > 0) {
      const forged = Buffer.from(older.root);
      forged[0] ^= 1;
      assert.throws(() => checkConsistency(old, forged, checkpoint.size, checkpoint.root, proof));
    }
  }
});

// Broken: our witness's word would count nowhere else.
test('our cosignatures hold', () => {
  const { key, note, text } = logs.get(257);
  const answer = oursOf(note, 'cosign', join(FOLDER, 'witness.key'), 'witness.example/w1', '1750000000');
  const end = answer.indexOf('\n');
  const [witness, cosigned] = [readKey(answer.slice(0, end)), Buffer.from(answer.slice(end + 1))];
  assert.equal(witness.type, COSIGNATURE);
  assert.deepEqual(openNote(cosigned, [key, witness]), {
    text, signed: [{ name: key.name, time: 0 }, { name: witness.name, time: 1750000000 }] });
  const later = Buffer.from(cosigned.toString().replace('257', '258'));
  assert.throws(() => openNote(later, [witness]));
});

// Broken: what was removed in its time would make the rest of the log unreadable to others.
test('a log with removed entries can be read', () => {
  const { folder, checkpoint } = logs.get(1000);
  ours('remove', folder, '1');
  const get = (path) => readFileSync(join(folder, path));
  const entries = readTree(1000, checkpoint.root, get, { removed: true });
  assert.equal(entries.filter(({ length }) => length === 0).length, 256);
  assert.deepEqual(entries[600], entryOf(600));
  assert.throws(() => readTree(1000, checkpoint.root, get));
});

// ---------------------------------------------------------------------------------------------
// The other way

const LOG = makeSigner('example.org/log', ED25519, Buffer.alloc(32, 1));
const WITNESS = makeSigner('witness.example.org', COSIGNATURE, Buffer.alloc(32, 2));

function makeLog(size) {
  const leaves = Array.from({ length: size }, (_, n) => leafOf(entryOf(n)));
  const text = checkpointText({ origin: LOG.name, size, root: rootOf(leaves) });
  return { leaves, text, note: signNote(text, LOG) + cosign(text, WITNESS, 1750000001) };
}

// Broken: we would refuse the checkpoints and cosignatures of others, or take forged ones.
test('our side takes the notes of others', () => {
  for (const size of [0, 1, 5, 300]) {
    const { note, text } = makeLog(size);
    assert.equal(oursOf(note, 'check', LOG.vkey), 'ok 0');
    assert.equal(oursOf(note, 'check', WITNESS.vkey), 'ok 1750000001');
    const forged = note.replace(text, checkpointText({ origin: LOG.name, size: size + 1, root: rootOf([]) }));
    assert.equal(oursOf(forged, 'check', LOG.vkey), 'mismatch');
    assert.equal(oursOf(forged, 'check', WITNESS.vkey), 'mismatch');
  }
  const extended = `${makeLog(5).text}an extension\n`;
  assert.equal(oursOf(signNote(extended, LOG), 'check', LOG.vkey), 'ok 0');
  assert.equal(oursOf(signNote('other.example/log\n0\n', LOG), 'check', LOG.vkey), 'ok 0');
  assert.equal(oursOf(signNote(checkpointText({ origin: 'other', size: 0, root: rootOf([]) }), LOG), 'check', LOG.vkey),
    'mismatch');
});

// Broken: `jwb evidence check` would refuse a proof that another tool made of a log, or take a wrong one.
test('our side takes the proofs of others', () => {
  for (const size of [1, 2, 3, 100, 257]) {
    const { leaves, note } = makeLog(size);
    for (const index of new Set([0, size >> 1, size - 1])) {
      const proof = { extra: entryOf(index), index, path: pathOf(index, leaves), note };
      assert.equal(oursOf(writeProof(proof), 'check-proof'), 'ok');
      assert.equal(oursOf(writeProof({ ...proof, extra: entryOf(index + 1) }), 'check-proof'), 'mismatch');
      assert.equal(oursOf(writeProof({ ...proof, index: index + 1 }), 'check-proof'), 'mismatch');
      assert.equal(oursOf(writeProof({ ...proof, path: [...proof.path, leaves[0]] }), 'check-proof'), 'mismatch');
    }
  }
});

// Broken: a folder that a web server publishes would lack what a checkpoint promises.
test('every file of the newest checkpoint is there, and no partial one of a full tile', () => {
  for (const [size, { folder }] of logs)
    for (const { path, width } of resources(size)) {
      assert.ok(existsSync(join(folder, path)), path);
      assert.ok(width < 256 || !existsSync(join(folder, `${path}.p`)), path);
    }
});
