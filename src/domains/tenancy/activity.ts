import { sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { nowhere, UnitOfWork, type Origin, type Scope } from '../../database/unit-of-work.ts';
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
const origin: Origin = { requestId: 'activity', address: null, userAgent: null };

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

/**
 * Gathers when sessions, devices and keys were last used, and writes it down now and then, one transaction for each owner: requests neither
 * wait for it nor write. What a crash leaves unwritten is lost.
 */
export class Activity implements ActivityNotes {
  readonly #services: Pick<Services, 'pool' | 'ledger' | 'log'>;
  readonly #timer: NodeJS.Timeout;
  #noted = new Map<string, Use>();
  #writing: Promise<void> = Promise.resolve();

  constructor(services: Pick<Services, 'pool' | 'ledger' | 'log'>, everyMs: number) {
    this.#services = services;
    this.#timer = setInterval(() => void this.flush(), everyMs).unref();
  }

  note({ credential: { kind, id }, userId, organizationId }: Viewer, { address }: Origin): void {
    if (this.#noted.size >= maxNoted && !this.#noted.has(id)) return;
    this.#noted.set(id, { kind, id, userId, organizationId, at: new Date().toISOString(), address });
  }

  /** Writes what was noted before. What fails is logged and given up. */
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
    const batches = Map.groupBy(this.#noted.values(), (use) => JSON.stringify(ownerOf(use)));
    this.#noted = new Map();
    for (const batch of batches.values())
      await this.#writeBatch(batch).catch((error: unknown) => {
        this.#services.log.warn({ message: Error.isError(error) ? error.message : '' }, 'Activity was not written.');
      });
  }

  async #writeBatch(batch: Batch): Promise<void> {
    const [first] = batch;
    if (first === undefined) return;
    const { pool, ledger } = this.#services;
    const unit = new UnitOfWork(ownerOf(first), { pool, ledger, origin });
    await unit.transact(async () => {
      for (const [kind, uses] of Map.groupBy(batch, (use) => use.kind)) await database.execute(statements[kind](uses));
    });
  }
}
