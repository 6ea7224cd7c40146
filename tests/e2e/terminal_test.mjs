// jwb-terminal, the program of an inspector's device, against a real gateway.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import test from 'node:test';
import { OauthSite } from './lib/oauth.mjs';
import { Site, until } from './lib/site.mjs';
import { Between, frameOf, listToken, Terminal } from './lib/terminal.mjs';
import { makeBundle, makeTrust, published } from './lib/trust.mjs';

const FAST = { status_lists: { interval_s: 1 } };

// A site whose gateway is called `origin`, by terminals and by whatever stands between.
async function world(t, { between = false } = {}) {
  if (!between) {
    const s = await OauthSite.start(t, { licences: 20, config: FAST });
    await makeTrust(s.site);
    return { s, site: s.site, gateway: s.gateway, origin: s.origin };
  }
  const site = await Site.start(t, { licences: 20, gateway: false });
  const proxy = await Between.start(t, site);
  site.config('gateway', { ...FAST, public: { origin: proxy.origin } });
  const gateway = await site.startGateway('gateway');
  await makeTrust(site);
  return { site, gateway, origin: proxy.origin, proxy };
}
const json = (out) => out.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
const brief = (verdict) => [verdict.mode, verdict.result, verdict.reason];
async function pictureOf(gateway, holder) {
  const [{ id }] = (await gateway.licences(holder)).filter((l) => l.status === 'valid');
  const answer = await gateway.request('POST', '/v1/codes', { token: holder, body: JSON.stringify({ licence: id }),
    headers: { accept: 'image/png', 'content-type': 'application/json' } });
  assert.equal(answer.status, 201);
  return answer.body;
}
const scansOf = async (site) => (await site.evidence()).filter((record) => record.kind === 'offline_scan');

// If this fails, an inspector can't enrol, sync and scan, or isn't told by whom and as of when he was answered.
test('enrolled, synced, offline and online: each answer says which it is', async (t) => {
  const { s, site, gateway, origin } = await world(t), holder = await site.token('holder');
  const terminal = await Terminal.ready(t, site, origin);
  assert.match(terminal.enrolled.stdout, /^root key [0-9a-f]{8}\nsha256   [0-9a-f]{64}\n/);
  assert.match((await terminal.must('sync')).stdout, /^trust bundle: unchanged\nlist 0: fresh\n$/);
  assert.match((await terminal.must('sync', '--force')).stdout, /^trust bundle: unchanged\nlist 0: (unchanged|as of)/);
  for (const name of fs.readdirSync(terminal.folder))
    assert.equal(fs.statSync(terminal.path(name)).mode & 0o77, 0, `${name} is for its owner alone`);
  assert.match(fs.readFileSync(terminal.path('checkpoint'), 'utf8'), /^\S+\/evidence\n\d+\n/);

  const code = await gateway.display(holder);
  const offline = await terminal.must('verify', '--json', code);
  const [told] = json(offline);
  assert.deepEqual([...brief(told), told.offline_because, told.by], ['offline', 'valid', null, 'not_logged_in', 'list']);
  assert.equal(told.as_of, (await terminal.status()).lists[0].as_of);
  assert.match(told.licence.holder_name, /^.\*+$/);

  assert.equal((await terminal.run('login', { input: 'no.such.token' })).code, 1);
  await terminal.must('login', { input: s.provider.inspector('traffic-police', '0417') });
  const [online] = json(await terminal.must('verify', '--json', code));
  assert.deepEqual([...brief(online), online.displayed_by], ['online', 'valid', null, 'holder']);
  assert.equal(online.licence.holder_number, site.holderNumber);
  const [asked] = json(await terminal.must('verify', '--json', '--offline', code));
  assert.deepEqual([asked.mode, asked.offline_because], ['offline', 'asked']);
  const chinese = await terminal.must('verify', code, { env: { LANG: 'zh_CN.UTF-8' } });
  assert.match(chinese.stdout, /^✔ 有效\n请与本人核对：\n.*在线核验\n {2}状态截至：\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n/s);
  const english = await terminal.must('verify', '--offline', code);
  assert.match(english.stdout, /^✔ VALID\nCompare with the person:\n.*offline: as asked\n {2}status as of: .*\n {2}good until: /s);

  const id = (await gateway.licences(holder)).find((l) => l.status === 'valid').id;
  await site.jwb('hold', 'place', id, '--agency', 'traffic-police', '--case', 'A-1');
  const seized = await terminal.run('verify', code);
  assert.equal(seized.code, 1);
  assert.match(seized.stdout, /^✘ INVALID\n {2}The licence is seized\. \(licence_seized\)\n/);
  assert.equal((await terminal.run('verify', '--offline', code)).code, 0, 'as the list has it');
  await until(() => terminal.run('sync', '--force'), (out) => /list 0: as of/.test(out.stdout));
  assert.deepEqual((await terminal.offline(code)).map(brief), [['offline', 'invalid', 'licence_seized']]);

  await terminal.must('logout');
  await gateway.stop();
  assert.equal((await terminal.run('sync')).code, 2);
  const stopped = await terminal.run('verify', '--json', '-', { input: `${code}\nhello\n` });
  assert.deepEqual([stopped.code, json(stopped).map(brief)], [1, [['offline', 'invalid', 'licence_seized'], ['offline', 'invalid', 'malformed']]]);
});

// If this fails, a stranger's keys, certificate, bundle or list are believed, or an enrolment is overwritten by mistake.
test('what is not the city\'s is refused, and an enrolment stands', async (t) => {
  const { site, gateway, origin, proxy } = await world(t, { between: true });
  const other = await world(t, { between: true }), foreign = {}, token = await other.site.token('inspector');
  for (const path of ['/v1/trust-bundle', '/v1/status-lists/0'])
    foreign[path] = (await published(other.gateway, path, { token })).body;
  await other.gateway.stop();
  const terminal = await Terminal.ready(t, site, origin);
  const before = await terminal.status();
  const enroll = (...more) => terminal.run('enroll', '--gateway', origin, '--ca', site.path('server.pem'), '--id', 'x', ...more);
  assert.equal((await enroll('--roots', other.site.path('roots.jwks'))).code, 1, 'it is enrolled');
  assert.equal((await enroll('--roots', site.path('gateway.yaml'), '--again')).code, 2);
  assert.equal((await enroll()).code, 3);
  assert.equal((await enroll('--roots', site.path('roots.jwks'), '--ticket', 'x')).code, 3, 'a ticket or an id');
  assert.equal((await terminal.run('enroll', '--gateway', 'http://x', '--roots', 'x', '--id', 'x')).code, 3);
  assert.deepEqual(await terminal.status(), before);

  for (const path of Object.keys(foreign)) {
    proxy.answer = ({ url }) => url === path && { status: 200, body: foreign[path] };
    const out = await terminal.run('sync', '--force');
    assert.equal(out.code, 1, out.stdout + out.stderr);
  }
  proxy.answer = ({ url }) => url.startsWith('/v1/') && { status: 200, body: '<html>please log in</html>' };
  assert.equal((await terminal.run('sync', '--force')).code, 1);
  proxy.answer = ({ url }) => url.startsWith('/v1/') && { status: 200, body: Buffer.alloc(600 * 1024) };
  const large = await terminal.run('sync', '--force');
  assert.deepEqual([large.code, /more than 524288 octets/.test(large.stderr)], [2, true], large.stderr);
  proxy.answer = ({ url }) => url === '/v1/trust-bundle' && { status: 503, body: '{}' };
  const partly = await terminal.run('sync', '--force');
  assert.deepEqual([partly.code, /^list 0: /.test(partly.stdout)], [2, true], 'one that is not there does not stop the others');
  proxy.answer = () => undefined;
  assert.deepEqual((await terminal.status()).bundle_version, before.bundle_version);

  // The log that shrank is told of, and both checkpoints are kept.
  const held = fs.readFileSync(terminal.path('checkpoint'), 'utf8');
  proxy.answer = ({ url }) => url === '/evidence/checkpoint' && { status: 200, body: held.replace(/\n\d+\n/, '\n0\n') };
  const shrunk = await terminal.run('sync');
  assert.deepEqual([shrunk.code, /not the one that was seen before/.test(shrunk.stderr)], [1, true]);
  assert.equal(fs.readFileSync(terminal.path('checkpoint'), 'utf8'), held);
  assert.match(fs.readFileSync(terminal.path('checkpoint.other'), 'utf8'), /\n0\n/);
  proxy.answer = () => undefined;

  fs.rmSync(terminal.path('ca.pem'));
  fs.symlinkSync('/no/such/file', terminal.path('ca.pem')); // there, and not to be read: no reason to trust others
  const unread = await terminal.run('sync');
  assert.deepEqual([unread.code, /ca\.pem/.test(unread.stderr)], [1, true], unread.stderr);
  fs.rmSync(terminal.path('ca.pem'));
  const unknown = await terminal.run('sync');
  assert.deepEqual([unknown.code, /certificate/.test(unknown.stderr)], [1, true], unknown.stderr);
  fs.chmodSync(terminal.folder, 0o755);
  assert.equal((await terminal.run('status')).code, 2, 'others may look into it');
  await gateway.stop();
});

// If this fails, a gateway that can't tell is outvoted by an older list, or its no is; or a terminal trusts who is not it.
test('the gateway\'s word stands, and the stricter where it has none', async (t) => {
  const { site, gateway, origin, proxy } = await world(t, { between: true });
  const terminal = await Terminal.ready(t, site, origin), holder = await site.token('holder');
  const officer = await site.token('inspector', '--subject', 'traffic-police/0417', '--client', 'terminal-9');
  fs.writeFileSync(terminal.path('officer.json'), JSON.stringify({ access_token: officer, expires_at: Date.now() }), { mode: 0o600 });
  const code = await gateway.display(holder);
  const says = (status, body) => { proxy.answer = ({ url }) => url === '/v1/verify' && { status, body: JSON.stringify(body) }; };
  const verify = async () => { const out = await terminal.run('verify', '--json', code); return [out.code, ...json(out)]; };

  says(200, { result: 'invalid', reason: 'licence_lapsed', as_of: null, by: 'registry' });
  assert.deepEqual((await verify())[1].mode, 'online');
  assert.equal((await verify())[0], 1, 'its no is never overridden');
  says(200, { result: 'indeterminate', reason: 'status_unavailable', as_of: null, by: null });
  const [unclear, verdict] = await verify();
  assert.deepEqual([unclear, ...brief(verdict), verdict.list.result], [2, 'online', 'indeterminate', 'status_unavailable', 'valid']);
  for (const [status, body, because] of [[500, {}, 'no_answer'], [403, { code: 'type_not_allowed' }, 'type_not_allowed'],
    [401, { code: 'token_expired' }, 'token_expired'], [200, { result: 'fine' }, 'no_answer'], [200, { result: 'invalid' }, 'no_answer'],
    [302, {}, 'no_answer'], [200, ['valid'], 'no_answer'], [502, { error: 'upstream request timeout' }, 'no_answer'],
    [502, { code: 'x'.repeat(200) }, 'no_answer'], [502, { code: '\u202e' }, 'no_answer']]) {
    says(status, body);
    const [exit, told] = await verify();
    assert.deepEqual([exit, ...brief(told), told.offline_because], [0, 'offline', 'valid', null, because], JSON.stringify(body));
  }
  assert.match((await terminal.run('verify', code)).stdout, /offline: the gateway gave no answer/);
  says(200, { result: 'invalid', reason: 'of_next_year', as_of: null, by: 'registry' });
  assert.match((await terminal.run('verify', code)).stdout, /^✘ INVALID\n {2}reason: of_next_year\n/);
  const id = (await gateway.licences(holder)).find((l) => l.status === 'valid').id;
  await site.jwb('hold', 'place', id, '--agency', 'traffic-police', '--case', 'A-1');
  proxy.answer = () => undefined;
  await until(() => terminal.run('sync', '--force'), (out) => /list 0: as of/.test(out.stdout));
  says(200, { result: 'indeterminate', reason: 'status_unavailable', as_of: null, by: null });
  const [no, stricter] = await verify();
  assert.deepEqual([no, ...brief(stricter), stricter.gateway.reason], [1, 'offline', 'invalid', 'licence_seized', 'status_unavailable']);

  // A stranger's text goes nowhere; a gateway that does not answer is not asked for each code anew.
  proxy.asked.length = 0;
  await terminal.run('verify', '--json', '-', { input: 'https://pay.example/x?token=secret\n1234\n' });
  assert.deepEqual(proxy.asked, []);
  proxy.answer = ({ url }) => url === '/v1/verify' && 'lose';
  const lost = json(await terminal.run('verify', '--json', '-', { input: `${code}\n${code}\n` }));
  assert.deepEqual(lost.map((v) => v.offline_because), ['unreachable', 'unreachable']);
  assert.deepEqual(proxy.asked, ['POST /v1/verify']);
  await gateway.stop();
});

// If this fails, a scan made without a network is lost for the evidence log, or is in it twice.
test('kept scans are delivered once each, whatever is lost in between', async (t) => {
  const { site, gateway, origin, proxy } = await world(t, { between: true });
  const terminal = await Terminal.ready(t, site, origin), holder = await site.token('holder');
  const codes = [];
  for (let i = 0; i < 20; i++) codes.push(await gateway.display(holder));
  assert.deepEqual(new Set((await terminal.offline(codes)).map((v) => v.result)), new Set(['valid']));
  const ids = (await terminal.scans()).map((line) => line.split(' ')[0]);
  assert.equal(ids.length, 20);
  const stored = fs.readFileSync(terminal.path('scans'));
  assert.ok(!stored.includes(Buffer.from(codes[0].slice(-40))), 'sealed');

  // The answer to the first batch is lost; that to the second kills the terminal.
  const delivers = ({ url }) => url === '/v1/inspections/scans';
  proxy.answer = (request) => delivers(request) && 'lose';
  assert.equal((await terminal.run('sync')).code, 2);
  assert.equal((await terminal.scans()).length, 20);
  const child = terminal.spawn('sync');
  const gone = once(child, 'exit');
  let batches = 0;
  proxy.answer = (request) => {
    if (!delivers(request) || (batches += 1) !== 2) return undefined;
    child.kill('SIGKILL');
    return 'lose';
  };
  assert.equal((await gone)[1], 'SIGKILL');
  assert.equal((await terminal.scans()).length, 4);
  proxy.answer = () => undefined;
  assert.match((await terminal.must('sync')).stdout, /scans: 4 delivered/);
  assert.deepEqual(await terminal.scans(), []);
  const recorded = (await until(() => scansOf(site), (all) => all.length >= 20)).map((record) => record.reference.split(' ')[0]);
  assert.deepEqual(recorded.sort(), ids.sort());

  // Somebody else's fault: they stay; one that no gateway will ever take is told of, and does not stop the others.
  await terminal.offline(codes.slice(0, 3));
  for (const [status, word, code] of [[403, 'forbidden', 1], [400, 'malformed_body', 1], [422, 'another', 1], [503, 'registry_unavailable', 2],
    [200, 'no receipt', 2]]) {
    proxy.answer = (request) => delivers(request) && { status, body: JSON.stringify({ code: word, title: 'no', scans: [{ id: 'x' }] }) };
    assert.equal((await terminal.run('sync')).code, code, word);
    assert.equal((await terminal.scans()).length, 3, word);
  }
  let refused = 0;
  proxy.answer = (request, body) => delivers(request) && (JSON.parse(body).scans.length > 1 || !refused++)
    && { status: 422, body: '{"code":"scan_time_refused","title":"no"}' };
  const ahead = await terminal.run('sync'); // made just now: in the gateway's future, which comes
  assert.deepEqual([ahead.code, /this device's clock is, or was, ahead of the gateway's/.test(ahead.stderr)], [2, true], ahead.stderr);
  assert.equal((await terminal.scans()).length, 3);
  proxy.answer = () => undefined;
  assert.match((await terminal.must('sync')).stdout, /scans: 3 delivered/);

  await terminal.offline(codes.slice(0, 3), { at: Math.floor(Date.now() / 1000) - 90000 });
  refused = 0;
  proxy.answer = (request, body) => delivers(request) && (JSON.parse(body).scans.length > 1 || !refused++)
    && { status: 422, body: '{"code":"scan_time_refused","title":"no"}' };
  const out = await terminal.run('sync');
  assert.deepEqual([out.code, /a scan is refused.*scan_time_refused/.test(out.stderr), /scans: 2 delivered/.test(out.stdout)], [1, true, true], out.stderr);
  assert.deepEqual(await terminal.scans(), []);
  await gateway.stop();
});

// The process that reads pictures for this one.
function readerOf(child) {
  const of = (pid) => fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  return of(child.pid)[0];
}
const fieldOf = (pid, file, name) => new RegExp(`^${name}\\s+(.*)$`, 'm').exec(fs.readFileSync(`/proc/${pid}/${file}`, 'utf8'))?.[1];

// If this fails, a licence on a picture isn't found, or a picture that isn't one does more than say so.
test('pictures, folders, and what is none', async (t) => {
  const { site, gateway, origin } = await world(t);
  const terminal = await Terminal.ready(t, site, origin), holder = await site.token('holder');
  const png = await pictureOf(gateway, holder), file = (name, content) => fs.writeFileSync(site.path(name), content);
  file('code.png', png);
  assert.deepEqual(json(await terminal.must('verify', '--json', site.path('code.png'))).map(brief), [['offline', 'valid', null]]);
  fs.mkdirSync(site.path('photos'));
  file('photos/1.png', png);
  file('photos/2.JPG', 'no picture');
  file('photos/3.png', png.subarray(0, png.length / 2));
  file('photos/4.txt', 'not looked at');
  file('photos/5.png', Buffer.concat([png.subarray(0, 16), Buffer.from('ffffffffffffffff', 'hex'), png.subarray(24)]));
  file('photos/6.png', png);
  const out = await terminal.run('verify', '--json', site.path('photos'));
  assert.equal(out.code, 2, 'of several, the worst');
  assert.deepEqual(json(out).map((v) => [v.input.slice(-5), v.unread ?? v.result]),
    [['1.png', 'valid'], ['2.JPG', 'no_picture'], ['3.png', 'no_picture'], ['5.png', 'no_picture'], ['6.png', 'valid']]);
  const people = await terminal.run('verify', site.path('photos/2.JPG'));
  assert.match(people.stdout, /^\? CAN'T TELL\n.*2\.JPG: this is no PNG or JPEG/);
  file('photos/\n✔ VALID\n.png', 'no picture');
  assert.doesNotMatch((await terminal.run('verify', site.path('photos'))).stdout.split('6.png')[0], /^✔ VALID\n$/m, 'a name is no answer');
  for (const input of ['', ' \n\n']) { // a scanner that broke off
    const nothing = await terminal.run('verify', '-', { input });
    assert.deepEqual([nothing.code, nothing.stdout, /nothing came/.test(nothing.stderr)], [2, '', true], 'nothing is not valid');
  }
  for (const [args, code] of [[['no-such-file'], 2], [['--frames', '0x1'], 3], [['--frames', '640x480', 'x'], 3], [[], 3],
    [['--camera', '/dev/null'], 2], [['--camera', '/no/camera'], 2], [['--frames', '99999x99999'], 3]])
    assert.equal((await terminal.run('verify', ...args)).code, code, args.join(' '));
  await gateway.stop();
});

// If this fails, a live picture says the same again and again, or a stranger's picture can reach more than its own process.
test('frames: each code once, by a process that may do nothing else, replaced when it dies', async (t) => {
  const { site, gateway, origin } = await world(t), size = [640, 480];
  const terminal = await Terminal.ready(t, site, origin), holder = await site.token('holder');
  const frames = [];
  for (let i = 0; i < 3; i++) frames.push(frameOf(await pictureOf(gateway, holder), ...size));
  const child = terminal.spawn('verify', '--json', '--offline', '--frames', size.join('x'), { input: null });
  const told = [];
  let rest = '';
  child.stdout.on('data', (data) => {
    const lines = (rest + data).split('\n');
    rest = lines.pop();
    told.push(...lines.map((line) => JSON.parse(line)));
  });
  const closed = once(child, 'close');
  const show = async (count, ...shown) => {
    for (const frame of shown) child.stdin.write(frame);
    await until(() => told.length, (n) => n === count);
  };
  await show(1, Buffer.alloc(size[0] * size[1], 128), frames[0], frames[0]);
  const first = readerOf(child);
  assert.equal(fieldOf(first, 'status', 'Seccomp:'), '2');
  assert.equal(fieldOf(first, 'status', 'NoNewPrivs:'), '1');
  assert.match(fieldOf(first, 'limits', 'Max open files'), /^0 /);
  assert.match(fieldOf(first, 'limits', 'Max processes'), /^0 /);
  if (process.getuid() === 0) {
    assert.deepEqual(fs.readdirSync(`/proc/${first}/fd`).sort(), ['0', '1', '2']);
    assert.equal(fs.readFileSync(`/proc/${first}/environ`).length, 0);
  }
  assert.equal((await terminal.run('status')).code, 0, 'others may use the folder meanwhile');
  await show(2, frames[0], frames[1], frames[0]);
  process.kill(first, 'SIGKILL');
  await show(3, frames[1], frames[2]);
  assert.notEqual(readerOf(child), first);
  process.kill(readerOf(child), 'SIGSTOP'); // takes for ever: is ended, and the next frame read by another
  const fourth = frameOf(await pictureOf(gateway, holder), ...size);
  await show(4, frames[2], fourth);
  child.stdin.end();
  assert.deepEqual([(await closed)[0], told.map(brief)], [0, Array(4).fill(['offline', 'valid', null])]);
  assert.equal((await terminal.scans()).length, 4);
  const blank = await terminal.run('verify', '--json', '--frames', '8x8', { input: Buffer.alloc(128) });
  assert.deepEqual([blank.code, json(blank)[0].unread], [2, 'no_code']);
  const cut = await terminal.run('verify', '--json', '--frames', '8x8', { input: Buffer.alloc(100) });
  assert.deepEqual([cut.code, json(cut)[0].unread], [2, 'no_file']);
  await gateway.stop();
});

// If this fails, a gateway's key that turns leaves terminals behind, or what ends at the city goes on here.
test('what the city revokes, a sync brings', async (t) => {
  const { site, gateway, origin } = await world(t);
  const terminal = await Terminal.ready(t, site, origin), before = await terminal.status();
  const code = await gateway.display(await site.token('holder'));
  assert.deepEqual((await terminal.offline(code)).map(brief), [['offline', 'valid', null]]);
  const { kid } = JSON.parse(fs.readFileSync(site.path('codes.jwks'))).keys.find((key) => !key.jwb_use);
  await site.jwb('key', 'create');
  await site.jwb('key', 'revoke', kid);
  await makeBundle(site);
  await until(() => terminal.run('sync'), (out) => /trust bundle: version/.test(out.stdout));
  assert.deepEqual((await terminal.offline(code)).map(brief), [['offline', 'invalid', 'key_revoked']]);
  assert.ok((await terminal.status()).bundle_version > before.bundle_version);
});

// If this fails, who stole a key for lists keeps a terminal from asking for newer ones, or a sync that had nothing says it is done.
test('a list that calls itself fresh is asked for again, and an older one is no list', async (t) => {
  const { site, gateway, origin, proxy } = await world(t, { between: true });
  const terminal = await Terminal.ready(t, site, origin), [{ uri, as_of: asOf }] = (await terminal.status()).lists;
  const { keys } = JSON.parse(fs.readFileSync(site.path('codes.jwks'))), key = keys.findLast((k) => k.jwb_use === 'status');
  const now = Math.floor(Date.now() / 1000), own = Date.parse(asOf) / 1000, path = '/v1/status-lists/0';
  const list = (iat) => ({ status: 200, body: listToken(key, { sub: uri, iat, exp: now + 86400, ttl: 2 ** 32 - 1 }) });
  proxy.answer = ({ url }) => url === path && list(own + 1);
  assert.match((await terminal.must('sync', '--force')).stdout, /^list 0: as of/m);
  const other = terminal.copy('other');
  const asks = async (at) => {
    proxy.asked.length = 0;
    await terminal.run('sync', { at });
    return proxy.asked.includes(`GET ${path}`);
  };
  assert.deepEqual([await asks(own + 1800), await asks(own + 3700)], [false, true]);

  fs.rmSync(other.path('list-0'));
  proxy.answer = ({ url }) => url === path && list(own);
  const older = await other.run('sync', '--force');
  assert.deepEqual([older.code, /list 0: it is not newer than what was taken/.test(older.stderr)], [2, true], older.stdout + older.stderr);
  proxy.answer = () => undefined;
  await terminal.offline(await gateway.display(await site.token('holder')), { at: now + 7200 });
  await terminal.run('sync'); // a scan from the future is refused
  const ahead = await terminal.run('sync'); // all of it is there, and nothing can be called valid
  assert.deepEqual([ahead.code, /clock is wrong, or was at a scan/.test(ahead.stderr)], [2, true], ahead.stdout + ahead.stderr);
  await gateway.stop();
});

// If this fails, a city that turns to SM2 loses what its terminals saw and have not delivered, or another terminal is
// said to have seen it.
test('an enrolment anew doesn\'t end scans that wait, nor give them to another', async (t) => {
  const { site, gateway, origin } = await world(t);
  const terminal = await Terminal.ready(t, site, origin);
  const enrol = (...more) => terminal.run('enroll', '--gateway', origin, '--roots', site.path('roots.jwks'), '--ca',
    site.path('server.pem'), '--again', ...more);
  await terminal.offline(await gateway.display(await site.token('holder')));
  await site.jwb('key', 'create', '--use', 'root', '--alg', 'SM2', '--file', site.path('sm2.jwks'));
  await site.jwb('key', 'publish', '--use', 'root', '--file', site.path('sm2.jwks'), '--out', site.path('sm2-roots.jwks'));
  const again = () => terminal.run('enroll', '--gateway', origin, '--roots', site.path('sm2-roots.jwks'), '--ca', site.path('server.pem'),
    '--id', 'terminal-9', '--again');
  const ticket = await site.ticket('terminal-10', { role: 'inspector', organisation: 'market-office' });
  for (const refused of [await again(), await enrol('--id', 'terminal-10'), await enrol('--ticket', ticket),
    await enrol('--id', 'terminal-9', '--gateway', 'https://elsewhere.example')])
    assert.deepEqual([refused.code, /1 scans wait to be delivered by terminal-9 to https:/.test(refused.stderr)], [2, true], refused.stderr);
  assert.equal((await enrol('--id', 'terminal-9')).code, 0, 'as it was');
  assert.match((await terminal.must('sync')).stdout, /scans: 1 delivered/);
  assert.equal((await again()).code, 0);
  assert.equal((await terminal.status()).damaged, false);
  await gateway.stop();
});

// If this fails, a terminal that could not be enrolled anew is not the one that it was, or trusts whom it did not.
test('an enrolment anew that comes to nothing changes nothing', async (t) => {
  const { s, site, gateway, origin } = await world(t);
  const terminal = await Terminal.ready(t, site, origin);
  await terminal.must('login', { input: s.provider.inspector('traffic-police', '0417') });
  const kept = () => fs.readdirSync(terminal.folder).map((name) => [name, fs.readFileSync(terminal.path(name), 'latin1')]);
  const before = kept();
  const enrol = (at, ...more) => terminal.run('enroll', '--gateway', at, '--roots', site.path('roots.jwks'), '--ticket', 'x.y', '--again', ...more);
  assert.equal((await enrol('https://localhost:1', '--ca', site.path('server.pem'))).code, 2, 'nobody is there');
  assert.equal((await enrol(origin)).code, 1, 'not a certificate of the system\'s authorities');
  assert.equal((await enrol(origin, '--ca', site.path('server.pem'))).code, 1, 'no such ticket');
  assert.equal((await enrol(origin, '--ca', site.path('no.pem'))).code, 2);
  assert.deepEqual(kept(), before);
  await terminal.must('sync', '--force');
  await gateway.stop();
});
