#!/usr/bin/env node
// make bench-scan: pictures of licence codes, degraded as photographs are, read by `jwb qr read`, zbarimg and
// ZXingReader, picture by picture in turn. Prints for each class how many each read rightly and what CPU time that
// took, and writes build/bench/scan.json. BENCH_SEED (1) and BENCH_PICTURES (40 a class) change the pictures; those
// that are in build/bench/scan already are not drawn again. Exit status 1 when ours read fewer than another in any
// class, or anything wrongly.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const root = path.resolve(path.dirname(new URL(import.meta.url).pathname), '..');
const number = (name, otherwise) => Number(process.env[name] ?? otherwise);
const seed = number('BENCH_SEED', 1), perClass = number('BENCH_PICTURES', 40);
const drawer = path.join(root, 'build/release/loadtest/scan_pictures');
const runner = path.join(root, 'build/release/loadtest/scan_run');
const folder = path.join(root, `build/bench/scan/${seed}-${perClass}`);
const BLANK_RUNS = 15;

// Each as its users would run it for QR codes of either colour.
const readers = {
  jwb: [path.join(root, 'build/jwb'), 'qr', 'read'],
  zbarimg: ['zbarimg', '--quiet', '--raw', '--nodbus', '-Sdisable', '-Sqrcode.enable', '-Stest-inverted'],
  ZXingReader: ['ZXingReader', '-format', 'QRCode', '-bytes'],
};

function draw() {
  const list = path.join(folder, 'pictures.jsonl'), done = path.join(folder, 'done');
  if (!fs.existsSync(done)) {
    fs.mkdirSync(folder, { recursive: true });
    execFileSync(drawer, [folder, String(seed), String(perClass)]);
    fs.writeFileSync(done, '');
  }
  return fs.readFileSync(list, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
}

// The CPU time of the whole process, and the text, '' if there is none: ZXingReader's sentences are no texts.
function read(reader, file) {
  const { stdout, stderr, status } = spawnSync(runner, [...readers[reader], path.join(folder, file)],
    { encoding: 'latin1', maxBuffer: 1 << 20 });
  if (status === 127 || !/^\d+\n$/.test(stderr)) throw new Error(`${readers[reader][0]} did not run`);
  const text = /^(No barcode found|Failed to read)/.test(stdout) ? '' : stdout.trim();
  return { text: status === 0 ? text : '', ms: Number(stderr) / 1000 };
}

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
const ordered = (numbers) => [...numbers].sort((a, b) => a - b);

// What a reader needs before it sees a picture, in ms.
function startUp(reader) {
  const runs = Array.from({ length: BLANK_RUNS }, () => read(reader, 'blank.png').ms);
  return quantile(ordered(runs), 0.5);
}

function summary(pictures, start) {
  return Object.fromEntries(Object.keys(readers).map((reader) => {
    const ms = ordered(pictures.map((p) => p[reader].ms - start[reader]));
    return [reader, { read: pictures.filter((p) => p[reader].text === p.text).length,
      ms_p50: quantile(ms, 0.5), ms_p95: quantile(ms, 0.95) }];
  }));
}

function print(rows, wrong, start) {
  const names = Object.keys(readers);
  console.log(`| class | pictures | ${names.join(' | ')} | ${names.map((n) => `${n}, ms p50 / p95`).join(' | ')} |`);
  console.log(`| --- |${' --- |'.repeat(1 + 2 * names.length)}`);
  for (const { name, pictures, ...of } of rows) {
    const shares = names.map((n) => `${(100 * of[n].read / pictures).toFixed(pictures > 100 ? 1 : 0)} %`);
    const times = names.map((n) => `${of[n].ms_p50.toFixed(1)} / ${of[n].ms_p95.toFixed(1)}`);
    console.log(`| ${name} | ${pictures} | ${shares.join(' | ')} | ${times.join(' | ')} |`);
  }
  console.log(`\nCPU time of the whole process, less that of a white picture of 64 x 64, which took ${
    names.map((n) => `${n} ${start[n].toFixed(1)} ms`).join(', ')}.`);
  for (const p of wrong) console.log(`WRONG: ${p.reader} read ${p.file} as ${JSON.stringify(p.text)}`);
  if (wrong.length === 0) console.log('No text was read wrongly.');
}

function main() {
  const pictures = draw(), start = {}, names = Object.keys(readers);
  for (const reader of names) start[reader] = startUp(reader);
  for (const picture of pictures) for (const reader of names) picture[reader] = read(reader, picture.file);
  const classes = [...new Set(pictures.map((p) => p.class))];
  const row = (name, of) => ({ name, pictures: of.length, ...summary(of, start) });
  const rows = [...classes.map((c) => row(c, pictures.filter((p) => p.class === c))), row('all', pictures)];
  const wrong = pictures.flatMap((p) => names.filter((n) => p[n].text && p[n].text !== p.text)
    .map((n) => ({ reader: n, file: p.file, text: p[n].text })));
  const machine = { cpu: os.cpus()[0].model, cores: os.cpus().length, load_average: os.loadavg()[0] };
  const ranges = JSON.parse(execFileSync(drawer, { encoding: 'utf8' }));
  fs.writeFileSync(path.join(root, 'build/bench/scan.json'),
    `${JSON.stringify({ machine, seed, start_up_ms: start, rows, wrong, ranges, pictures }, null, 1)}\n`);
  print(rows, wrong, start);
  const behind = rows.filter((r) => names.some((n) => r[n].read > r.jwb.read)).map((r) => r.name);
  if (behind.length) console.log(`Behind in: ${behind.join(', ')}`);
  process.exitCode = behind.length || wrong.some((w) => w.reader === 'jwb') ? 1 : 0;
}

main();
