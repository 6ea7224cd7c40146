// An inspector looks up what nobody displayed: within the terminal's competence, with a reason that
// evidence keeps, counted per person, and always answered.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { Site, until } from './lib/site.mjs';
import { ask } from './lib/schema.mjs';

const DRIVING = '11100000000000001M001', QUALIFIED = '11100000000000002Q001';

const lookUp = (site, token, more) => ask(site.gateway, 'POST', '/v1/inspections/lookups', { token,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ case_number: '焦公交〔2026〕17号', reason: 'phone_unavailable', ...more }) });
async function found(site, token, more) {
  const answer = await lookUp(site, token, more);
  assert.equal(answer.status, 200, answer.body.toString());
  return answer.json().licences;
}
function holderOfBoth(site) {
  const valid = site.records.filter((r) => r.ZZZT === '01' && /^[0-9]{17}[0-9X]$/.test(r.CZZTDM));
  const qualified = valid.find((q) => q.ZZLXDM === QUALIFIED &&
    valid.some((d) => d.ZZLXDM === DRIVING && d.CZZTDM === q.CZZTDM));
  return [valid.find((r) => r.ZZLXDM === DRIVING && r.CZZTDM === qualified.CZZTDM), qualified];
}
async function records(site) {
  return (await site.evidence()).filter((r) => r.kind === 'lookup');
}
// Lookups above the limit that were told, by event.
const alerts = ({ gateway }) => gateway.log.filter((l) => l.level === 'warning' && /lookup/.test(l.event));

test('a licence is found by its number, its identifier and its holder\'s number, as the policy shows it', async (t) => {
  const site = await Site.start(t, { licences: 200 });
  const token = await site.token('inspector');
  const [driving, qualified] = holderOfBoth(site);
  const [row] = await found(site, token, { licence_number: qualified.ZZBH });
  assert.deepEqual([row.result, row.reason, row.status, row.by], ['valid', null, 'valid', 'registry']);
  assert.deepEqual([row.licence.type.code, row.licence.holder_name, row.licence.holder_number, row.licence.number],
    [QUALIFIED, qualified.CZZT, qualified.CZZTDM, qualified.ZZBH]);
  const [same] = await found(site, token, { licence_number: ` ${qualified.ZZBS.toLowerCase()} ` });
  assert.deepEqual(same.licence, row.licence);
  const all = await found(site, token, { holder_number: driving.CZZTDM });
  assert.ok(all.some((l) => l.licence.number === driving.ZZBH) && all.some((l) => l.licence.number === qualified.ZZBH));
  assert.ok(all.every((l) => l.licence.holder_number === driving.CZZTDM), 'his own alone');
  const one = await found(site, token, { holder_number: driving.CZZTDM, type: DRIVING });
  assert.deepEqual(one.map((l) => l.licence.number), [driving.ZZBH]);
});

test('a licence that was seized is seen as seized: that is what lookups are for', async (t) => {
  const site = await Site.start(t, { licences: 200 });
  const token = await site.token('inspector');
  const [driving] = holderOfBoth(site);
  await site.jwb('hold', 'place', driving.ZZBS, '--agency', 'traffic-police', '--case', '2026-1');
  const [row] = await found(site, token, { licence_number: driving.ZZBH, type: DRIVING, reason: 'licence_seized' });
  assert.deepEqual([row.result, row.reason, row.status], ['invalid', 'licence_seized', 'seized']);
});

test('for another agency\'s types a licence is not there, like one that does not exist', async (t) => {
  const site = await Site.start(t, { licences: 200 });
  const [driving, qualified] = holderOfBoth(site);
  await site.client('terminal-8', { role: 'inspector', organisation: 'traffic-police', type: DRIVING });
  const token = await site.token('inspector', '--subject', 'traffic-police/0501', '--client', 'terminal-8');
  const his = await found(site, token, { holder_number: driving.CZZTDM });
  assert.deepEqual(his.map((l) => l.licence.type.code), [DRIVING]);
  const nothing = '{"licences":[],"more":false}';
  for (const what of [{ licence_number: qualified.ZZBH }, { licence_number: qualified.ZZBS }, { licence_number: 'H9999999' },
    { holder_number: driving.CZZTDM, type: QUALIFIED }, { holder_number: '110101199003070038' }, { licence_number: '   ' },
    { holder_number: '9'.repeat(200) }])
    assert.equal((await lookUp(site, token, what)).body.toString(), nothing, JSON.stringify(what));
});

test('each lookup has its records, with person, terminal, case and reason, and no name or number of the holder', async (t) => {
  const site = await Site.start(t, { licences: 200 });
  const token = await site.token('inspector');
  const [driving] = holderOfBoth(site);
  const asked = await lookUp(site, token, { holder_number: driving.CZZTDM, reason: 'accident' });
  const none = await lookUp(site, token, { licence_number: 'H9999999', case_number: '2026-18', reason: 'complaint' });
  const all = await records(site);
  const of = (answer) => all.filter((r) => r.request === answer.headers['x-request-id']);
  const seen = of(asked), shown = asked.json().licences;
  assert.ok(shown.length >= 2);
  assert.equal(seen.length, shown.length);
  assert.equal(new Set(seen.map((r) => String(r.place))).size, shown.length);
  seen.forEach((r, i) => {
    assert.deepEqual([r.role, r.subject, r.client, r.purpose, r.reference, r.result],
      ['inspector', 'traffic-police/0417', 'terminal-7', 'accident', '焦公交〔2026〕17号', shown[i].result]);
    assert.deepEqual([...r.fields].sort(), Object.keys(shown[i].licence).sort());
  });
  const [nothing, ...more] = of(none);
  assert.deepEqual([more.length, nothing.place, nothing.purpose, nothing.reference, nothing.result, nothing.reason],
    [0, null, 'complaint', '2026-18', 'indeterminate', 'licence_unknown']);
  for (const text of [JSON.stringify(all), site.gateway.text()])
    for (const secret of [driving.CZZTDM, driving.CZZT, 'H9999999']) assert.ok(!text.includes(secret));
});

test('above the limit of a person lookups are reported, and answered all the same', async (t) => {
  const site = await Site.start(t, { licences: 200, config: { lookups: { alert_per_hour: 2 } } });
  const { gateway } = site;
  const token = await site.token('inspector');
  const colleague = await site.token('inspector', '--subject', 'traffic-police/0418', '--client', 'terminal-7');
  const [driving] = holderOfBoth(site);
  const what = { licence_number: driving.ZZBH, type: DRIVING };
  await until(() => gateway.request('GET', '/readyz', { internal: true }), (a) => a.json().redis === 'up');
  for (let i = 0; i < 2; i++) await found(site, token, what);
  assert.equal(await gateway.metric('lookup_alerts_total'), 0);
  await found(site, colleague, what);
  assert.equal(await gateway.metric('lookup_alerts_total'), 0, 'everybody has a limit of his own');
  const third = await lookUp(site, token, what);
  assert.equal(third.json().licences.length, 1);
  assert.equal(await gateway.metric('lookup_alerts_total'), 1);
  assert.equal(await gateway.metric('lookups_total'), 4);
  await gateway.waitForLog((line) => line.event === 'lookups above the limit');
  const [alert, ...more] = alerts(site);
  assert.deepEqual([more.length, alert.event, alert.agency, alert.terminal, alert.request],
    [0, 'lookups above the limit', 'traffic-police', 'terminal-7', third.headers['x-request-id']]);
  assert.doesNotMatch(alert.text, new RegExp(`${driving.ZZBH}|0417`));
});

test('without Redis a lookup is answered, and reported because it could not be counted', async (t) => {
  const site = await Site.start(t, { licences: 200, redis: false });
  const token = await site.token('inspector');
  const [driving] = holderOfBoth(site);
  assert.equal((await found(site, token, { licence_number: driving.ZZBH, type: DRIVING })).length, 1);
  await site.gateway.waitForLog((line) => line.event === 'a lookup could not be counted');
  assert.equal(await site.gateway.metric('lookup_alerts_total'), 1);
});

test('a registry that can\'t be believed any more has neither licences nor their absence', async (t) => {
  const site = await Site.start(t, { licences: 200 });
  const token = await site.token('inspector');
  const { holderNumber: holder_number } = site, licence_number = site.records[0].ZZBH;
  assert.ok((await found(site, token, { holder_number })).length);
  for (const end of ['', '-wal', '-shm']) {
    if (!fs.existsSync(site.path(`registry.db${end}`))) continue;
    fs.renameSync(site.path(`registry.db${end}`), site.path(`former.db${end}`));
    if (end !== '-shm') fs.copyFileSync(site.path(`former.db${end}`), site.path(`registry.db${end}`));
  }
  for (const what of [{ holder_number }, { licence_number }, { holder_number: '110101199003070038' }, { licence_number: 'H9999999' }]) {
    const answer = await lookUp(site, token, what);
    assert.deepEqual([answer.status, answer.json().code], [503, 'registry_unavailable'], JSON.stringify(what));
    const [record] = (await records(site)).filter((r) => r.request === answer.headers['x-request-id']);
    assert.deepEqual([record.place, record.fields, record.reason], [null, [], 'status_unavailable']);
  }
});

test('a lookup names one number, a case and a known reason, or is malformed and shows nothing', async (t) => {
  const site = await Site.start(t);
  const token = await site.token('inspector');
  const licence_number = site.records[0].ZZBH;
  for (const wrong of [{}, { licence_number, holder_number: site.holderNumber }, { licence_number, reason: 'curiosity' },
    { licence_number, reason: '王云' }, { licence_number, reason: undefined }, { licence_number, case_number: '' },
    { licence_number, case_number: undefined }, { licence_number, case_number: '案'.repeat(22) },
    { licence_number, case_number: 'a\nb' }, { licence_number: '' }, { licence_number: 7 }, { licence_number, type: [] },
    { licence_number, note: '王云' }]) {
    const answer = await lookUp(site, token, wrong);
    assert.deepEqual([answer.status, answer.json().code], [400, 'malformed_body'], JSON.stringify(wrong));
  }
  assert.deepEqual(await records(site), []);
  assert.equal(await site.gateway.metric('lookups_total'), 0);
  await found(site, token, { licence_number, case_number: '案'.repeat(21) });
});

// What is asked, and a case number that names somebody in it; none may be in what evidence has.
function namings(site) {
  const [driving, qualified] = holderOfBoth(site);
  const { CZZTDM: holder_number, ZZBH: licence_number, CZZT } = driving;
  const ends = site.records.map((r) => r.CZZTDM).find((number) => /^[0-9]{17}X$/.test(number));
  const wide = holder_number.replace(/[0-9]/g, (digit) => String.fromCharCode(0xff10 + Number(digit)));
  const spaced = `${holder_number.slice(0, 6)} ${holder_number.slice(6)}`;
  return [[{ holder_number }, holder_number], [{ holder_number }, spaced], [{ holder_number: spaced }, holder_number],
    [{ holder_number }, wide], [{ holder_number: ends }, ends.toLowerCase()], [{ licence_number }, holder_number],
    [{ holder_number }, CZZT], [{ licence_number }, `${CZZT}案`], [{ licence_number }, licence_number.toLowerCase()],
    [{ holder_number }, `${licence_number.slice(0, 3)}-${licence_number.slice(3)}`],
    [{ holder_number, type: DRIVING }, qualified.ZZBH], [{ licence_number: 'H9999999' }, 'h9999999'],
    [{ licence_number }, ends]];
}

test('a case number that names whom it is about, or anybody by number, is refused and in no evidence', async (t) => {
  const site = await Site.start(t, { licences: 200 });
  const inspector = await site.token('inspector');
  for (const [asked, text] of namings(site)) {
    const case_number = `案${text}`;
    const answer = await lookUp(site, inspector, { ...asked, case_number, reason: 'accident' });
    assert.deepEqual([answer.status, answer.json().code], [400, 'malformed_body'], case_number);
    assert.match(answer.json().detail, /case number goes into evidence/);
    assert.ok(!answer.body.includes(text), 'it is not repeated');
  }
  const left = await records(site);
  assert.ok(left.length, 'who tries names learns that one was right: evidence has it');
  assert.ok(left.every((r) => r.reference === '' && r.result === 'invalid' && r.fields.length === 0));
  const folder = site.path('evidence-gateway');
  const files = fs.readdirSync(folder, { recursive: true }).map((name) => `${folder}/${name}`).filter((f) => fs.statSync(f).isFile());
  for (const [, text] of namings(site)) for (const file of files) assert.ok(!fs.readFileSync(file).includes(text), file);
});

test('a name in a case number tells nothing of licences that are not the terminal\'s, and is in no evidence', async (t) => {
  const site = await Site.start(t, { licences: 200 });
  await site.client('terminal-9', { role: 'inspector', organisation: 'traffic-police', type: 'NONE' });
  const token = await site.token('inspector', '--subject', 'traffic-police/0501', '--client', 'terminal-9');
  const [{ CZZTDM: holder_number, CZZT }] = holderOfBoth(site);
  for (const case_number of [CZZT, '2026-17']) assert.deepEqual(await found(site, token, { holder_number, case_number }), []);
  assert.deepEqual((await records(site)).map((r) => [r.reference, r.place]), [['', null], ['2026-17', null]]);
});
