// Whatever is sent, each gets its own clear answer: no 5xx, no leak, no growth, and no trace of it in the log.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import test from 'node:test';
import tls from 'node:tls';
import { Site, until } from './lib/site.mjs';
import { forge, octetsOf, textOf, INDEX, LIST, VALID_UNTIL, VERSION } from './lib/forge.mjs';
import { raw } from './lib/raw.mjs';
import { ask, assertAllowed, source } from './lib/schema.mjs';

const JSON_TYPE = { 'content-type': 'application/json' };
const GROWTH_BYTES_MAX = 16 << 20;
const sanitized = process.env.JWB_VARIANT === 'asan'; // keeps what was freed for a while

async function noFaultOfOurs({ gateway }) {
  assert.equal(gateway.child.exitCode, null, 'it lives');
  const text = (await gateway.request('GET', '/metrics', { internal: true })).body.toString();
  const faults = [...text.matchAll(/^jwb_answers_total\{.*status="5xx"\} (\d+)$/gm)].filter((m) => m[1] !== '0');
  assert.deepEqual(faults.map((m) => m[0]), []);
}
const rssOf = (gateway) =>
  1024 * Number(/^VmRSS:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${gateway.child.pid}/status`))[1]);

// ---- bodies

function badBodies(good) {
  const [name] = Object.keys(good), text = JSON.stringify(good), value = JSON.stringify(good[name]);
  const utf16 = Buffer.from(text, 'utf16le');
  return ['', ' ', '{', text.slice(0, -1), `${text}}`, `${text} x`, `${text}${text}`, `[${text}]`, `\ufeff${text}`,
    utf16, 'null', '1', '"x"', '[]', '{}',
    `{"${name}":null}`, `{"${name}":true}`, `{"${name}":7}`, `{"${name}":-1.5e400}`, `{"${name}":{}}`,
      `{"${name}":[[]]}`, `{"${name}":""}`,
    `{"${name}":${value},"${name}":${value}}`, `{"${name}":${value},"more":1}`, `{"${name.toUpperCase()}":${value}}`,
      `{${name}:${value}}`,
    `{"${name}":${value},}`, `{"${name}":"\\ud800"}`, `{"${name}":"a\\u0000b"}`, `{"${name}":"${'\t'}"}`,
    `{"${name}":${'['.repeat(400)}${']'.repeat(400)}}`, '['.repeat(1000), '{"a":'.repeat(150),
      Buffer.from(`{"${name}":"\xff\xfe"}`, 'latin1'),
    crypto.createHash('sha512').update('seed').digest()];
}

test('a body that is not the JSON asked for is malformed, whatever is wrong with it', async (t) => {
  const site = await Site.start(t);
  const { gateway } = site;
  const holder = await site.token('holder'), inspector = await site.token('inspector'),
    issuer = await site.token('issuer');
  const { id } = (await gateway.licences(holder))[0];
  for (const [path, token, good] of [
    ['/v1/codes', holder, { licence: id }], ['/v1/status', inspector, { handles: [[0, 0]] }],
    ['/v1/status', issuer, { identifiers: ['1'] }], ['/v1/verify', undefined, { code: '1' }]]) {
    for (const body of badBodies(good)) {
      if (path === '/v1/verify' && body === '{"code":""}') continue; // is a text, and no code
      const answer = await ask(gateway, 'POST', path, { token, headers: JSON_TYPE, body });
      assert.equal(answer.status, 400, `${path} ${body}`);
      assert.equal(answer.json().code, 'malformed_body');
    }
    const accepted = await ask(gateway, 'POST', path, { token, headers: JSON_TYPE,
      body: ` ${JSON.stringify(good)}\r\n` });
    assert.ok(accepted.status < 300, accepted.body.toString());
  }
  for (const licence of [id.slice(1), `${id}0`, `${id.slice(1)}g`, ` ${id}`, `${id.slice(0, 31)}é`]) {
    const answer = await gateway.json('POST', '/v1/codes', holder, { licence });
    assert.equal(answer.status, 400, licence);
  }
  const places = [[], [[]], [[0]], [[0, 0, 0]], [[-1, 0]], [[0, -1]], [[65536, 0]], [[0, 1048576]], [[0.5, 0]],
    [[0, 1e3 + 0.1]], [['0', '0']],
    [[null, 0]], [0, 0], [[0, 0], 7], { 0: [0, 0] }, 'all', Array(101).fill([0, 0])];
  for (const handles of places)
    assert.equal((await gateway.json('POST', '/v1/status', inspector, { handles })).status, 400,
      JSON.stringify(handles));
  for (const text of ['9223372036854775807', '9223372036854775808', '1e2', '1.0', '-0.0'])
    assert.equal((await ask(gateway, 'POST', '/v1/status', { token: inspector, headers: JSON_TYPE,
      body: `{"handles":[[${text},0]]}` })).status, 400, text);
  const hundred = await gateway.json('POST', '/v1/status', inspector, { handles: Array(100).fill([0, 1]) });
  assert.equal(hundred.json().statuses.length, 100);
  for (const identifiers of [[], [''], ['x'.repeat(129)], [7], [['x']], Array(101).fill('x')])
    assert.equal((await gateway.json('POST', '/v1/status', issuer, { identifiers })).status, 400);
  for (const type of ['application/xml', 'application/jsonx', 'json', 'text/plain',
    'multipart/form-data; boundary=x', ';', 'x'.repeat(500)])
    assert.equal((await ask(gateway, 'POST', '/v1/codes', { token: holder, headers: { 'content-type': type },
      body: '{}' })).status, 415, type);
  for (const type of ['Application/JSON', 'application/json;charset=utf-8', 'application/json ; charset=utf-8'])
    assert.equal((await ask(gateway, 'POST', '/v1/codes', { token: holder, headers: { 'content-type': type },
      body: JSON.stringify({ licence: id }) })).status, 201, type);
  await noFaultOfOurs(site);
});

test('large, binary and unannounced bodies are refused before they cost anything', async (t) => {
  const site = await Site.start(t, { licences: 0 });
  const { gateway } = site;
  const head = 'POST /v1/verify HTTP/1.1\r\nhost: localhost\r\n';
  const mebibyte = 'x'.repeat(1 << 20), chunk = `10000\r\n${'x'.repeat(65536)}\r\n`;
  for (const [what, text] of [['announced', `${head}content-length: ${1 << 20}\r\n\r\n${mebibyte}`],
    ['chunked', `${head}transfer-encoding: chunked\r\n\r\n${chunk.repeat(16)}0\r\n\r\n`],
    ['only announced', `${head}content-length: 999999999999999999\r\n\r\n`]]) {
    const { answers } = await raw(gateway, text);
    assert.ok(answers.length <= 1, what);
    if (answers.length) assert.equal(answers[0].status, 413, what); // else the reset overtook it
  }
  for (const length of ['-1', '+1', '1 1', '0x1', '1,1', '99999999999999999999', 'one', ''])
    assert.equal((await raw(gateway, `${head}content-length: ${length}\r\n\r\n1`)).answers[0]?.status, 400,
      `content-length: ${length}`);
  for (const size of [1, 135, 700, 4096]) {
    const answer = await ask(gateway, 'POST', '/v1/verify', { body: crypto.randomBytes(size),
      headers: { 'content-type': 'text/plain' } });
    assert.equal(answer.json().reason, 'malformed');
  }
  const { answers: [empty] } = await raw(gateway, `${head}content-length: 0\r\nconnection: close\r\n\r\n`);
  assert.deepEqual([empty.status, JSON.parse(empty.body).reason], [200, 'malformed']);
  await noFaultOfOurs(site);
});

// ---- methods, paths, HTTP itself

test('another method is told what is allowed, another path that there is nothing', async (t) => {
  const site = await Site.start(t, { licences: 0 });
  const { gateway } = site;
  const paths = new Map(); // {listener, methods}
  for (const [, served, path, listener] of
    source('gateway/routes.def').matchAll(/^ROUTE\(\w+,\s+"(\w+)",\s+"([^"]+)",\s+(\w+),/gm)) {
    const methods = served === 'GET' ? ['GET', 'HEAD'] : [served];
    paths.set(path, { listener, methods: [...paths.get(path)?.methods ?? [], ...methods] });
  }
  for (const [path, { listener, methods }] of paths)
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND']) {
      if (methods.includes(method)) continue;
      const answer = await ask(gateway, method, path.replace('*', 'x'), { internal: listener === 'INTERNAL' });
      assert.equal(answer.status, 405, `${method} ${path}`);
      assert.equal(answer.headers.allow, methods.join(', '), `${method} ${path}`);
    }
  const head = await ask(gateway, 'HEAD', '/v');
  assert.deepEqual([head.status, head.body.length], [200, 0]);
  for (const path of ['/', '/v1', '/v1/', '/v1/verify/', '/v1/verifyx', '/V1/verify', '/v1/licences/',
    '/v1/licences/a/b', '/v/', '/v/1/2', '/favicon.ico',
    '/v1%252fverify', '/v1/verify%00', '/../../etc/passwd', '/%2e%2e/%2e%2e/etc/passwd', `/${'a'.repeat(4000)}`,
      '/v1/licences/?view=full', '/%', '/%zz', '/%ff'])
    assert.equal((await ask(gateway, 'POST', path)).status, 404, path);
  await noFaultOfOurs(site);
});

test('what is not HTTP/1.1, or could be read in two ways, is refused and the connection ended', async (t) => {
  const site = await Site.start(t, { licences: 0 });
  const { gateway } = site;
  const first = 'POST /v1/verify HTTP/1.1\r\n', host = 'host: localhost\r\n', one = 'content-length: 1\r\n';
  const smuggled = 'GET /v HTTP/1.1\r\nhost: localhost\r\n\r\n';
  for (const [what, text] of Object.entries({
    'length and encoding': `${first}${host}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    'encoding and length': `${first}${host}transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n${smuggled}`,
    'two lengths': `${first}${host}content-length: 1\r\ncontent-length: 2\r\n\r\n12${smuggled}`,
    'two encodings': `${first}${host}transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n`,
    'another encoding': `${first}${host}transfer-encoding: gzip\r\n\r\n`,
    'a bad chunk': `${first}${host}transfer-encoding: chunked\r\n\r\nzz\r\n\r\n`,
    'a negative chunk': `${first}${host}transfer-encoding: chunked\r\n\r\n-1\r\n\r\n`,
    'a chunk without end': `${first}${host}transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n`,
    'bare line feeds': `POST /v1/verify HTTP/1.1\nhost: localhost\ncontent-length: 1\n\n1${smuggled}`,
    'a folded line': `${first}${host}x: a\r\n b\r\n${one}\r\n1`,
    'a space before the colon': `${first}${host}content-length : 1\r\n\r\n1`,
    'no host': `${first}${one}\r\n1`,
    'two hosts': `${first}${host}${host}${one}\r\n1`,
    'a NUL in a header': `${first}${host}x: a\0b\r\n${one}\r\n1`,
    'an early HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0',
    'HTTP/3': `GET /v HTTP/3.0\r\n${host}\r\n`,
    'no version': 'GET /v\r\n\r\n',
    'TLS within TLS': Buffer.from('16030100050100000100', 'hex'),
    noise: crypto.createHash('sha512').update('noise').digest(),
  })) {
    const headless = !String(text).includes('\r\n\r\n');
    const { answers, text: told } = await raw(gateway, text, (socket) => { if (headless) socket.end(); });
    assert.deepEqual(answers.map((a) => a.status), [400], `${what}: ${told}`);
    const [{ headers, body }] = answers;
    assert.equal(headers.connection, 'close', what);
    // h2o's own
    if (headers['content-type'] === 'text/plain; charset=utf-8') assert.equal(body.toString(), 'Bad Request');
    else assertAllowed('POST', '/v1/verify', answers[0]);
  }
  for (const header of [`x: ${'y'.repeat(8192)}\r\n`, 'x: y\r\n'.repeat(2000), `${'x'.repeat(60000)}: y\r\n`,
    `cookie: ${'z'.repeat(100000)}\r\n`]) {
    const { answers } = await raw(gateway, `GET /v HTTP/1.1\r\n${host}${header}\r\n`);
    if (answers.length) assert.ok([400, 431].includes(answers[0].status), `${answers[0].status}`);
  }
  const plain = await new Promise((resolve) => {
    let text = '';
    net.connect(gateway.port, '127.0.0.1')
      .on('data', (d) => { text += d; }).on('close', () => resolve(text)).on('error', () => {})
      .end(`GET /v HTTP/1.1\r\n${host}\r\n`);
  });
  assert.doesNotMatch(plain, /^HTTP/, 'no plain HTTP on the listener with TLS');
  const agreed = await new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port: gateway.port, ca: site.ca, servername: 'localhost',
      ALPNProtocols: ['h2', 'http/1.1'] },
      () => { resolve(socket.alpnProtocol); socket.destroy(); });
    socket.on('error', reject);
  });
  assert.notEqual(agreed, 'h2');
  await noFaultOfOurs(site);
});

test('requests sent ahead are answered in their order, and none behind one that was refused', async (t) => {
  const { gateway } = await Site.start(t, { licences: 0 });
  const verify = (body, more = '') =>
    `POST /v1/verify HTTP/1.1\r\nhost: localhost\r\n${more}content-length: ${body.length}\r\n\r\n${body}`;
  const nothing = 'GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n';
  const last = verify('1', 'connection: close\r\n');
  const { answers } = await raw(gateway, (verify('1') + nothing).repeat(30) + last + nothing);
  assert.deepEqual(answers.map((a) => a.status), [...Array(30).fill([200, 404]).flat(), 200]);
  assert.equal(new Set(answers.map((a) => a.headers['x-request-id'])).size, 61);
  const refused = await raw(gateway,
    `${verify('1')}POST /v1/verify HTTP/1.1\r\nhost: a\r\nhost: b\r\ncontent-length: 0\r\n\r\n${verify('1')}`);
  assert.deepEqual(refused.answers.map((a) => a.status), [200, 400]);
});

test('a client that dribbles is cut off when its time for a request is over', async (t) => {
  const { gateway } = await Site.start(t,
    { licences: 0, config: { http: { request_timeout_ms: 400, idle_timeout_ms: 60000 } } });
  for (const text of [`POST /v1/verify HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(60)}`,
    `POST /v1/verify HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4000\r\n\r\n${'1'.repeat(60)}`]) {
    let sent = 0;
    const begun = Date.now();
    const { answers } = await raw(gateway, text.slice(0, -60), (socket) => {
      const timer = setInterval(() => { if (sent < 60) socket.write(text[text.length - 60 + sent++]); }, 50);
      socket.on('close', () => clearInterval(timer));
    });
    assert.deepEqual(answers, []);
    assert.ok(sent < 60 && Date.now() - begun >= 350, `after ${sent} of 60`);
  }
  assert.equal((await gateway.verify('1')).status, 200);
});

// ---- tokens and codes

test('a token that was altered anywhere, or is another\'s, is not believed', async (t) => {
  const site = await Site.start(t);
  const { gateway } = site;
  const token = await site.token('holder'),
    alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const status = async (authorization) =>
    (await ask(gateway, 'GET', '/v1/licences', { headers: { authorization } })).status;
  assert.equal(await status(`Bearer ${token}`), 200);
  assert.equal(await status(`bearer   ${token}  `), 200, 'the scheme has no case');
  const wrong = [];
  for (let i = 0; i < token.length; i++) {
    wrong.push(token.slice(0, i) + alphabet[(alphabet.indexOf(token[i]) + 1) % 64] + token.slice(i + 1));
    wrong.push(token.slice(0, i), token.slice(0, i) + token.slice(i + 1), `${token.slice(0, i)}=${token.slice(i)}`);
  }
  const dot = token.lastIndexOf('.'); // spare bits of the last character of both parts
  for (const c of alphabet) wrong.push(token.slice(0, dot - 1) + c + token.slice(dot), token.slice(0, -1) + c);
  const other = await Site.start(t, { gateway: false, redis: false, licences: 0 });
  wrong.push(`${token}A`, `${token}.`, `${token}.${token}`, `jwb2${token.slice(4)}`, token.toUpperCase(),
    `${token},${token}`, 'x'.repeat(4000), '..', 'jwb1..',
    await other.token('inspector'), await other.token('partner'));
  for (const text of wrong.filter((text) => text !== token)) assert.equal(await status(`Bearer ${text}`), 401, text);
  for (const header of ['Bearer', 'Bearer ', `Basic ${token}`, token, `Bearer: ${token}`, 'Basic dXNlcjpwYXNz',
    `Bearer\t${token}`])
    assert.equal(await status(header), 401, header);
  await noFaultOfOurs(site);
});

test('a code that was cut, extended, altered, or made by another site is told what it is', async (t) => {
  const site = await Site.start(t);
  const { gateway } = site;
  const holder = await site.token('holder'), inspector = await site.token('inspector');
  const text = await gateway.display(holder);
  const [prefix, digits] = text.split('#');
  const reason = async (code) => (await ask(gateway, 'POST', '/v1/verify', { token: inspector, body: code,
    headers: { 'content-type': 'text/plain' } })).json().reason;
  for (let i = 0; i < digits.length; i++) {
    const flipped = digits.slice(0, i) + (Number(digits[i]) + 1) % 10 + digits.slice(i + 1);
    const said = await reason(flipped);
    assert.ok(['malformed', 'bad_signature', 'unknown_key', 'code_expired', 'not_yet_valid'].includes(said),
      `digit ${i}: ${said}`);
    assert.equal(await reason(`${prefix}#${digits.slice(0, i)}`), 'malformed', `cut at ${i}`);
  }
  for (const extended of [`${text}0`, `${text}${'0'.repeat(17)}`, `${digits}000`, `0${digits}`, `${digits}${digits}`,
    `${text}x`, `x${text}`, `${prefix}?${digits}`,
    `http${text.slice(5)}`, `${prefix}#+${digits}`, `${prefix}##${digits}`, digits.replace(/\d/g, (d) =>
      String.fromCharCode(0xff10 + Number(d))), `${digits.slice(0, 9)} ${digits.slice(9)}`])
    assert.equal(await reason(extended), 'malformed', extended);
  const octets = octetsOf(text);
  for (let bit = 0; bit < 8 * octets.length; bit += 7) { // each octet; every bit is a unit test's
    const altered = Buffer.from(octets);
    altered[bit >> 3] ^= 1 << (bit & 7);
    assert.notEqual(await reason(textOf(altered)), null, `bit ${bit}`);
  }
  for (const same of [` ${text}\r\n`, digits, text.replace('https://localhost', 'https://elsewhere.example')])
    assert.equal(await reason(same), null, 'is the code');
  const other = await Site.start(t);
  assert.equal(await reason(await other.gateway.display(await other.token('holder'))), 'unknown_key');
  await noFaultOfOurs(site);
});

test('a code that a true key signed is still held to its times, its form and its place', async (t) => {
  const site = await Site.start(t, { gateway: false });
  fs.rmSync(site.path('codes.jwks'));
  await site.jwb('key', 'create', '--from', String(Math.floor(Date.now() / 1000) - 1000));
  const gateway = site.gateway = await site.startGateway('gateway');
  const real = await gateway.display(await site.token('holder')), inspector = await site.token('inspector');
  const { keys: [key] } = JSON.parse(site.read('codes.jwks'));
  const stranger = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
  const now = () => Math.floor(Date.now() / 1000);
  const times = (from, life = 60) => (c) => { c[6] = now() + from; c[4] = c[6] + life; };
  const kid = (hex) => ({ kid: hex });
  const nothing = () => {};
  const rows = [
    [null, nothing], [null, times(2)], [null, times(0, 300)],
    ['not_yet_valid', times(30)], ['not_yet_valid', times(300 * 86400)], ['code_expired', times(-67)],
    ['unknown_key', (c) => { c[6] = key.nbf - 1; c[4] = c[6] + 300; }], ['unknown_key', (c) =>
      { c[6] = key.exp; c[4] = c[6] + 1; }],
    ['malformed', times(0, 0)], ['malformed', times(0, 301)], ['malformed', (c) => { c[4] = c[6] - 1; }],
    ['malformed', (c) => { c[7] = c[7].subarray(1); }], ['malformed', (c) => { c.licence.push(0); }],
    ['malformed', (c) => { c.licence[0] = 2; }],
    ['malformed', (c) => { c.licence[5] = ''; }], ['malformed', (c) => { c.licence[5] = '\u0007'; }],
    ['malformed', (c) => { c.licence[6] = '12345'; }],
    ['malformed', (c) => { c.licence[INDEX] = 1048576; }],
    ['malformed', nothing, { whole: (o) => Buffer.concat([Buffer.from([0xd2]), o]) }], ['malformed', nothing,
      { whole: (o) => Buffer.concat([o, Buffer.from([0])]) }],
    ['bad_signature', nothing, { high: true }], ['bad_signature', nothing, kid(key.kid), stranger],
    ['unknown_key', nothing, kid('00000000'), stranger],
    ['unknown_key', nothing, { alg: -65601 }],
    ['licence_unknown', (c) => { c.licence[INDEX] = 1048575; }], ['licence_unknown', (c) =>
      { c.licence[LIST] = 65535; }],
    ['licence_unknown', (c) => { c.licence[VERSION] = 9; }], ['licence_expired', (c) =>
      { c.licence[VALID_UNTIL] = 18000; }],
  ];
  for (const [i, [reason, change, options, signer = key]] of rows.entries()) {
    const answer = await ask(gateway, 'POST', '/v1/verify', { token: inspector, body: forge(real, signer, change,
      options), headers: { 'content-type': 'text/plain' } });
    const verdict = answer.json();
    assert.equal(verdict.reason, reason, `row ${i}: ${change} ${JSON.stringify(options)}`);
    assert.equal(verdict.result, reason === null ? 'valid' : reason === 'licence_unknown' ? 'indeterminate'
      : 'invalid');
    const authentic = reason === null || reason.startsWith('licence_');
    assert.equal('licence' in verdict, authentic, 'a face only of an authentic code');
    assert.equal('first_scan' in verdict, authentic);
  }
  await noFaultOfOurs(site);
});

// ---- all of it together

test('thousands of bad requests neither grow the gateway nor leave a secret in its log', async (t) => {
  const site = await Site.start(t, { config: { log: { level: 'debug' } } });
  const { gateway } = site;
  const holder = await site.token('holder'), partner = await site.token('partner');
  const code = await until(() => gateway.display(holder), Boolean), digits = code.split('#')[1];
  const { id } = (await gateway.licences(holder))[0], record = site.records[0];
  const request = (method, path, token, body, type = 'application/json') => () => gateway.request(method, path,
    { token, body, headers: { 'content-type': type } });
  const kinds = [
    request('POST', '/v1/verify', undefined, crypto.randomBytes(900), 'text/plain'),
    request('POST', '/v1/verify', undefined, `${code.slice(0, -1)}x`, 'text/plain'),
    request('POST', '/v1/verify', partner, code.slice(0, -17), 'text/plain'),
    request('POST', '/v1/verify', undefined, `{"code":"${digits}","code":"${digits}"}`),
    request('POST', '/v1/codes', `${holder}x`, '{}'),
    request('POST', '/v1/codes', holder, `{"licence":"${record.CZZTDM}"}`),
    request('POST', '/v1/codes', holder, `{"licence":["${id}"]}`),
    request('POST', '/v1/status', partner, JSON.stringify({ identifiers: [record.ZZBH, record.CZZT] })),
    request('GET', `/v1/licences/${record.CZZTDM}?holder=${encodeURIComponent(record.CZZT)}`, holder),
    request('GET', `/v/${digits}/${record.CZZTDM}`),
    request('DELETE', `/v1/licences/${id}`, holder),
    request('POST', '/v1/verify', undefined, 'x'.repeat(5000), 'text/plain'),
    () => raw(gateway, `POST /v1/verify HTTP/1.1\r\nhost: ${record.CZZTDM}\r\nhost: ${digits.slice(0, 80)}\r\n\r\n`),
    () => raw(gateway, `GET /v HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${holder}\r\nx: ${'y'.repeat(9e3)}\r\n\r\n`),
  ];
  const round = async (count) => {
    for (let done = 0; done < count;) {
      const some = kinds.slice(0, 12);
      if (done % 120 === 0) some.push(...kinds.slice(12)); // each with a handshake of its own
      await Promise.all(some.map((send) => send()));
      done += some.length;
    }
  };
  await round(1000);
  const before = rssOf(gateway);
  await round(sanitized ? 1000 : 5000);
  const grown = rssOf(gateway) - before;
  t.diagnostic(`5,000 bad requests: ${(before / 2 ** 20).toFixed(1)} MiB and ${(grown / 2 ** 20).toFixed(2)} MiB more`);
  if (!sanitized) assert.ok(grown < GROWTH_BYTES_MAX, `${grown} bytes`);
  await gateway.verdict(code, partner);
  await noFaultOfOurs(site);
  await gateway.stop();
  const log = gateway.log.map((line) => line.text).join('\n');
  assert.ok(gateway.log.length > 1000, 'it logged each answer');
  for (const line of gateway.log) assert.ok(line.event, `not JSON: ${line.text}`);
  for (const secret of [digits.slice(0, 20), digits.slice(-20), holder, holder.slice(5, 40), holder.slice(-22),
    partner, partner.slice(5, 40),
    record.CZZTDM, record.ZZBH, record.ZZBS, record.CZZT, encodeURIComponent(record.CZZT), id])
    assert.ok(!log.includes(secret), `the log holds ${secret}`);
});
