import { sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { nowhere, UnitOfWork, type Origin } from '../../database/unit-of-work.ts';
import { Unavailable } from '../../errors.ts';
import { newId, parseGlobalId } from '../../ids.ts';
import type { NotedRequest, RequestNotes, Services } from '../services.ts';

interface Noted extends NotedRequest {
  readonly id: string;
}

/** Requests kept at a time, of about half a kilobyte each. What is beyond is counted, and not recorded. */
export const maxNoted = 20_000;
/** Requests that one statement writes. */
const maxWritten = 10_000;

const origin: Origin = { requestId: 'requests', address: null, userAgent: null };

/**
 * Gathers what members asked for, and writes it down now and then: with one statement for all organizations, however many there are. Requests neither
 * wait for it nor write. While the database is away it is kept; what a crash leaves unwritten is lost.
 */
export class RequestJournal implements RequestNotes {
  readonly #database: Pick<Services, 'pool' | 'ledger' | 'onStatement'>;
  readonly #log: Services['log'];
  readonly #timer: NodeJS.Timeout;
  #noted: Noted[] = [];
  #lost = 0;
  #writing: Promise<void> | undefined;

  constructor({ log, ...open }: Pick<Services, 'pool' | 'ledger' | 'log' | 'onStatement'>, everyMs: number) {
    this.#database = open;
    this.#log = log;
    // A time that comes while something is written passes: two statements never begin closer together than two times.
    this.#timer = setInterval(() => this.#writing === undefined && void this.#begin(), everyMs).unref();
  }

  note(request: NotedRequest): void {
    if (this.#noted.length >= maxNoted) this.#lost++;
    else this.#noted.push({ ...request, id: newId() });
  }

  async flush(): Promise<void> {
    await this.#writing;
    for (let left = Infinity; this.#noted.length > 0 && this.#noted.length < left;) {
      left = this.#noted.length;
      await this.#begin();
    }
  }

  /** Writes what is left and notes no more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
    if (this.#noted.length > 0) this.#log.error({ requests: this.#noted.length }, 'Requests were not recorded.');
    this.#noted = [];
  }

  #begin(): Promise<void> {
    this.#writing = this.#write().finally(() => (this.#writing = undefined));
    return this.#writing;
  }

  async #write(): Promise<void> {
    if (this.#lost > 0) this.#log.warn({ requests: this.#lost }, 'Requests were not recorded: there were too many.');
    this.#lost = 0;
    if (this.#noted.length === 0) return;
    const batch = this.#noted.splice(0, maxWritten);
    const unit = new UnitOfWork(nowhere, { ...this.#database, origin });
    try {
      await unit.transact(() => database.execute(sql`select app_record_activities(${json(batch)}::json)`));
    } catch (error) {
      if (error instanceof Unavailable) this.#keep(batch);
      else this.#log.error({ err: error, requests: batch.length }, 'Requests were not recorded.');
    }
  }

  /** For the next time. Ids tell those apart that were written after all. */
  #keep(batch: readonly Noted[]): void {
    const room = maxNoted - this.#noted.length;
    this.#lost += Math.max(0, batch.length - room);
    this.#noted = [...batch.slice(0, room), ...this.#noted];
  }
}

/** As `app_record_activities` reads it; what is null is left out. */
const json = (batch: readonly Noted[]): string => {
  const parts: Record<string, object[]> = {};
  for (const noted of batch) (parts[noted.viewer.organizationId] ??= []).push(rowOf(noted));
  return JSON.stringify(parts);
};

const rowOf = ({ id, viewer, origin: { requestId, address, userAgent }, ...request }: Noted): object => {
  const subject = request.subject === null ? null : named(request.subject, request.typeOf);
  const workspace = request.workspace === null ? subject : named(request.workspace, request.typeOf);
  return {
    i: id,
    t: new Date(request.beganAt).toISOString(),
    u: viewer.userId,
    c: viewer.credential.id,
    a: request.action,
    o: request.operation ?? undefined,
    rt: subject?.type,
    ri: subject?.uuid,
    w: workspace?.type === 'Workspace' ? workspace.uuid : undefined,
    m: request.mutation,
    e: request.error ?? undefined,
    d: Math.round(request.durationMs),
    r: requestId,
    ad: address ?? undefined,
    ua: userAgent ?? undefined,
  };
};

/** What an id stands for; null for what is none. */
const named = (id: string, typeOf: NotedRequest['typeOf']): { type: string; uuid: string } | null => {
  const parsed = parseGlobalId(id);
  const type = parsed === null ? undefined : typeOf(parsed.prefix);
  return parsed === null || type === undefined ? null : { type, uuid: parsed.uuid };
};
