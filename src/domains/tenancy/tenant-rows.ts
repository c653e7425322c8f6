import { and, asc, eq, gt, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { uuidArray } from '../../database/loader.ts';
import { allMigrations } from '../../database/migrations.ts';
import { wholeOf, type Scope, type UnitOfWork } from '../../database/unit-of-work.ts';
import { groups, memberships, workspaces } from './tables.ts';

/** A table whose rows belong to organizations, as the catalogue has it. */
export interface TenantTable {
  /** `public`, or the part that it belongs to. */
  readonly schema: string;
  /** With its schema in front unless that is `public`: `documents`, `knowledge.entries`. */
  readonly name: string;
  /** Columns of its key behind `organization_id`, with their types. */
  readonly key: readonly { readonly name: string; readonly type: string }[];
  /** Rows are seen by who holds one of the principals in `readers`. */
  readonly granted: boolean;
  /** Rows are seen by the one user they belong to. */
  readonly personal: boolean;
  /** So are those that belong to a user; others are seen by all. */
  readonly partlyPersonal: boolean;
}

/** All tables of tenants by schema and name, so that a new one cannot be forgotten. */
export const tenantTables = async (unit: UnitOfWork): Promise<TenantTable[]> => {
  const tables: TenantTable[] = [];
  for (const { schema } of allMigrations) tables.push(...(await tablesOf(unit.of(schema), schema)));
  return tables;
};

const tablesOf = (unit: UnitOfWork, schema: string): Promise<TenantTable[]> =>
  unit.run(async () => [
    ...(await database.execute<TenantTable & Record<string, unknown>>(sql`
      select ${schema}::text as schema, case ${schema}::text when 'public' then '' else ${`${schema}.`} end || c.relname as name,
        (select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, null)) order by place)
          from unnest(i.indkey::int2[]) with ordinality as part(number, place)
            join pg_attribute a on a.attrelid = c.oid and a.attnum = part.number
          where place between 2 and i.indnkeyatts) as key,
        exists (select from pg_policy where polrelid = c.oid and polroles = '{0}'
          and pg_get_expr(polqual, polrelid) ~ 'app_principals') as granted,
        not exists (select from pg_policy where polrelid = c.oid and polroles = '{0}' and polpermissive
          and polcmd in ('r', '*') and (pg_get_expr(polqual, polrelid) !~ 'app\\.user_id'
            or pg_get_expr(polqual, polrelid) ~ 'app\\.principals')) as personal,
        exists (select from pg_policy where polrelid = c.oid and not polpermissive
          and pg_get_expr(polqual, polrelid) ~ 'app\\.user_id') as "partlyPersonal"
      from pg_class c join pg_index i on i.indrelid = c.oid and i.indisprimary
      where c.relnamespace = to_regnamespace(${schema}) and c.relkind in ('r', 'p') and not c.relispartition
        and (select attname from pg_attribute where attrelid = c.oid and attnum = i.indkey[0]) = 'organization_id'
      order by c.relname`)),
  ]);

/**
 * Columns that hold a secret or what one is checked against, by table; they are never given out. A test compares the list with the catalogue.
 */
export const withheldColumns: Readonly<Record<string, readonly string[]>> = {
  api_configurations: ['encrypted_key'],
  datasources: ['encrypted_secrets'],
  organization_setting_values: ['encrypted_value'],
  provider_keys: ['encrypted_key'],
  webhook_subscriptions: ['encrypted_secret', 'encrypted_previous_secret'],
  workspace_setting_values: ['encrypted_value'],
};

/** A way to look at a table, and which of the rows seen are not seen by an earlier one. */
interface Eye {
  readonly scope: Scope;
  readonly where?: SQL;
}

/** Principals looked for at a time: the row policy compares each row with all of them. */
const principalsAtOnce = 500;

/** Looks at an organization as its jobs, and then as its members, for what those alone may see. */
export class Onlooker {
  readonly #unit: UnitOfWork;
  readonly #organizationId: string;
  #people: Promise<string[]> | undefined;
  #others: Promise<string[]> | undefined;

  /** The unit sees the whole organization, as a job's does. */
  constructor(unit: UnitOfWork) {
    this.#unit = unit;
    this.#organizationId = unit.organizationId;
  }

  /** Rows of a table as JSON, each once, in pages. */
  async *rows(table: TenantTable): AsyncGenerator<string[]> {
    for await (const eye of this.#eyes(table)) yield* this.#pages(table, eye);
  }

  async *#eyes({ granted, personal, partlyPersonal }: TenantTable): AsyncGenerator<Eye> {
    const whole = wholeOf(this.#organizationId);
    if (!personal) yield { scope: whole };
    if (personal || partlyPersonal)
      for (const userId of await this.#members())
        yield { scope: { ...whole, userId }, ...(partlyPersonal && { where: sql`user_id = ${userId}` }) };
    if (!granted) return;
    const principals = [...(await this.#members()), ...(await this.#groupsAndWorkspaces())];
    for (let from = 0; from < principals.length; from += principalsAtOnce) {
      const seen = uuidArray([this.#organizationId, ...principals.slice(0, from)]);
      yield {
        scope: { ...whole, principals: principals.slice(from, from + principalsAtOnce) },
        where: sql`readers is not null and not readers && ${seen}::uuid[]`,
      };
    }
  }

  #members(): Promise<string[]> {
    this.#people ??= this.#ids(memberships, memberships.userId);
    return this.#people;
  }

  #groupsAndWorkspaces(): Promise<string[]> {
    this.#others ??= Promise.all([this.#ids(groups, groups.id), this.#ids(workspaces, workspaces.id)]).then((ids) =>
      ids.flat(),
    );
    return this.#others;
  }

  async #ids(
    table: typeof memberships | typeof groups | typeof workspaces,
    id: typeof memberships.userId | typeof groups.id | typeof workspaces.id,
  ): Promise<string[]> {
    const found: string[] = [];
    for (;;) {
      const after = found.at(-1);
      const ofOrganization = eq(table.organizationId, this.#organizationId);
      const page = await this.#unit.run(() =>
        database
          .select({ id })
          .from(table)
          .where(and(ofOrganization, after === undefined ? undefined : gt(id, after)))
          .orderBy(asc(id))
          .limit(mostRows),
      );
      await this.#unit.rest();
      found.push(...page.map((row) => row.id));
      if (page.length < mostRows) return found;
    }
  }

  async *#pages({ schema, name, key }: TenantTable, { scope, where }: Eye): AsyncGenerator<string[]> {
    const unit = this.#unit.as(scope).of(schema);
    const columns = sql.join(
      key.map((column) => sql.identifier(column.name)),
      sql`, `,
    );
    let after: readonly string[] | undefined;
    let size = firstPage;
    for (;;) {
      const statement = sql`select (to_jsonb(entry) - ${textArray(withheldColumns[name] ?? [])}::text[])::text as row,
          array[${sql.join(
            key.map((column) => sql`${sql.identifier(column.name)}::text`),
            sql`, `,
          )}] as place
        from ${sql.raw(name)} entry
        where organization_id = ${this.#organizationId}::uuid${where === undefined ? sql`` : sql` and ${where}`}${
          after === undefined ? sql`` : sql` and (${columns}) > (${following(key, after)})`
        }
        order by ${columns} limit ${size}`;
      const page = await unit.run(() => database.execute<{ row: string; place: string[] }>(statement));
      await unit.rest();
      if (page.length > 0) yield page.map(({ row }) => row);
      if (page.length < size) return;
      after = page.at(-1)?.place;
      size = nextSize(page);
    }
  }
}

/** Rows of a page at most. */
const mostRows = 500;
/** Rows of the first page, before anything is known of their size. */
const firstPage = 20;
/** What a page should hold at most, in UTF-16 code units, so that large rows come in smaller pages. */
const pageLength = 4_000_000;

const nextSize = (page: readonly { readonly row: string }[]): number => {
  const average = page.reduce((sum, { row }) => sum + row.length, 0) / page.length;
  return Math.max(1, Math.min(mostRows, Math.floor(pageLength / average)));
};

const following = (key: TenantTable['key'], values: readonly string[]): SQL =>
  sql.join(
    key.map(({ type }, at) => sql`${values[at]}::${sql.raw(type)}`),
    sql`, `,
  );

/** Names of columns as the text of a Postgres array; they hold nothing to escape. */
const textArray = (names: readonly string[]): string => `{${names.join(',')}}`;
