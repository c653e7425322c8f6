import { asc, desc, eq, gt, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { nowhere, UnitOfWork, wholeOf, type Origin, type Scope } from '../../database/unit-of-work.ts';
import { platformEvents } from '../../events/tables.ts';
import { sendMailKind } from '../../mail/postbox.ts';
import { Undecipherable, type KeyRing } from '../../secrets/encryption.ts';
import { users } from '../identity/tables.ts';
import type { Services } from '../services.ts';
import { organizationsWhere } from '../tenancy/organization-purge.ts';
import { encryptedColumns, type EncryptedColumn } from './encrypted-columns.ts';

const origin: Origin = { requestId: 'reencryption', address: null, userAgent: null };
const nil = '00000000-0000-0000-0000-000000000000';
/** Values encrypted anew at a time. */
const atOnce = 100;
/** People looked for at a time. */
const peopleAtOnce = 500;

/** What was logged of a run, under this action. */
export const renewed = 'encryption.renewed';

/** What a run did, and what it left. */
export interface Renewal {
  /** Name of the key that encrypts. */
  readonly current: string;
  /** Values that were encrypted by it in place of an older key. */
  readonly renewed: number;
  /** Values that other keys encrypt still, by their names: a key without any can be dropped. Mails that wait to be sent are among them. */
  readonly left: Readonly<Record<string, number>>;
}

/** How many values of a column are encrypted under a header, which names the key. */
type Count = { readonly place: string; readonly header: string; readonly count: number };

/**
 * Encrypts by the current key whatever an older key of the ring encrypts, and writes to the installation's log what is left. What somebody changes
 * meanwhile stays as they changed it. It can be broken off at any time: the next run goes on with what is left. Does nothing, and gives null,
 * while the ring holds one key.
 */
export const renewEncryption = async (services: Services, signal: AbortSignal): Promise<Renewal | null> => {
  const { keyRing } = services;
  if (keyRing.names.length === 1) return null;
  // All that a key encrypts begins with the same header.
  const [header = ''] = (await keyRing.encrypt('')).split('.');
  const run = new Run(services, header);
  const installation = new UnitOfWork(nowhere, { ...services, origin });
  await run.renew(installation, columnsOf('INSTALLATION'));
  for await (const userId of everybody(installation)) {
    if (signal.aborted) return null;
    await run.renew(unitOf(services, { ...nowhere, userId }), columnsOf('PERSON'));
  }
  for await (const { id } of organizationsWhere(services)) {
    if (signal.aborted) return null;
    await run.renew(unitOf(services, wholeOf(id)), columnsOf('ORGANIZATION'));
  }
  await run.countWaitingMails(installation);
  const { names } = keyRing;
  const renewal: Renewal = { current: names[0], renewed: run.renewed, left: Object.fromEntries(run.left) };
  await installation.transact(async () =>
    installation.record({ action: renewed, type: 'EncryptionKey', id: nil, data: { ...renewal } }),
  );
  services.log.info(renewal, 'Secrets were encrypted anew.');
  return renewal;
};

const unitOf = (services: Services, scope: Scope): UnitOfWork => new UnitOfWork(scope, { ...services, origin });
const columnsOf = (holder: EncryptedColumn['holder']) => encryptedColumns.filter((each) => each.holder === holder);

/** All accounts, in pages; no connection is held meanwhile. */
async function* everybody(installation: UnitOfWork): AsyncGenerator<string> {
  let after = nil;
  for (;;) {
    const last = after;
    const page = await installation.run(() =>
      database
        .select({ id: users.id })
        .from(users)
        .where(gt(users.id, last))
        .orderBy(asc(users.id))
        .limit(peopleAtOnce),
    );
    await installation.rest();
    for (const { id } of page) yield id;
    if (page.length < peopleAtOnce) return;
    after = page.at(-1)?.id ?? after;
  }
}

/** One pass over the product. */
class Run {
  readonly #keyRing: KeyRing;
  readonly #log: Services['log'];
  /** What all begins with that the current key encrypts. */
  readonly #header: string;
  readonly left = new Map<string, number>();
  renewed = 0;

  constructor({ keyRing, log }: Pick<Services, 'keyRing' | 'log'>, header: string) {
    this.#keyRing = keyRing;
    this.#log = log;
    this.#header = header;
  }

  /** Encrypts anew what one holder has, and counts what is left of it. */
  async renew(unit: UnitOfWork, columns: readonly EncryptedColumn[]): Promise<void> {
    const old = await this.#countOld(unit, columns);
    if (old.length === 0) return;
    for (const column of columns.filter(({ table }) => old.some(({ place }) => place === table)))
      await this.#renewColumn(unit, column);
    for (const { header, count } of await this.#countOld(unit, columns)) this.#leave(header, count);
  }

  /** Counts what waits encrypted in the queue: it is sent soon, and not encrypted anew. */
  async countWaitingMails(installation: UnitOfWork): Promise<void> {
    const rows = await installation.run(() =>
      database.execute<Count & Record<string, unknown>>(sql`
        select 'mails' as place, split_part(data->'data'->>'sealed', '.', 1) as header, count(*)::int as count
        from pgboss.job where name = ${sendMailKind} and state < 'completed' group by 2`),
    );
    await installation.rest();
    for (const { header, count } of rows) if (header !== this.#header) this.#leave(header, count);
  }

  #leave(header: string, count: number): void {
    const name = nameOf(this.#keyRing, header);
    this.left.set(name, (this.left.get(name) ?? 0) + count);
  }

  /** Values of other keys than the current one, in one statement for all columns. */
  async #countOld(unit: UnitOfWork, columns: readonly EncryptedColumn[]): Promise<Count[]> {
    const counts = columns.map(
      (column) => sql`select ${column.table} as place, ${headerOf(column)} as header, count(*)::int as count
        from ${sql.identifier(column.table)} where ${this.#isOld(unit, column)} group by 2`,
    );
    const rows = await unit.run(() =>
      database.execute<Count & Record<string, unknown>>(sql.join(counts, sql` union all `)),
    );
    await unit.rest();
    return [...rows];
  }

  async #renewColumn(unit: UnitOfWork, column: EncryptedColumn): Promise<void> {
    const { table, column: name } = column;
    let after = nil;
    for (;;) {
      const page = await unit.run(() =>
        database.execute<{ id: string; value: string }>(sql`
          select id, ${sql.identifier(name)} as value from ${sql.identifier(table)}
          where ${this.#isOld(unit, column)} and id > ${after}::uuid
          order by id limit ${atOnce}`),
      );
      await unit.rest();
      const fresh = await Promise.all(page.map((row) => this.#encrypted(table, row)));
      await this.#write(
        unit,
        column,
        fresh.filter((row) => row !== null),
      );
      if (page.length < atOnce) return;
      after = page.at(-1)?.id ?? after;
    }
  }

  /** The value under the current key; null when no key of the ring opens it. */
  async #encrypted(table: string, { id, value }: { id: string; value: string }) {
    try {
      return { id, old: value, fresh: await this.#keyRing.encrypt(await this.#keyRing.decrypt(value)) };
    } catch (error) {
      if (!(error instanceof Undecipherable)) throw error;
      this.#log.warn({ table, id }, 'A secret cannot be decrypted by any key of the ring.');
      return null;
    }
  }

  /** Only what is still as it was read: somebody may have changed it meanwhile. Locked in the order of the ids. */
  async #write(
    unit: UnitOfWork,
    { table, column, holder }: EncryptedColumn,
    values: readonly { id: string; old: string; fresh: string }[],
  ): Promise<void> {
    if (values.length === 0) return;
    const [target, value] = [sql.identifier(table), sql.identifier(column)];
    const rows = sql`json_to_recordset(${JSON.stringify(values)}::json) as given(id uuid, old text, fresh text)`;
    const written = await unit.transact(() =>
      database.execute(sql`with locked as materialized (
          select entry.id, given.fresh from ${target} entry
          join ${rows} on given.id = entry.id and given.old = entry.${value}
          where ${ofHolder(unit, holder, sql`entry.organization_id`)}
          order by entry.id for no key update of entry)
        update ${target} entry set ${value} = locked.fresh from locked
        where ${ofHolder(unit, holder, sql`entry.organization_id`)} and entry.id = locked.id returning 1`),
    );
    this.renewed += written.length;
  }

  #isOld(unit: UnitOfWork, column: EncryptedColumn): SQL {
    const own = ofHolder(unit, column.holder, sql`organization_id`);
    return sql`${own} and ${sql.identifier(column.column)} is not null and ${headerOf(column)} <> ${this.#header}`;
  }
}

/** The first part of a JWE names the key. */
const headerOf = ({ column }: EncryptedColumn): SQL => sql`split_part(${sql.identifier(column)}, '.', 1)`;

/** The row policies say the same; the condition lets the primary key find the rows. */
const ofHolder = (unit: UnitOfWork, holder: EncryptedColumn['holder'], organizationId: SQL): SQL =>
  holder === 'ORGANIZATION' ? sql`${organizationId} = ${unit.organizationId}::uuid` : sql`true`;

/** The name of the key in a header. */
const nameOf = (keyRing: KeyRing, header: string): string => {
  try {
    return keyRing.nameOf(`${header}....`);
  } catch (error) {
    if (error instanceof Undecipherable) return '';
    throw error;
  }
};

/** A key of the ring, or one that values are encrypted by though it is not there. */
export interface EncryptionKey {
  readonly name: string;
  readonly status: 'CURRENT' | 'FORMER' | 'MISSING';
  /** Values that it encrypts still; null: not counted, as for the current key and while there is one alone. */
  readonly remaining: number | null;
  readonly countedAt: string | null;
}

/** The keys that encrypt and did, the current one first, with what the last run left of each. */
export const encryptionKeys = async (
  unit: UnitOfWork,
  { keyRing }: Pick<Services, 'keyRing'>,
): Promise<EncryptionKey[]> => {
  const [last] = await unit.run(() =>
    database
      .select({ data: platformEvents.data, at: platformEvents.createdAt })
      .from(platformEvents)
      .where(eq(platformEvents.action, renewed))
      .orderBy(desc(platformEvents.createdAt), desc(platformEvents.id))
      .limit(1),
  );
  const [current, ...former] = keyRing.names;
  const counted = last?.data.current === current ? last : undefined;
  // The cast is safe: a run alone writes such entries.
  const left = (counted?.data.left ?? {}) as Renewal['left'];
  const countedAt = counted?.at ?? null;
  const missing = Object.keys(left).filter((name) => !keyRing.names.includes(name));
  return [
    { name: current, status: 'CURRENT', remaining: null, countedAt: null },
    ...former.map((name): EncryptionKey => ({
      name,
      status: 'FORMER',
      remaining: counted === undefined ? null : (left[name] ?? 0),
      countedAt,
    })),
    ...missing.map((name): EncryptionKey => ({ name, status: 'MISSING', remaining: left[name] ?? 0, countedAt })),
  ];
};
