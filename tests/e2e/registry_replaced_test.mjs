// Somebody puts another registry in the place of the one that a gateway has open.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { Site, until } from './lib/site.mjs';

test('a registry whose file was replaced is not believed any more, until the gateway is started anew', async (t) => {
  const site = await Site.start(t, { config: { code: { life_s: 300 } } });
  const { gateway } = site;
  const holder = await site.token('holder');
  const { id } = (await gateway.licences(holder)).find((l) => l.status === 'valid');
  const code = await gateway.display(holder, id);
  await until(() => gateway.verdict(code), (v) => v.by === 'cache');

  for (const end of ['', '-wal', '-shm']) {
    if (!fs.existsSync(site.path(`registry.db${end}`))) continue;
    fs.renameSync(site.path(`registry.db${end}`), site.path(`former.db${end}`));
    if (end !== '-shm') fs.copyFileSync(site.path(`former.db${end}`), site.path(`registry.db${end}`));
  }
  await site.jwb('hold', 'place', id, '--agency', 'traffic-police', '--case', '1');
  const seen = await gateway.verdict(code);
  assert.deepEqual([seen.result, seen.reason], ['indeterminate', 'status_unavailable']);
  assert.equal((await gateway.request('GET', '/readyz', { internal: true })).status, 503);
  assert.equal((await gateway.json('POST', '/v1/codes', holder, { licence: id })).status, 503);

  await gateway.stop();
  const again = await site.startGateway('gateway');
  assert.equal((await again.verdict(code)).reason, 'licence_seized');
});
