// The page that a phone's camera opens from a code's URL, in Chromium, from a real gateway. Pictures of each
// state are left in build/screens.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { chromium } from 'playwright-core';
import { forge, octetsOf } from './lib/forge.mjs';
import { Site, until } from './lib/site.mjs';
import { makeBundle, makeTrust, published } from './lib/trust.mjs';

const SCREENS = path.resolve(path.dirname(new URL(import.meta.url).pathname), '../../build/screens');
const PHONE = { width: 390, height: 844 };
const WORDS = { valid: '有效', invalid: '无效', indeterminate: '无法判断' };

// A visit: a page of its own, without anything that an earlier one left behind. `quiet` is what must be empty in
// the end: violations of the policy, errors, requests to anybody else.
async function visit(t, w, { language = 'zh-CN', viewport = PHONE, before, ...options } = {}) {
  const context = await w.browser.newContext({ locale: language, viewport, ...options });
  t.after(() => context.close());
  const page = await context.newPage();
  page.quiet = [];
  page.on('pageerror', (error) => page.quiet.push(error.message));
  page.on('console', (message) => {
    const expected = message.text().startsWith('Failed to load resource'); // where a test takes the network away
    if (message.type() === 'error' && !expected) page.quiet.push(message.text());
  });
  page.on('request', (request) => { if (!request.url().startsWith(`${w.origin}/`)) page.quiet.push(request.url()); });
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective}`));
  });
  await before?.(page, context);
  return page;
}

// Opens the URL of a code, as the camera does, and waits for the verdict.
async function scan(page, w, digits) {
  await page.goto(`${w.origin}/v#${digits}`);
  await settled(page);
}
const settled = (page) => page.waitForFunction(() => !['none', 'checking'].includes(document.body.dataset.result));
const resultOf = (page) => page.evaluate(() => document.body.dataset.result);
const textOf = (page, id) => page.locator(`#${id}`).innerText();
const isShown = (page, id) => page.locator(`#${id}`).isVisible();

async function says(page, result, ...texts) {
  assert.equal(await resultOf(page), result, await textOf(page, 'verdict'));
  const all = await page.locator('main').innerText();
  for (const text of texts) assert.ok(all.includes(text), `${text} is missing in: ${all}`);
  assert.deepEqual(page.quiet, []);
}

const digitsOf = (code) => code.split('#')[1];
const display = async (w) => digitsOf(await w.gateway.display(w.holder));
// Another signature, of the same form: its last two octets are the last five digits.
const tampered = (digits) => digits.slice(0, -5) + String((Number(digits.slice(-5)) + 1) % 65536).padStart(5, '0');
const face = (w) => [`${w.record.CZZT[0]}*`, `****${w.record.ZZBH.slice(-4)}`];
const kidOf = (digits) => octetsOf(digits).subarray(7, 11).toString('hex');
const agency = ['--agency', 'traffic-police', '--case', '2026-17'];

// WCAG 2's contrast of each visible text with what lies behind it; the least, and whose.
function leastContrast() {
  const luminance = (rgb) => rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const rgbOf = (colour) => colour.match(/[\d.]+/g).map(Number);
  const groundOf = (element) => {
    const colour = rgbOf(getComputedStyle(element).backgroundColor);
    return colour.length === 3 || colour[3] === 1 ? colour.slice(0, 3) : groundOf(element.parentElement);
  };
  const texts = [...document.querySelectorAll('body *')].filter((element) => element.checkVisibility() &&
    [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim()));
  return texts.map((element) => {
    const [a, b] = [rgbOf(getComputedStyle(element).color).slice(0, 3), groundOf(element)].map(luminance);
    return { ratio: (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), text: element.textContent };
  }).sort((a, b) => a.ratio - b.ratio)[0];
}

// A state in both languages, small and large: its word, its one sign, its contrast, and a picture of it.
async function picture(page, name, word) {
  fs.mkdirSync(SCREENS, { recursive: true });
  const result = await resultOf(page);
  for (const language of ['zh', 'en']) {
    for (const size of ['plain', 'large']) {
      const state = `${name}-${language}-${size}`;
      if (word && language === 'zh') assert.equal(await textOf(page, 'word'), word, state);
      const signs = await page.locator('#sign path').evaluateAll((all) =>
        all.filter((sign) => sign.checkVisibility()).map((sign) => sign.className.baseVal));
      assert.deepEqual(signs, result === 'none' ? [] : [result], state);
      const { ratio, text } = await page.evaluate(leastContrast);
      assert.ok(ratio >= (size === 'large' ? 7 : 4.5), `${state}: ${text}: ${ratio.toFixed(2)}`);
      await page.screenshot({ path: path.join(SCREENS, `${state}.png`), fullPage: true });
      await page.locator('#elder').click();
    }
    await page.locator('#language').click();
  }
}

test('the page', async (t) => {
  const site = await Site.start(t, { licences: 20 });
  // A certificate that is trusted, unlike one whose faults are ignored, lets the browser keep what it fetched.
  const spki = new crypto.X509Certificate(site.ca).publicKey.export({ type: 'spki', format: 'der' });
  const trusted = crypto.createHash('sha256').update(spki).digest('base64');
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', `--ignore-certificate-errors-spki-list=${trusted}`] });
  t.after(() => browser.close());
  const w = { site, browser, gateway: site.gateway, origin: `https://127.0.0.1:${site.gateway.port}`,
    holder: await site.token('holder'), record: site.records[0] };
  const [licence] = (await w.gateway.licences(w.holder)).filter((l) => l.status === 'valid');

  await t.test('green without keys of its own would be the gateway\'s word alone', async (t) => {
    const page = await visit(t, w);
    await scan(page, w, await display(w));
    await says(page, 'indeterminate', WORDS.indeterminate, '未能取得可用的公钥', '证照有效。', ...face(w));
  });

  await makeTrust(site);
  await published(w.gateway, '/v1/trust-bundle');

  await t.test('a valid licence is green, and its code is nowhere but in memory', async (t) => {
    const page = await visit(t, w);
    await page.goto(`${w.origin}/healthz`); // something to go back to
    page.quiet.length = 0;
    const digits = await display(w);
    await scan(page, w, digits);
    await says(page, 'valid', WORDS.valid, '签名真实', '证照有效。', '状态截至', '机动车驾驶证', ...face(w),
      new URL(w.origin).host);
    assert.match(await textOf(page, 'life'), /此码还有 \d+ 秒/);
    assert.equal(page.url(), `${w.origin}/v`);
    const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, history.state,
      document.cookie, document.documentElement.outerHTML]));
    assert.ok(!kept.includes(digits.slice(0, 40)));
    await page.goBack();
    await page.goForward();
    assert.equal(page.url(), `${w.origin}/v`, 'a history without the code');
    assert.equal(await resultOf(page), 'none');
    assert.ok(!w.gateway.text().includes(digits.slice(0, 40)));
  });

  await t.test('a code in the path, from a scanner that drops fragments, is sent out of the address', async (t) => {
    const page = await visit(t, w);
    await page.goto(`${w.origin}/v/${await display(w)}`);
    await settled(page);
    await says(page, 'valid', WORDS.valid);
    assert.equal(page.url(), `${w.origin}/v`);
    for (const [rest, location] of [['123', '../v#123'], ['12a', '../v'], ['1'.repeat(601), '../v'],
      ['%0d%0aset-cookie:a', '../v']]) {
      const answer = await w.gateway.request('GET', `/v/${rest}`);
      assert.deepEqual([answer.status, answer.headers.location], [303, location]);
      assert.equal(answer.headers['referrer-policy'], 'no-referrer');
    }
  });

  await t.test('a code that is altered is red, even if a gateway said valid, and shows nothing', async (t) => {
    const page = await visit(t, w);
    await scan(page, w, tampered(await display(w)));
    await says(page, 'invalid', WORDS.invalid, '伪造或被改动');
    assert.equal(await isShown(page, 'licence'), false);
    const good = await w.gateway.verdict(await display(w));
    assert.equal(good.result, 'valid');
    await page.route('**/v1/verify', (route) => route.fulfill({ json: good }));
    await scan(page, w, tampered(await display(w)));
    await says(page, 'invalid', '本机', '伪造或被改动', '证照有效。');
    assert.equal(await isShown(page, 'licence'), false);
    await page.goto(`${w.origin}/v#no-digits`);
    await page.getByText('这不是亮证码').waitFor();
    await says(page, 'invalid', WORDS.invalid);
  });

  await t.test('a green that outlives its code would let it go from hand to hand', async (t) => {
    const page = await visit(t, w, { before: (page) => page.clock.install() });
    await scan(page, w, await display(w));
    await says(page, 'valid');
    await page.clock.fastForward(61000);
    await says(page, 'invalid', '码已过期', '重新扫描');
    await picture(page, 'expired', '码已过期');
    assert.equal(await isShown(page, 'licence'), false);
    for (const id of ['life', 'said']) assert.equal(await isShown(page, id), false, id);
  });

  await t.test('a phone whose clock is wrong goes by the gateway\'s', async (t) => {
    for (const off of [-3600, 3600]) {
      const page = await visit(t, w, { before: (page) => page.clock.install({ time: Date.now() + off * 1000 }) });
      await scan(page, w, await display(w));
      await says(page, 'valid', '本机时钟不准');
    }
  });

  await t.test('a green that goes by a clock that is put right meanwhile would outlive its code by the correction', async (t) => {
    const page = await visit(t, w, { before: (page) => page.clock.install({ time: Date.now() + 3600 * 1000 }) });
    await scan(page, w, await display(w));
    await says(page, 'valid', '本机时钟不准');
    await page.route('**/v1/verify', (route) => route.abort());
    await page.clock.setSystemTime(Date.now());
    await page.clock.fastForward(61000);
    await settled(page);
    await says(page, 'invalid', '码已过期');

    await page.unroute('**/v1/verify');
    await scan(page, w, await display(w));
    await says(page, 'valid', '本机时钟不准'); // a minute ahead
    await page.clock.setSystemTime(Date.now());
    await page.clock.runFor(1000);
    await page.locator('#clock').waitFor({ state: 'hidden' }); // it asks again
    await settled(page);
    await says(page, 'valid');
  });

  await t.test('a green that slept while its code died would be the first thing seen on waking', async (t) => {
    const page = await visit(t, w, { before: (page) => page.clock.install() });
    await scan(page, w, await display(w));
    await says(page, 'valid');
    await page.route('**/v1/verify', (route) => route.abort());
    await page.clock.setSystemTime(Date.now() + 61 * 1000); // and the clock that counts stood still
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await settled(page);
    await says(page, 'invalid', '码已过期');
  });

  await t.test('a code that is dead, or signed by nobody, says which', async (t) => {
    const { keys } = JSON.parse(site.read('codes.jwks'));
    const key = keys.find((k) => !k.jwb_use || k.jwb_use === 'code');
    const real = await w.gateway.display(w.holder);
    const page = await visit(t, w);
    const dead = forge(real, key, (claims) => { claims[6] = key.nbf; claims[4] = key.nbf + 1; });
    await until(() => w.gateway.verdict(dead), ({ reason }) => reason === 'code_expired');
    await scan(page, w, dead);
    await says(page, 'invalid', '码已过期', '请对方刷新亮证码');
    await scan(page, w, forge(real, key, () => {}, { kid: '00000001' }));
    await says(page, 'invalid', '密钥不为所知');
  });

  await t.test('without a network it says what it could check, and is never green', async (t) => {
    const page = await visit(t, w);
    await scan(page, w, await display(w));
    await page.context().setOffline(true);
    const next = await display(w);
    await page.evaluate((digits) => { location.hash = digits; }, next);
    await page.getByText('连不上服务器').first().waitFor();
    await settled(page);
    await says(page, 'indeterminate', WORDS.indeterminate, '目前的状态不明', '签名真实', ...face(w));
    await page.context().setOffline(false);
    await page.locator('#again').click();
    await page.waitForFunction(() => document.body.dataset.result === 'valid');
    for (const answer of [{ body: '<html>' }, { json: { result: 'valid', reason: 'none' } }, { status: 500, body: '' }]) {
      await page.route('**/v1/verify', (route) => route.fulfill(answer));
      await scan(page, w, await display(w));
      await says(page, 'indeterminate', '无法理解', '签名真实');
      await page.unroute('**/v1/verify');
    }
    await page.route('**/v1/trust-bundle', (route) => route.fulfill({ status: 200, body: Buffer.alloc(900, 0x9f) }));
    await scan(page, w, await display(w));
    await says(page, 'indeterminate', '未能取得可用的公钥', '证照有效。');
  });

  await t.test('a page of which a part is missing says so, and has taken the code out of the address', async (t) => {
    const page = await visit(t, w);
    await page.route('**/web/verdict.mjs', (route) => route.abort());
    await page.goto(`${w.origin}/v#${await display(w)}`);
    await page.getByRole('alert').getByText('没有完整加载').waitFor();
    assert.equal(page.url(), `${w.origin}/v`);
    assert.equal(await resultOf(page), 'none');
  });

  await t.test('a browser without modules would keep the code in its address bar, and say nothing', async (t) => {
    const page = await visit(t, w);
    const { headers, body } = await w.gateway.request('GET', '/v');
    const asItReadsIt = body.toString().replace('type="module"', 'type="text/unknown"').replace(' nomodule', '');
    await page.route('**/v', (route) => route.fulfill({ headers, body: asItReadsIt }));
    await page.goto(`${w.origin}/v#${await display(w)}`);
    await page.getByRole('alert').getByText('较新的浏览器').waitFor();
    await page.screenshot({ path: path.join(SCREENS, 'old.png'), fullPage: true });
    assert.equal(page.url(), `${w.origin}/v`);
    assert.equal(await resultOf(page), 'none');
    assert.deepEqual(page.quiet, []);
  });

  await t.test('a browser without WebCrypto leaves the check to the gateway, and says so', async (t) => {
    const page = await visit(t, w, { before: (page) => page.addInitScript(() => {
      Object.defineProperty(crypto, 'subtle', { value: undefined });
    }) });
    await scan(page, w, await display(w));
    await says(page, 'valid', '已交由服务器核对', ...face(w));
    await scan(page, w, tampered(await display(w)));
    await says(page, 'invalid', '伪造或被改动');
  });

  await t.test('a pasted code is checked as a scanned one', async (t) => {
    const page = await visit(t, w);
    await page.goto(`${w.origin}/v`);
    await page.getByRole('heading', { name: '核验别人出示的证照' }).waitFor();
    await page.locator('#code').fill(` https://jwb.example/v#${await display(w)}\n`);
    await page.getByRole('button', { name: '核验', exact: true }).click();
    await settled(page);
    await says(page, 'valid', WORDS.valid);
    assert.equal(await page.evaluate(() => document.activeElement.id), 'word');
    assert.equal(await page.locator('#code').inputValue(), '');
  });

  await t.test('it speaks both languages, and keeps the two settings and nothing else', async (t) => {
    const page = await visit(t, w, { language: 'en-GB' });
    await scan(page, w, await display(w));
    await says(page, 'valid', 'Valid', 'Signature genuine', 'The licence is valid.', 'Status as of', ...face(w));
    const lang = () => page.evaluate(() => document.documentElement.lang);
    assert.equal(await lang(), 'en');
    assert.equal(await page.locator('#name').getAttribute('lang'), 'zh-CN');
    await page.getByRole('button', { name: '中文' }).click();
    await says(page, 'valid', WORDS.valid);
    assert.equal(await lang(), 'zh-CN');
    await page.getByRole('button', { name: '大字版' }).click();
    assert.equal(await page.getByRole('button', { name: '大字版', pressed: true }).count(), 1);
    assert.deepEqual(await page.evaluate(() => ({ ...localStorage })), { language: 'zh', elder: 'on' });
    await page.reload();
    await page.locator('#paste').waitFor();
    assert.deepEqual([await lang(), await page.evaluate(() => document.documentElement.dataset.elder)], ['zh-CN', 'on']);
  });

  await t.test('whoever hears the page is told the verdict once, by its word and its reason', async (t) => {
    const page = await visit(t, w, { reducedMotion: 'reduce' });
    await scan(page, w, await display(w));
    const status = page.getByRole('status');
    assert.match(await status.ariaSnapshot(), /heading "有效" \[level=2\]/);
    assert.equal(await page.locator('#sign').getAttribute('aria-hidden'), 'true');
    assert.equal(await status.locator('#life').count(), 0, 'seconds that are read out every second');
    const headings = await page.locator('h1, h2').evaluateAll((all) =>
      all.filter((heading) => heading.checkVisibility()).map((heading) => heading.localName));
    assert.deepEqual(headings, ['h1', 'h2', 'h2', 'h2', 'h2']);
    const changes = page.evaluate(() => new Promise((resolve) => {
      let spoken = 0;
      new MutationObserver((list) => { spoken += list.length; })
        .observe(document.querySelector('[role="status"]'),
          { subtree: true, childList: true, characterData: true, attributes: true });
      const life = document.getElementById('life').textContent;
      new MutationObserver(() => { if (document.getElementById('life').textContent !== life) resolve(spoken); })
        .observe(document.getElementById('life'), { childList: true });
    }));
    assert.equal(await changes, 0, 'a second that passes speaks the verdict again');
  });

  await t.test('a browser without JavaScript says what this is', async (t) => {
    const page = await visit(t, w, { javaScriptEnabled: false });
    await page.goto(`${w.origin}/v#${await display(w)}`);
    const text = await page.locator('main').innerText();
    assert.match(text, /它本身不证明任何事/);
    assert.match(text, /By itself it proves nothing/);
  });

  await t.test('a page that anybody may frame or feed with scripts would say what they like', async () => {
    const answer = await w.gateway.request('GET', '/v');
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-security-policy'], "default-src 'none'; script-src 'self'; style-src 'self'; " +
      "connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    for (const [name, value] of [['content-type', 'text/html; charset=utf-8'], ['cache-control', 'no-store'],
      ['referrer-policy', 'no-referrer'], ['x-content-type-options', 'nosniff'],
      ['cross-origin-opener-policy', 'same-origin'], ['permissions-policy', 'camera=(), geolocation=(), microphone=()']])
      assert.equal(answer.headers[name], value);
    assert.doesNotMatch(answer.body.toString(), /<script(?! (type="module"|nomodule defer) src="web\/)|<style|\son\w+=|style=/);
    for (const name of fs.readdirSync(new URL('../../web/', import.meta.url))) {
      const first = await w.gateway.request('GET', `/web/${name}`);
      assert.equal(first.status, 200, name);
      assert.deepEqual([first.headers['x-content-type-options'], first.headers['cache-control']], ['nosniff', 'no-cache']);
      assert.deepEqual(first.body, fs.readFileSync(new URL(`../../web/${name}`, import.meta.url)), name);
      const again = await w.gateway.request('GET', `/web/${name}`, { headers: { 'if-none-match': first.headers.etag } });
      assert.deepEqual([again.status, again.body.length], [304, 0]);
    }
    for (const target of ['/web/', '/web/..%2fMakefile', '/web/nothing.mjs', '/web/page.mjs/x'])
      assert.equal((await w.gateway.request('GET', target)).status, 404, target);
  });

  await t.test('at 320 pixels, and with large text, nothing is cut off', async (t) => {
    const page = await visit(t, w, { viewport: { width: 320, height: 640 } });
    await scan(page, w, await display(w));
    for (const button of ['elder', 'language', 'elder', 'language']) {
      await page.locator(`#${button}`).click();
      const [inside, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(inside <= window, `after ${button}: ${inside} of ${window}`);
    }
  });

  await t.test('each state can be told and read by the old: words, sign, contrast as shown', async (t) => {
    site.config('gateway', { code: { life_s: 300 } }); // a code must live through all pictures
    w.gateway.child.kill('SIGHUP');
    await w.gateway.waitForLog((line) => line.event === 'reloaded');
    const held = await visit(t, w, { before: (page) => page.clock.install() });
    const asked = new Promise((resolve) => held.route('**/v1/verify', resolve, { times: 1 }));
    await held.goto(`${w.origin}/v#${await display(w)}`);
    const request = await asked;
    await held.clock.pauseAt(Date.now() + 1000); // else it gives up while it is looked at
    await picture(held, 'checking', '正在核验');
    await held.clock.resume();
    await request.continue();
    await settled(held);
    await says(held, 'valid');

    const page = await visit(t, w);
    const before = await display(w);
    await page.goto(`${w.origin}/v`);
    await page.locator('#paste').waitFor();
    await picture(page, 'intro');
    await scan(page, w, before);
    await picture(page, 'valid', WORDS.valid);
    await scan(page, w, tampered(before));
    await picture(page, 'forged', WORDS.invalid);
    const next = await display(w);
    await page.route('**/v1/verify', (route) => route.abort());
    await scan(page, w, next);
    await picture(page, 'offline', WORDS.indeterminate);
    await page.unroute('**/v1/verify');

    await site.jwb('hold', 'place', licence.id, ...agency);
    await scan(page, w, next);
    await says(page, 'invalid', '证照已被暂扣', '联系发证机关', ...face(w));
    await picture(page, 'seized', WORDS.invalid);
    await site.jwb('hold', 'lift', licence.id, ...agency);

    const last = await display(w);
    const bundle = (await published(w.gateway, '/v1/trust-bundle')).headers.etag;
    await site.jwb('key', 'revoke', kidOf(last));
    w.gateway.child.kill('SIGHUP');
    await makeBundle(site);
    await published(w.gateway, '/v1/trust-bundle', {}, ({ headers }) => headers.etag !== bundle);
    await scan(page, w, last);
    await says(page, 'invalid', WORDS.invalid, '密钥已被吊销');
    assert.equal(await isShown(page, 'licence'), false);
    await picture(page, 'revoked', WORDS.invalid);
  });
});
