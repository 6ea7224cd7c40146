#!/usr/bin/env node
// make bench-terminal: an offline verify beside one bare signature check by the same provider, in
// turn; the library's size; a terminal's memory. Prints a table and writes
// build/bench/terminal.json.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const root = path.resolve(path.dirname(new URL(import.meta.url).pathname), '..');
const number = (name, otherwise) => Number(process.env[name] ?? otherwise);
const rounds = number('BENCH_ROUNDS', 9), verifies = number('BENCH_VERIFIES', 200);
const KIB = 1024, MIB = 1024 * KIB;

function main() {
  const loadBefore = load();
  const rows = [...speeds(), size(), memory()];
  const machine = { cpu: os.cpus()[0].model, cores: os.cpus().length, kernel: os.release(),
    load_average: [loadBefore, load()], rounds, verifies };
  fs.mkdirSync(path.join(root, 'build/bench'), { recursive: true });
  fs.writeFileSync(path.join(root, 'build/bench/terminal.json'), `${JSON.stringify({ machine, rows }, null, 2)}\n`);
  print(machine, rows);
}

// CPU time in microseconds; both sides of a round follow each other.
function speeds() {
  const pairs = JSON.parse(program('release/loadtest/terminal', String(rounds), String(verifies)));
  return pairs.map(({ provider, alg, ours, theirs }) => row(`offline_${provider}_${alg}`, median(ours), median(theirs),
    median(ours.map((us, i) => us / theirs[i])), 1.1, { ours_us: ours, theirs_us: theirs }));
}

// Of the library as one object: code and constants, without mbedTLS and zlib.
function size() {
  const [, line] = execFileSync('size', [path.join(root, 'build/device/jwbterminal.o')], { encoding: 'utf8' }).split('\n');
  const text = Number(line.trim().split(/\s+/)[0]);
  return row('text_kib', text / KIB, 150, text / KIB / 150, 1);
}

// Bundle, four lists, a scan; mbedTLS, zlib and libc included.
function memory() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'jwb-bench-'));
  try {
    fs.mkdirSync(path.join(folder, 'folder'));
    program('release/tests/terminal_world', folder);
    const { reason, resident } = JSON.parse(program('device/loadtest/terminal_resident', folder));
    if (reason !== 'none') throw new Error(reason);
    return row('resident_mib', resident / MIB, 8, resident / MIB / 8, 1);
  } finally { fs.rmSync(folder, { recursive: true }); }
}

function program(name, ...args) {
  return execFileSync(path.join(root, 'build', name), args, { encoding: 'utf8' });
}
function load() { return Number(fs.readFileSync('/proc/loadavg', 'utf8').split(' ')[0]); }
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}
function row(id, ours, theirs, ratio, target, more) {
  const round = (x) => Math.round(x * 1000) / 1000;
  return { id, ours: round(ours), theirs: round(theirs), ratio: round(ratio), target, met: ratio <= target, ...more };
}
function print(machine, rows) {
  console.log(`${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}; medians of ${rounds} rounds in turn. ` +
    `Load average ${machine.load_average.join(', ')}`);
  console.log('\n| id | ours | theirs | ratio | target | met |\n| --- | --- | --- | --- | --- | --- |');
  for (const r of rows) console.log(`| ${r.id} | ${r.ours} | ${r.theirs} | ${r.ratio} | ${r.target} | ${r.met ? 'yes' : 'NO'} |`);
  console.log('\noffline_*: microseconds of CPU of a whole offline verify, its sealed record included, the medium not; ' +
    'theirs: one check of the same signature.\ntext_kib, resident_mib: theirs is the limit.');
}

main();
