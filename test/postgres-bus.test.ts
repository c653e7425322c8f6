import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pino } from 'pino';
import type { Pool } from '../src/database/pool.ts';
import { PostgresBus } from '../src/events/postgres-bus.ts';
import { listening, until } from './bus-talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

// One connection cannot listen and work.
const onPostgres = process.env.TEST_POSTGRES_URL === undefined ? test.skip : test;
const log = pino({ level: 'silent' });

let bed: Testbed;
let away = false;
beforeAll(async () => {
  bed = await startTestbed();
}, 60_000);
afterAll(() => bed.stop());

/** The bus of one process; `away` keeps it from the database. */
const processOn = (pool: Pool): Promise<PostgresBus> => {
  const run: Pool['run'] = (...statement) =>
    away ? Promise.reject(new Error('The database is away.')) : pool.run(...statement);
  return new PostgresBus({ run, listen: (...terms) => pool.listen(...terms) }, log).open();
};

onPostgres('who can look up what was lost on the way is told to, and hears on', async () => {
  const { pool } = bed.server.installation.services;
  const [one, other] = [await processOn(pool), await new PostgresBus(pool, log).open()];
  const [able, unable] = [listening(other, { looksUpMissed: true }), listening(other)];
  one.publish('roses', { number: 1 });
  await until(() => unable.heard.length === 1);

  away = true;
  one.publish('roses', { number: 2 });
  await pause(100);
  one.publish('roses', { number: 3 });
  away = false;

  expect(await able.ended).toBe('fell behind');
  one.publish('roses', { number: 4 });
  await until(() => unable.heard.length > 1);
  expect(able.heard).toEqual([{ number: 1 }]);
  expect(unable.heard).toEqual([{ number: 1 }, { number: 4 }]);
  await Promise.all([one.close(), other.close()]);
  expect(await unable.ended).toBe('ended');
});

onPostgres('closes while the database is away', async () => {
  const { pool } = bed.server.installation.services;
  const one = await processOn(pool);
  away = true;
  one.publish('roses', { number: 1 });
  await pause(50);
  const began = performance.now();
  await one.close();
  away = false;
  expect(performance.now() - began).toBeLessThan(5000);
});
