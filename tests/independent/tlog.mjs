// A reader of transparency logs written from the C2SP texts (signed-note, tlog-checkpoint,
// tlog-cosignature, tlog-tiles, tlog-proof, tlog-witness), RFC 6962 section 2.1 and RFC 8032 alone.
// It shares no code with the other implementation, so that a mistake in one shows as a disagreement.
// What a text forbids throws.

import assert from 'node:assert/strict';
import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';

export const ED25519 = 1;
export const COSIGNATURE = 4;
const TILE = 256;
const DASH = '— ';

// ---------------------------------------------------------------------------------------------
// Octets and texts

const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest();

function base64(text) {
  const octets = Buffer.from(text, 'base64');
  assert.equal(octets.toString('base64'), text, 'base64 in another form');
  return octets;
}

function hash(text) {
  const octets = base64(text);
  assert.equal(octets.length, 32);
  return octets;
}

function number(text) {
  assert.match(text, /^(0|[1-9][0-9]*)$/);
  return Number(text);
}

// ---------------------------------------------------------------------------------------------
// signed-note

const idOf = (name, type, key) => sha256(Buffer.from(`${name}\n`), Buffer.from([type]), key).subarray(0, 4);

const SPKI = Buffer.from('302a300506032b6570032100', 'hex');
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

export function readKey(text) {
  const [, name, id, octets] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(text);
  const [type, key] = [base64(octets)[0], base64(octets).subarray(1)];
  assert.equal(key.length, 32);
  assert.equal(idOf(name, type, key).toString('hex'), id);
  return { name, id, type, key: createPublicKey({ key: Buffer.concat([SPKI, key]), format: 'der', type: 'spki' }) };
}

export function makeSigner(name, type, seed) {
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' });
  const key = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(SPKI.length);
  const id = idOf(name, type, key);
  return { name, id, privateKey, vkey: `${name}+${id.toString('hex')}+${Buffer.from([type, ...key]).toString('base64')}` };
}

// The text and its signature lines.
export function readNote(octets) {
  const note = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets);
  assert.doesNotMatch(note, /[\0-\x09\x0b-\x1f]/);
  const end = note.lastIndexOf('\n\n');
  assert.ok(end >= 0 && note.endsWith('\n'));
  const lines = note.slice(end + 2, -1).split('\n').map((line) => {
    assert.ok(line.startsWith(DASH));
    const [name, signature, ...more] = line.slice(DASH.length).split(' ');
    assert.match(name, /^[^+\s]+$/u);
    assert.equal(more.length, 0);
    const all = base64(signature);
    assert.ok(all.length > 4);
    return { name, id: all.subarray(0, 4).toString('hex'), signature: all.subarray(4) };
  });
  return { text: note.slice(0, end + 1), lines };
}

// tlog-cosignature, "Ed25519 signed message".
const cosignedMessage = (text, time) => `cosignature/v1\ntime ${time}\n${text}`;

function isGood({ type, key }, text, signature) {
  if (type === ED25519) return verify(null, Buffer.from(text), key, signature);
  assert.equal(type, COSIGNATURE);
  return signature.length === 72
    && verify(null, Buffer.from(cosignedMessage(text, signature.readBigUInt64BE(0))), key, signature.subarray(8));
}

// The text, and of each known key what it has signed: { name, time }. A bad signature of a known key
// throws; lines of unknown keys are passed over.
export function openNote(octets, keys) {
  const { text, lines } = readNote(octets);
  const signed = [];
  for (const { name, id, signature } of lines) {
    const key = keys.find((known) => known.name === name && known.id === id);
    if (!key) continue;
    assert.ok(isGood(key, text, signature), `bad signature of ${name}`);
    signed.push({ name, time: key.type === COSIGNATURE ? Number(signature.readBigUInt64BE(0)) : 0 });
  }
  assert.ok(signed.length > 0, 'no signature of a known key');
  return { text, signed };
}

const lineOf = ({ name, id }, signature) => `${DASH}${name} ${Buffer.concat([id, signature]).toString('base64')}\n`;

export const signNote = (text, signer) => `${text}\n${lineOf(signer, sign(null, Buffer.from(text), signer.privateKey))}`;

export function cosign(text, signer, time) {
  const head = Buffer.alloc(8);
  head.writeBigUInt64BE(BigInt(time));
  return lineOf(signer, Buffer.concat([head, sign(null, Buffer.from(cosignedMessage(text, time)), signer.privateKey)]));
}

// ---------------------------------------------------------------------------------------------
// tlog-checkpoint

export function readCheckpoint(text) {
  const [origin, size, root, ...more] = text.split('\n');
  assert.equal(more.pop(), '');
  assert.ok(origin !== '' && more.every((line) => line !== ''));
  return { origin, size: number(size), root: hash(root) };
}

// The log's own file, of which docs/PROTOCOL.md is the text: the tree that the log's key vouches for.
export function readState(octets, { name, key }) {
  const [format, origin, size, root, ...more] = octets.toString().slice(0, -1).split('\n');
  const [signature, crc] = more.splice(-2);
  assert.deepEqual([format, origin], ['jwb-log-state/1', name]);
  assert.match(crc, /^[0-9a-f]{8}$/);
  for (const line of more) assert.match(line, /^[0-9]+ ./);
  const lines = octets.subarray(0, octets.length - `${signature}\n${crc}\n`.length);
  assert.ok(verify(null, Buffer.concat([Buffer.from([0]), lines]), key, base64(signature)));
  return { size: number(size), root: hash(root) };
}

export const checkpointText = ({ origin, size, root }) => `${origin}\n${size}\n${root.toString('base64')}\n`;

// ---------------------------------------------------------------------------------------------
// RFC 6962 section 2.1: hashes, and proofs as its definitions take them apart

export const leafOf = (entry) => sha256(Buffer.from([0]), entry);
export const nodeOf = (left, right) => sha256(Buffer.from([1]), left, right);

function split(n) {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

export function rootOf(leaves) {
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return leaves[0];
  const k = split(leaves.length);
  return nodeOf(rootOf(leaves.slice(0, k)), rootOf(leaves.slice(k)));
}

export function pathOf(index, leaves) {
  if (leaves.length === 1) return [];
  const k = split(leaves.length);
  return index < k
    ? [...pathOf(index, leaves.slice(0, k)), rootOf(leaves.slice(k))]
    : [...pathOf(index - k, leaves.slice(k)), rootOf(leaves.slice(0, k))];
}

export function rootOfPath(leaf, index, size, path) {
  assert.ok(index < size);
  if (size === 1) {
    assert.equal(path.length, 0);
    return leaf;
  }
  assert.ok(path.length > 0);
  const [k, rest, last] = [split(size), path.slice(0, -1), path[path.length - 1]];
  return index < k ? nodeOf(rootOfPath(leaf, index, k, rest), last) : nodeOf(last, rootOfPath(leaf, index - k, size - k, rest));
}

// The roots of the old and of the new tree that a consistency proof leads to; `known` is the old root
// as far as the old tree is itself a whole branch of the new one.
function rootsOfProof(oldSize, size, proof, known) {
  if (oldSize === size) {
    assert.equal(proof.length, known ? 0 : 1);
    const root = known ?? proof[0];
    return [root, root];
  }
  assert.ok(proof.length > 0);
  const [k, rest, last] = [split(size), proof.slice(0, -1), proof[proof.length - 1]];
  if (oldSize <= k) {
    const [older, newer] = rootsOfProof(oldSize, k, rest, known);
    return [older, nodeOf(newer, last)];
  }
  const [older, newer] = rootsOfProof(oldSize - k, size - k, rest, undefined);
  return [nodeOf(last, older), nodeOf(last, newer)];
}

export function checkConsistency(oldSize, oldRoot, size, root, proof) {
  assert.ok(oldSize <= size);
  if (oldSize === 0) return assert.equal(proof.length, 0);
  const [older, newer] = rootsOfProof(oldSize, size, proof, oldRoot);
  assert.deepEqual([older, newer], [oldRoot, root]);
}

// ---------------------------------------------------------------------------------------------
// tlog-tiles

export function tilePath(level, index, width = TILE) {
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/.../g);
  const elements = groups.map((group, i) => (i + 1 < groups.length ? `x${group}` : group));
  return `tile/${level}/${elements.join('/')}${width < TILE ? `.p/${width}` : ''}`;
}

export function readBundle(octets) {
  const entries = [];
  for (let at = 0; at < octets.length;) {
    const length = octets.readUInt16BE(at);
    assert.ok(at + 2 + length <= octets.length);
    entries.push(octets.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return entries;
}

// All paths of a tree of this size, each with its level ('entries' for bundles), index and width.
export function* resources(size) {
  for (const [level, hashes] of [['entries', size], ...Array.from({ length: 6 }, (_, l) => [l, Math.floor(size / TILE ** l)])])
    for (let index = 0; index * TILE < hashes; index++) {
      const width = Math.min(TILE, hashes - index * TILE);
      yield { level, index, width, path: tilePath(level, index, width) };
    }
}

// Reads the whole tree of a size by `get` (a path's octets) and gives its entries, having checked each
// tile against the one below, bundles against level 0, and the root. `removed`: may an entry be empty?
export function readTree(size, root, get, { removed = false } = {}) {
  const entries = [];
  const levels = [];
  for (const { level, width, path } of resources(size)) {
    const octets = get(path);
    if (level === 'entries') {
      const bundle = readBundle(octets);
      assert.equal(bundle.length, width, path);
      entries.push(...bundle);
    } else {
      assert.equal(octets.length, width * 32, path);
      levels[level] ??= [];
      for (let i = 0; i < width; i++) levels[level].push(octets.subarray(i * 32, i * 32 + 32));
    }
  }
  entries.forEach((entry, i) => {
    if (entry.length > 0 || !removed) assert.deepEqual(leafOf(entry), levels[0][i], `entry ${i}`);
  });
  for (let level = 1; level < levels.length; level++)
    levels[level].forEach((made, i) => {
      assert.deepEqual(rootOf(levels[level - 1].slice(i * TILE, (i + 1) * TILE)), made, `level ${level}, hash ${i}`);
    });
  assert.deepEqual(rootOf(levels[0] ?? []), root);
  return entries;
}

// ---------------------------------------------------------------------------------------------
// tlog-proof, and the body of tlog-witness's add-checkpoint

function readHead(text) {
  const end = text.indexOf('\n\n');
  assert.ok(end >= 0);
  return { lines: text.slice(0, end).split('\n'), note: Buffer.from(text.slice(end + 2)) };
}

export function readProof(text) {
  const { lines, note } = readHead(text);
  assert.equal(lines.shift(), 'c2sp.org/tlog-proof@v1');
  const extra = lines[0].startsWith('extra ') ? base64(lines.shift().slice('extra '.length)) : undefined;
  const [, index] = /^index (.+)$/.exec(lines.shift());
  return { extra, index: number(index), path: lines.map(hash), note };
}

export function writeProof({ extra, index, path, note }) {
  const lines = ['c2sp.org/tlog-proof@v1', `extra ${extra.toString('base64')}`, `index ${index}`];
  return `${[...lines, ...path.map((octets) => octets.toString('base64'))].join('\n')}\n\n${note}`;
}

export function readAddCheckpoint(text) {
  const { lines, note } = readHead(text);
  const [, old] = /^old (.+)$/.exec(lines.shift());
  return { old: number(old), proof: lines.map(hash), note };
}
