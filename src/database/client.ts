import { AsyncLocalStorage } from 'node:async_hooks';
import { drizzle } from 'drizzle-orm/postgres-js';
import type { Sql } from 'postgres';
import type { Session } from './pool.ts';

/** Called with the text of each statement, never its values. What it gives back is called when the statement has ended. */
export type StatementListener = (text: string) => ((failed: boolean) => void) | undefined;

/** What statements go to at the moment, with whoever listens to them. */
export interface Target {
  readonly session: Pick<Session, 'unsafe'>;
  readonly onStatement: StatementListener | undefined;
}

/** The same for a connection of a pool. */
export interface Route extends Target {
  readonly session: Session;
}

const route = new AsyncLocalStorage<Target>();

/** Runs `work` so that every Drizzle statement in it goes to the connection of `target`. */
export const routed = <Result>(target: Target, work: () => Result): Result => route.run(target, work);

const prepared = new Set<string>();
const maxPrepared = 2000;
/** Whether a statement's plan is kept on the server. The bound keeps varying filters from filling its memory. */
export const isPrepared = (text: string): boolean =>
  prepared.has(text) || (prepared.size < maxPrepared && prepared.add(text).has(text));

/** Sends a statement, of which the listener hears the beginning and the end. */
export const heard = <Sent extends PromiseLike<unknown>>(
  { onStatement }: Target,
  text: string,
  send: () => Sent,
): Sent => {
  const ended = onStatement?.(text);
  const sent = send();
  if (ended !== undefined)
    sent.then(
      () => ended(false),
      () => ended(true),
    );
  return sent;
};

/**
 * Stands where Drizzle expects a postgres.js client and hands each statement to the unit of work in whose call it runs.
 * Only what Drizzle's session uses is there. A statement outside a unit of work is a fault of the program.
 */
const client = {
  options: { parsers: {}, serializers: {} },
  unsafe(text: string, values: never[] = []) {
    const target = route.getStore();
    if (target === undefined) throw new Error('A statement ran outside a unit of work.');
    return heard(target, text, () => target.session.unsafe(text, values, { prepare: isPrepared(text) }));
  },
};

/** The one Drizzle database: statements are built here once and run in whichever unit of work calls them. */
// The cast is safe: the session calls `unsafe` alone, and transactions are the unit of work's business.
export const database = drizzle(client as unknown as Sql, { casing: 'snake_case' });
export type Database = typeof database;
