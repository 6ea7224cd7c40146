// COSE_Sign1 (RFC 9052 section 4.2) in the two forms of docs/PROTOCOL.md, and signatures.
import { bytesItem, concatenate, hex, need, Reader } from './cbor.mjs';

export const ES256 = -7;
export const SM2 = -65601;

// The order of P-256: of (r, s) and its twin (r, n - s) only the one with s <= n/2 counts.
const P256_N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

// Untagged and without a type: a licence code. With a type (RFC 9596): tag 18, which is what the message
// says it is. Throws Malformed.
export function readSign1(octets, type, bytesMax) {
  const r = new Reader(octets);
  if (type) r.tag(18);
  r.array(4);
  const header = r.bytes(0, 128);
  r.map(0);
  const payload = r.bytes(0, bytesMax);
  const signature = r.bytes(64, 64);
  r.end();
  const h = new Reader(header);
  h.map(type ? 3 : 2);
  h.key(1);
  const alg = h.int();
  need(alg === ES256 || alg === SM2, 'alg');
  h.key(4);
  const kid = hex(h.bytes(4, 4));
  if (type) {
    h.key(16);
    need(h.text(1, 64) === type, 'type');
  }
  h.end();
  return { alg, kid, payload, signature, signed: sigStructure(header, payload) };
}

// ["Signature1", protected, h'', payload]
function sigStructure(header, payload) {
  const start = [0x84, 0x6a, ...new TextEncoder().encode('Signature1')];
  return concatenate(start, bytesItem(header), [0x40], bytesItem(payload));
}

function isLow(signature) {
  const [r, s] = [signature.subarray(0, 32), signature.subarray(32)].map((octets) => BigInt(`0x${hex(octets)}`));
  return r > 0n && r < P256_N && s > 0n && s <= P256_N / 2n;
}

// What a browser has: ES256 by WebCrypto, and no SM2. Resolves to true, false, or null: it can't tell.
export async function verifyByWebCrypto(key, signed, signature) {
  const subtle = globalThis.crypto?.subtle;
  if (!subtle || key.alg !== ES256) return null;
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const publicKey = await subtle.importKey('raw', key.publicKey, algorithm, false, ['verify']);
  return subtle.verify(algorithm, publicKey, signature, signed);
}

// Is the message by this key? True, false, or null. `verifySignature` is as verifyByWebCrypto, which knows
// nothing of s <= n/2.
export async function isSignedBy(key, message, verifySignature = verifyByWebCrypto) {
  if (key.alg === ES256 && !isLow(message.signature)) return false;
  return verifySignature(key, message.signed, message.signature);
}

const COSE_KEY_HEADS = { // {1: 2, -1: crv, -2: the octets of x
  [ES256]: [0xa4, 0x01, 0x02, 0x20, 0x01, 0x21],
  [SM2]: [0xa4, 0x01, 0x02, 0x20, 0x3a, 0x00, 0x01, 0x00, 0x40, 0x21],
};

// The first 4 octets of the key's thumbprint (RFC 9679), in hexadecimal.
export async function kidOf(alg, publicKey) {
  need(publicKey.length === 65 && publicKey[0] === 4, 'public key');
  const [x, y] = [publicKey.subarray(1, 33), publicKey.subarray(33)];
  const key = concatenate(COSE_KEY_HEADS[alg], bytesItem(x), [0x22], bytesItem(y));
  return hex(new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', key), 0, 4));
}

