// What was begun before a reload or a stop, and comes to its end after it.
import assert from 'node:assert/strict';
import net from 'node:net';
import test from 'node:test';
import tls from 'node:tls';
import { Site, until } from './lib/site.mjs';

test('metrics and readiness that were asked for before a stop are told during it', async (t) => {
  const site = await Site.start(t, { config: { loops: { count: 2 } } });
  const { gateway } = site;
  const sockets = await Promise.all(['/metrics', '/readyz', '/healthz'].map((path) => new Promise((resolve, reject) => {
    const socket = net.connect(gateway.internalPort, '127.0.0.1', () =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n`, () => resolve(socket))).on('error', reject);
  })));
  await gateway.request('GET', '/healthz', { internal: true }); // they have been accepted
  gateway.child.kill('SIGTERM');
  await gateway.waitForLog((line) => line.event === 'stopping');
  await until(() => gateway.request('GET', '/healthz', { internal: true }).then(() => 'up', (error) => error.code),
    (seen) => seen === 'ECONNREFUSED'); // whatever ends before the loops has ended
  const answers = await Promise.all(sockets.map((socket) => new Promise((resolve) => {
    let text = '';
    socket.on('data', (data) => { text += data; }).on('close', () => resolve(text));
    socket.write('\r\n');
  })));
  for (const answer of answers) assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(answers[0], /\njwb_redis_up 1\n/);
  await gateway.stop(); // and ends with 0
});

test('a client that connected before a reload may begin its handshake after it', async (t) => {
  const site = await Site.start(t, { licences: 0 });
  const { gateway } = site;
  const reload = async () => {
    const from = gateway.log.length;
    gateway.child.kill('SIGHUP');
    await gateway.waitForLog((line) => line.event === 'reloaded', from);
    await gateway.metric('http_connections'); // the loop has had it; and no open connection keeps the old one
  };
  await reload(); // what it was started with is kept for good
  const open = await gateway.metric('http_connections');
  const socket = net.connect(gateway.port, '127.0.0.1');
  await until(() => gateway.metric('http_connections'), (n) => n > open);
  await reload();
  const answer = await new Promise((resolve, reject) => {
    let text = '';
    tls.connect({ socket, ca: site.ca, servername: 'localhost' })
      .on('data', (data) => { text += data; }).on('close', () => resolve(text)).on('error', reject)
      .write('GET /v HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  });
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
});

test('a scan that waits for Redis while the policy is loaded anew is answered by what holds then', async (t) => {
  const site = await Site.start(t);
  const { gateway } = site;
  const reload = async () => {
    const from = gateway.log.length;
    gateway.child.kill('SIGHUP');
    await gateway.waitForLog((line) => line.event === 'reloaded', from);
  };
  const code = await gateway.display(await site.token('holder')), partner = await site.token('partner');
  await reload(); // what it was started with is kept for good
  for (let round = 0; round < 3; round++) {
    site.redisProcess.stoppedByTest = true;
    site.redisProcess.kill('SIGSTOP');
    const answers = Promise.all([gateway.verify(code), gateway.verify(code, partner)]);
    await reload();
    await reload();
    site.redisProcess.kill('SIGCONT');
    const [shown, told] = await answers;
    assert.deepEqual(Object.keys(shown.json().licence), ['type', 'holder_name', 'number', 'valid_until']);
    assert.ok(told.status === 200 || told.status === 503);
  }
});
