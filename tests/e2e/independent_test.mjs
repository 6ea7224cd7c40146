// A verifier that was written from docs/PROTOCOL.md alone reads what this gateway displays.
import assert from 'node:assert/strict';
import test from 'node:test';
import { verifyText } from '../independent/verifier.mjs';
import { Site } from './lib/site.mjs';

const now = () => Math.floor(Date.now() / 1000);

test('a displayed code is authentic to the independent verifier, with the keys of the gateway', async (t) => {
  const site = await Site.start(t);
  const code = await site.gateway.display(await site.token('holder'));
  const jwks = (await site.gateway.request('GET', '/.well-known/jwks.json')).json();
  const verdict = await verifyText(code, { jwks, now: now() });
  assert.equal(verdict.result, 'ok');
  assert.equal(verdict.claims.holder_name, site.records[0].CZZT[0] + '*'.repeat([...site.records[0].CZZT].length - 1));
  assert.equal(verdict.claims.number_tail, site.records[0].ZZBH.slice(-4));
  assert.equal(verdict.claims.exp - verdict.claims.iat, 60);
  assert.equal((await verifyText(code, { jwks, now: now() + 600 })).reason, 'code_expired');
  assert.ok(!code.includes(site.holderNumber));
});

test('no code holds the full number of its licence or of its holder', async (t) => {
  const site = await Site.start(t);
  const holder = await site.token('holder');
  const jwks = (await site.gateway.request('GET', '/.well-known/jwks.json')).json();
  for (const licence of (await site.gateway.licences(holder)).filter((l) => l.status === 'valid')) {
    const { claims } = await verifyText(await site.gateway.display(holder, licence.id), { jwks, now: now() });
    const full = (await site.gateway.request('GET', `/v1/licences/${licence.id}?view=full`, { token: holder })).json();
    const text = JSON.stringify(claims, (_, v) => (v instanceof Uint8Array ? [...v] : typeof v === 'bigint' ? Number(v) : v));
    assert.ok(!text.includes(full.number) && !text.includes(full.holder_number), licence.type.name);
    assert.ok(claims.number_tail.length * 2 <= full.number.length);
  }
});
