// What docs/EMBEDDING.md says to whoever builds the city's app is true: its example runs.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import readline from 'node:readline';
import test from 'node:test';
import { OauthSite } from './lib/oauth.mjs';

const example = path.resolve(path.dirname(new URL(import.meta.url).pathname), '../../docs/embedding/backend.mjs');

// The example's address, when it listens.
async function start(t, s, settings = {}) {
  s.site.write('identity-key.pem', s.provider.keys[0].privatePem);
  s.site.write('settings.json', JSON.stringify({ gateway: s.origin, ca: s.site.path('server.pem'),
    issuer: s.provider.issuer, key: s.site.path('identity-key.pem'), port: 0, person: s.site.holderNumber, ...settings }));
  const child = spawn(process.execPath, [example, s.site.path('settings.json')], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(async () => {
    const gone = once(child, 'exit');
    child.kill();
    await gone;
  });
  return (await once(readline.createInterface(child.stdout), 'line'))[0];
}

test('the example lists and displays the licences of who has logged in, and its page never sees a token', async (t) => {
  const s = await OauthSite.start(t);
  const app = await start(t, s);
  const given = await s.gateway.metric('tokens_given_total');
  const listed = await fetch(`${app}api/licences`);
  assert.equal(listed.status, 200);
  const text = await listed.text();
  const licence = JSON.parse(text).licences.find((l) => l.status === 'valid');
  const post = (body, type = 'application/json') => fetch(`${app}api/codes`, { method: 'POST', body,
    headers: { 'content-type': type } });
  const displayed = await post(JSON.stringify({ licence: licence.id }));
  assert.deepEqual([displayed.status, displayed.headers.get('content-type')], [201, 'image/svg+xml']);
  assert.match(await displayed.text(), /<svg/);
  assert.ok(Date.parse(displayed.headers.get('code-refresh-after')) > Date.now());
  assert.equal(await s.gateway.metric('tokens_given_total') - given, 1, 'one token serves until it is old');

  assert.equal((await post(JSON.stringify({ licence: '0'.repeat(32) }))).status, 404, 'what is not theirs');
  assert.equal((await post(JSON.stringify({ licence: licence.id }), 'text/plain')).status, 415, 'a form of another site');
  for (const file of ['', 'page.js']) {
    const page = await fetch(app + file);
    assert.equal(page.status, 200);
    assert.match(page.headers.get('content-security-policy'), /default-src 'none'.*frame-ancestors 'none'/);
    assert.doesNotMatch(await page.text(), /jwb1\./);
  }
  assert.doesNotMatch(text, /jwb1\./);
  assert.equal((await fetch(`${app}settings.json`)).status, 404);
});

test('the example tells why somebody gets no token', async (t) => {
  const s = await OauthSite.start(t);
  const nobody = await start(t, s, { person: '11010119900307803X' });
  const answer = await fetch(`${nobody}api/licences`);
  assert.deepEqual([answer.status, await answer.json()], [400, { error: 'this person holds no licence here' }]);
});
