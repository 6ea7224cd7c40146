// The tool's commands about who may ask: clients, persons, mandates, and the policy.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { source } from './lib/schema.mjs';
import { refuses, tool } from './lib/tool.mjs';

test('a client is registered once, with its key, and gets a token only while it is open, of its role and its scopes', async (t) => {
  const site = await tool(t, { licences: 1 });
  const add = (id, role, ...more) => ['client', 'add', '--id', id, '--role', role, '--organisation', 'rent', ...more];
  const mint = (role, id, ...more) => ['token', 'mint', '--role', role, '--client', id, ...more];
  const jwk = (name) => JSON.parse(site.read(name));
  const scopesOf = (token) => {
    const cbor = Buffer.from(token.trim().split('.')[1], 'base64url');
    return cbor.at(-11); // [..., scopes, iat, exp]: two times of five octets stand behind it
  };
  const added = await site.jwb(...add('rent-1', 'partner', '--purpose', 'hiring', '--purpose', 'car_rental', '--type', 'T1',
    '--type', 'T2', '--quota', '60', '--expires', '2127-12-31', '--scope', 'check', '--new-key', site.path('a.jwk')));
  assert.match(added, /a\.jwk: its private key.*\nclient rent-1 is added/);
  assert.equal(fs.statSync(site.path('a.jwk')).mode & 0o777, 0o600);
  const { d, ...publicKey } = jwk('a.jwk');
  assert.match(d, /^[\w-]{43}$/);
  site.write('public.jwk', JSON.stringify(publicKey));
  const shown = await site.jwb('client', 'show', 'rent-1');
  assert.match(shown, new RegExp(['id +rent-1', 'role +partner', 'organisation +rent', 'scopes +check', 'types +T1 T2',
    'purposes +hiring car_rental', 'quota +60 a minute', 'since +.+', 'state +open',
    'expires +2128-01-01T00:00:00\\+08:00', `key +x ${publicKey.x}\n$`].join('\n')));
  assert.equal(scopesOf(await site.jwb(...mint('partner', 'rent-1'))), 8, 'check, and not verify');

  await site.jwb(...add('terminal', 'inspector', '--key', site.path('public.jwk')));
  const warned = await site.tryJwb(...add('rent-2', 'partner', '--purpose', 'hirring', '--key', site.path('public.jwk')));
  assert.match(warned.stderr, /^jwb: warning: the policy does not list purpose hirring\n$/);
  site.write('named.jwk', JSON.stringify({ ...publicKey, kid: 'my-key' }));
  const named = await site.tryJwb('client', 'rotate-key', 'rent-2', '--key', site.path('named.jwk'));
  assert.match(named.stderr, new RegExp(`^jwb: warning: .*named\\.jwk has a kid that is not .* with ${publicKey.kid} are not\n$`));
  const list = await site.jwb('client', 'list');
  const key = ['--new-key', site.path('b.jwk')];
  await refuses(site, [
    [add('rent-1', 'partner', ...key), 1, /nothing was changed: a client of this id is there, or was/],
    [add('x', 'holder', ...key), 2, /--role is/], [add('x', 'anybody', ...key), 2, /--role is/],
    [add('x', 'operator', ...key), 2, /--role is/], [add('x', 'auditor', ...key, '--scope', 'verify'), 2, /--scope is/],
    [add('焦', 'partner', ...key), 2, /--id has/], [add('x'.repeat(65), 'partner', ...key), 2, /--id has/],
    [['client', 'add', '--id', 'x', '--role', 'partner', ...key], 2, /--id, --role and --organisation are needed/],
    [add('x', 'partner', ...key, '--scope', 'verify,lookup'), 2, /--scope is/],
    [add('x', 'partner', ...key, '--scope', ''), 2, /--scope is/],
    [add('x', 'partner', ...key, '--type', 'a'), 2, /--type is/],
    [add('x', 'partner', ...key, '--purpose', 'A'), 2, /--purpose is/],
    [add('x', 'system', ...key, '--purpose', 'service'), 2, /--purpose is for partners/],
    [add('x', 'partner', ...key, ...Array(17).fill(['--purpose', 'hiring']).flat()), 2, /more than 16 times/],
    [add('x', 'partner', ...key, '--quota', '-1'), 2, /--quota is a number/],
    [add('x', 'partner', ...key, '--expires', '2020-01-01'), 2, /--expires 2020-01-01 has passed/],
    [add('x', 'partner'), 2, /either --key FILE, --new-key FILE or --ticket/],
    [add('x', 'partner', '--key', site.path('a.jwk')), 1, /a\.jwk is a private key/],
    [add('x', 'partner', '--new-key', site.path('a.jwk')), 1, /a\.jwk: File exists/],
    [add('x', 'partner', '--new-key', site.path('none/x')), 1, /none\/x: No such file/],
    [['client', 'show', 'x'], 1, /there is no client of this id/],
    [['client', 'disable', 'x'], 1, /there is no client of this id/],
    [['client', 'ticket', 'x'], 1, /there is no client of this id/],
    [['client', 'ticket', 'rent-1'], 1, /the client has a key/],
    [['client', 'rotate-key', 'x', ...key], 1, /there is no client of this id/],
    [['client', 'rotate-key', 'rent-1'], 2, /either --key FILE or --new-key FILE/],
    [['client', 'rotate-key', 'rent-1', ...key, '--overlap', '2592001'], 2, /--overlap is a number/],
    [mint('partner', 'terminal'), 1, /the client is of role inspector/],
    [mint('partner', 'rent-1', '--scope', 'verify'), 1, /the client has none of these scopes/],
    [mint('inspector', 'terminal', '--subject', 'other/7'), 1, /the terminal is of agency rent/],
    [mint('inspector', 'terminal', '--subject', 'rental/7'), 1, /the terminal is of agency rent/],
  ]);
  assert.ok(!fs.existsSync(site.path('b.jwk')), 'a key of a client that is none is removed');
  assert.equal(await site.jwb('client', 'list'), list);
  assert.match(await site.jwb(...mint('inspector', 'terminal', '--subject', 'rent/7')), /^jwb1\./);

  assert.match(await site.jwb('client', 'rotate-key', 'rent-1', ...key, '--overlap', '600'), /the key before is good until/);
  const both = await site.jwb('client', 'show', 'rent-1');
  assert.match(both, new RegExp(`key +x ${jwk('b.jwk').x}\nkey +x ${publicKey.x}, until .+\n$`));
  await site.jwb('client', 'rotate-key', 'rent-1', '--key', site.path('public.jwk'));
  assert.match(await site.jwb('client', 'show', 'rent-1'), new RegExp(`open\nexpires.+\nkey +x ${publicKey.x}\n$`));
  await site.jwb('client', 'disable', 'rent-1');
  await refuses(site, [
    [mint('partner', 'rent-1'), 1, /the client is disabled/],
    [add('rent-1', 'partner', '--key', site.path('public.jwk')), 1, /is there, or was/],
  ]);
  assert.match(await site.jwb('client', 'list'), /^rent-1 .+ disabled\nrent-2 .+ open\nterminal .+ open\n$/);
});

test('whom the tool shuts out is listed by no number, and let in again by the same name', async (t) => {
  const site = await tool(t);
  const number = site.records[0].CZZTDM, byNumber = ['--holder-number', '-'], input = { input: number };
  await site.jwb('person', 'shut-out', ...byNumber, input);
  await site.jwb('person', 'shut-out', '--officer', 'traffic/7');
  const list = await site.jwb('person', 'list');
  assert.match(list, /^holder +[0-9a-f]{32} +since .+\ninspector +traffic\/7 +since .+\n$/);
  assert.ok(!list.includes(number));
  await refuses(site, [
    [['person', 'shut-out'], 2, /either --officer AGENCY\/OFFICER or --holder-number N/],
    [['person', 'let-in', ...byNumber, '--officer', 'traffic/7'], 2, /either --officer/],
    [['person', 'let-in', '--officer', 'traffic'], 2, /--officer is AGENCY\/OFFICER/],
    [['person', 'let-in', '--officer', 'traffic/8'], 1, /this person is not shut out/],
    [['person', 'let-in', ...byNumber], 1, /the registry knows no holder of this number/, '410899195303311110'],
  ]);
  assert.equal(await site.jwb('person', 'list'), list);
  await site.jwb('person', 'let-in', ...byNumber, input);
  await site.jwb('person', 'let-in', '--officer', 'traffic/7');
  assert.equal(await site.jwb('person', 'list'), '');
});

test('who acts for whom is listed, with names of persons masked', async (t) => {
  const site = await tool(t);
  const [guardian, child] = [...new Map(site.records.filter((r) => r.CZZTDM.length === 18 && /^4/.test(r.CZZTDM))
    .map((r) => [r.CZZTDM, r])).values()];
  const company = site.records.find((r) => /^91[0-9A-Z]{16}$/.test(r.CZZTDM));
  const list = (number, ...more) => site.jwb('agent', 'list', '-', ...more, { input: number });
  await site.jwb('agent', 'grant', child.CZZTDM, '-', '--until', '2127-12-31', { input: guardian.CZZTDM });
  await site.jwb('agent', 'grant', company.CZZTDM, '-', { input: guardian.CZZTDM });
  const shown = await list(guardian.CZZTDM), full = await list(guardian.CZZTDM, '--full');
  assert.match(shown, /as +guardian\nfor +.\*+ [0-9a-f]{32}\nwho acts +.\*+ [0-9a-f]{32}\nsince .+\nuntil +2128-01-01/);
  assert.ok(shown.includes(`as        agent\nfor       ${company.CZZT} `), shown);
  assert.ok(!shown.includes(child.CZZT) && !shown.includes(guardian.CZZT));
  assert.ok(full.includes(`for       ${child.CZZT} `) && full.includes(`who acts  ${guardian.CZZT} `));
  assert.match(await list(child.CZZTDM), /^id +[0-9a-f]{32}\nas +guardian\n/);
  await refuses(site, [
    [['agent', 'grant', '-', guardian.CZZTDM], 1, /^jwb: nothing was changed: .+/, guardian.CZZTDM],
    [['agent', 'list', '-'], 1, /the registry knows no holder/, '410899195303311110'],
  ]);
  await site.jwb('agent', 'end', child.CZZTDM, '-', { input: guardian.CZZTDM });
  assert.doesNotMatch(await list(guardian.CZZTDM), /guardian/);
});

test('the policy is explained: which line decides, and what a field\'s grade and mask are', async (t) => {
  const site = await tool(t, { licences: 0 });
  const driving = '11100000000000001M001', fields = (text) =>
    Object.fromEntries([...text.matchAll(/^(\w+) +(public|internal|sensitive|highly_sensitive) +(.+)$/gm)].map(([, f, , m]) => [f, m]));
  const line = source('etc/policy.yaml').split('\n').findIndex((l, i, all) => /role: partner/.test(l) && /car_rental/.test(all[i + 1])) + 1;
  const built = await site.jwb('policy', 'explain', driving, 'partner', 'car_rental');
  assert.match(built, new RegExp(`^rule +the built-in policy:${line}, for role partner, purpose car_rental, types ${driving}\n`));
  assert.match(built, /^purpose +汽车租赁 \(Car rental\); what was shown may be kept for 90 days$/m);
  assert.match(built, /^in plain +partner sees what is graded up to sensitive$/m);
  assert.match(built, /^number +highly_sensitive +masked: tail$/m);
  assert.deepEqual(fields(built), { type: 'plain', name: 'plain', holder_name: 'plain', holder_number: 'hidden',
    number: 'masked: tail', identifier: 'hidden', issuer: 'plain', issued_on: 'hidden', valid_from: 'plain', valid_until: 'plain' });
  const none = await site.jwb('policy', 'explain', 'X1', 'partner', 'car_rental');
  assert.match(none, /^rule +none fits: the licence's type alone is shown\n/);
  assert.deepEqual(Object.values(fields(none)).filter((mask) => mask !== 'hidden'), ['plain']);

  site.write('policy.yaml', 'rules:\n- {role: partner, fields: {issued_on: year}}\n');
  site.config('other', { policy: { file: 'policy.yaml' } });
  for (const from of [['--file', site.path('policy.yaml')], ['--config', site.path('other.yaml')]]) {
    const own = await site.jwb('policy', 'explain', 'X1', 'partner', ...from);
    assert.match(own, /^rule +.*policy\.yaml:2, for role partner, any purpose, any type\n/);
    assert.match(own, /^issued_on +internal +masked: year$/m);
  }
  assert.equal(await site.jwb('policy', 'explain', driving, 'partner', 'car_rental', '--file', ''), built);
  site.write('bad.yaml', 'rules:\n- {role: partner, fields: {number: plain}}\n');
  for (const [args, code, pattern] of [[['X', 'king'], 2, /'king' is no role/], [['X'], 2, /an argument is missing/],
    [['X', 'partner', '--file', site.path('bad.yaml')], 1, /bad\.yaml:2: number is highly_sensitive, and partner sees/],
    [['X', 'partner', '--file', site.path('none.yaml')], 1, /none\.yaml: No such file/]]) {
    const out = await site.tryJwb('policy', 'explain', ...args);
    assert.deepEqual([out.code, out.stdout], [code, ''], args.join(' '));
    assert.match(out.stderr, pattern);
  }
});
