import { sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { nowhere, UnitOfWork, type Origin } from '../../database/unit-of-work.ts';
import { newId } from '../../ids.ts';
import type { NotedSearch, SearchNotes, Services } from '../services.ts';
import { workspaces } from '../tenancy/tables.ts';
import { searchLogs } from './tables.ts';

interface Noted extends NotedSearch {
  readonly id: string;
  readonly createdAt: string;
}

/** Searches noted at a time, of up to 2,000 characters each. What is beyond is not noted: the log tells what people look for. */
const maxNoted = 5_000;
const origin: Origin = { requestId: 'searches', address: null, userAgent: null };

/**
 * Gathers who searched for what, and writes it down now and then, one transaction for each organization: searches neither wait for it nor
 * write. What a crash leaves unwritten is lost.
 */
export class SearchJournal implements SearchNotes {
  readonly #services: Pick<Services, 'pool' | 'ledger' | 'log'>;
  readonly #timer: NodeJS.Timeout;
  #noted: Noted[] = [];
  #writing: Promise<void> = Promise.resolve();

  constructor(services: Pick<Services, 'pool' | 'ledger' | 'log'>, everyMs: number) {
    this.#services = services;
    this.#timer = setInterval(() => void this.flush(), everyMs).unref();
  }

  note(search: NotedSearch): void {
    if (this.#noted.length < maxNoted)
      this.#noted.push({ ...search, id: newId(), createdAt: new Date().toISOString() });
  }

  flush(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  /** Writes what is left and notes no more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }

  async #write(): Promise<void> {
    const batches = Map.groupBy(this.#noted, ({ organizationId }) => organizationId);
    this.#noted = [];
    for (const [organizationId, batch] of batches)
      await this.#writeBatch(organizationId, batch).catch((error: unknown) => {
        this.#services.log.warn({ message: Error.isError(error) ? error.message : '' }, 'Searches were not written.');
      });
  }

  async #writeBatch(organizationId: string, batch: readonly Noted[]): Promise<void> {
    const { pool, ledger } = this.#services;
    const scope = { ...nowhere, organizationId, principals: [organizationId], workspaces: '*' as const };
    // A workspace may have gone since.
    const rows = sql`json_to_recordset(${JSON.stringify(batch)}::json) as noted(id uuid, "createdAt" timestamptz, "workspaceId" uuid,
        "userId" uuid, query text, filter jsonb, "hitCount" integer, "topScore" float8, "latencyMs" integer)
      join ${workspaces} on ${workspaces.organizationId} = ${organizationId} and ${workspaces.id} = noted."workspaceId"`;
    await new UnitOfWork(scope, { pool, ledger, origin }).transact(() =>
      database.execute(sql`insert into ${searchLogs}
        (organization_id, id, created_at, workspace_id, user_id, query, filter, hit_count, top_score, latency_ms)
        select ${organizationId}::uuid, noted.id, noted."createdAt", noted."workspaceId", noted."userId", noted.query, noted.filter,
          noted."hitCount", noted."topScore", noted."latencyMs" from ${rows}`),
    );
  }
}
