// Files of anybody: the tool reads status lists, COSE messages and keys that were not made here, and takes codes apart.
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import test from 'node:test';
import { source } from './lib/schema.mjs';
import { tool } from './lib/tool.mjs';

const vectors = JSON.parse(source('tests/vectors/status_lists.json'));
const WORDS = ['valid', 'invalid', 'suspended', 'application-specific'];
const wordOf = (value) => WORDS[value] ?? (value >= 12 && value < 16 ? WORDS[3] : 'unregistered');
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const jwtOf = ({ bits, lst }, claims = {}) => [part({ alg: 'ES256', kid: '12', typ: 'statuslist+jwt' }),
  part({ sub: 'https://example.com/statuslists/1', iat: 1686920170, status_list: { bits, lst }, ...claims }),
  Buffer.alloc(64).toString('base64url')].join('.');

test('lists of others would be read wrongly: the draft\'s say what it says, of every width', async (t) => {
  const site = await tool(t, { licences: 0 });
  for (const list of vectors.lists) {
    site.write('list.jwt', `${jwtOf(list)}\n`);
    const shown = JSON.parse(await site.jwb('status-list', 'show', site.path('list.jwt'), '--json'));
    assert.deepEqual([shown.form, shown.bits, shown.places, shown.exp], ['JWT', list.bits, list.count, null]);
    const counts = {};
    for (const [, value] of list.places) counts[value] = (counts[value] ?? 0) + 1;
    counts[0] = list.count - list.places.filter(([, value]) => value).length;
    assert.deepEqual(shown.values, Object.fromEntries(Object.entries(counts).filter(([, n]) => n)));
    for (const [place, value] of list.places.slice(0, 16))
      assert.equal(await site.jwb('status-list', 'get', site.path('list.jwt'), String(place)), `${value} ${wordOf(value)}\n`);
    const behind = await site.tryJwb('status-list', 'get', site.path('list.jwt'), String(list.count));
    assert.deepEqual([behind.code, behind.stdout], [1, '']);
    assert.match(behind.stderr, new RegExp(`the places 0 to ${list.count - 1}\n`));
  }
});

test('tokens of others would not be read: with a tag and without, as octets, hexadecimal and base64url', async (t) => {
  const site = await tool(t, { licences: 0 });
  for (const { cose, tagged } of vectors.tokens) {
    const octets = Buffer.from(cose, 'hex');
    for (const content of [octets, cose, `${cose.toUpperCase()}\n`, octets.toString('base64url'), octets.toString('base64url').replace(/.{60}/g, '$&\n')]) {
      site.write('list', content);
      const shown = JSON.parse(await site.jwb('status-list', 'show', site.path('list'), '--json'));
      assert.equal(shown.form, tagged ? 'CWT, tag 18' : 'CWT, untagged');
      assert.deepEqual([shown.alg, shown.kid, shown.sub, shown.iat, shown.exp, shown.ttl, shown.places],
        ['ES256', vectors.claims.kid, vectors.claims.sub, vectors.claims.iat, vectors.claims.exp, vectors.claims.ttl, 16]);
    }
    assert.match(await site.jwb('status-list', 'show', site.path('list')), / {4}1 {2}invalid {15}9\n[^]*Nothing of this was checked/);
  }
  const impossible = [{ sub: undefined }, { sub: 7 }, { iat: undefined }, { iat: 99999999999999 }, { iat: -1 }, { iat: '1686920170' },
    { exp: 1e300 }, { ttl: 1e300 }].map((claims) => jwtOf(vectors.lists[0], claims));
  for (const content of ['', 'hello', '{}', 'ey', 'eyJ9.eyJ9.', cutOff(vectors.tokens[0].cose), ...impossible])
    for (const form of [[], ['--json']]) {
      site.write('list', content);
      const out = await site.tryJwb('status-list', 'show', site.path('list'), ...form);
      assert.deepEqual([out.code, out.stdout], [1, ''], content);
      assert.match(out.stderr, /is no status list token/);
    }
});
const cutOff = (hex) => hex.slice(0, -2);

// RFC 8152, appendices C.2.1 and C.7.1.
const EXAMPLE = 'd28443a10126a10442313154546869732069732074686520636f6e74656e742e58408eb33e4ca31d1c465ab05aac34cc6b23d58fef5c083106c4d25a91aef0b0117e2af9a291aa32e14ab834dc56ed2a223444547e01f11d3b0916e5a4c345cacb36';
const X = 'bac5b11cad8f99f9c72b05cf4b9e26d244dc189f745228255a219a86d6a09eff';
const Y = '20138bf82dc1b6d562be0fa54ab7804a3a64b6d72ccfed6b6fb6ed28bbfc117e';
const base64url = (hex) => Buffer.from(hex, 'hex').toString('base64url');
const JWK = { kty: 'EC', crv: 'P-256', x: base64url(X), y: base64url(Y) };

test('others\' messages would not verify, or not with their keys: the RFC\'s does, with each form of its key', async (t) => {
  const site = await tool(t, { licences: 0 });
  const stranger = { ...JWK, ...createStranger(), kid: '11' };
  const keys = {
    jwk: JSON.stringify(JWK), jwks: JSON.stringify({ keys: [{ kty: 'RSA' }, stranger, { ...JWK, kid: '11' }] }),
    hexKid: JSON.stringify({ keys: [{ ...JWK, kid: '3131' }] }),
    pem: createPublicKey({ key: JWK, format: 'jwk' }).export({ type: 'spki', format: 'pem' }),
    coseKey: Buffer.from(`a401022001215820${X}225820${Y}`, 'hex'), coseKeyHex: `a401022001215820${X}225820${Y}`,
  };
  site.write('message', Buffer.from(EXAMPLE, 'hex'));
  for (const [name, content] of Object.entries(keys)) {
    site.write(name, content);
    const out = await site.tryJwb('cose', 'verify', site.path('message'), '--key', site.path(name));
    assert.equal(out.code, 0, `${name}: ${out.stderr}${out.stdout}`);
    assert.match(out.stdout, /^genuine\ntags {9}18\nprotected {4}\{1: -7\}\nalg {10}ES256\nkid {10}3131\npayload {6}20 octets\n$/);
  }
  const detached = EXAMPLE.replace('54546869732069732074686520636f6e74656e742e', 'f6').slice(2); // and no tag
  site.write('detached', detached);
  site.write('payload', 'This is the content.');
  site.write('other', 'This is another content.');
  const verify = (...args) => site.tryJwb('cose', 'verify', ...args.map((arg) => (arg.startsWith('--') ? arg : site.path(arg))));
  site.write('stranger', JSON.stringify(stranger));
  site.write('anotherKid', JSON.stringify({ ...JWK, kid: '12' }));
  site.write('altered', EXAMPLE.replace('54546869', '54546868'));
  site.write('es384', EXAMPLE.replace('a10126', 'a10122').replace('d28443', 'd28443'));
  site.write('twice', 'd28445a201260126a040' + EXAMPLE.slice(-132));
  const rows = [
    [['detached', '--key', 'jwk', '--detached', 'payload'], 0, /^genuine\ntags {9}none[^]*20 octets, detached/],
    [['detached', '--key', 'jwk', '--detached', 'other'], 1, /^bad_signature/],
    [['detached', '--key', 'jwk'], 2, /its payload is detached/],
    [['message', '--key', 'jwk', '--detached', 'payload'], 2, /has a payload of its own/],
    [['message', '--key', 'stranger'], 1, /^bad_signature/],
    [['message', '--key', 'anotherKid'], 1, /^bad_signature/],
    [['altered', '--key', 'jwk'], 1, /^bad_signature/],
    [['es384', '--key', 'jwk'], 2, /neither ES256 nor SM2/],
    [['twice', '--key', 'jwk'], 2, /could be read in two ways/],
    [['payload', '--key', 'jwk'], 2, /neither octets nor/],
    [['message', '--key', 'payload'], 2, /has no public key/],
    [['message', '--key', 'none'], 2, /No such file/],
    [['message'], 2, /--key is missing/],
  ];
  for (const [args, code, pattern] of rows) {
    const out = await verify(...args);
    assert.equal(out.code, code, `${args}: ${out.stdout}${out.stderr}`);
    assert.match(out.stdout + out.stderr, pattern);
  }
});
function createStranger() {
  // The base point itself: anybody's key, whose private half is 1.
  return { x: base64url('6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296'),
    y: base64url('4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5') };
}

test('a code that is taken apart shows each layer, and a malformed one as far as it goes', async (t) => {
  const site = await tool(t, { licences: 0 });
  const codes = JSON.parse(source('tests/vectors/codes.json')).vectors;
  const good = codes.find(({ expect, cose }) => expect.result === 'ok' && cose);
  const out = await site.jwb('code', 'inspect', good.text);
  assert.match(out, new RegExp(`^octets {7}${good.cose}$`, 'm'));
  assert.match(out, /^CBOR {9}\[h'[0-9a-f]+', \{\}, h'[0-9a-f]+', h'[0-9a-f]{128}'\]$/m);
  assert.match(out, /^ {2}protected {2}\{1: -7, 4: h'[0-9a-f]{8}'\}$/m);
  assert.match(out, new RegExp(`^ {2}payload {4}\\{4: \\d+, 6: \\d+, 7: h'[0-9a-f]{16}', -65537: \\[1, 0, `, 'm'));
  assert.match(out, new RegExp(`^ {2}holder {5}${good.expect.claims.holder_name.replace(/[*]/g, '\\*')}$`, 'm'));
  assert.match(out, /Nothing of this was checked/);
  let partly = 0;
  for (const { text, expect } of codes) {
    const { code, stdout, stderr } = await site.tryJwb('code', 'inspect', '-', { input: text });
    if (expect.result !== 'malformed') continue;
    assert.equal(code, 1);
    assert.match(stderr, /the code is malformed|the code is too long|the code is empty/);
    partly += stdout !== '';
  }
  assert.ok(partly > 10, `${partly} malformed codes are shown in part`);
});
