import { sql, type SQLWrapper } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { Notebook } from '../../database/notebook.ts';
import { nowhere, wholeOf, type Scope } from '../../database/unit-of-work.ts';
import type { KeyUseNotes, Services, UsedKey } from '../services.ts';
import { platformProviderKeys, providerKeys } from './tables.ts';

/** The last use of one key. */
interface Use {
  readonly id: string;
  /** Null: a key of the installation. */
  readonly organizationId: string | null;
  readonly at: string;
}

/** Keys noted at a time. What is beyond is not noted: it concerns when something was last used, to the minute. */
const maxNoted = 10_000;

/** Gathers when keys for providers were last used, and writes it down now and then. */
export class KeyUses implements KeyUseNotes {
  readonly #notebook: Notebook<Use>;

  constructor({ pool, ledger, log }: Pick<Services, 'pool' | 'ledger' | 'log'>, everyMs: number) {
    this.#notebook = new Notebook({
      database: { pool, ledger },
      name: 'key-uses',
      everyMs,
      most: maxNoted,
      scopeOf: ({ organizationId }) => (organizationId === null ? nowhere : wholeOf(organizationId)),
      write,
      onFailure: (error) =>
        log.warn({ message: Error.isError(error) ? error.message : '' }, 'Uses of provider keys were not written.'),
    });
  }

  note({ organizationId, providerKeyId, platformKeyId }: UsedKey): void {
    const at = new Date().toISOString();
    if (providerKeyId !== null) this.#notebook.note(providerKeyId, () => ({ id: providerKeyId, organizationId, at }));
    if (platformKeyId !== null)
      this.#notebook.note(platformKeyId, () => ({ id: platformKeyId, organizationId: null, at }));
  }

  flush(): Promise<void> {
    return this.#notebook.flush();
  }

  stop(): Promise<void> {
    return this.#notebook.stop();
  }
}

/** Locked in the order of their ids: another process may be writing the same ones. A use that it wrote and that was later stays. */
const write = (uses: readonly Use[], { organizationId }: Scope): Promise<unknown> => {
  const used = sql`json_to_recordset(${JSON.stringify(uses)}::json) as used(id uuid, at timestamptz)`;
  const written = (table: SQLWrapper, ofOwner: SQLWrapper) =>
    database.execute(sql`with locked as materialized (
        select entry.id, used.at from ${table} entry join ${used} on used.id = entry.id
        where ${ofOwner} order by entry.id for no key update of entry)
      update ${table} entry set last_used_at = greatest(entry.last_used_at, locked.at)
      from locked where ${ofOwner} and entry.id = locked.id`);
  return organizationId === null
    ? written(platformProviderKeys, sql`true`)
    : written(providerKeys, sql`entry.organization_id = ${organizationId}`);
};
