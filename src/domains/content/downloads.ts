import { sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { Notebook } from '../../database/notebook.ts';
import { wholeOf, type Scope } from '../../database/unit-of-work.ts';
import type { DownloadNotes, Services } from '../services.ts';
import { files } from './tables.ts';

/** Downloads of one file. */
interface Count {
  readonly id: string;
  readonly organizationId: string;
  readonly times: number;
}

/** Files noted at a time. Downloads of those beyond are not counted. */
const maxNoted = 10_000;

/** Counts downloads, and writes the counts down now and then. */
export class Downloads implements DownloadNotes {
  readonly #notebook: Notebook<Count>;

  constructor({ pool, ledger, log }: Pick<Services, 'pool' | 'ledger' | 'log'>, everyMs: number) {
    this.#notebook = new Notebook({
      database: { pool, ledger },
      name: 'downloads',
      everyMs,
      most: maxNoted,
      scopeOf: ({ organizationId }) => wholeOf(organizationId),
      write,
      onFailure: (error) =>
        log.warn({ message: Error.isError(error) ? error.message : '' }, 'Downloads were not counted.'),
    });
  }

  note({ id, organizationId }: { readonly id: string; readonly organizationId: string }): void {
    this.#notebook.note(id, (before) => ({ id, organizationId, times: (before?.times ?? 0) + 1 }));
  }

  flush(): Promise<void> {
    return this.#notebook.flush();
  }

  stop(): Promise<void> {
    return this.#notebook.stop();
  }
}

/** Locked in the order of their ids: another process may be writing the same ones. */
const write = (counts: readonly Count[], { organizationId }: Scope): Promise<unknown> => {
  const noted = sql`json_to_recordset(${JSON.stringify(counts)}::json) as noted(id uuid, times bigint)`;
  return database.execute(sql`with locked as materialized (
      select ${files.id}, noted.times from ${files} join ${noted} on noted.id = ${files.id}
      where ${files.organizationId} = ${organizationId} order by ${files.id} for no key update of files)
    update ${files} set download_count = download_count + locked.times
    from locked where ${files.organizationId} = ${organizationId} and ${files.id} = locked.id`);
};
