/**
 * Kills servers, the worker and the database again and again while people work with Tessera, and looks whether anything that was
 * acknowledged is lost, half done or stuck: `npm run bench:faults -- --rounds 50 --seed 1`. Then it takes the database away for so many
 * seconds: `--outage 60`; 0 leaves that out. The seed repeats
 * the victims, the instants and what people do, not how the processes run side by side: two runs of a seed are never quite the same.
 * Prints a table; ends with 1 when anything is lost, half done or stuck, or a client met an error it should not.
 */
import { mkdtemp, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import postgres from 'postgres';
import { chanceFrom } from './faults/chance.ts';
import { leftovers, orphans } from './faults/checks.ts';
import { startFragileInstallation, stopBeforeTheEnd, type Victim } from './faults/installation.ts';
import { takeDatabaseAway, type OutageReport } from './faults/outage.ts';
import { runRounds, type Report } from './faults/rounds.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '50' },
    seed: { type: 'string', default: '1' },
    visitors: { type: 'string', default: '6' },
    outage: { type: 'string', default: '0' },
  },
});
const seed = Number(values.seed);
const chance = chanceFrom(seed);
const victims = Array.from({ length: Number(values.rounds) }, () =>
  chance.oneOf<Victim>(['server', 'worker', 'database']),
);

const say = (line: string): void => void process.stdout.write(`${line}\n`);

const installation = await startFragileInstallation();
stopBeforeTheEnd(() => installation.stop());

/** A day later, as far as the files know, a start removes what crashes left of uploads. */
const leftAfterADay = async (): Promise<{ before: number; after: number }> => {
  const left = await leftovers(installation.filesPath);
  const twoDaysAgo = new Date(Date.now() - 2 * 24 * 60 * 60 * 1000);
  for (const path of left) await utimes(path, twoDaysAgo, twoDaysAgo);
  await (
    await installation.kill('worker', 0)
  )();
  return { before: left.length, after: (await leftovers(installation.filesPath)).length };
};

const table = (report: Report, files: { before: number; after: number; orphans: number }): string =>
  [
    ['rounds', [...report.rounds].map(([victim, count]) => `${victim} ${count}`).join(', ')],
    ['acknowledged', String(report.chronicle.entries.length)],
    ['lost', String(report.lost.length)],
    ['half done', String(report.halfDone.length)],
    ['stuck', String(report.stuck.length)],
    ['errors that no client should meet', String(report.chronicle.surprises.length)],
    ['refused or broken off', [...report.chronicle.refusals].map(([why, count]) => `${why} ${count}`).join(', ')],
    ['longest until whole again', `${report.longestUntilWhole.toFixed(1)} s`],
    ['longest until a document was READY', `${report.longestDocument.toFixed(1)} s`],
    ['longest until an answer had ended', `${report.longestAnswer.toFixed(1)} s`],
    ['files left on their way in', `${files.before}, a day later ${files.after}`],
    ['bytes without a row', String(files.orphans)],
  ]
    .map(([name, value]) => `| ${name} | ${value} |`)
    .join('\n');

const outageTable = ({ tried, codes, slowestMs, probes, back, subscriptionOutlived }: OutageReport): string =>
  [
    ['operations tried', String(tried)],
    ['their codes', [...codes].map(([code, count]) => `${code} ${count}`).join(', ')],
    ['slowest', `${slowestMs.toFixed(0)} ms`],
    ['probes', probes.join(', ')],
    [
      'back after',
      Object.entries(back)
        .map(([what, seconds]) => `${what} ${seconds.toFixed(1)} s`)
        .join(', '),
    ],
    ['a subscription from before still hears', subscriptionOutlived ? 'yes' : 'no'],
  ]
    .map(([name, value]) => `| ${name} | ${value} |`)
    .join('\n');

const runOutage = async (seconds: number): Promise<void> => {
  const report = await takeDatabaseAway(installation, seconds);
  say(`| database away for ${seconds} s | |\n| --- | --- |\n${outageTable(report)}`);
  const expected = new Set(['UNAVAILABLE', 'none']);
  if ([...report.codes.keys()].some((code) => !expected.has(code))) process.exitCode = 1;
};

const runAllRounds = async (): Promise<void> => {
  const report = await runRounds(installation, {
    victims,
    chance,
    visitors: Number(values.visitors),
    roundsPerLook: 10,
    patienceSeconds: 180,
    beforeKillMs: [200, 2000],
    beforeRestartMs: [0, 1000],
    onProgress: say,
  });
  const sql = postgres(installation.ownerUrl, { max: 1 });
  const files = { ...(await leftAfterADay()), orphans: await orphans(sql, installation.filesPath) };
  await sql.end();
  say(`| seed ${seed} | |\n| --- | --- |\n${table(report, files)}`);
  const faults = [...report.lost, ...report.halfDone, ...report.stuck, ...report.chronicle.surprises];
  for (const fault of faults.slice(0, 50)) say(fault);
  if (faults.length > 0 || files.after > 0) {
    process.exitCode = 1;
    const log = join(await mkdtemp(join(tmpdir(), 'tessera-faults-')), 'log');
    await writeFile(log, installation.output());
    say(`What the processes wrote: ${log}`);
  }
};

try {
  if (victims.length > 0) await runAllRounds();
  if (Number(values.outage) > 0) await runOutage(Number(values.outage));
} finally {
  await installation.stop();
}
process.exit();
