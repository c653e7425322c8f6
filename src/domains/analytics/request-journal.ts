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
  /** How many of them, the oldest, were sent before, and may have been written though nobody heard of it. */
  #again = 0;
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
    const again = this.#again > 0;
    this.#again = Math.max(0, this.#again - batch.length);
    const unit = new UnitOfWork(nowhere, { ...this.#database, origin });
    try {
      await unit.transact(() =>
        database.execute(sql`select app_record_activities(${json(batch)}::json, ${again}::boolean)`),
      );
    } catch (error) {
      if (error instanceof Unavailable) this.#keep(batch);
      else this.#log.error({ err: error, requests: batch.length }, 'Requests were not recorded.');
    }
  }

  #keep(batch: readonly Noted[]): void {
    const kept = batch.slice(0, maxNoted - this.#noted.length);
    this.#lost += batch.length - kept.length;
    this.#noted = [...kept, ...this.#noted];
    this.#again += kept.length;
  }
}

/** As `app_record_activities` reads it: for each organization its members who asked, and a list for each column. */
const json = (batch: readonly Noted[]): string => {
  const parts = Object.entries(Object.groupBy(batch, ({ viewer }) => viewer.organizationId)).map(
    ([organizationId, requests = []]) => [organizationId, columnsOf(requests)] as const,
  );
  return JSON.stringify(Object.fromEntries(parts));
};

const columnsOf = (requests: readonly Noted[]): object => {
  const subjects = requests.map(({ subject, typeOf }) => named(subject, typeOf));
  const workspaces = requests.map(({ workspace, typeOf }, at) =>
    workspace === null ? (subjects[at] ?? null) : named(workspace, typeOf),
  );
  return {
    users: [...new Set(requests.map(({ viewer }) => viewer.userId))],
    i: requests.map(({ id }) => id),
    t: requests.map(({ beganAt }) => new Date(beganAt).toISOString()),
    u: requests.map(({ viewer }) => viewer.userId),
    c: requests.map(({ viewer }) => viewer.credential.id),
    a: requests.map(({ action }) => action),
    o: requests.map(({ operation }) => operation),
    rt: subjects.map((subject) => subject?.type),
    ri: subjects.map((subject) => subject?.uuid),
    w: workspaces.map((workspace) => (workspace?.type === 'Workspace' ? workspace.uuid : null)),
    m: requests.map(({ mutation }) => mutation),
    e: requests.map(({ error }) => error),
    d: requests.map(({ durationMs }) => Math.round(durationMs)),
    r: requests.map(({ origin: { requestId } }) => requestId),
    ad: requests.map(({ origin: { address } }) => address),
    ua: requests.map(({ origin: { userAgent } }) => userAgent),
  };
};

/** What an id stands for; null for what is none. */
const named = (id: string | null, typeOf: NotedRequest['typeOf']): { type: string; uuid: string } | null => {
  const parsed = id === null ? null : parseGlobalId(id);
  const type = parsed === null ? undefined : typeOf(parsed.prefix);
  return parsed === null || type === undefined ? null : { type, uuid: parsed.uuid };
};
