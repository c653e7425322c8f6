import { expect, test } from '@jest/globals';
import { runStreams } from '../bench/streams/run.ts';

/** Processes of their own need a database that several can connect to. */
const superuserUrl = process.env.TEST_POSTGRES_URL;
const onPostgres = superuserUrl !== undefined && process.env.TEST_POOL_SIZE !== '1' ? test : test.skip;

onPostgres(
  'every listener of many conversations hears each piece once and in order, and a killed server loses nothing acknowledged',
  async () => {
    const { faults, findings, rounds } = await runStreams({
      superuserUrl: superuserUrl ?? '',
      database: 'streams_killed',
      conversations: 20,
      listeners: 2,
      pieces: 60,
      gapMs: 50,
      restart: true,
      agesLeases: true,
    });
    expect(faults).toEqual([]);
    expect(findings).toMatchObject({ acknowledged: 120, lost: 0, interrupted: 20 });
    // What was told in the last moments before the kill may be missing from an interrupted answer, and no more.
    expect(findings.unstoredAtMost).toBeLessThan(60 * 23);
    expect(rounds.map(({ pieces }) => pieces)).toEqual([2400, 2400]);
  },
  120_000,
);
