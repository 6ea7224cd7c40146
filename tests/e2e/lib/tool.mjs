// A site where only the tool is, and what it has to refuse.
import assert from 'node:assert/strict';
import { Site } from './site.mjs';

export const tool = (t, options = {}) => Site.start(t, { gateway: false, redis: false, clients: [], ...options });

// Runs rows of [arguments, exit status, what stderr says, standard input]; none answers or changes anything.
export async function refuses(site, rows) {
  const before = await site.jwb('registry', 'count');
  for (const [args, code, pattern, input = ''] of rows) {
    const out = await site.tryJwb(...args, { input });
    const what = `jwb ${args.join(' ')}: ${out.code} ${out.stdout}${out.stderr}`;
    assert.equal(out.code, code, what);
    assert.equal(out.stdout, '', what);
    assert.match(out.stderr, pattern, what);
    assert.ok(!out.stderr.includes('\n\n') && out.stderr.length < 800, what);
    if (code === 2) assert.match(out.stderr, /usage: jwb [\w-]+ [\w-]+|See 'jwb help'/, what);
  }
  assert.equal(await site.jwb('registry', 'count'), before);
}
