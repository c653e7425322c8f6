import { sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { UnitOfWork, type Origin } from '../../database/unit-of-work.ts';
import type { DownloadNotes, Services } from '../services.ts';
import { allFilesOf } from './stored-bytes.ts';
import { files } from './tables.ts';

/** Downloads of one file. */
interface Count {
  readonly id: string;
  readonly organizationId: string;
  readonly times: number;
}

/** Files noted at a time. Downloads of those beyond are not counted. */
const maxNoted = 10_000;
const origin: Origin = { requestId: 'downloads', address: null, userAgent: null };

/**
 * Counts downloads and writes them down now and then, one transaction for each organization: who downloads neither waits for it nor writes. What
 * a crash leaves unwritten is lost.
 */
export class Downloads implements DownloadNotes {
  readonly #services: Pick<Services, 'pool' | 'ledger' | 'log'>;
  readonly #timer: NodeJS.Timeout;
  #noted = new Map<string, Count>();
  #writing: Promise<void> = Promise.resolve();

  constructor(services: Pick<Services, 'pool' | 'ledger' | 'log'>, everyMs: number) {
    this.#services = services;
    this.#timer = setInterval(() => void this.flush(), everyMs).unref();
  }

  note({ id, organizationId }: { readonly id: string; readonly organizationId: string }): void {
    const times = this.#noted.get(id)?.times ?? 0;
    if (times === 0 && this.#noted.size >= maxNoted) return;
    this.#noted.set(id, { id, organizationId, times: times + 1 });
  }

  /** Writes what was noted before. What fails is logged and given up. */
  flush(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  /** Writes what is left and counts no more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }

  async #write(): Promise<void> {
    const batches = Map.groupBy(this.#noted.values(), ({ organizationId }) => organizationId);
    this.#noted = new Map();
    for (const [organizationId, counts] of batches)
      await this.#writeBatch(organizationId, counts).catch((error: unknown) => {
        this.#services.log.warn({ message: Error.isError(error) ? error.message : '' }, 'Downloads were not counted.');
      });
  }

  async #writeBatch(organizationId: string, counts: readonly Count[]): Promise<void> {
    const { pool, ledger } = this.#services;
    const unit = new UnitOfWork(allFilesOf(organizationId), { pool, ledger, origin });
    const noted = sql`json_to_recordset(${JSON.stringify(counts)}::json) as noted(id uuid, times bigint)`;
    // Locked in the order of their ids: another process may be writing the same ones.
    await unit.transact(() =>
      database.execute(sql`with locked as materialized (
          select ${files.id}, noted.times from ${files} join ${noted} on noted.id = ${files.id}
          where ${files.organizationId} = ${organizationId} order by ${files.id} for no key update of files)
        update ${files} set download_count = download_count + locked.times
        from locked where ${files.organizationId} = ${organizationId} and ${files.id} = locked.id`),
    );
  }
}
