// Mutated codes: terminal/ with mbedTLS, the same with OpenSSL (tests/agree.c), and offline.mjs must give the same result and
// reason for each. AGREE_CODES of them, from AGREE_SEED; 'make agree' takes 100,000. The same seed makes the same mutations (but
// for the nonces of new signatures, on which no answer depends).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createPrivateKey, sign } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { decode, encode, rfc8949EncodeOptions } from 'cborg';
import sm from 'sm-crypto';
import { digitsOf, octetsOf } from '../../web/code.mjs';
import { ES256, SM2 } from '../../web/cose.mjs';
import { Terminal } from './offline.mjs';

const ROOT = new URL('../..', import.meta.url).pathname;
const VECTORS = `${ROOT}tests/vectors/offline.json`;
const CASE = 'many_answers';
const CODES = Number(process.env.AGREE_CODES ?? 3000), SEED = Number(process.env.AGREE_SEED ?? 1), BATCH = 2500;
const SM2_SHARE = 0.1;
const REASONS = ['none', 'malformed', 'clock_untrusted', 'trust_stale', 'key_revoked', 'unknown_key', 'not_yet_valid', 'code_expired',
  'bad_signature', 'licence_expired', 'status_unavailable', 'licence_invalid', 'licence_seized', 'licence_not_in_force', 'status_stale',
  'catalogue_unknown']; // code_already_used needs a memory

const { cities: [city, otherCity], cases } = JSON.parse(readFileSync(VECTORS, 'utf8'));
const NOW = 1750000000, PLACE = 700123, TODAY = Math.floor((NOW + 28800) / 86400);
const ORDERS = {
  ES256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  SM2: 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n,
};

// ---- chance (mulberry32) ----

let state = SEED;
function chance() {
  state = state + 0x6d2b79f5 | 0;
  let mixed = Math.imul(state ^ state >>> 15, 1 | state);
  mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
  return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
}
const below = (count) => Math.floor(chance() * count);
const oneOf = (items) => items[below(items.length)];

// ---- octets and signatures ----

const bigOf = (octets) => BigInt(`0x${Buffer.from(octets).toString('hex') || '0'}`);
const octetsOfBig = (number) => Buffer.from(BigInt.asUintN(256, number).toString(16).padStart(64, '0'), 'hex');
const cbor = (value) => Buffer.from(encode(value, rfc8949EncodeOptions));
const TAIL_DIGITS = [0, 3, 5, 8, 10, 13, 15, 17];

function digitsOfOctets(octets) {
  let digits = '';
  for (let at = 0; at < octets.length; at += 7) {
    const group = Buffer.from(octets.subarray(at, at + 7));
    digits += bigOf(group.reverse()).toString().padStart(TAIL_DIGITS[group.length], '0');
  }
  return digits;
}

const KEYS = Object.fromEntries([['ES256', city], ['SM2', otherCity]].map(([alg, { keys }]) => [alg, keys]));
const privateKeys = Object.fromEntries(Object.entries(KEYS.ES256).map(([name, { private: d, public: point }]) => {
  const [x, y] = [2, 66].map((at) => Buffer.from(point.slice(at, at + 64), 'hex').toString('base64url'));
  const key = { kty: 'EC', crv: 'P-256', d: Buffer.from(d, 'hex').toString('base64url'), x, y };
  return [name, createPrivateKey({ key, format: 'jwk' })];
}));

function signed(alg, name, header, payload) {
  const message = cbor(['Signature1', header, Buffer.alloc(0), payload]);
  const { private: d, public: publicKey } = KEYS[alg][name];
  if (alg === 'SM2')
    return Buffer.from(sm.sm2.doSignature([...message], d, { hash: true, publicKey, userId: '1234567812345678' }), 'hex');
  const signature = sign('sha256', message, { key: privateKeys[name], dsaEncoding: 'ieee-p1363' });
  return lower(signature);
}
function lower(signature) {
  const s = bigOf(signature.subarray(32));
  return s > ORDERS.ES256 / 2n ? twin(signature, ORDERS.ES256) : signature;
}
const twin = (signature, order) => Buffer.concat([signature.subarray(0, 32), octetsOfBig(order - bigOf(signature.subarray(32)))]);

// ---- mutations: each takes a code in parts and gives a text, or parts ----

const PREFIXES = ['', 'https://jwb.example/v#', 'https://jwb.example/v/', 'http://jwb.example/v#', 'HTTPS://jwb.example/v#',
  'https://jwb.example/V#', 'https://jwb.example/v', 'https://jwb.example/v?', 'https:///v#', 'https://a/v#', 'https://-a/v#',
  'https://a.b:8443/x/y/v#', 'https://a@b/v#', 'https://例.cn/v#', `https://${'a'.repeat(24)}/v#`, `https://${'a'.repeat(25)}/v#`,
  'jwb:', '\ufeff', '-', '+', '0', '00'];
const SPACES = ['', ' ', '\t', '\r', ' \t\r ', '\u00a0', '\u3000', '\u000b', '\u000c', '\u0000', '\u2028', '\ufeff'];
const NAMES = ['张*', '李**', '', 'A', '\ufeff张*', '张\u0000', '张\n', '张\u007f', '张\u0085', '张\u2028*', '𠮷*', 'é', 'e\u0301', '\u202e张',
  '\ufffe', '\u{10ffff}', '·'.repeat(52), `${'张'.repeat(35)}`, `${'张'.repeat(35)}a`, 'a'.repeat(105), 'a'.repeat(106)];
const TAILS = ['0417', '', '1', '04170', '041 ', '~!~!', '\u007f', '张', '04\u0000'];

const flipOctets = (octets) => {
  const mutated = Buffer.from(octets);
  for (let i = 1 + below(3); i > 0 && mutated.length; i--) mutated[below(mutated.length)] ^= oneOf([1, 2, 4, 8, 16, 32, 64, 128, 255]);
  return mutated;
};
function cutAndPaste(octets) {
  const at = below(octets.length), end = at + 1 + below(4);
  return oneOf([
    () => Buffer.concat([octets.subarray(0, at), octets.subarray(end)]),
    () => Buffer.concat([octets.subarray(0, end), octets.subarray(at)]),
    () => Buffer.concat([octets.subarray(0, at), Buffer.of(below(256)), octets.subarray(at)]),
    () => octets.subarray(0, at),
    () => Buffer.concat([octets, Buffer.alloc(1 + below(70), below(256))]),
  ])();
}
const textOf = (octets) => PREFIXES[below(3)] + digitsOfOctets(octets);

function alterText({ octets }) {
  const text = textOf(octets);
  const at = below(text.length);
  return oneOf([
    () => text.slice(0, at) + below(10) + text.slice(at + 1),
    () => text.slice(0, at),
    () => text.slice(at),
    () => text + String(below(10)).repeat(1 + below(20)),
    () => text.slice(0, at) + oneOf([...SPACES, '0', '９', '٣', 'x', '-']) + text.slice(at),
    () => oneOf(PREFIXES) + digitsOfOctets(octets),
    () => oneOf(SPACES) + text + oneOf(SPACES),
    () => digitsOfOctets(octets).repeat(2),
    () => oneOf(['', '0', '000', '255', '256', '00255', 'https://jwb.example/v#', '9'.repeat(17), '9'.repeat(600), '0'.repeat(601)]),
  ])();
}
const alterOctets = ({ octets }) => textOf(chance() < 0.7 ? flipOctets(octets) : cutAndPaste(octets));

function alterSignature({ alg, signature, ...parts }) {
  const order = ORDERS[alg], [r, s] = [signature.subarray(0, 32), signature.subarray(32)];
  const number = () => octetsOfBig(oneOf([0n, 1n, order - 1n, order, order + 1n, order / 2n, order / 2n + 1n, order - bigOf(r), -1n, 2n ** 255n]));
  return { alg, ...parts, signature: oneOf([
    () => twin(signature, order),
    () => Buffer.concat([number(), s]),
    () => Buffer.concat([r, number()]),
    () => Buffer.concat([number(), number()]),
    () => Buffer.concat([s, r]),
    () => flipOctets(signature),
    () => cutAndPaste(signature),
  ])() };
}

const edge = (...values) => oneOf(values) + below(3) - 1;
const CLAIMS = [
  (c, iat) => c.set(4, iat + edge(0, 1, 60, 300)),
  (c, iat) => c.set(6, iat + edge(-60, 0, 60)),
  (c) => [c.set(6, edge(NOW - 86400, NOW, 1700000000)), c.set(4, c.get(6) + 60)],
  (c) => c.set(oneOf([4, 6]), oneOf([0, -1, 2 ** 32 - 1, 2 ** 32, 2 ** 53, 1.5, '0', null, Buffer.of(1)])),
  (c) => c.set(7, Buffer.alloc(oneOf([0, 7, 8, 8, 9]), below(256))),
  (c) => c.set(oneOf([1, 2, 3, 5, 8, -1, 'x']), 1),
  (c) => c.delete(oneOf([4, 6, 7, -65537])),
  (c, iat, l) => { l[0] = oneOf([0, 1, 2]); },
  (c, iat, l) => { l[1] = oneOf([0, 1, 1, 2, -1]); },
  (c, iat, l) => { l[2] = oneOf([1, 2, 3, 65535, 65536]); },
  (c, iat, l) => { l[3] = oneOf([411, 412, 413]); },
  (c, iat, l) => { l[4] = oneOf([0, 65535, 65536, null]); },
  (c, iat, l) => { l[5] = oneOf(NAMES); },
  (c, iat, l) => { l[6] = oneOf(TAILS); },
  (c, iat, l) => { l[7] = oneOf([null, TODAY, TODAY - 1, TODAY + 1, 0, 65535, 65536, -1]); },
  (c, iat, l) => { l[8] = oneOf([0, 1, 2, 65535, 65536]); },
  (c, iat, l) => { l[9] = oneOf([PLACE + 1, PLACE + 2, PLACE + 3, PLACE + 4, 0, 2 ** 20 - 1, 2 ** 20]); },
  (c, iat, l) => { l.push(0); },
  (c, iat, l) => { l.pop(); },
];
const again = (parts, key = 'code') => ({ ...parts, signature: signed(parts.alg, key, parts.header, parts.payload) });

function alterClaims(parts) {
  const claims = decode(parts.payload, { useMaps: true });
  for (let i = 1 + below(2); i > 0; i--)
    oneOf(CLAIMS)(claims, claims.get(6) ?? NOW, claims.get(-65537) ?? []);
  return again({ ...parts, payload: cbor(claims) });
}
// The last of the places, types and days: what is well-formed, and something is to be said of it.
function alterLicence(parts) {
  const claims = decode(parts.payload, { useMaps: true });
  const licence = claims.get(-65537);
  licence[2] = oneOf([2, 2, 2, 3]);
  licence[7] = oneOf([null, TODAY, TODAY + 1, TODAY - 1]);
  licence[8] = oneOf([0, 0, 0, 1, 2]);
  licence[9] = PLACE + below(5);
  return again({ ...parts, payload: cbor(claims) });
}
const alterPayload = (parts) => again({ ...parts, payload: chance() < 0.7 ? flipOctets(parts.payload) : cutAndPaste(parts.payload) });
function alterHeader(parts) {
  const kid = Buffer.from(oneOf(Object.values(KEYS[oneOf(['ES256', 'SM2'])])).kid, 'hex');
  const header = oneOf([
    () => flipOctets(parts.header),
    () => cutAndPaste(parts.header),
    () => cbor(new Map([[1, oneOf([ES256, SM2, -8, -35, 'ES256'])], [4, kid]])),
    () => cbor(new Map([[1, parts.alg === 'SM2' ? SM2 : ES256], [4, kid]])),
    () => cbor(new Map([[1, ES256], [4, kid], [16, 'application/cwt']])),
  ])();
  return again({ ...parts, header });
}
// Another key says it is itself.
function alterKey(parts) {
  const name = oneOf(['second_code', 'second_code', 'status', 'root', 'stranger', 'next_root']);
  const header = cbor(new Map([[1, parts.alg === 'SM2' ? SM2 : ES256], [4, Buffer.from(KEYS[parts.alg][name].kid, 'hex')]]));
  return again({ ...parts, header }, oneOf([name, 'code']));
}

const MUTATIONS = { text: alterText, octets: alterOctets, signature: alterSignature, claims: alterClaims, licence: alterLicence,
  payload: alterPayload, header: alterHeader, key: alterKey, clock: (parts) => parts };
const NAMES_OF_MUTATIONS = Object.keys(MUTATIONS);

function partsOf(text, alg) {
  const octets = Buffer.from(octetsOf(digitsOf(text)));
  const [header, , payload, signature] = decode(octets, { useMaps: true }).map((item) => item instanceof Uint8Array ? Buffer.from(item) : item);
  return { alg, octets, header, payload, signature };
}
const BASES = {
  ES256: ['typical', 'typical', 'by_second_key', 'in_list_1', 'long_lived', 'last_day', 'day_after', 'long_term', 'unknown_type',
    'from_60_ahead'].map((name) => partsOf(city.codes[name], 'ES256')),
  SM2: [partsOf(city.codes.of_other_algorithm, 'SM2')],
};
const TIMES = [0, 0, 0, 0, 1, 29, 59, 60, 89, 90, 300, -1, -60, -61, -3660, -3661, 82799, 82800, 86399, 6 * 86400 - 1, 6 * 86400];

function mutate() {
  const kind = oneOf(NAMES_OF_MUTATIONS);
  const mutated = MUTATIONS[kind](oneOf(BASES[chance() < SM2_SHARE ? 'SM2' : 'ES256']));
  const text = typeof mutated === 'string' ? mutated
    : textOf(cbor([mutated.header, new Map(), mutated.payload, mutated.signature]));
  const now = NOW + (kind === 'clock' || chance() < 0.1 ? oneOf(TIMES) : 0);
  return { kind, now, text: text.replaceAll('\n', ' ') };
}

// ---- the three ----

async function answersOf(provider, codes) {
  const child = spawn(`${ROOT}build/release/tests/agree`, [VECTORS, CASE, provider], { stdio: ['pipe', 'pipe', 'inherit'] });
  let lines = '';
  child.stdout.setEncoding('utf8').on('data', (text) => { lines += text; });
  child.stdin.end(codes.map(({ now, text }) => `${now} ${text}\n`).join(''));
  const [status] = await once(child, 'close');
  assert.equal(status, 0, provider);
  const answers = lines.trimEnd().split('\n');
  assert.equal(answers.length, codes.length, provider);
  return answers;
}

async function terminalOf(row) {
  const terminal = new Terminal();
  const octets = (hex) => new Uint8Array(Buffer.from(hex, 'hex'));
  await terminal.pin(city.roots);
  for (const { now, bundle, list, as } of row.steps) {
    if (bundle) assert.equal(await terminal.takeBundle(octets(city.bundles[bundle]), now), 'ok');
    if (list) assert.equal(await terminal.takeList(as, octets(city.lists[list]), now), 'ok');
  }
  return terminal;
}

async function answersOfJs(terminal, codes) {
  const answers = [];
  for (const { now, text } of codes) {
    const { result, reason } = await terminal.answer(text, now);
    answers.push(`${result} ${reason}`);
  }
  return answers;
}

test('one of three verifiers takes a mutated code for another thing than the others do', { timeout: 3600e3 }, async (t) => {
  const terminal = await terminalOf(cases.find(({ name }) => name === CASE));
  const counts = {}, differences = [];
  for (let done = 0; done < CODES; done += BATCH) {
    const codes = Array.from({ length: Math.min(BATCH, CODES - done) }, mutate);
    const [mbedtls, openssl, js] = await Promise.all(
      [answersOf('mbedtls', codes), answersOf('openssl', codes), answersOfJs(terminal, codes)]);
    for (const [i, code] of codes.entries()) {
      counts[js[i]] = (counts[js[i]] ?? 0) + 1;
      if (mbedtls[i] !== openssl[i] || openssl[i] !== js[i]) differences.push({ ...code, mbedtls: mbedtls[i], openssl: openssl[i], js: js[i] });
    }
  }
  for (const [answer, count] of Object.entries(counts).sort(([, a], [, b]) => b - a)) t.diagnostic(`${String(count).padStart(7)} ${answer}`);
  assert.deepEqual(differences.slice(0, 5), [], `${differences.length} of ${CODES} differ`);
  const seen = new Set(Object.keys(counts).map((answer) => answer.split(' ')[1]));
  assert.deepEqual(REASONS.filter((reason) => !seen.has(reason)), [], 'no mutation gets so far');
});
