// Who may ask what, and who sees what of whom.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Site, until } from './lib/site.mjs';
import { ask, assertAllowed } from './lib/schema.mjs';

const NOBODY = '0'.repeat(32);
const is18 = (number) => /^[0-9]{17}[0-9X]$|^[0-9A-Z]{18}$/.test(number);
const isPerson = (r) => r.CZZTDMLXDM === '111' && is18(r.CZZTDM);
const isEnterprise = (r) => r.CZZTDMLXDM === '001' && is18(r.CZZTDM);

const holderOf = async (site, number) => (await site.jwb('token', 'mint', '--role', 'holder', '--holder-number', '-',
  { input: number })).trim();
const post = (gateway, path, token, value, headers = {}) => ask(gateway, 'POST', path, { token,
  body: JSON.stringify(value), headers: { 'content-type': 'application/json', ...headers } });
const listOf = async (gateway, token) => (await ask(gateway, 'GET', '/v1/licences', { token })).json().licences;
const withoutId = (answer) => ({ status: answer.status, ...answer.json(), request: undefined });
async function verdict(gateway, code, token, headers = {}) {
  const answer = await ask(gateway, 'POST', '/v1/verify',
    { token, body: code, headers: { 'content-type': 'text/plain', ...headers } });
  return answer.status === 200 ? answer.json() : answer.json().code;
}
// Redis was met a moment ago; single use is vouched for from the next second on.
async function vouched(site, holder, id) {
  const partner = await site.token('partner', '--client', 'early-bird');
  const scan = async () => verdict(site.gateway, await site.gateway.display(holder, id), partner);
  await until(scan, (v) => v.result === 'valid');
}

// What each role may, docs/ACCESS.md's table says and matrix_test asks; these may less than their role.
test('a token of fewer scopes does what they name, and nothing else', async (t) => {
  const site = await Site.start(t);
  const { gateway } = site;
  const mint = async (...args) => (await site.jwb('token', 'mint', '--role', ...args)).trim();
  const mine = (await listOf(gateway, await site.token('holder')))[0].id;
  const subject = ['--subject', 'traffic-police/0417', '--client', 'terminal-7'];
  await site.client('scanner', { role: 'inspector', organisation: 'traffic-police', scope: 'verify' });
  const askers = [
    await mint('holder', '--subject', NOBODY, '--scope', 'display'),
    await mint('holder', '--subject', NOBODY, '--scope', 'verify'),
    await mint('inspector', ...subject, '--scope', 'verify'),
    await mint('inspector', ...subject, '--scope', 'status'),
    await mint('inspector', '--subject', 'traffic-police/0417', '--client', 'scanner'), // its client has no more
  ];
  const get = (path) => (token) => gateway.request('GET', path, { token });
  const sends = (path, value) => (token) => post(gateway, path, token, value);
  for (const [what, request, ...expected] of [
    ['/v1/codes', sends('/v1/codes', { licence: mine }), 404, 403, 403, 403, 403],
    ['/v1/licences', get('/v1/licences'), 200, 403, 403, 403, 403],
    ['/v1/licences/{id}', get(`/v1/licences/${mine}`), 404, 403, 403, 403, 403],
    ['/v1/me/checks', get('/v1/me/checks'), 403, 403, 403, 403, 403],
    ['/v1/verify', (k) => gateway.verify('1', k), 403, 200, 200, 403, 200],
    ['/v1/status', sends('/v1/status', { handles: [[0, 0]] }), 403, 403, 403, 200, 403],
    ['/metrics for everybody', get('/metrics'), 404, 404, 404, 404, 404],
  ])
    for (const [i, token] of askers.entries())
      assert.equal((await request(token)).status, expected[i], `${what} by ${i}`);
});

test('what needs one scope is not done with all the others of the role', async (t) => {
  const site = await Site.start(t);
  const { gateway } = site;
  const get = (path) => (token) => ask(gateway, 'GET', path, { token });
  const key = { 'idempotency-key': 'scopes-of-a-token' };
  const delivers = ['licences/A', 'licences/A/status', 'licences:import', `actions/${NOBODY}/decision`, `objections/${NOBODY}`].map((path) =>
    (token) => ask(gateway, path === 'licences/A' ? 'PUT' : 'POST', `/v1/issuer/${path}`, { token, body: '{' }));
  for (const [role, scope, others, requests] of [
    ['inspector', 'enforce', 'verify status lookup object', [(token) => post(gateway, '/v1/enforcement/actions', token, {}, key),
      get(`/v1/enforcement/actions/${NOBODY}`), get(`/v1/enforcement/actions/${NOBODY}/receipt`)]],
    ['inspector', 'object', 'verify status lookup enforce', [(token) => post(gateway, '/v1/objections', token, {}), get('/v1/objections')]],
    ['holder', 'object', 'display verify consent trace', [(token) => post(gateway, '/v1/objections', token, {}), get('/v1/objections')]],
    ['holder', 'trace', 'display verify consent object', [get(`/v1/licences/${NOBODY}/trace`)]],
    ['issuer', 'trace', 'verify status deliver', [get(`/v1/licences/${NOBODY}/trace`)]],
    ['issuer', 'deliver', 'verify status trace', [...delivers, get('/v1/issuer/actions'), get('/v1/issuer/objections'),
      get('/v1/issuer/reconciliation'), get('/v1/issuer/quality')]],
  ]) {
    const asker = { inspector: ['--subject', 'traffic-police/0417', '--client', 'terminal-7'], holder: ['--subject', NOBODY],
      issuer: ['--client', 'authority'] }[role];
    const [one, rest] = [await site.token(role, ...asker, '--scope', scope), await site.token(role, ...asker, '--scope', others)];
    for (const [i, request] of requests.entries()) {
      assert.notEqual((await request(one)).status, 403, `${role} ${scope} ${i}`);
      const answer = await request(rest);
      assert.deepEqual([answer.status, answer.json().code], [403, 'forbidden'], `${role} ${others} ${i}`);
    }
  }
});

test('a licence of somebody else is told like one that does not exist', async (t) => {
  const site = await Site.start(t);
  const { gateway } = site;
  const holder = await site.token('holder');
  const other = await holderOf(site, site.records.find((r) => isPerson(r) && r.CZZTDM !== site.holderNumber
    && r.CZZT !== site.records[0].CZZT).CZZTDM);
  const [foreign] = await listOf(gateway, other);
  assert.ok(!(await listOf(gateway, holder)).some((l) => l.id === foreign.id));
  for (const request of [
    (id) => ask(gateway, 'GET', `/v1/licences/${id}`, { token: holder }),
    (id) => ask(gateway, 'GET', `/v1/licences/${id}?view=full`, { token: holder }),
    (id) => post(gateway, '/v1/codes', holder, { licence: id }),
  ]) {
    const theirs = withoutId(await request(foreign.id)), nobodys = withoutId(await request(NOBODY));
    assert.equal(theirs.status, 404);
    assert.deepEqual(theirs, nobodys);
  }
  // Nor by its state: seized or not is not for others to know.
  await site.jwb('hold', 'place', foreign.id, '--agency', 'traffic-police', '--case', '1');
  assert.equal((await post(gateway, '/v1/codes', holder, { licence: foreign.id })).status, 404);
});

test('a representative acts for the enterprise, an agent from the grant to its end, others never', async (t) => {
  const site = await Site.start(t, { licences: 80 });
  const { gateway } = site;
  const enterprise = site.records.find((r) => isEnterprise(r) && r.ZZZT === '01' &&
    site.records.some((p) => isPerson(p) && p.CZZTDM === r.FDDBRZJH));
  const company = enterprise.CZZTDM;
  const agentNumber = site.records.find((r) => isPerson(r) && r.CZZTDM !== enterprise.FDDBRZJH &&
    !site.records.some((e) => e.FDDBRZJH === r.CZZTDM)).CZZTDM;
  const representative = await holderOf(site, enterprise.FDDBRZJH), agent = await holderOf(site, agentNumber);
  const theirs = await listOf(gateway, await holderOf(site, company));
  assert.ok(theirs.length && theirs.every((l) => l.acting === 'holder'), 'the enterprise itself');
  const { id } = theirs.find((l) => l.status === 'valid');
  const may = async (token, acting) => {
    const listed = (await listOf(gateway, token)).find((l) => l.id === id);
    const statuses = [(await ask(gateway, 'GET', `/v1/licences/${id}?view=full`, { token })).status,
      (await post(gateway, '/v1/codes', token, { licence: id })).status];
    if (listed) assert.equal(listed.acting, acting);
    assert.deepEqual(statuses, listed ? [200, 201] : [404, 404]);
    return Boolean(listed);
  };
  assert.equal(await may(representative, 'representative'), true);
  assert.equal(await may(agent), false);

  await site.jwb('agent', 'grant', company, '-', { input: agentNumber });
  assert.equal(await may(agent, 'agent'), true);
  assert.ok((await listOf(gateway, agent)).some((l) => l.acting === 'holder'), 'and keeps his own');
  const full = (await ask(gateway, 'GET', `/v1/licences/${id}?view=full`, { token: agent })).json();
  assert.equal(full.holder_number, company);
  await site.jwb('agent', 'end', company, '-', { input: agentNumber });
  assert.equal(await may(agent), false);

  const again = await site.tryJwb('agent', 'end', company, '-', { input: agentNumber });
  assert.deepEqual([again.code, again.stdout], [1, '']);
  assert.match(again.stderr, /nothing was changed: the person is no agent of the enterprise/);
  const past = await site.tryJwb('agent', 'grant', company, '-', '--until', '2020-01-01', { input: agentNumber });
  assert.equal(past.code, 2);
  await site.tryJwb('agent', 'end', company, '-', { input: enterprise.FDDBRZJH });
  assert.equal(await may(representative, 'representative'), true, 'the issuer\'s data decide who represents');
});

test('an inspector sees a licence in full, all others what the code holds, and nobody more than that', async (t) => {
  const site = await Site.start(t, { licences: 80 });
  const { gateway } = site;
  const inspector = await site.token('inspector');
  const record = site.records[0], company = site.records.find((r) => isEnterprise(r) && r.ZZZT === '01');
  for (const [r, name, secrets] of [
    [record, `${record.CZZT[0]}*`, [record.CZZT, record.CZZTDM, record.ZZBH, record.ZZBS]],
    [company, company.CZZT, ['CZZTDM', 'ZZBH', 'ZZBS', 'FDDBR', 'FDDBRZJH'].map((k) => company[k]).filter(Boolean)],
  ]) {
    const holder = await holderOf(site, r.CZZTDM);
    const licence = (await listOf(gateway, holder)).find((l) => r.ZZBH.endsWith(l.number.replaceAll('*', '')) && l.acting === 'holder');
    const hidden = (text, what) => {
      for (const s of secrets) assert.ok(!text.includes(s), `${what} holds ${s}: ${text}`);
    };
    hidden(JSON.stringify(await listOf(gateway, holder)), 'the list');
    hidden(JSON.stringify((await ask(gateway, 'GET', `/v1/licences/${licence.id}`, { token: holder })).json()),
      'the licence');
    assert.match(licence.number, /^\*{4}[\x21-\x7e]{1,4}$/);
    const full = (await ask(gateway, 'GET', `/v1/licences/${licence.id}?view=full`, { token: holder })).json();
    assert.deepEqual([full.number, full.holder_number, full.holder_name, full.identifier],
      [r.ZZBH, r.CZZTDM, r.CZZT, r.ZZBS]);

    const askers = { anybody: undefined, holder, issuer: await site.token('issuer') };
    for (const path of ['with its mark in Redis', 'and without']) {
      if (path === 'and without') await site.redis('FLUSHALL');
      const code = await gateway.display(holder, licence.id);
      if (path === 'and without') await site.redis('FLUSHALL');
      for (const [asker, token] of Object.entries(askers)) {
        const answer = await gateway.verify(code, token);
        assertAllowed('POST', '/v1/verify', answer);
        hidden(answer.body.toString(), `${asker}'s answer ${path}`);
        const seen = answer.json();
        assert.equal(seen.result, 'valid');
        assert.deepEqual(Object.keys(seen.licence), ['type', 'holder_name', 'number', 'valid_until'], asker);
        assert.deepEqual([seen.licence.holder_name, seen.licence.type.name], [name, licence.type.name]);
        const tail = seen.licence.number.replace(/^\*+/, '');
        assert.ok(r.ZZBH.endsWith(tail) && tail.length <= r.ZZBH.length / 2);
        assert.equal(seen.first_scan, undefined, 'is for inspectors');
      }
      const { licence: face } = await verdict(gateway, code, inspector);
      assert.deepEqual(face, (({ id, status, status_since, acting, ...rest }) => rest)(full), `the inspector's ${path}`);
      hidden(await site.jwb('code', 'inspect', code), 'the code itself');
    }
  }
});

test('a partner uses a code once, or again with its Idempotency-Key; nobody else\'s scan counts for it', async (t) => {
  const site = await Site.start(t);
  const { gateway } = site;
  const holder = await site.token('holder'), inspector = await site.token('inspector');
  const partner = await site.token('partner'), rival = await site.token('partner', '--client', 'car-rental-2');
  const elsewhere = await site.token('inspector', '--subject', 'food-safety/9', '--client', 'terminal-8');
  await vouched(site, holder);
  const used = (v) => assert.deepEqual([v.result, v.reason], ['invalid', 'code_already_used']);

  const code = await gateway.display(holder);
  for (let i = 0; i < 3; i++)
    assert.equal((await verdict(gateway, code)).result, 'valid', 'anybody, and it does not count');
  assert.equal((await verdict(gateway, code, holder)).result, 'valid', 'the holder himself');
  const first = await verdict(gateway, code, inspector);
  assert.deepEqual([first.result, first.first_scan.this, first.first_scan.agency], ['valid', true, 'traffic-police']);
  const second = await verdict(gateway, code, elsewhere);
  assert.deepEqual(second.first_scan, { ...first.first_scan, this: false }, 'another agency is told of the first');
  assert.equal((await verdict(gateway, code, inspector)).first_scan.this, false);

  const seen = await verdict(gateway, code, partner);
  assert.equal(seen.result, 'valid', 'the partner\'s first');
  assert.deepEqual(Object.keys(seen.licence),
    ['type', 'name', 'holder_name', 'number', 'issuer', 'valid_from', 'valid_until'], 'by the rule of its purpose');
  assert.equal(seen.first_scan, undefined);
  used(await verdict(gateway, code, partner));
  used(await verdict(gateway, code, rival));
  used(await verdict(gateway, code, partner, { 'idempotency-key': 'late' }));
  assert.equal((await verdict(gateway, code, inspector)).result, 'valid', 'inspectors may, again and again');
  assert.equal((await verdict(gateway, code)).result, 'valid');

  const other = await gateway.display(holder), key = { 'idempotency-key': 'a'.repeat(300) };
  for (let i = 0; i < 3; i++)
    assert.equal((await verdict(gateway, other, partner, key)).result, 'valid', 'a repetition');
  used(await verdict(gateway, other, partner, { 'idempotency-key': 'b' }));
  used(await verdict(gateway, other, partner));
  used(await verdict(gateway, other, rival, key));

  const raced = await gateway.display(holder);
  const all = await Promise.all(Array.from({ length: 20 }, (_, i) => verdict(gateway, raced, i % 2 ? partner : rival)));
  assert.equal(all.filter((v) => v.result === 'valid').length, 1, 'of twenty at once one');
  all.filter((v) => v.result !== 'valid').forEach(used);

  await site.redis('FLUSHALL'); // the slow path counts as well
  await until(async () => verdict(gateway, await gateway.display(holder), partner), (v) => v.result === 'valid');
});

test('an issuer is told the status of its own licences; those of others are unknown to it', async (t) => {
  const site = await Site.start(t);
  const { gateway } = site;
  const own = site.records[0], foreign = site.records.find((r) => r.ZZBFJGDM !== own.ZZBFJGDM && r.ZZBS);
  const issuer = await site.token('issuer', '--client', own.ZZBFJGDM), inspector = await site.token('inspector');
  const statuses = async (token, question) => (await post(gateway, '/v1/status', token, question)).json().statuses;
  const [mine, theirs, none] = await statuses(issuer, { identifiers: [own.ZZBS, foreign.ZZBS, 'none'] });
  assert.equal(mine.status, 'valid');
  assert.deepEqual(theirs, { status: 'unknown' });
  assert.deepEqual(none, theirs);
  const other = await site.token('issuer', '--client', foreign.ZZBFJGDM);
  const [{ handle: theirHandle }] = await statuses(other, { identifiers: [foreign.ZZBS] });
  const handles = [theirHandle, mine.handle, [65535, 1048575]];
  assert.deepEqual((await statuses(issuer, { handles })).map((s) => s.status), ['unknown', 'valid', 'unknown']);
  const seen = await statuses(inspector, { handles });
  assert.deepEqual(seen.map((s) => s.status === 'unknown'), [false, false, true]);
  assert.deepEqual(seen.slice(0, 2).map((s) => s.handle), handles.slice(0, 2), 'in the order of the question');

  const licences = await listOf(gateway, await site.token('holder'));
  const { id } = licences.find((l) => own.ZZBH.endsWith(l.number.replaceAll('*', '')));
  await site.jwb('hold', 'place', id, '--agency', 'traffic-police', '--case', '1');
  const [held] = await statuses(issuer, { identifiers: [own.ZZBS] });
  assert.equal(held.status, 'seized');
  assert.ok(Date.parse(held.since) <= Date.parse(held.as_of));
});
