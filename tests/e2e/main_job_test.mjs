// The main job: import, display, PNG, read back, verify, seize, verify again.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import test from 'node:test';
import { Site, until } from './lib/site.mjs';

test('a licence that was displayed as a picture verifies, and no longer once it is seized', async (t) => {
  const site = await Site.start(t);
  const { gateway } = site;
  const holder = await site.token('holder'), inspector = await site.token('inspector');
  const licences = await gateway.licences(holder);
  const licence = licences.find((l) => l.status === 'valid');
  const picture = await gateway.request('POST', '/v1/codes', { token: holder,
    body: JSON.stringify({ licence: licence.id }), headers: { accept: 'image/png', 'content-type': 'application/json' } });
  assert.equal(picture.status, 201);
  assert.equal(picture.headers['content-type'], 'image/png');
  assert.match(picture.headers['code-expires-at'], /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00$/);
  site.write('code.png', picture.body);
  const code = execFileSync('zbarimg', ['--quiet', '--raw', site.path('code.png')]).toString().trim();
  assert.equal((await site.jwb('qr', 'read', site.path('code.png'))).trim(), code);

  await until(() => gateway.verdict(code, inspector), (v) => v.by === 'cache');
  const seen = await gateway.verdict(code, inspector);
  assert.equal(seen.result, 'valid');
  assert.equal(seen.reason, null);
  assert.equal(seen.licence.holder_number, site.holderNumber);
  assert.equal(seen.first_scan.this, false);
  assert.equal(seen.first_scan.agency, 'traffic-police');

  await site.jwb('hold', 'place', licence.id, '--agency', 'traffic-police', '--case', '1');
  const seized = await gateway.verdict(code, inspector);
  assert.equal(seized.result, 'invalid');
  assert.equal(seized.reason, 'licence_seized');
  const refused = await gateway.json('POST', '/v1/codes', holder, { licence: licence.id });
  assert.equal(refused.status, 409);
  assert.equal(refused.json().reason, 'licence_seized');

  await site.jwb('hold', 'lift', licence.id, '--agency', 'traffic-police', '--case', '1');
  assert.equal((await gateway.verdict(code, inspector)).result, 'valid');
});
