import { setTimeout as pause } from 'node:timers/promises';
import postgres from 'postgres';
import type { Chance } from './chance.ts';
import { findingsIn, lostInTheApi, underWay, type Findings } from './checks.ts';
import { Chronicle } from './chronicle.ts';
import type { FragileInstallation, Victim } from './installation.ts';
import { visit } from './visitor.ts';

export interface RoundsOptions {
  /** Who is killed in each round. */
  readonly victims: readonly Victim[];
  readonly chance: Chance;
  /** People at work at the same time. */
  readonly visitors: number;
  /** Rounds between two looks at everything, for which people pause. */
  readonly roundsPerLook: number;
  /** How long the work left behind may take to end, in seconds. */
  readonly patienceSeconds: number;
  /** Lets leases and signs of life run out at once instead of when their time is over, for whoever cannot wait. */
  readonly hasten?: boolean;
  /** How long before a kill and before the restart, in milliseconds. */
  readonly beforeKillMs: readonly [least: number, most: number];
  readonly beforeRestartMs: readonly [least: number, most: number];
  /** Hears how far it is. */
  readonly onProgress?: (line: string) => void;
}

/** What rounds of faults did. Durations in seconds. */
export interface Report extends Findings {
  readonly chronicle: Chronicle;
  readonly rounds: ReadonlyMap<Victim, number>;
  /** From the moment that people paused until no work was left, the longest of all looks. */
  readonly longestUntilWhole: number;
  /** From a document's acknowledgement until it was READY, and from a question until its answer had ended. */
  readonly longestDocument: number;
  readonly longestAnswer: number;
}

/** Lets people work, kills one victim a round, starts it again, and looks again and again whether everything is there. */
export const runRounds = async (installation: FragileInstallation, options: RoundsOptions): Promise<Report> => {
  const { victims, roundsPerLook, onProgress = () => undefined } = options;
  const chronicle = new Chronicle();
  const sql = postgres(installation.ownerUrl, { max: 2, onnotice: () => undefined });
  const rounds = new Map<Victim, number>();
  const findings: Findings[] = [];
  let longestUntilWhole = 0;
  try {
    for (let done = 0; done < victims.length; done += roundsPerLook) {
      const part = victims.slice(done, done + roundsPerLook);
      await whileVisited(installation, options, chronicle, async () => {
        for (const victim of part) {
          await killOnce(installation, options, victim);
          rounds.set(victim, (rounds.get(victim) ?? 0) + 1);
        }
        await pause(1000);
      });
      if (options.hasten === true) await runOut(sql);
      const untilWhole = await whole(sql, options.patienceSeconds);
      longestUntilWhole = Math.max(longestUntilWhole, untilWhole);
      const found = await findingsIn(sql, chronicle, installation.filesPath);
      findings.push(found);
      onProgress(
        `${done + part.length} rounds, ${chronicle.entries.length} acknowledged, whole after ${untilWhole.toFixed(1)} s, ` +
          `${found.lost.length} lost, ${found.halfDone.length} half done, ${found.stuck.length} stuck`,
      );
    }
    const [url = ''] = installation.urls;
    const last = { lost: await lostInTheApi(url, chronicle), halfDone: [], stuck: [] };
    const all = [...findings, last];
    return {
      chronicle,
      rounds,
      longestUntilWhole,
      ...(await longest(sql)),
      lost: [...new Set(all.flatMap(({ lost }) => lost))],
      halfDone: [...new Set(all.flatMap(({ halfDone }) => halfDone))],
      stuck: [...new Set(all.flatMap(({ stuck }) => stuck))],
    };
  } finally {
    await sql.end({ timeout: 1 });
  }
};

/** Runs `work` while people are at it, and waits until each has ended what they were doing. */
const whileVisited = async (
  { urls }: FragileInstallation,
  { visitors, chance }: RoundsOptions,
  chronicle: Chronicle,
  work: () => Promise<void>,
): Promise<void> => {
  const leaving = new AbortController();
  const visits = Array.from({ length: visitors }, () => visit(urls, chronicle, chance.split(), leaving.signal));
  try {
    await Promise.race([work(), Promise.all(visits)]);
  } finally {
    leaving.abort();
    await Promise.all(visits);
  }
};

const killOnce = async (installation: FragileInstallation, options: RoundsOptions, victim: Victim): Promise<void> => {
  const { chance, beforeKillMs, beforeRestartMs } = options;
  await pause(chance.between(...beforeKillMs));
  const restart = await installation.kill(victim, chance.between(0, installation.urls.length - 1));
  await pause(chance.between(...beforeRestartMs));
  await restart({ workers: chance.percent(25) });
};

/** As if the time had passed after which a worker or a server that is silent is taken for dead. */
const runOut = async (sql: postgres.Sql): Promise<void> => {
  await sql`update running_answers set lease_until = now()`;
  await sql`update pgboss.job set heartbeat_on = now() - interval '1 hour' where state = 'active'`;
  await sql`update pgboss.queue set monitor_claim_on = null`;
};

/** Waits until nothing is under way; gives the seconds it took, or the patience when it never was. */
const whole = async (sql: postgres.Sql, patienceSeconds: number): Promise<number> => {
  const started = performance.now();
  const passed = () => (performance.now() - started) / 1000;
  while (passed() < patienceSeconds && (await underWay(sql)) > 0) await pause(200);
  return passed();
};

const longest = async (sql: postgres.Sql): Promise<{ longestDocument: number; longestAnswer: number }> => {
  const [row] = await sql<{ longestDocument: number; longestAnswer: number }[]>`select
    (select coalesce(extract(epoch from max(processed_at - created_at)), 0)::float from documents) as "longestDocument",
    (select coalesce(extract(epoch from max(processed_at - created_at)), 0)::float from messages where role = 'ASSISTANT')
      as "longestAnswer"`;
  return row ?? { longestDocument: 0, longestAnswer: 0 };
};
