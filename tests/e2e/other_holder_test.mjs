// A licence that went over to another holder: what was its former holder's stays his, and shows nothing of
// the present one.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { Site } from './lib/site.mjs';

const is18 = (number) => /^[0-9]{17}[0-9X]$/.test(number);

// {site, gateway, former, present, licence, goOver()}: the licence's record says the present holder from then on.
async function open(t) {
  const site = await Site.start(t, { config: { code: { life_s: 300 } } });
  const person = async (record) => ({ name: record.CZZT, number: record.CZZTDM,
    token: (await site.jwb('token', 'mint', '--role', 'holder', '--holder-number', '-', { input: record.CZZTDM })).trim() });
  const at = site.records.findIndex((r) => is18(r.CZZTDM) && r.ZZBH !== r.CZZTDM && r.ZZZT === '01');
  const record = site.records[at];
  const former = await person(record);
  const present = await person(site.records.find((r) => is18(r.CZZTDM) && r.CZZT !== record.CZZT));
  const views = await Promise.all((await site.gateway.licences(former.token)).map(async ({ id }) =>
    (await site.gateway.request('GET', `/v1/licences/${id}?view=full`, { token: former.token })).json()));
  const goOver = async () => {
    const lines = new TextDecoder('gb18030').decode(fs.readFileSync(site.path('licences.csv'))).split(/\r?\n/);
    const names = lines[0].split(',').map((name) => name.trim());
    const fields = lines[1 + at].split(',');
    fields[names.indexOf('CZZT')] = present.name;
    fields[names.indexOf('CZZTDM')] = present.number;
    fields[names.indexOf('SJBBH')] = '9';
    site.write('over.csv', `${lines[0]}\n${fields.join(',')}\n`);
    assert.match(await site.jwb('licence', 'import', site.path('over.csv'), '--source', 'test'), /1 {2}new version/);
  };
  return { site, gateway: site.gateway, former, present, licence: views.find((l) => l.number === record.ZZBH), goOver };
}

test('a code of the former holder shows whoever scans it nothing of the present one', async (t) => {
  const { site, gateway, former, present, licence, goOver } = await open(t);
  const code = await gateway.display(former.token, licence.id);
  await goOver();
  for (const revoked of [false, true]) {
    if (revoked) await site.jwb('licence', 'status', licence.id, 'revoked');
    for (const role of ['inspector', 'partner', undefined]) {
      const verdict = await gateway.verdict(code, role && await site.token(role));
      assert.deepEqual([verdict.result, verdict.reason], ['invalid', revoked ? 'licence_revoked' : 'licence_superseded']);
      for (const secret of [present.name, present.number]) assert.ok(!JSON.stringify(verdict).includes(secret), role);
    }
  }
});

test('each holder is told who looked while the licence was his, and nothing of the other', async (t) => {
  const { site, gateway, former, present, licence, goOver } = await open(t);
  const inspector = await site.token('inspector');
  const look = async (reason) => assert.equal((await gateway.json('POST', '/v1/inspections/lookups', inspector,
    { licence_number: licence.number, case_number: '1', reason })).status, 200);
  const told = async ({ token }) => (await gateway.request('GET', '/v1/me/checks', { token })).json().checks
    .filter((c) => c.licence === licence.id).map((c) => c.purpose);
  await look('accident');
  await goOver();
  await look('complaint');
  assert.deepEqual(await told(former), ['accident']);
  assert.deepEqual(await told(present), ['complaint']);
});
