import { sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { Notebook } from '../../database/notebook.ts';
import { nowhere, type Origin, type Scope } from '../../database/unit-of-work.ts';
import type { Credential, Viewer } from '../context.ts';
import { devices, extensionKeys, sessions } from '../identity/tables.ts';
import type { ActivityNotes, Services } from '../services.ts';
import { apiKeys } from './tables.ts';

/** The last use of one credential. */
interface Use {
  readonly kind: Credential['kind'];
  readonly id: string;
  readonly userId: string;
  readonly organizationId: string;
  readonly at: string;
  readonly address: string | null;
}

/** Uses that are written by one unit. */
type Batch = readonly Use[];

/** Credentials noted at a time. What is beyond is not noted: it concerns when something was last used, to the minute. */
const maxNoted = 10_000;

const used = (batch: Batch): SQL =>
  sql`json_to_recordset(${JSON.stringify(batch)}::json) as used(id uuid, at timestamptz, address text)`;

/** How the uses of each kind of credential are written. A use that was written by another process later stays. */
const statements: Readonly<Record<Credential['kind'], (batch: Batch) => SQL>> = {
  SESSION: (batch) => sql`update ${sessions} set last_activity_at = greatest(last_activity_at, used.at)
    from ${used(batch)} where ${sessions}.id = used.id`,
  DEVICE: (batch) => sql`update ${devices} set last_seen_at = used.at, last_seen_address = used.address
    from ${used(batch)} where ${devices}.id = used.id and coalesce(last_seen_at < used.at, true)`,
  EXTENSION_KEY: (batch) => sql`update ${extensionKeys} set last_used_at = greatest(last_used_at, used.at)
    from ${used(batch)} where ${extensionKeys}.id = used.id`,
  API_KEY: (batch) => sql`update ${apiKeys} set last_used_at = used.at, last_used_address = used.address
    from ${used(batch)} where ${apiKeys}.id = used.id and coalesce(last_used_at < used.at, true)`,
};

/** Whose rows a credential's is: those of a person's own are seen by their units, keys by those of the organization. */
const ownerOf = ({ kind, userId, organizationId }: Use): Scope =>
  kind === 'API_KEY' ? { ...nowhere, organizationId, principals: [organizationId] } : { ...nowhere, userId };

/** Gathers when sessions, devices and keys were last used, and writes it down now and then. */
export class Activity implements ActivityNotes {
  readonly #notebook: Notebook<Use>;

  constructor({ pool, ledger, log }: Pick<Services, 'pool' | 'ledger' | 'log'>, everyMs: number) {
    this.#notebook = new Notebook({
      database: { pool, ledger },
      name: 'activity',
      everyMs,
      most: maxNoted,
      scopeOf: ownerOf,
      write: async (batch) => {
        for (const [kind, uses] of Map.groupBy(batch, (use) => use.kind))
          await database.execute(statements[kind](uses));
      },
      onFailure: (error) =>
        log.warn({ message: Error.isError(error) ? error.message : '' }, 'Activity was not written.'),
    });
  }

  note({ credential: { kind, id }, userId, organizationId }: Viewer, { address }: Origin): void {
    this.#notebook.note(id, () => ({ kind, id, userId, organizationId, at: new Date().toISOString(), address }));
  }

  flush(): Promise<void> {
    return this.#notebook.flush();
  }

  stop(): Promise<void> {
    return this.#notebook.stop();
  }
}
