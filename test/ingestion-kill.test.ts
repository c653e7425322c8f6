import { expect, test } from '@jest/globals';
import { chanceFrom } from '../bench/faults/chance.ts';
import { filesFrom } from '../bench/ingest/files.ts';
import { ingest } from '../bench/ingest/run.ts';
import { differences, leftOpen, statesIn } from '../bench/ingest/state.ts';

/** Processes of their own need a database that several can connect to. */
const superuserUrl = process.env.TEST_POSTGRES_URL;
const onPostgres = superuserUrl !== undefined && process.env.TEST_POOL_SIZE !== '1' ? test : test.skip;

onPostgres(
  'files of nine kinds come to the same end whether or not the worker is killed that reads them',
  async () => {
    const files = await Array.fromAsync(filesFrom(7, 72));
    const run = (database: string, kills: number) =>
      ingest({ superuserUrl: superuserUrl ?? '', database, files, kills, chance: chanceFrom(7) });
    const runs = [await run('killed_on_the_way', 1), await run('left_alone', 0)] as const;
    try {
      const [killed, calm] = runs;
      const states = await statesIn(killed.database.ownerUrl);
      expect(differences(states, await statesIn(calm.database.ownerUrl))).toEqual([]);
      expect([...states.keys()].sort()).toEqual(files.map(({ name }) => name).sort());
      for (const { name, damaged } of files)
        expect([name, /"status":"FAILED","failure":"\w/.test(states.get(name) ?? '')]).toEqual([name, damaged]);
      expect(files.filter(({ damaged }) => damaged).length).toBeGreaterThan(0);
      expect(await Promise.all(runs.map(({ database }) => leftOpen(database.ownerUrl)))).toEqual([0, 0]);
      expect(runs.map(({ told, kills }) => [told, kills])).toEqual([
        [files.length, 1],
        [files.length, 0],
      ]);
    } finally {
      for (const { database } of runs) await database.drop();
    }
  },
  180_000,
);
