// Tokens are given to whoever can show who they are, by the standards, and to nobody else.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { custom, Issuer } from 'openid-client';
import { SigningKey } from './lib/idp.mjs';
import { ASSERTION_TYPE, EXCHANGE, flipped, hostileTokens, JWT_TYPE, OauthSite } from './lib/oauth.mjs';
import { until } from './lib/site.mjs';

const ACCESS_TYPE = 'urn:ietf:params:oauth:token-type:access_token';
const result = (word) => `{result="${word}"}`;
async function counts(gateway, metric, words) {
  const all = {};
  for (const word of new Set(words)) all[word] = await gateway.metric(metric + result(word));
  return all;
}
const refused = (answer, status, error, what) => {
  assert.equal(answer.status, status, `${what}: ${answer.body}`);
  assert.equal(answer.json().error, error, what);
  assert.equal(answer.json().access_token, undefined, what);
};
async function access(answer) {
  const { status, body } = await answer;
  assert.equal(status, 200, String(body));
  return JSON.parse(body).access_token;
}

test('an OAuth client from npm discovers the gateway, gets tokens and uses them, with nothing special done', async (t) => {
  const s = await OauthSite.start(t);
  const { site, gateway, origin, provider } = s;
  custom.setHttpOptionsDefaults({ ca: site.ca, timeout: 20000 });
  const issuer = await Issuer.discover(`${origin}/.well-known/oauth-authorization-server`);
  assert.equal(issuer.issuer, origin);
  assert.deepEqual(issuer.metadata.grant_types_supported, ['client_credentials', EXCHANGE]);
  assert.deepEqual(issuer.metadata.response_types_supported, []);
  const keys = await gateway.request('GET', new URL(issuer.metadata.jwks_uri).pathname);
  assert.ok(keys.json().keys.length > 0);

  const client = (id) => new issuer.Client({ client_id: id, token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'ES256' }, { keys: [s.key(id).privateJwk] });
  const partner = await client('car-rental').grant({ grant_type: 'client_credentials', scope: 'verify' });
  assert.deepEqual([partner.token_type, partner.scope], ['Bearer', 'verify']);
  assert.ok(partner.expires_in > 890 && partner.expires_in <= 900);

  const publicClient = new issuer.Client({ client_id: 'the-citys-app', token_endpoint_auth_method: 'none' });
  const citizen = await publicClient.grant({ grant_type: EXCHANGE, subject_token_type: JWT_TYPE,
    subject_token: provider.citizen(site.holderNumber) });
  assert.deepEqual([citizen.scope, citizen.issued_token_type], ['display verify consent object trace', ACCESS_TYPE]);
  const listed = await publicClient.requestResource(`${origin}/v1/licences`, citizen.access_token);
  const id = JSON.parse(listed.body).licences.find((l) => l.status === 'valid').id;
  const displayed = await publicClient.requestResource(`${origin}/v1/codes`, citizen.access_token,
    { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ licence: id }) });
  assert.equal(displayed.statusCode, 201);

  const inspector = await client('terminal-7').grant({ grant_type: EXCHANGE, subject_token_type: JWT_TYPE,
    subject_token: provider.inspector('traffic-police', '0417'), scope: 'verify status' });
  for (const { access_token: token } of [partner, inspector]) {
    const answer = await publicClient.requestResource(`${origin}/v1/verify`, token,
      { method: 'POST', headers: { 'content-type': 'text/plain' }, body: JSON.parse(displayed.body).code });
    assert.equal(JSON.parse(answer.body).result, 'valid');
  }
});

test('each way of asking wrongly has the error that RFC 6749 and RFC 8693 name', async (t) => {
  const s = await OauthSite.start(t);
  const { site, provider } = s;
  const citizen = () => provider.citizen(site.holderNumber), inspector = () => provider.inspector('traffic-police', '0417');
  const by = (client) => ({ client_assertion_type: ASSERTION_TYPE, client_assertion: s.assertion(client) });
  const client = { grant_type: 'client_credentials' };
  const exchange = (more) => ({ grant_type: EXCHANGE, subject_token: citizen(), subject_token_type: JWT_TYPE, ...more });
  await site.client('terminal-8', { role: 'inspector', organisation: 'food-safety' });
  for (const [what, status, error, parameters, headers] of [
    ['no grant', 400, 'invalid_request', by('car-rental')],
    ['another grant', 400, 'unsupported_grant_type', { grant_type: 'password', username: 'a', password: 'b' }],
    ['an authorization code', 400, 'unsupported_grant_type', { grant_type: 'authorization_code', code: 'x' }],
    ['no assertion', 401, 'invalid_client', client],
    ['a password in a header', 401, 'invalid_client', client, { authorization: 'Basic Y2FyOnJlbnRhbA==' }],
    ['a client secret', 401, 'invalid_client', { ...client, client_id: 'car-rental', client_secret: 'x' }],
    ['an assertion without its type', 400, 'invalid_request', { ...client, client_assertion: s.assertion('car-rental') }],
    ['a type without an assertion', 400, 'invalid_request', { ...client, client_assertion_type: ASSERTION_TYPE }],
    ['a SAML assertion', 400, 'invalid_request', { ...client, ...by('car-rental'),
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer' }],
    ['another client_id', 401, 'invalid_client', { ...client, ...by('car-rental'), client_id: 'authority' }],
    ['an unknown client', 401, 'invalid_client', { ...client, client_assertion_type: ASSERTION_TYPE,
      client_assertion: s.assertion('nobody', {}, {}, new SigningKey()) }],
    ['another client\'s key', 401, 'invalid_client', { ...client, client_assertion_type: ASSERTION_TYPE,
      client_assertion: s.assertion('car-rental', {}, { kid: undefined }, s.key('authority')) }],
    ['a scope that there is not', 400, 'invalid_scope', { ...client, ...by('car-rental'), scope: 'everything' }],
    ['a scope of others', 400, 'invalid_scope', { ...client, ...by('car-rental'), scope: 'verify status' }],
    ['a terminal that asks for what is an officer\'s', 400, 'invalid_scope', { ...client, ...by('terminal-7'), scope: 'verify' }],
    ['a partner for a person', 400, 'unauthorized_client', exchange({ ...by('car-rental'), subject_token: inspector() })],
    ['an inspector without a terminal', 401, 'invalid_client', exchange({ subject_token: inspector() })],
    ['an inspector at another agency\'s terminal', 400, 'invalid_request', exchange({ ...by('terminal-8'), subject_token: inspector() })],
    ['a citizen at a terminal', 400, 'invalid_request', exchange(by('terminal-7'))],
    ['no subject token', 400, 'invalid_request', exchange({ subject_token: undefined })],
    ['no type of it', 400, 'invalid_request', exchange({ subject_token_type: undefined })],
    ['a SAML token', 400, 'invalid_request', exchange({ subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' })],
    ['a refresh token wanted', 400, 'invalid_request', exchange({
      requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' })],
    ['an actor', 400, 'invalid_request', exchange({ actor_token: inspector(), actor_token_type: JWT_TYPE })],
    ['for elsewhere', 400, 'invalid_target', exchange({ audience: 'https://elsewhere.example' })],
    ['for a resource elsewhere', 400, 'invalid_target', exchange({ resource: `${s.origin}.example/` })],
    ['more than a citizen may have', 400, 'invalid_scope', exchange({ scope: 'display lookup' })],
    ['somebody without a licence', 400, 'invalid_request', exchange({ subject_token: provider.citizen('11010119900307803X') })],
    ['a person of no kind', 400, 'invalid_request', exchange({ subject_token: provider.token({ role: 'partner' }) })],
  ]) {
    const answer = await s.post(parameters, s.gateway, headers);
    refused(answer, status, error, what);
    assert.match(answer.json().error_description, /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/, what);
    assert.deepEqual([answer.headers['cache-control'], answer.headers.pragma], ['no-store', 'no-cache'], what);
    assert.equal(answer.headers['content-type'], 'application/json', what);
    assert.equal('www-authenticate' in answer.headers, status === 401, what);
  }
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  for (const [body, headers] of [
    ['grant_type=client_credentials&grant_type=client_credentials', form],
    ['grant_type=client_credentials&grant%5ftype=client_credentials', form],
    ['grant_type=%zz', form],
    [JSON.stringify({ grant_type: 'client_credentials' }), { 'content-type': 'application/json' }],
  ])
    refused(await s.gateway.request('POST', '/oauth2/token', { body, headers }), 400, 'invalid_request', body);
  const get = await s.gateway.request('GET', '/oauth2/token?grant_type=client_credentials');
  assert.equal(get.status, 405);
});

test('an assertion without kid is by any of the client\'s good keys; a rotated key is good until it retires', async (t) => {
  const s = await OauthSite.start(t);
  const ok = async (key, header) => (await s.clientToken(s.assertion('car-rental', {}, header, key))).status === 200;
  const old = s.key('car-rental');
  for (const header of [{}, { kid: undefined }, { typ: undefined }, { typ: 'client-authentication+jwt' }])
    assert.ok(await ok(old, header), JSON.stringify(header));
  for (const aud of [`${s.origin}/oauth2/token`, [s.origin], [s.origin, `${s.origin}/oauth2/token`]])
    assert.equal((await s.clientToken(s.assertion('car-rental', { aud }))).status, 200, String(aud));
  const rotate = async (name, overlap) => {
    await s.site.jwb('client', 'rotate-key', 'car-rental', '--new-key', s.site.path(`${name}.jwk`), '--overlap', overlap);
    await until(() => ok(s.key(name)), Boolean, 5000);
    return s.key(name);
  };
  const second = await rotate('second', '3600');
  for (const key of [old, second]) assert.ok(await ok(key) && await ok(key, { kid: undefined }));
  const third = await rotate('third', '1');
  assert.equal(await ok(old), false, 'there are two keys at the most');
  await until(() => ok(second), (taken) => !taken, 5000);
  assert.equal(await ok(third), true);
  assert.equal(await ok(second, { kid: third.kid }), false, 'a key under the name of another');
});

test('a token has no scope that its client has not, and lives no longer than it', async (t) => {
  const s = await OauthSite.start(t, { config: { tokens: { life_s: 3600 } } });
  const today = Math.floor((Date.now() + 8 * 3600e3) / 86400e3) * 86400e3; // in China
  await s.site.client('short', { role: 'partner', organisation: 'fictional', purpose: 'hiring', scope: 'check',
    expires: new Date(today).toISOString().slice(0, 10) });
  const left = () => (today + 16 * 3600e3 - Date.now()) / 1000;
  if (left() < 30) return t.skip('the day ends');
  const answer = (await s.clientToken(s.assertion('short'))).json();
  assert.equal(answer.scope, 'check');
  assert.ok(answer.expires_in <= Math.min(3600, left() + 10) && answer.expires_in > Math.min(3600, left()) - 10,
    String(answer.expires_in));
  refused(await s.clientToken(s.assertion('short'), { scope: 'verify' }), 400, 'invalid_scope');
});

test('no hostile assertion is accepted, each is counted, and none uses up the genuine one', async (t) => {
  const s = await OauthSite.start(t);
  const { gateway } = s, key = s.key('car-rental');
  const make = (claims, header) => s.assertion('car-rental', claims, header, key);
  const good = make();
  const hostile = [...hostileTokens({ key, make, good }),
    ['another\'s subject', make({ sub: 'authority' }), 'key'],
    ['a subject that is nobody', make({ sub: 'nobody' }), 'subject'],
    ['no subject', make({ sub: undefined }), 'subject'],
    ['another issuer', make({ iss: 'authority' }), 'issuer']];
  const words = hostile.map(([, , word]) => word);
  const before = await counts(gateway, 'assertions_total', words);
  const descriptions = new Set();
  for (const [what, token] of hostile) {
    const answer = await s.clientToken(token);
    refused(answer, 401, 'invalid_client', what);
    descriptions.add(answer.json().error_description);
  }
  const after = await counts(gateway, 'assertions_total', words);
  for (const word of new Set(words))
    assert.equal(after[word] - before[word], words.filter((w) => w === word).length, word);
  assert.equal(descriptions.size, 1, 'who is refused is not told why');
  let tried = 0;
  for (const token of flipped(good, 3)) {
    assert.notEqual((await s.clientToken(token)).status, 200, token);
    tried++;
  }
  assert.ok(tried > 80, `${tried} flips`);
  assert.equal((await s.clientToken(good)).status, 200, 'the genuine one, which all of them named');
  assert.ok(!gateway.text().includes(good.split('.')[1].slice(0, 40)), 'no token is in the log');
});

for (const alg of ['ES256', 'RS256'])
  test(`no hostile identity token is accepted, each is counted, and none uses up the genuine one (${alg})`, async (t) => {
    const key = new SigningKey(alg);
    const s = await OauthSite.start(t, { key });
    const { gateway, provider, site } = s;
    const make = (claims, header) => provider.citizen(site.holderNumber, claims, { header });
    const good = make();
    const hostile = [...hostileTokens({ key, make, good }),
      ['another issuer', make({ iss: 'https://elsewhere.example' }), 'issuer'],
      ['no issuer', make({ iss: undefined }), 'issuer'],
      ['no number', make({ id_number: undefined }), 'claim'],
      ['a number that is none', make({ id_number: '41080219900101001' }), 'claim'],
      ['a number with a wrong check digit', make({ id_number: wrongCheck(site.holderNumber) }), 'claim'],
      ['no role', make({ role: undefined }), 'claim'],
      ['an officer with a slash', provider.inspector('traffic-police', '04/17'), 'claim'],
      ['an agency with a space', provider.inspector('traffic police', '0417'), 'claim'],
      ['an inspector without an officer', provider.token({ role: 'inspector', agency: 'traffic-police' }), 'claim']];
    const words = hostile.map(([, , word]) => word);
    const before = await counts(gateway, 'identity_tokens_total', words);
    for (const [what, token] of hostile) refused(await s.exchange(token), 400, 'invalid_request', what);
    const after = await counts(gateway, 'identity_tokens_total', words);
    for (const word of new Set(words))
      assert.equal(after[word] - before[word], words.filter((w) => w === word).length, word);
    let tried = 0;
    for (const token of flipped(good, 3)) {
      assert.notEqual((await s.exchange(token)).status, 200, token);
      tried++;
    }
    assert.ok(tried > 80, `${tried} flips`);
    assert.equal((await s.exchange(good)).status, 200, 'the genuine one');
    assert.ok(!gateway.text().includes(site.holderNumber), 'no number is in the log');
  });

function wrongCheck(number) {
  return number.slice(0, 17) + (number[17] === '1' ? '2' : '1');
}

test('an assertion and an identity token are accepted once, on two gateways and through a restart of Redis', async (t) => {
  const s = await OauthSite.start(t);
  const { gateway, provider, site } = s;
  const second = await s.startGateway('second');
  const kinds = [
    { make: () => s.assertion('car-rental'), ask: (token, at) => s.clientToken(token, {}, at), no: [401, 'invalid_client'] },
    { make: () => provider.citizen(site.holderNumber), ask: (token, at) => s.exchange(token, {}, at), no: [400, 'invalid_request'] },
    { make: () => provider.inspector('traffic-police', '0417'), ask: (token, at) => s.inspect(token, 'terminal-7', at),
      no: [400, 'invalid_request'] },
  ];
  const replayed = await gateway.metric(`assertions_total${result('replayed')}`);
  for (const { make, ask, no } of kinds) {
    const token = make();
    await access(ask(token, gateway));
    refused(await ask(token, gateway), ...no);
    refused(await ask(token, second), ...no);
    const raced = make();
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => ask(raced, i % 2 ? gateway : second)));
    assert.equal(answers.filter((a) => a.status === 200).length, 1, 'of twenty at once one');
    assert.equal(answers.filter((a) => a.status === no[0]).length, 19);
  }
  const other = await gateway.metric(`assertions_total${result('replayed')}`) - replayed;
  assert.ok(other >= 1, 'replayed assertions are counted');

  const used = [];
  for (const { make, ask } of kinds) {
    const token = make();
    await access(ask(token, gateway));
    used.push({ token, ask });
  }
  await site.stopRedis();
  for (const { make, ask } of kinds) {
    const answer = await ask(make(), gateway);
    refused(answer, 503, 'temporarily_unavailable');
    assert.ok(Number(answer.headers['retry-after']) >= 1);
  }
  await site.startRedis();
  for (let i = 0; i < 20; i++)
    for (const { token, ask } of used)
      for (const at of [gateway, second])
        assert.notEqual((await ask(token, at)).status, 200, 'used before Redis forgot it');
  for (const { make, ask } of kinds)
    await until(() => ask(make(), second), (answer) => answer.status === 200, 20000);
  for (const { token, ask } of used) assert.notEqual((await ask(token, second)).status, 200, 'and not later');
});

test('a Redis that was emptied vouches for nothing that may have been used before', async (t) => {
  const s = await OauthSite.start(t);
  const { gateway, provider, site } = s;
  for (const { make, ask } of [
    { make: () => s.assertion('car-rental'), ask: (token) => s.clientToken(token) },
    { make: () => provider.citizen(site.holderNumber), ask: (token) => s.exchange(token) },
    { make: () => provider.inspector('traffic-police', '0417'), ask: (token) => s.inspect(token) },
  ]) {
    const token = make();
    await access(ask(token));
    await site.redis('FLUSHALL');
    for (let i = 0; i < 10; i++) assert.notEqual((await ask(token)).status, 200, 'used before');
    await until(() => ask(make()), (answer) => answer.status === 200, 20000);
    assert.notEqual((await ask(token)).status, 200, 'and not later');
  }
});

test('an app behind one address gets a token for each of its citizens; whoever only tries is throttled', async (t) => {
  const s = await OauthSite.start(t, { config: { throttle: { anonymous_per_minute: 1, anonymous_burst: 20 } } });
  const { provider, site } = s;
  for (let i = 0; i < 100; i++) await access(s.exchange(provider.citizen(site.holderNumber)));
  for (let i = 0; i < 20; i++) await access(s.clientToken(s.assertion('car-rental')));
  await until(() => s.clientToken(s.assertion('car-rental', { exp: 1 })), (answer) => answer.status === 429, 20000);
});

test('shutting out a client, a terminal or a person is felt within 5 s, on tokens already given too', async (t) => {
  const s = await OauthSite.start(t);
  const { gateway, provider, site } = s;
  const second = await s.startGateway('second');
  const code = await gateway.display(await access(s.exchange(provider.citizen(site.holderNumber))));
  const citizen = await access(s.exchange(provider.citizen(site.holderNumber)));
  const licences = (at) => at.request('GET', '/v1/licences', { token: citizen });
  const verify = (token) => (at) => at.verify(code, token);
  for (const { take, ask, anew } of [
    { take: () => site.jwb('client', 'disable', 'car-rental'), ask: verify(await access(s.clientToken(s.assertion('car-rental')))),
      anew: (at) => s.clientToken(s.assertion('car-rental'), {}, at) },
    { take: () => site.jwb('person', 'shut-out', '--officer', 'traffic-police/0417'),
      ask: verify(await access(s.inspect(provider.inspector('traffic-police', '0417')))),
      anew: (at) => s.inspect(provider.inspector('traffic-police', '0417'), 'terminal-7', at) },
    { take: () => site.jwb('client', 'disable', 'terminal-7'),
      ask: verify(await access(s.inspect(provider.inspector('traffic-police', '0999')))),
      anew: (at) => s.inspect(provider.inspector('traffic-police', '0999'), 'terminal-7', at) },
    { take: () => site.jwb('person', 'shut-out', '--holder-number', '-', { input: site.holderNumber }), ask: licences,
      anew: (at) => s.exchange(provider.citizen(site.holderNumber), {}, at) },
  ]) {
    assert.equal((await ask(second)).status, 200);
    await take();
    for (const at of [gateway, second]) {
      const answer = await until(() => ask(at), (a) => a.status !== 200, 5000);
      assert.deepEqual([answer.status, answer.json().code], [401, 'token_revoked']);
      const none = await anew(at);
      assert.ok([400, 401].includes(none.status), String(none.body));
    }
  }
});

test('the provider\'s keys come over HTTPS; a new one is taken as soon as a token names it', async (t) => {
  const s = await OauthSite.start(t, { gateway: false });
  const { provider, site } = s;
  await provider.serve({ certificate: site.read('server.pem'), privateKey: site.read('server.key') });
  s.settings.identity = { ...s.settings.identity, jwks: provider.url, ca: site.path('server.pem'), retry_s: 1 };
  const gateway = await s.startGateway('fetching');
  assert.equal(provider.fetches, 0);
  const ask = (how) => s.exchange(provider.citizen(site.holderNumber, {}, how), {}, gateway);
  const many = await Promise.all(Array.from({ length: 20 }, () => ask()));
  assert.deepEqual(many.map((a) => a.status), Array(20).fill(200));
  assert.equal(provider.fetches, 1);
  provider.keys.push(new SigningKey('RS256'));
  await until(() => ask({ key: provider.keys[1] }), (a) => a.status === 200, 10000);
  assert.equal((await ask()).status, 200, 'the old one is there still');
  const before = provider.fetches;
  for (let i = 0; i < 200; i++) refused(await ask({ key: new SigningKey() }), 400, 'invalid_request');
  assert.ok(provider.fetches - before < 100, 'a stranger can\'t make the gateway fetch at will');
});

test('tokens given and refused leave evidence: who as far as it is known, and no number', async (t) => {
  const s = await OauthSite.start(t);
  const { provider, site } = s;
  const asked = [
    [await s.clientToken(s.assertion('car-rental')), 'partner', 'car-rental', undefined],
    [await s.clientToken(s.assertion('car-rental'), { scope: 'status' }), 'partner', 'car-rental', 'invalid_scope'],
    [await s.clientToken(s.assertion('car-rental', { exp: 1 })), 'anybody', undefined, 'invalid_client'],
    [await s.exchange(provider.citizen(site.holderNumber)), 'holder', undefined, undefined],
    [await s.inspect(provider.inspector('traffic-police', '0417')), 'inspector', 'terminal-7', undefined],
    [await s.inspect(provider.inspector('food-safety', '1')), 'inspector', 'terminal-7', 'invalid_request'],
    [await s.post({}), 'anybody', undefined, 'invalid_request'],
  ];
  const files = fs.readdirSync(site.path('evidence-gateway')).filter((name) => name.endsWith('.jwbj'));
  const all = await site.list(...files.map((name) => site.path(`evidence-gateway/${name}`)));
  assert.ok(!JSON.stringify(all).includes(site.holderNumber));
  const records = new Map(all.map((r) => [r.request, r]));
  for (const [answer, role, client, error] of asked) {
    const record = records.get(answer.headers['x-request-id']);
    assert.deepEqual([record?.kind, record?.role, record?.client || undefined, record?.result, record?.reference || undefined],
      ['token', role, client, error ? 'invalid' : 'valid', error], `${answer.body}`);
  }
});
