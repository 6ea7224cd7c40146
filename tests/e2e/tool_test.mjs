// The tool: what is wrong is said with file and line, the exit status tells it, and nothing else happens.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { source } from './lib/schema.mjs';
import { Site, until } from './lib/site.mjs';
import { refuses, tool } from './lib/tool.mjs';

const NOBODY = '0'.repeat(32);
const commandsOf = async (site) =>
  [...(await site.jwb('help')).matchAll(/^ {2}(\w[\w-]*(?: [\w-]+)?) {2,}\S/gm)].map((m) => m[1].split(' '));

const COLUMNS = 'ZZMC,ZZLXDM,ZZBH,ZZBS,ZZBFJG,ZZBFJGDM,ZZBFRQ,CZZT,CZZTDM,CZZTDMLXDM,ZZYXQQSRQ,ZZYXQJZRQ,ZZZT';
const line = (change = {}) => {
  const record = { ZZMC: '居住证', ZZLXDM: '11100000000000004Y001', ZZBH: 'B1', ZZBS: '',
    ZZBFJG: '焦作市公安局', ZZBFJGDM: '11410899000000004X', ZZBFRQ: '2026-01-02',
    CZZT: '张三丰', CZZTDM: '410899195303315929', CZZTDMLXDM: '111',
    ZZYXQQSRQ: '2026-01-02', ZZYXQJZRQ: '长期', ZZZT: '01', ...change };
  return COLUMNS.split(',').map((name) => record[name]).join(',');
};
async function counted(site) {
  const lines = (await site.jwb('registry', 'count')).matchAll(/^(\w[\w ]*?) {2,}(\d+)/gm);
  return Object.fromEntries([...lines].map(([, name, count]) => [name, Number(count)]));
}
const importing = (site, ...args) => site.tryJwb('licence', 'import', ...args, '--json');

test('every command explains itself, and refuses what it does not know with its usage', async (t) => {
  const site = await tool(t, { licences: 1 });
  const commands = await commandsOf(site);
  assert.equal(commands.length, source('cli/commands.c').match(/^ {4}\{"/gm).length);
  const rows = [];
  for (const words of commands) {
    const name = words.join(' ');
    const help = await site.jwb('help', ...words);
    assert.match(help, new RegExp(`^usage: jwb ${name}`));
    assert.match(help, new RegExp(`^Example: .*jwb ${name}`, 'm'));
    assert.equal(await site.jwb(...words, '--help'), help);
    rows.push([[...words, '--nonsense'], 2, new RegExp(`^jwb ${name}: unknown option --nonsense\nusage: jwb ${name}`)],
      [[...words, '-z'], 2, new RegExp(`^jwb ${name}: unknown option -z\n`)]);
    if (name !== 'evidence list')
      rows.push([[...words, 'a', 'b', 'c', 'd'], 2, new RegExp(`^jwb ${name}: too many arguments\n`)]);
  }
  for (const args of [['licences'], ['help', 'licences']]) rows.push([args, 2, /there is no command 'licences'/]);
  await refuses(site, rows);
  for (const args of [[], ['licence'], ['licence', 'eat']]) {
    const out = await site.tryJwb(...args);
    assert.deepEqual([out.code, out.stdout], [2, '']);
    assert.match(out.stderr, /^usage: jwb COMMAND/);
  }
  assert.equal(await site.jwb('--version'), `jwb ${source('VERSION').trim()}\n`);
});

test('a configuration that can\'t be read is named with its line, and nothing is made in its place', async (t) => {
  const site = await tool(t, { licences: 0 });
  const good = site.read('gateway.yaml').toString();
  const rows = [
    ['none.yaml', null, /^jwb: .*none\.yaml: No such file or directory\n$/],
    ['a.yaml', `${good}http:\n  body_byte_max: 1\n`,
      /^jwb: .*a\.yaml:\d+: unknown key 'http\.body_byte_max'; did you mean 'http\.body_bytes_max'\?\n$/],
    ['b.yaml', `${good}registry:\n  queue_max: 0\n`, /^jwb: .*b\.yaml:\d+: .*registry\.queue_max/],
    ['c.yaml', `${good}registry:\n  queue_max: [1]\n`, /^jwb: .*c\.yaml:\d+: /],
    ['d.yaml', '\0\x01', /^jwb: .*d\.yaml/],
    ['e.yaml', good, /^jwb: .*registry\.db: .*\n$/], // there is no registry yet
    ['f.yaml', `${good}registry:\n  path: .\n`, /^jwb: .*: /],
    ['g.yaml', `${good}registry:\n  secret: server.pem\n`, /^jwb: .*server\.pem: .*\n$/],
    ['h.yaml', `${good}registry:\n  secret: none.secret\n`, /^jwb: .*none\.secret: No such file or directory; 'jwb secret create' makes one\n$/],
  ];
  for (const [name, content, pattern] of rows) {
    if (content !== null) site.write(name, content);
    for (const command of [['registry', 'count'], ['hold', 'place', NOBODY, '--agency', 'a', '--case', '1']]) {
      const out = await site.tryJwb(...command, '--config', site.path(name));
      assert.deepEqual([out.code, out.stdout], [1, ''], name);
      assert.match(out.stderr, pattern);
    }
  }
  assert.ok(!fs.existsSync(site.path('registry.db')));
  const elsewhere = await site.tryJwb('registry', 'count', { config: 'none' });
  assert.match(elsewhere.stderr, /none\.yaml: No such file/, '$JWB_CONFIG');
});

test('a hold, a lift, a status and a grant that can\'t be say so and change nothing', async (t) => {
  const site = await tool(t);
  const person = site.records[0], company = site.records.find((r) => /^91[0-9A-Z]{16}$/.test(r.CZZTDM)).CZZTDM;
  const licence = person.ZZBS, claim = ['--agency', 'traffic-police', '--case', '7'];
  const unknown = /^jwb: no licence has this id, number or identifier\n$/;
  const rows = [
    [['hold', 'place', NOBODY, ...claim], 1, unknown], [['hold', 'lift', NOBODY, ...claim], 1, unknown],
    [['licence', 'status', NOBODY, 'revoked'], 1, unknown], [['licence', 'show', NOBODY], 1, unknown],
    [['licence', 'show', 'x'.repeat(600)], 1, /too long/], [['licence', 'show', ''], 1, /is empty/],
    [['licence', 'show', '-'], 1, /is empty/],
    [['hold', 'lift', licence, ...claim], 1,
      /^jwb: nothing was changed: this agency and case have no open hold on the licence\n$/],
    [['hold', 'place', licence, '--agency', 'a'], 2, /--case is missing/],
    [['hold', 'place', licence, '--case', 'a'], 2, /--agency is missing/],
    [['hold', 'place', licence, '--agency', '', '--case', '1'], 2, /--agency has 1 to 64 bytes/],
    [['hold', 'place', licence, '--agency', 'a', '--case', 'x'.repeat(65)], 2, /--case has 1 to 64 bytes/],
    [['hold', 'place', licence, '--agency', 'a', '--case', `2026 ${person.CZZT}`], 1,
      /^jwb: nothing was changed: the case number goes into evidence, which names nobody/],
    [['hold', 'place', licence, ...claim, '--kind', 'eat'], 2, /'eat' is no kind of hold/],
    [['hold', 'place', ...claim], 2, /an argument is missing/],
    [['licence', 'status', licence, 'superseded'], 2, /'superseded' is no status of an issuer/],
    [['licence', 'status', licence, '42'], 2, /'42' is no status/],
    [['agent', 'grant', company, '-'], 1, /the registry knows no person of this number/, '410899195303311110'],
    [['agent', 'grant', NOBODY.slice(0, 18), '-'], 1, /the registry knows no holder of this number/, person.CZZTDM],
    [['agent', 'grant', '-', company], 1, /^jwb: nothing was changed: .+/, person.CZZTDM],
    [['agent', 'end', company, '-'], 1, /nothing was changed: the person is no agent of the enterprise and no guardian of the holder/, person.CZZTDM],
    [['agent', 'grant', company, '-', '--until', '2026-02-30'], 2, /--until is a date/, person.CZZTDM],
  ];
  await refuses(site, rows);
  assert.match(await site.jwb('licence', 'show', licence), /: valid$/m);

  await site.jwb('hold', 'place', licence, ...claim);
  await refuses(site, [
    [['hold', 'place', licence, ...claim], 1, /^jwb: nothing was changed: this case already has such a hold on the licence\n$/],
    [['hold', 'lift', licence, '--agency', 'traffic-police', '--case', '8'], 1, /no open hold/],
    [['hold', 'lift', licence, '--agency', 'food-safety', '--case', '7'], 1, /no open hold/],
  ]);
  assert.match(await site.jwb('licence', 'show', licence), /: seized$/m);
  assert.match(await site.jwb('hold', 'place', licence, ...claim, '--kind', 'withdraw'), /the licence is now withdrawn\n/);
  await refuses(site, [[['hold', 'place', licence, ...claim, '--kind', 'withdraw'], 1, /^jwb: nothing was changed: .+/]]);
  assert.match(await site.jwb('hold', 'lift', licence, ...claim), // both of this case
    /^hold lifted; the licence is now valid\nin force everywhere after \d+ ms/);
  await refuses(site, [[['hold', 'lift', licence, ...claim], 1, /no open hold/]]);
  for (const out of [await site.tryJwb('licence', 'show', '-', { input: '410899195303311110' }),
    await site.tryJwb('agent', 'end', company, '-', { input: '410899195303311110' })])
    assert.ok(!out.stderr.includes('410899195303311110'), 'what stood on standard input is not told');
});

test('a file that is no file of licences is refused as a whole', async (t) => {
  const site = await tool(t, { licences: 3 });
  const from = (name, content) => { fs.writeFileSync(site.path(name), content); return site.path(name); };
  const good = `${COLUMNS}\n${line()}\n`, utf16 = Buffer.from(good, 'utf16le');
  await refuses(site, [
    [['licence', 'import', site.path('none.csv')], 1, /^jwb: .*none\.csv: No such file or directory\n$/],
    [['licence', 'import', from('empty.csv', '')], 1, /^jwb: .*empty\.csv: the file is empty/],
    [['licence', 'import', from('bom.csv', '\ufeff')], 1, /^jwb: .*bom\.csv/],
    [['licence', 'import', from('blank.csv', '\n\r\n \n')], 1, /^jwb: .*blank\.csv/],
    [['licence', 'import', site.folder], 1, /^jwb: .+: /],
    [['licence', 'import', '/dev/null'], 1, /^jwb: \/dev\/null: /],
    [['licence', 'import', from('columns.csv', good.replace('ZZBFJGDM', 'ZZBFJGDX'))], 1,
      /^jwb: .*columns\.csv.*ZZBFJGDM/],
    [['licence', 'import', from('headless.csv', `${line()}\n`)], 1, /^jwb: .*headless\.csv/],
    [['licence', 'import', from('utf16.csv', Buffer.concat([Buffer.from([0xff, 0xfe]), utf16]))], 1,
      /^jwb: .*utf16\.csv/],
    [['licence', 'import', from('noise.csv', Buffer.alloc(3000, '\x80\xff\0'))], 1, /^jwb: .*noise\.csv/],
    [['licence', 'import', from('one.csv', good), '--source', ''], 2, /--source/],
    [['licence', 'import', site.path('one.csv'), '--source-version', '-1'], 2, /--source-version/],
    [['licence', 'import'], 2, /an argument is missing/],
    [['licence', 'import', site.path('one.csv'), '--rejects'], 2, /option --rejects needs a value/],
  ]);
});

test('bad lines that can\'t be kept end the import, and a file is not overwritten by its own bad lines', async (t) => {
  const site = await tool(t, { licences: 1 });
  const content = `${COLUMNS}\n${line()}\n${line({ ZZBH: 'B2', CZZTDMLXDM: '9' })}\n`, before = await counted(site);
  site.write('a.csv', content);
  for (const rejects of [site.path('none/rejects.csv'), site.folder, site.path('a.csv')]) {
    const out = await importing(site, site.path('a.csv'), '--rejects', rejects);
    assert.equal(out.code, 1, rejects);
    assert.match(out.stderr, /^jwb: .*a\.csv/m);
    assert.doesNotMatch(out.stderr, /they are in/);
    assert.equal(site.read('a.csv').toString(), content);
  }
  assert.deepEqual(await counted(site), before);
});

test('bad lines are told by number and reason, kept as they were, and go in once they are mended', async (t) => {
  const site = await tool(t, { licences: 0 });
  const bad = [
    [{ ZZBH: 'B2', CZZTDM: '410899195303315920' }, /citizen number/, { CZZTDM: '410899195303315929' }],
    [{ ZZBH: 'B3', ZZBFRQ: '2026-02-30' }, /date/, { ZZBFRQ: '2026-02-28' }],
    [{ ZZBH: '' }, /required field.*ZZBH/, { ZZBH: 'B4' }],
    [{ ZZBH: 'B5', ZZZT: '77' }, /status/, { ZZZT: '1' }],
    [{ ZZBH: 'B6', CZZT: '张\u0007' }, /control character/, { CZZT: '张' }],
    [{ ZZBH: 'B7', ZZYXQJZRQ: '2020-01-01' }, /before valid from/, { ZZYXQJZRQ: '２０３０年１月２日' }],
  ];
  site.write('a.csv', [COLUMNS, line(), ...bad.map(([change]) => line(change)), `${line({ ZZBH: 'B8' })},more`,
    line({ ZZBH: 'B9' }), ''].join('\r\n'));
  const rejects = site.path('a.csv.rejects');
  const first = await importing(site, site.path('a.csv'));
  assert.equal(first.code, 0);
  const report = JSON.parse(first.stdout);
  assert.deepEqual([report.lines, report.accepted, report.rejected, report.outcomes.added, report.rejects],
    [9, 2, 7, 2, rejects]);
  assert.equal(report.reasons.reduce((sum, r) => sum + r.lines, 0), 7);
  const told = first.stderr.split('\n').filter((l) => /^line \d/.test(l));
  bad.forEach(([, reason], i) => assert.match(told[i], new RegExp(`^line ${i + 3}: .*${reason.source}`)));
  assert.match(told[6], /^line 9: another number of fields/);
  assert.ok(!/4108991953|张/.test(first.stderr + first.stdout), 'what stands in a line is not told');
  assert.equal(fs.statSync(rejects).mode & 0o777, 0o600);
  const kept = fs.readFileSync(rejects, 'utf8').trim().split(/\r?\n/);
  assert.deepEqual(kept.map((l) => l.trim()), [COLUMNS, ...bad.map(([change]) => line(change)),
    `${line({ ZZBH: 'B8' })},more`]);
  const counts = await counted(site);
  assert.equal(counts.licences, 2);

  const again = JSON.parse((await importing(site, site.path('a.csv'))).stdout);
  assert.deepEqual([again.accepted, again.outcomes.unchanged, again.rejected], [2, 2, 7], 'the same file again');
  fs.copyFileSync(rejects, site.path('b.csv'));
  const as = JSON.parse((await importing(site, site.path('b.csv'))).stdout);
  assert.deepEqual([as.lines, as.accepted, as.rejected], [7, 0, 7], 'the rejects as they are');
  assert.deepEqual(await counted(site), counts);

  site.write('c.csv', [COLUMNS, ...bad.map(([change, , mended]) => line({ ...change, ...mended })),
    line({ ZZBH: 'B8' })].join('\n'));
  const mended = JSON.parse((await importing(site, site.path('c.csv'))).stdout);
  assert.deepEqual([mended.accepted, mended.outcomes.added, mended.rejected, mended.rejects], [7, 7, 0, null],
    'and mended');
  assert.ok(!fs.existsSync(site.path('c.csv.rejects')));
  assert.equal((await counted(site)).licences, 9);
});

test('a generated file goes in whole but for its bad lines, and again without any change', async (t) => {
  const site = await tool(t, { licences: 1 });
  for (const [format, encoding] of [['csv', 'gb18030'], ['ndjson', 'utf-8'], ['csv', 'utf-8'], ['ndjson', 'gb18030']]) {
    const file = site.path(`g.${encoding}.${format}`);
    await site.jwb('licence', 'generate', '400', '--seed', '3', '--bad', '15', '--format', format, '--encoding',
      encoding, '--out', file);
    const before = (await counted(site)).licences;
    const report = JSON.parse((await importing(site, file)).stdout);
    assert.deepEqual([report.lines, report.accepted, report.rejected], [400, 385, 15], `${format} ${encoding}`);
    assert.equal(Object.values(report.outcomes).reduce((sum, n) => sum + n, 0), 385);
    assert.equal((await counted(site)).licences - before, report.outcomes.added);
    const counts = await site.jwb('registry', 'count');
    assert.equal(JSON.parse((await importing(site, file)).stdout).outcomes.unchanged, 385);
    assert.equal(await site.jwb('registry', 'count'), counts);
  }
});

test('what an import changed is in force when the tool returns, however seldom a gateway looks', async (t) => {
  const site = await Site.start(t, { clients: [], config: { relay: { poll_ms: 1000 } } });
  const code = await site.gateway.display(await site.token('holder'));
  await until(() => site.gateway.verdict(code), (v) => v.result === 'valid' && v.by === 'cache');
  site.write('renewed.ndjson', JSON.stringify({ ...site.records[0], SJBBH: '9', ZZYXQJZRQ: '2051-01-01' }));
  const renew = () => site.jwb('licence', 'import', site.path('renewed.ndjson'), '--source', 'test');
  assert.match(await renew(), /\nin force everywhere after \d+ ms \(relayed\)\n$/);
  assert.equal((await site.gateway.verdict(code)).reason, 'licence_superseded');
  assert.doesNotMatch(await renew(), /in force/);
});

test('keys, secrets, tokens, codes, pictures and journals: each refuses what it can\'t take', async (t) => {
  const site = await tool(t, { licences: 3 });
  const secret = site.read('gateway.secret'), keys = site.read('codes.jwks');
  site.write('text.txt', 'neither a picture nor a journal, but text that goes on for a while '.repeat(9));
  site.write('empty.png', '');
  site.write('open.jwks', keys);
  fs.chmodSync(site.path('open.jwks'), 0o644);
  site.write('not.jwks', '{"keys":[{}]}');
  await site.jwb('qr', 'write', '123', '--out', site.path('code.png'));
  const cut = site.read('code.png');
  site.write('cut.png', cut.subarray(0, cut.length / 2));
  await refuses(site, [
    [['key', 'revoke', '00000000'], 1, /^jwb: the file has no key of this kid\n$/],
    [['key', 'revoke', '0000'], 2, /a kid has 8 hexadecimal digits/],
    [['key', 'revoke', 'zzzzzzzz'], 2, /hexadecimal/],
    [['key', 'create', '--until', '2020-01-01'], 2, /--until is not after/],
    [['key', 'create', '--from', 'soon'], 2, /--from is a time/],
    [['key', 'create', '--from', '2026-13-01'], 2, /--from is a time/],
    [['key', 'list', '--file', site.path('none.jwks')], 1, /none\.jwks: No such file/],
    [['key', 'list', '--file', site.path('open.jwks')], 1, /open\.jwks: .*others/],
    [['key', 'create', '--file', site.path('not.jwks')], 1, /not\.jwks/],
    [['key', 'create', '--file', site.path('none/x.jwks')], 1, /none: No such file/],
    [['secret', 'create', site.path('gateway.secret')], 1, /gateway\.secret: /],
    [['secret', 'create', site.path('none/x')], 1, /none\/x: /],
    [['token', 'mint'], 2, /--role is/], [['token', 'mint', '--role', 'king'], 2, /--role is/],
    [['token', 'mint', '--role', 'anybody'], 2, /--role is/], [['token', 'mint', '--role', 'operator'], 2, /--role is/],
    [['token', 'mint', '--role', 'auditor'], 2, /needs --client ID/],
    [['token', 'mint', '--role', 'holder'], 2, /a holder needs/],
    [['token', 'mint', '--role', 'holder', '--subject', 'x'], 2, /a holder needs/],
    [['token', 'mint', '--role', 'inspector', '--subject', 'x', '--client', 'c'], 2, /AGENCY\/OFFICER/],
    [['token', 'mint', '--role', 'partner'], 2, /needs --client ID/], [['token', 'mint', '--role', 'system'], 2, /needs --client ID/],
    [['token', 'mint', '--role', 'partner', '--client', 'a b'], 2, /printable/],
    [['token', 'mint', '--role', 'partner', '--client', 'x'.repeat(65)], 2, /1 to 64/],
    [['token', 'mint', '--role', 'partner', '--client', 'c', '--scope', 'display'], 2, /that the role has/],
    [['token', 'mint', '--role', 'partner', '--client', 'c', '--life', '0'], 2, /--life is a number/],
    [['token', 'mint', '--role', 'partner', '--client', 'c'], 1, /there is no client of this id/],
    [['token', 'mint', '--role', 'holder', '--holder-number', '-'], 1, /the registry knows no holder of this number/,
      '410899195303311110'],
    [['token', 'mint', '--role', 'holder', '--holder-number', '-'], 1, /is empty/],
    [['token', 'mint', '--role', 'holder', '--holder-number', '-'], 1, /too long/, '1'.repeat(100)],
    [['code', 'verify', '123'], 2, /--jwks is missing/],
    [['code', 'verify', '123', '--jwks', site.path('none.json')], 1, /none\.json: No such file/],
    [['code', 'verify', '123', '--jwks', site.path('text.txt')], 1, /text\.txt is no JSON Web Key Set/],
    [['code', 'inspect', '12a'], 1, /malformed/],
    [['qr', 'read', site.path('none.png')], 1, /none\.png: No such file/],
    [['qr', 'read', site.path('text.txt')], 1, /text\.txt: /],
    [['qr', 'read', site.path('empty.png')], 1, /empty\.png: /],
    [['qr', 'read', site.path('cut.png')], 1, /cut\.png: /],
    [['qr', 'write', '123'], 2, /either --out FILE or --terminal/],
    [['qr', 'write', '123', '--out', 'x.gif'], 2, /\.png or \.svg/],
    [['qr', 'write', '123', '--out', site.path('none/x.png')], 1, /none\/x\.png: No such file/],
    [['qr', 'write', '1'.repeat(9000), '--terminal'], 1, /too long|too much/],
    [['evidence', 'list'], 2, /an argument is missing/],
    [['evidence', 'list', site.path('none.jwbj')], 1, /none\.jwbj: No such file/],
    [['evidence', 'list', site.path('text.txt')], 1, /text\.txt: /],
    [['licence', 'generate', '0', '--out', 'x'], 2, /N is a number/],
    [['licence', 'generate', '5', '--bad', '5', '--out', 'x'], 2, /--bad is a number/],
    [['licence', 'generate', '5'], 2, /--out is missing/],
    [['licence', 'generate', '5', '--out', site.path('none/x')], 1, /none\/x: No such file/],
  ]);
  assert.deepEqual(site.read('gateway.secret'), secret);
  assert.deepEqual(site.read('codes.jwks'), keys);
});
