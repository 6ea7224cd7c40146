// Acting for others: one licence entrusted by its holder, all of an enterprise's by its representative;
// listed, ended, and over when their time is.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Site, until } from './lib/site.mjs';

const is18 = (number) => /^[0-9]{17}[0-9X]$/.test(number);
const masked = (name) => [...name].map((c, i) => (i ? '*' : c)).join('');

// Persons and an enterprise of a site: {number, name, token}; the enterprise has its representative.
async function people(site) {
  const person = async (number) => ({ number, name: site.records.find((r) => r.CZZTDM === number).CZZT,
    token: (await site.jwb('token', 'mint', '--role', 'holder', '--holder-number', '-', { input: number })).trim() });
  const numbers = [...new Set(site.records.filter((r) => r.CZZTDMLXDM === '111' && is18(r.CZZTDM)).map((r) => r.CZZTDM))];
  const enterprise = site.records.find((r) => r.CZZTDMLXDM === '001' && r.ZZZT === '01' && numbers.includes(r.FDDBRZJH));
  const others = numbers.filter((n) => n !== site.holderNumber && n !== enterprise.FDDBRZJH);
  return { enterprise, holder: await person(site.holderNumber), representative: await person(enterprise.FDDBRZJH),
    friend: await person(others[0]), stranger: await person(others[1]) };
}
const give = (gateway, asker, licence, person, extra = {}) => gateway.json('POST', '/v1/mandates', asker.token,
  { licence, person_name: person.name, person_number: person.number, ...extra });
const list = async (gateway, asker) => (await gateway.request('GET', '/v1/mandates', { token: asker.token })).json();
const end = (gateway, asker, id) => gateway.request('DELETE', `/v1/mandates/${id}`, { token: asker.token });
const display = (gateway, asker, licence) => gateway.json('POST', '/v1/codes', asker.token, { licence });
const codeOf = (answer) => [answer.status, answer.json().code];

test('a holder entrusts one licence: this one is displayed by the other, until it is ended, by either', async (t) => {
  const site = await Site.start(t);
  const { gateway } = site;
  const { holder, friend, stranger } = await people(site);
  const mine = (await gateway.licences(holder.token)).filter((l) => l.status === 'valid');
  const [one, another] = mine;
  assert.ok(another, 'the holder has two');
  for (const ender of [holder, friend]) {
    assert.deepEqual(codeOf(await display(gateway, friend, one.id)), [404, 'licence_not_found']);
    const given = await give(gateway, holder, one.id, friend);
    assert.equal(given.status, 201, given.body.toString());
    const { id, ...rest } = given.json();
    assert.deepEqual(rest, { acting: 'entrusted', licence: one.id, until: null });
    const displayed = await display(gateway, friend, one.id);
    assert.equal(displayed.status, 201);
    assert.equal(displayed.json().displayed_by, 'entrusted');
    assert.equal((await display(gateway, friend, another.id)).status, 404, 'this one alone');

    const told = { id, acting: 'entrusted', licence: one.id, issuer: null, for: masked(holder.name), agent: masked(friend.name),
      until: null, yours: true };
    for (const [asker, where, other] of [[holder, 'given', 'received'], [friend, 'received', 'given']]) {
      const lists = await list(gateway, asker);
      assert.deepEqual(lists[other].filter((m) => m.id === id), []);
      const { since, ...mandate } = lists[where].find((m) => m.id === id);
      assert.deepEqual(mandate, told);
      assert.ok(Math.abs(Date.parse(since) - Date.now()) < 60000);
      assert.equal(lists.more, false);
    }
    assert.deepEqual((await list(gateway, stranger)).given.concat((await list(gateway, stranger)).received)
      .filter((m) => m.id === id), []);
    assert.deepEqual(codeOf(await end(gateway, stranger, id)), [404, 'mandate_not_found']);
    assert.deepEqual(codeOf(await give(gateway, friend, one.id, stranger)), [404, 'licence_not_found'],
      'what is entrusted is not his to entrust on');
    const ended = await end(gateway, ender, id);
    assert.equal(ended.status, 204);
    assert.equal(ended.body.length, 0);
    assert.equal((await display(gateway, friend, one.id)).status, 404);
    assert.deepEqual(codeOf(await end(gateway, ender, id)), [404, 'mandate_not_found']);
    const kept = (await site.evidence()).filter((r) => r.kind === 'mandate' && r.reference === id);
    assert.deepEqual(kept.map((r) => [r.purpose, r.acting, r.role]), [['given', 'entrusted', 'holder'], ['ended', 'entrusted', 'holder']]);
  }
});

test('the representative appoints an agent for all of the enterprise, who appoints nobody', async (t) => {
  const site = await Site.start(t);
  const { gateway } = site;
  const { enterprise, representative, friend, stranger } = await people(site);
  const all = await gateway.licences(representative.token);
  const theirs = all.filter((l) => l.acting === 'representative' && l.status === 'valid');
  assert.ok(theirs.length, 'an enterprise with a valid licence');
  const given = await give(gateway, representative, theirs[0].id, friend);
  assert.equal(given.status, 201, given.body.toString());
  assert.equal(given.json().acting, 'agent');
  assert.equal(given.json().licence, null);
  for (const licence of theirs.filter((l) => l.holder_name === theirs[0].holder_name)) {
    const displayed = await display(gateway, friend, licence.id);
    assert.equal(displayed.json().displayed_by, 'agent', displayed.body.toString());
  }
  const agency = (await list(gateway, friend)).received.find((m) => m.id === given.json().id);
  assert.equal(agency.for, enterprise.CZZT, "an enterprise's name is not masked");
  assert.deepEqual(codeOf(await give(gateway, friend, theirs[0].id, stranger)), [404, 'licence_not_found']);

  const own = (await list(gateway, representative)).received.find((m) => m.acting === 'representative');
  assert.equal(own.yours, false, "a representative is the issuer's to end");
  assert.deepEqual(codeOf(await end(gateway, representative, own.id)), [404, 'mandate_not_found']);
  assert.equal((await end(gateway, representative, given.json().id)).status, 204);
  assert.equal((await display(gateway, friend, theirs[0].id)).status, 404);
});

test('whom an authority names acts for its own licences of the enterprise, appoints agents for these, and evidence has it', async (t) => {
  const site = await Site.start(t);
  const { gateway } = site;
  const { enterprise, representative, friend, stranger } = await people(site);
  const theirs = async (who, acting) => (await gateway.licences(who.token)).filter((l) => l.acting === acting)
    .map((l) => l.id).sort();
  const [before, none] = [await theirs(representative, 'representative'), await theirs(friend, 'representative')];
  const other = site.records.find((r) => r.ZZBFJGDM !== enterprise.ZZBFJGDM);
  const deliver = async (version, person) => {
    const record = { ...enterprise, ZZBFJG: other.ZZBFJG, ZZBFJGDM: other.ZZBFJGDM, ZZBS: '', SJBBH: version, FDDBR: person.name,
      FDDBRZJH: person.number };
    const answer = await gateway.request('PUT', '/v1/issuer/licences/REP-1', { body: JSON.stringify(record),
      token: await site.token('issuer', '--client', other.ZZBFJGDM), headers: { 'content-type': 'application/json' } });
    assert.ok([200, 201].includes(answer.status), answer.body.toString());
    return answer.json().id;
  };
  const id = await deliver(1, friend);
  assert.deepEqual(await theirs(representative, 'representative'), before, 'as before');
  assert.deepEqual(await theirs(friend, 'representative'), [...none, id].sort(), 'this one alone');
  const [named] = (await list(gateway, friend)).received.filter((m) => m.acting === 'representative' && m.issuer === other.ZZBFJG);
  assert.ok(named);

  const agent = await give(gateway, friend, id, stranger);
  assert.equal(agent.status, 201, agent.body.toString());
  assert.deepEqual(await theirs(stranger, 'agent'), [id]);
  const owns = (await list(gateway, representative)).given.map((m) => m.id);
  assert.ok(!owns.includes(agent.json().id), "another authority's");
  assert.deepEqual(codeOf(await end(gateway, representative, agent.json().id)), [404, 'mandate_not_found']);
  await site.jwb('agent', 'grant', enterprise.CZZTDM, '-', { input: stranger.number });
  const forAll = (await list(gateway, friend)).given.find((m) => m.acting === 'agent' && m.issuer === null);
  assert.equal(forAll.yours, false, "the operator's, for all, is not one authority's representative's to end");
  assert.deepEqual(codeOf(await end(gateway, friend, forAll.id)), [404, 'mandate_not_found']);

  await deliver(2, representative);
  assert.deepEqual(await theirs(friend, 'representative'), none);
  assert.deepEqual(await theirs(representative, 'representative'), [...before, id].sort());
  const kept = (await site.evidence()).filter((r) => r.kind === 'mandate' && r.reference === named.id);
  assert.deepEqual(kept.map((r) => [r.purpose, r.role]), [['given', 'issuer'], ['ended', 'issuer']]);
});

test("a guardian is the authority's to end, not the ward's and not his own", async (t) => {
  const site = await Site.start(t);
  const { gateway } = site;
  const { holder, friend } = await people(site);
  await site.jwb('agent', 'grant', holder.number, '-', { input: friend.number });
  const [mandate] = (await list(gateway, friend)).received.filter((m) => m.acting === 'guardian');
  assert.equal(mandate.yours, false);
  for (const asker of [holder, friend]) assert.deepEqual(codeOf(await end(gateway, asker, mandate.id)), [404, 'mandate_not_found']);
  const [licence] = (await gateway.licences(holder.token)).filter((l) => l.status === 'valid');
  assert.equal((await display(gateway, friend, licence.id)).json().displayed_by, 'guardian');
  assert.deepEqual(codeOf(await give(gateway, friend, licence.id, friend)), [404, 'licence_not_found']);
});

test('a wrong name and a wrong number are told alike, guesses run out, and nothing is given for them', async (t) => {
  const site = await Site.start(t);
  const { gateway } = site;
  const { enterprise, holder, friend, stranger } = await people(site);
  const [{ id }] = (await gateway.licences(holder.token)).filter((l) => l.status === 'valid');
  const foreign = (await gateway.licences(stranger.token))[0].id;
  const malformed = [{ until: 'tomorrow' }, { until: '2020-01-01T00:00:00+08:00' }, { person_name: '' }, { licence: 'x' }, { more: 1 }];
  for (const extra of malformed) assert.deepEqual(codeOf(await give(gateway, holder, id, friend, extra)), [400, 'malformed_body']);
  for (const licence of [foreign, '0'.repeat(32)])
    assert.deepEqual(codeOf(await give(gateway, holder, licence, friend)), [404, 'licence_not_found']);
  assert.deepEqual(codeOf(await give(gateway, holder, id, holder)), [400, 'malformed_body'], 'nobody acts for himself');

  const wrong = [
    { name: stranger.name, number: friend.number }, { name: friend.name, number: stranger.number },
    { name: friend.name, number: '11010119900101001X' }, { name: friend.name, number: 'none' },
    { name: enterprise.CZZT, number: enterprise.CZZTDM }, { name: `${friend.name} `, number: friend.number },
  ];
  const bodies = new Set();
  for (const person of wrong) {
    const answer = await give(gateway, holder, id, person);
    assert.deepEqual(codeOf(answer), [404, 'person_not_found']);
    bodies.add(JSON.stringify({ ...answer.json(), request: undefined }));
  }
  assert.equal(bodies.size, 1);
  const burst = await Promise.all(Array.from({ length: 40 }, (_, i) =>
    give(gateway, holder, id, i === 39 ? friend : { ...wrong[0], number: `${i}` })));
  const codes = burst.map((answer) => answer.json().code ?? answer.status);
  assert.equal(codes.filter((c) => c === 'too_many_refusals').length, 27, '20 namings, 7 of them before');
  const late = await give(gateway, holder, id, friend);
  assert.deepEqual(codeOf(late), [429, 'too_many_refusals'], 'the right one too, so that nothing is learned');
  assert.ok(Number(late.headers['retry-after']) > 60);
  assert.equal((await give(gateway, stranger, foreign, friend)).status, 201, 'others are not held up');
});

test('a mandate is over when its time is, and giving it again changes that', async (t) => {
  const site = await Site.start(t);
  const { gateway } = site;
  const { holder, friend } = await people(site);
  const [{ id }] = (await gateway.licences(holder.token)).filter((l) => l.status === 'valid');
  const soon = (seconds) => new Date(Date.now() + seconds * 1000).toISOString();
  const first = (await give(gateway, holder, id, friend, { until: soon(3600) })).json();
  const again = (await give(gateway, holder, id, friend, { until: soon(3) })).json();
  assert.equal(again.id, first.id);
  assert.ok(Date.parse(again.until) < Date.parse(first.until));
  assert.equal((await display(gateway, friend, id)).status, 201);
  await until(() => display(gateway, friend, id), (answer) => answer.status === 404);
  assert.ok(Date.now() >= Date.parse(again.until));
  assert.deepEqual((await list(gateway, holder)).given, []);
  assert.deepEqual(codeOf(await end(gateway, holder, first.id)), [404, 'mandate_not_found']);
});

test('without Redis nobody can be named, because guesses can not be counted; ending goes on', async (t) => {
  const site = await Site.start(t);
  const { gateway } = site;
  const { holder, friend } = await people(site);
  const [{ id }] = (await gateway.licences(holder.token)).filter((l) => l.status === 'valid');
  const given = (await give(gateway, holder, id, friend)).json();
  await site.stopRedis();
  assert.deepEqual(codeOf(await give(gateway, holder, id, friend)), [503, 'quota_unavailable']);
  assert.equal((await end(gateway, holder, given.id)).status, 204);
  assert.equal((await display(gateway, friend, id)).status, 404);
});
