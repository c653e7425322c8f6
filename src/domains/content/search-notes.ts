import { sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { Notebook } from '../../database/notebook.ts';
import { wholeOf, type Scope } from '../../database/unit-of-work.ts';
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

/** Gathers who searched for what, and writes it down now and then. */
export class SearchJournal implements SearchNotes {
  readonly #notebook: Notebook<Noted>;

  constructor({ pool, ledger, log }: Pick<Services, 'pool' | 'ledger' | 'log'>, everyMs: number) {
    this.#notebook = new Notebook({
      database: { pool, ledger },
      name: 'searches',
      everyMs,
      most: maxNoted,
      scopeOf: ({ organizationId }) => wholeOf(organizationId),
      write,
      onFailure: (error) =>
        log.warn({ message: Error.isError(error) ? error.message : '' }, 'Searches were not written.'),
    });
  }

  note(search: NotedSearch): void {
    const id = newId();
    this.#notebook.note(id, () => ({ ...search, id, createdAt: new Date().toISOString() }));
  }

  flush(): Promise<void> {
    return this.#notebook.flush();
  }

  stop(): Promise<void> {
    return this.#notebook.stop();
  }
}

const write = (batch: readonly Noted[], { organizationId }: Scope): Promise<unknown> => {
  // A workspace may have gone since.
  const rows = sql`json_to_recordset(${JSON.stringify(batch)}::json) as noted(id uuid, "createdAt" timestamptz, "workspaceId" uuid,
      "userId" uuid, query text, filter jsonb, "hitCount" integer, "topScore" float8, "latencyMs" integer)
    join ${workspaces} on ${workspaces.organizationId} = ${organizationId} and ${workspaces.id} = noted."workspaceId"`;
  return database.execute(sql`insert into ${searchLogs}
    (organization_id, id, created_at, workspace_id, user_id, query, filter, hit_count, top_score, latency_ms)
    select ${organizationId}::uuid, noted.id, noted."createdAt", noted."workspaceId", noted."userId", noted.query, noted.filter,
      noted."hitCount", noted."topScore", noted."latencyMs" from ${rows}`);
};
