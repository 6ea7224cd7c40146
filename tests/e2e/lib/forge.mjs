// Codes that no gateway makes: the claims of a real one changed, and signed with a key that one has.
import crypto from 'node:crypto';
import { decode, encode, rfc8949EncodeOptions } from 'cborg';
import { digitsOfOctets, digitsOfText, octetsOfDigits } from '../../independent/verifier.mjs';

const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const cbor = (value) => Buffer.from(encode(value, rfc8949EncodeOptions));

// The places of the licence claim, -65537.
export const VERSION = 4, VALID_UNTIL = 7, LIST = 8, INDEX = 9;

function sign(jwk, bytes, high) {
  const key = crypto.createPrivateKey({ key: { kty: 'EC', crv: 'P-256', x: jwk.x, y: jwk.y, d: jwk.d },
    format: 'jwk' });
  const signature = crypto.sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' });
  let s = BigInt(`0x${signature.subarray(32).toString('hex')}`);
  if (s > ORDER / 2n !== high) s = ORDER - s;
  return Buffer.concat([signature.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]);
}

export const octetsOf = (text) => Buffer.from(octetsOfDigits(digitsOfText(text)));
export const textOf = (octets) => digitsOfOctets(octets);

// `real` with its claims as `change` leaves them: {4: exp, 6: iat, 7: cti, licence: [...]}, signed by
// the private key `jwk`. Options: kid, alg, high (the other s), whole (changes the octets at last).
export function forge(real, jwk, change, { kid = jwk.kid, alg = -7, high = false, whole = (octets) => octets } = {}) {
  const claims = decode(decode(octetsOf(real), { useMaps: true })[2], { useMaps: true });
  const draft = { 4: claims.get(4), 6: claims.get(6), 7: crypto.randomBytes(8), licence: claims.get(-65537) };
  change(draft);
  const payload = cbor(new Map([[4, draft[4]], [6, draft[6]], [7, draft[7]], [-65537, draft.licence]]));
  const head = cbor(new Map([[1, alg], [4, Buffer.from(kid, 'hex')]]));
  const signature = sign(jwk, cbor(['Signature1', head, Buffer.alloc(0), payload]), high);
  return textOf(whole(cbor([head, new Map(), payload, signature])));
}
