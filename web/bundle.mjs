// The trust bundle (信任包): the keys, which are revoked, the catalogues. docs/PROTOCOL.md defines it.
// The page believes it because it came over TLS from the host that the page itself came from; whoever pinned
// root keys gives them, and its signature is checked.
import { hex, need, printable, Reader } from './cbor.mjs';
import { ES256, isSignedBy, kidOf, readSign1, SM2 } from './cose.mjs';

export const BUNDLE_TYPE = 'application/jwb-trust+cbor';
export const BUNDLE_BYTES_MAX = 512 * 1024;
const KEYS_MAX = 64, REVOKED_MAX = 256, TYPES_MAX = 1024, ISSUERS_MAX = 4096, LISTS_MAX = 256;
const CODE_BYTES_MAX = 63, NAME_BYTES_MAX = 512, URI_BYTES_MAX = 255;
const LIFE_S_MAX = 300, TOLERANCE_S_MAX = 3600;
const U16 = 0xffff, U32 = 0xffffffff;
const CLOCK_SLACK_S = 60;
const USES = { 0: 'code', 1: 'status', 2: 'root', 4: 'receipt', 5: 'webhook' };

function readKey(r) {
  r.array(7);
  const kid = hex(r.bytes(4, 4));
  const use = USES[r.uint(5)];
  const alg = r.int();
  need(use && (alg === ES256 || alg === SM2), 'use or alg');
  const publicKey = r.bytes(65, 65);
  const [publishAt, useFrom, retireAt] = [r.uint(U32), r.uint(U32), r.uint(U32)];
  return { kid, use, alg, publicKey, useFrom: Math.max(publishAt, useFrom), retireAt: retireAt === U32 ? Infinity : retireAt };
}

function readRow(r) {
  r.array(4);
  return { index: r.uint(U16), code: printable(r.text(1, CODE_BYTES_MAX)),
    name: printable(r.text(0, NAME_BYTES_MAX)), english: printable(r.text(0, NAME_BYTES_MAX)) };
}

function readList(r) {
  r.array(2);
  return { index: r.uint(U16), uri: printable(r.text(1, URI_BYTES_MAX)) };
}

// Rows whose indices ascend.
function byIndex(rows) {
  need(rows.every(({ index }, i) => i === 0 || rows[i - 1].index < index), 'rows are not in order');
  return new Map(rows.map((row) => [row.index, row]));
}

async function byKid(keys, revoked) {
  const ring = new Map(keys.map((key) => [key.kid, key]));
  need(ring.size === keys.length, 'a kid comes twice');
  for (const { kid, alg, publicKey } of keys) {
    need(!revoked.has(kid), 'a revoked key is among the keys');
    need(await kidOf(alg, publicKey) === kid, 'a kid is not of its key');
  }
  return ring;
}

async function needRoot(message, roots, verifySignature) {
  const root = roots.get(message.kid);
  const isGood = root?.use === 'root' && root.alg === message.alg &&
    await isSignedBy(root, message, verifySignature);
  need(isGood, 'not signed by a root key');
}

// {version, notBefore, expires, keys, revoked, types, issuers, lists, lifeMax, future, past}: keys by kid
// as code.mjs takes them, catalogues by index. Throws Malformed. Needs WebCrypto's SHA-256. Time is not looked
// at: see doubtOf. With `roots`, a Map of kid to keys, it must be signed by one of them.
export async function readBundle(octets, { roots, verifySignature } = {}) {
  need(octets.length <= BUNDLE_BYTES_MAX, 'too long');
  const message = readSign1(octets, BUNDLE_TYPE, BUNDLE_BYTES_MAX);
  const r = new Reader(message.payload);
  const field = (key, readValue) => {
    r.key(key);
    return readValue();
  };
  r.map(9);
  const version = field(1, () => r.uint(Number.MAX_SAFE_INTEGER));
  const notBefore = field(2, () => r.uint(U32));
  const expires = field(3, () => r.uint(U32));
  const keys = field(4, () => r.arrayOf(KEYS_MAX, readKey));
  const kids = field(5, () => r.arrayOf(REVOKED_MAX, () => hex(r.bytes(4, 4))));
  const types = field(6, () => byIndex(r.arrayOf(TYPES_MAX, readRow)));
  const issuers = field(7, () => byIndex(r.arrayOf(ISSUERS_MAX, readRow)));
  const lists = field(8, () => byIndex(r.arrayOf(LISTS_MAX, readList)));
  r.key(9);
  r.array(3);
  const [lifeMax, future, past] = [r.uint(LIFE_S_MAX), r.uint(TOLERANCE_S_MAX), r.uint(TOLERANCE_S_MAX)];
  r.end();
  need(version > 0 && notBefore < expires && lifeMax > 0, 'out of range');
  need(kids.every((kid, i) => i === 0 || kids[i - 1] < kid), 'revoked kids are not in order');
  const revoked = new Set(kids);
  const ring = await byKid(keys, revoked);
  if (roots) await needRoot(message, roots, verifySignature);
  return { version, notBefore, expires, keys: ring, revoked, types, issuers, lists, lifeMax, future, past };
}

// Check 2 of a code: why clock or keys may not be believed; null: they may.
export function doubtOf({ notBefore, expires }, now) {
  if (now + CLOCK_SLACK_S < notBefore) return 'clock_untrusted';
  return now >= expires ? 'trust_stale' : null;
}
