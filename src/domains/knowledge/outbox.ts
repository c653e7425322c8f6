import { and, asc, eq, inArray, lt } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { Pool } from '../../database/pool.ts';
import { nowhere, UnitOfWork, wholeOf, type Change, type Ledger, type Part } from '../../database/unit-of-work.ts';
import { entriesIn } from '../../events/ledger.ts';
import { events } from '../../events/tables.ts';
import { firstIdAt, newId } from '../../ids.ts';
import type { Services } from '../services.ts';
import { outbox } from './tables.ts';

/** Changes that are carried over in one transaction. */
const atOnce = 500;
/** The log gives what comes with an id of five minutes ago another one; here that happens earlier, so that the outbox knows it. */
const freshMs = 2 * 60_000;

const origin = { requestId: 'outbox', address: null, userAgent: null };

/**
 * The log of changes in a database of the bank's own: an entry is written there in the transaction of its change, and carried over to the log of the
 * organization once that has committed. What a crash leaves behind is carried over by whoever comes next; an entry keeps its id, so that it is there once.
 */
export class Outbox implements Ledger {
  readonly entry = entriesIn(outbox);
  /** The log of the organizations, and where it stands. */
  readonly #main: Part;
  readonly #pool: Pool;
  readonly #log: Services['log'];
  readonly #running = new Map<string, Promise<void>>();

  constructor(main: Part, pool: Pool, log: Services['log']) {
    this.#main = main;
    this.#pool = pool;
    this.#log = log;
  }

  announce(_changes: readonly Change[], { organizationId }: UnitOfWork): void {
    const before = this.#running.get(organizationId) ?? Promise.resolve();
    const running = before
      .then(() => this.carry(organizationId))
      .catch((error: unknown) => this.#log.warn({ err: error, organizationId }, 'Changes wait in the outbox.'))
      .finally(() => {
        if (this.#running.get(organizationId) === running) this.#running.delete(organizationId);
      });
    this.#running.set(organizationId, running);
  }

  /** Carries over what waits in all organizations. */
  async carryAll(signal: AbortSignal): Promise<void> {
    const everywhere = new UnitOfWork(nowhere, { pool: this.#pool, ledger: this, origin });
    const waiting = await everywhere.run(() =>
      database.selectDistinct({ id: outbox.organizationId }).from(outbox).orderBy(outbox.organizationId).limit(atOnce),
    );
    await everywhere.rest();
    for (const { id } of waiting) if (!signal.aborted) await this.carry(id);
  }

  /** Carries over what waits in one organization, in the order in which it happened. */
  async carry(organizationId: string): Promise<void> {
    const bank = new UnitOfWork(wholeOf(organizationId), { pool: this.#pool, ledger: this, origin });
    for (let carried = atOnce; carried === atOnce;) carried = await this.#carrySome(bank);
  }

  /** Returns when nothing is being carried over any more. */
  async rest(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  async #carrySome(bank: UnitOfWork): Promise<number> {
    const main = bank.as(bank.scope, this.#main);
    await this.#renewOld(bank, main);
    const carried = await bank.transact(async ({ organizationId }) => {
      const ofOrganization = eq(outbox.organizationId, organizationId);
      const waiting = await database
        .select()
        .from(outbox)
        .where(ofOrganization)
        .orderBy(asc(outbox.id))
        .limit(atOnce)
        .for('update');
      if (waiting.length === 0) return waiting;
      await main.transact(() => database.insert(events).values(waiting).onConflictDoNothing());
      const ids = waiting.map(({ id }) => id);
      await database.delete(outbox).where(and(ofOrganization, inArray(outbox.id, ids)));
      return waiting;
    });
    this.#announce(carried, main);
    return carried.length;
  }

  /**
   * Gives entries that have waited long new ids, in a transaction of its own, so that each is carried over once whatever crashes then. Those that the
   * log has already, since a crash, leave.
   */
  async #renewOld(bank: UnitOfWork, main: UnitOfWork): Promise<void> {
    const { organizationId } = bank;
    const isEntry = (id: string) => and(eq(outbox.organizationId, organizationId), eq(outbox.id, id));
    const old = and(eq(outbox.organizationId, organizationId), lt(outbox.id, firstIdAt(Date.now() - freshMs)));
    for (let left = true; left;) {
      left = await bank.transact(async () => {
        const waiting = await database
          .select()
          .from(outbox)
          .where(old)
          .orderBy(asc(outbox.id))
          .limit(atOnce)
          .for('update');
        if (waiting.length === 0) return false;
        const there = await this.#thoseIn(main, waiting);
        for (const { id } of waiting)
          if (there.has(id)) await database.delete(outbox).where(isEntry(id));
          else await database.update(outbox).set({ id: newId() }).where(isEntry(id));
        const carried = waiting.filter(({ id }) => there.has(id));
        bank.afterCommit(() => this.#announce(carried, main));
        return true;
      });
    }
  }

  /** Which of these entries the log has. */
  async #thoseIn(main: UnitOfWork, entries: readonly { readonly id: string }[]): Promise<ReadonlySet<string>> {
    const ids = entries.map(({ id }) => id);
    const those = and(eq(events.organizationId, main.organizationId), inArray(events.id, ids));
    const rows = await main.run(() => database.select({ id: events.id }).from(events).where(those));
    await main.rest();
    return new Set(rows.map(({ id }) => id));
  }

  #announce(entries: readonly (typeof outbox.$inferSelect)[], main: UnitOfWork): void {
    const changes = entries.map(({ action, targetType, targetId }) => ({ action, type: targetType, id: targetId }));
    if (changes.length > 0) this.#main.ledger.announce(changes, main);
  }
}
