// Licence codes (亮证码): text -> digits -> octets -> claims, and checks 1 to 8 of docs/PROTOCOL.md section 8.
// The numbers in the comments are sections of that document. No DOM: it works in browsers and in Node.
import { hex, Malformed, need, printable, Reader } from './cbor.mjs';
import { isSignedBy, readSign1 } from './cose.mjs';

const TEXT = /^(https:\/\/[A-Za-z0-9][A-Za-z0-9._~:/-]{0,23}\/v[#/])?([0-9]{1,600})$/;
const OCTETS_OF_DIGITS = { 3: 1, 5: 2, 8: 3, 10: 4, 13: 5, 15: 6, 17: 7 };
const GROUP_DIGITS = 17;
const COSE_BYTES_MAX = 247;
const CLAIM_LICENCE = -65537;
const LIFE_S_MAX = 300;
const U16 = 0xffff, U32 = 0xffffffff;
const INDEX_MAX = 2 ** 20 - 1;
const UTC8_S = 28800, DAY_S = 86400;

// What can't be settled where keys may be old and the clock wrong (10).
const INDETERMINATE = new Set(['clock_untrusted', 'trust_stale', 'unknown_key', 'not_yet_valid']);

// 1: the digits of a scanned text. Throws Malformed.
export function digitsOf(text) {
  const match = TEXT.exec(text.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, ''));
  need(match, 'not the text of a code');
  return match[2];
}

// 2
export function octetsOf(digits) {
  const octets = [];
  need(/^[0-9]*$/.test(digits), 'not digits');
  for (let at = 0; at < digits.length; at += GROUP_DIGITS) {
    const group = digits.slice(at, at + GROUP_DIGITS);
    const count = OCTETS_OF_DIGITS[group.length];
    need(count, 'no group has so many digits');
    let number = BigInt(group); // 17 digits are more than a double holds
    need(number < 1n << BigInt(8 * count), 'too large for its octets');
    for (let i = 0; i < count; i++, number >>= 8n) octets.push(Number(number & 255n));
  }
  return Uint8Array.from(octets);
}

// 4, 5
function readClaims(payload) {
  const r = new Reader(payload);
  r.map(4);
  r.key(4);
  const exp = r.uint(U32);
  r.key(6);
  const iat = r.uint(U32);
  r.key(7);
  const cti = hex(r.bytes(8, 8));
  r.key(CLAIM_LICENCE);
  r.array(10);
  r.key(1); // the profile
  const claims = {
    exp, iat, cti, kind: r.uint(1), type: r.uint(U16), issuer: r.uint(U16), version: r.uint(U16),
    holder_name: printable(r.text(1, 105)), number_tail: r.text(0, 4), valid_until: r.isNull() ? null : r.uint(U16),
    list: r.uint(U16), index: r.uint(INDEX_MAX),
  };
  r.end();
  need(exp > iat && exp - iat <= LIFE_S_MAX, 'lifetime');
  need(/^[\x21-\x7e]*$/.test(claims.number_tail), 'number_tail');
  return claims;
}

// Check 1, of octets: {alg, kid, claims, ...}. Throws Malformed.
export function readOctets(octets) {
  need(octets.length <= COSE_BYTES_MAX, 'too long');
  const message = readSign1(octets, null, COSE_BYTES_MAX);
  return { ...message, claims: readClaims(message.payload) };
}

// Check 1: a scanned text, or digits alone.
export function read(text) {
  return readOctets(octetsOf(digitsOf(text)));
}

// Check 8.
function isOver(validUntil, now) {
  return validUntil !== null && Math.floor((now + UTC8_S) / DAY_S) > validUntil;
}

// Checks 3 to 6, which need no mathematics: the reason of the first that fails, or null.
function reasonBeforeSignature({ kid, alg, claims: { iat, exp } }, options) {
  const { keys, revoked, now, future, past, lifeMax = LIFE_S_MAX } = options;
  const key = keys.get(kid);
  if (revoked.has(kid)) return 'key_revoked';
  if (key?.use !== 'code' || key.alg !== alg || iat < key.useFrom || iat >= key.retireAt) return 'unknown_key';
  if (iat > now + future) return 'not_yet_valid';
  return now >= Math.min(exp, iat + lifeMax) + past ? 'code_expired' : null;
}

// Checks 2 to 8 of a message that was read. Options: keys (Map of kid to {alg, use, useFrom, retireAt,
// publicKey}), revoked (Set of kids), now (Unix seconds, whole), future and past (tolerances in seconds), lifeMax (a
// bundle's limit of a code's life), doubt (check 2: a reason not to believe clock or keys, or null),
// verifySignature (see cose.mjs).
//
// {result, reason, claims}: 'authentic', 'invalid', 'indeterminate', or 'unchecked': all is well but for the
// signature, which nobody here can check. claims is null unless the signature was found good.
export async function verifyMessage(message, { doubt = null, verifySignature, ...options }) {
  const answer = (reason, claims = null) =>
    ({ result: INDETERMINATE.has(reason) ? 'indeterminate' : 'invalid', reason, claims });
  const reason = doubt ?? reasonBeforeSignature(message, options);
  if (reason) return answer(reason);
  const isGood = await isSignedBy(options.keys.get(message.kid), message, verifySignature);
  if (isGood === null) return { result: 'unchecked', reason: null, claims: null };
  if (!isGood) return answer('bad_signature');
  if (isOver(message.claims.valid_until, options.now)) return answer('licence_expired', message.claims);
  return { result: 'authentic', reason: null, claims: message.claims };
}

// Checks 1 to 8 of a text.
export async function verify(text, options) {
  let message;
  try {
    message = read(text);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return { result: 'invalid', reason: 'malformed', claims: null };
  }
  return verifyMessage(message, options);
}
