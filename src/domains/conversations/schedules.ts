import { sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { Schedules, Work } from '../services.ts';
import { visitorTokens } from './embed-tables.ts';

const atOnce = 1000;

/** Removes visitors' tokens whose time is over; they let nobody in any more. */
export const removeExpiredVisits = async ({ unit }: Work, signal: AbortSignal): Promise<void> => {
  const expired = sql`delete from ${visitorTokens} where token_hash in
    (select token_hash from ${visitorTokens} where expires_at < now() order by expires_at limit ${atOnce}) returning 1`;
  for (let removed = atOnce; removed === atOnce && !signal.aborted;)
    removed = (await unit.transact(() => database.execute(expired))).length;
};

/** Each night, when few are awake where most servers are. */
export const schedules: Schedules = {
  'conversations.remove-expired-visits': { cron: '52 2 * * *', expireSeconds: 900, run: removeExpiredVisits },
};
