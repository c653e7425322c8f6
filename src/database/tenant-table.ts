import { sql, type SQL } from 'drizzle-orm';
import {
  check,
  pgPolicy,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uuid,
  type PgColumn,
  type PgColumnBuilderBase,
  type PgSchema,
  type PgTableExtraConfigValue,
} from 'drizzle-orm/pg-core';
import { newId } from '../ids.ts';

/**
 * Who may see a row of a tenant's table.
 * - `organization`: every member.
 * - `workspace`: who sees the workspace named in `workspace_id` (in the table of workspaces, in `id`). Rows without a
 *   workspace are seen by those who hold all workspaces.
 * - `owner`: the one user named in `user_id`.
 * - `granted`: who holds one of the principals in `readers` (users, groups, workspaces; the organization's own id stands for its
 *   administrators and jobs). In a workspace's table they must see the workspace too, and null readers stand for all who do.
 * - `room`: who is a member of the room named in `room_id` (in the table of rooms, in `id`), or sees the workspace that it is open to, named in
 *   `open_to_id`. The unit has entered the viewer's rooms before: see `UnitOfWork.enter`.
 * - `shared`: who holds one of the principals in `readers`; null readers stand for whoever is not confined to one conversation, and the nil UUID among them
 *   for everybody.
 * - `project`: who is let into the project named in `project_id` (in the table of projects, in `id`). The unit has entered the viewer's projects
 *   before: see `UnitOfWork.enter`.
 * - `member`: the one user named in `user_id`, and who holds the organization's own id, as its administrators and jobs do.
 */
export type Access = 'organization' | 'workspace' | 'owner' | 'granted' | 'room' | 'project' | 'shared' | 'member';

/** A log is read by one shape and appended to by every member; the server can neither change nor delete its rows. */
export interface LogAccess {
  readonly log: Access;
}

/** A point in time as the text Postgres sends, UTC, milliseconds. */
export const moment = () => timestamp({ precision: 3, withTimezone: true, mode: 'string' });

/** The columns of a row that belongs to no tenant. Its timestamps are kept by the operations that change it. */
export const globalColumns = () => ({
  id: uuid()
    .primaryKey()
    .$defaultFn(() => newId()),
  createdAt: moment().notNull().defaultNow(),
  updatedAt: moment()
    .notNull()
    .defaultNow()
    .$onUpdate(() => new Date().toISOString()),
});

/**
 * A table whose rows are one person's own in every organization, such as their credentials: `globalColumns`, `user_id` and a policy that
 * shows them to that user alone. Its comment holds `@personal`, so that `app_guard_tables()` forces row security.
 */
export const personalTable = <Name extends string, Own extends Columns>(
  name: Name,
  own: Own,
  extras: (table: BuiltPersonal<Own>) => PgTableExtraConfigValue[] = () => [],
) => {
  const mine = sql.raw(`user_id = nullif(current_setting('app.user_id', true), '')::uuid`);
  const columns = { ...globalColumns(), userId: uuid().notNull(), ...own };
  return pgTable(name, columns, (table) => [
    pgPolicy(`${name}_owner`, { using: mine, withCheck: mine }),
    // The cast is safe: the builder's columns are those of `columns`, which the compiler cannot see through the spread.
    ...extras(table as unknown as BuiltPersonal<Own>),
  ]);
};

const tenantColumns = () => ({
  organizationId: uuid().notNull(),
  id: uuid()
    .notNull()
    .$defaultFn(() => newId()),
  createdAt: moment().notNull().defaultNow(),
  /** Kept by a trigger. */
  updatedAt: moment().notNull().defaultNow(),
});
type TenantColumns = ReturnType<typeof tenantColumns>;
type Columns = Record<string, PgColumnBuilderBase>;
type BuiltPersonal<Own extends Columns> = ReturnType<
  typeof pgTable<
    string,
    ReturnType<typeof globalColumns> & { userId: ReturnType<ReturnType<typeof uuid>['notNull']> } & Own
  >
>;
type Built<Own extends Columns> = ReturnType<typeof pgTable<string, TenantColumns & Own>>;

/** Stands among readers for everybody, visitors of web pages too. */
export const anybody = '00000000-0000-0000-0000-000000000000';

/** The principals of the viewer, for tables of a schema that has no `app_principals()`. */
const principals = `coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[]`;

/** The row policy of the tenant alone. */
export const sameTenant = sql.raw(`organization_id = nullif(current_setting('app.organization_id', true), '')::uuid`);

const visible = (access: Access, columns: Columns): SQL => {
  const workspace = sql.raw('workspaceId' in columns ? 'workspace_id' : 'id');
  const shapes: Record<Access, SQL> = {
    organization: sameTenant,
    workspace: sql`${sameTenant} and app_sees(${workspace})`,
    owner: sql`${sameTenant} and user_id = nullif(current_setting('app.user_id', true), '')::uuid`,
    granted:
      'workspaceId' in columns
        ? sql`${sameTenant} and app_sees(workspace_id) and (readers is null or readers && app_principals())`
        : sql`${sameTenant} and readers && app_principals()`,
    room: sql`${sameTenant} and (app_in_room(${sql.raw('roomId' in columns ? 'room_id' : 'id')}) or (open_to_id is not null and app_sees(open_to_id)))`,
    project: sql`${sameTenant} and app_in_project(${sql.raw('projectId' in columns ? 'project_id' : 'id')})`,
    // In these two an OR would be taken for a narrow condition, or read by two indexes at once, and lists be sorted.
    shared: sql`${sameTenant} and (case when readers is null then nullif(current_setting('app.conversation_id', true), '') is null else readers && ${sql.raw(principals)} or '${sql.raw(anybody)}'::uuid = any(readers) end)`,
    member: sql`${sameTenant} and case when user_id = nullif(current_setting('app.user_id', true), '')::uuid then true else organization_id = any(${sql.raw(principals)}) end`,
  };
  return shapes[access];
};

/** The row policies of a tenant's table whose key is not `(organization_id, id)`; all others get theirs by `tenantTable`. */
export const policies = (name: string, access: Access | LogAccess, columns: Columns) =>
  typeof access === 'string'
    ? [pgPolicy(`${name}_${access}`, { using: visible(access, columns), withCheck: visible(access, columns) })]
    : [
        pgPolicy(`${name}_read`, { for: 'select', using: visible(access.log, columns) }),
        pgPolicy(`${name}_append`, { for: 'insert', withCheck: sameTenant }),
        // The server has no right to delete; only the owner's erasure of an organization does.
        pgPolicy(`${name}_erase`, { for: 'delete', using: sameTenant }),
      ];

/**
 * A table whose rows belong to an organization: adds `organization_id`, `id` (UUIDv7), `created_at`, `updated_at`, the primary
 * key (organization_id, id) and the row policy of the access named. Row security is forced, timestamps are kept and rights
 * granted by `app_guard_tables()`, which every migration that adds a table calls last. `schema` is where it stands: `public` when absent.
 */
export const tenantTable = <Name extends string, Own extends Columns>(
  name: Name,
  access: Access | LogAccess,
  own: Own,
  extras: (table: Built<Own>) => PgTableExtraConfigValue[] = () => [],
  schema?: PgSchema,
) => {
  const columns: TenantColumns & Own = { ...tenantColumns(), ...own };
  // The cast is safe: both make tables in the same way, and differ in the schema that statements name.
  const table = schema === undefined ? pgTable : (schema.table as unknown as typeof pgTable);
  return table(name, columns, (table) => {
    // The casts are safe: the builder's columns are those of `columns`, which the compiler cannot see through the spread.
    const built = table as unknown as Built<Own>;
    const { organizationId, id } = table as unknown as Record<'organizationId' | 'id', PgColumn>;
    const keyColumns: [PgColumn, PgColumn] = [organizationId, id];
    return [
      primaryKey({ name: `${name}_pkey`, columns: keyColumns }),
      ...policies(name, access, own),
      ...extras(built),
    ];
  });
};

/** Of a table of workspaces' rows, those in no workspace are seen by the user named in `user_id` too, beside those who hold all workspaces. */
export const ownOutside = (table: string) => {
  const own = sql`${sameTenant} and workspace_id is null and user_id = nullif(current_setting('app.user_id', true), '')::uuid`;
  return pgPolicy(`${table}_own`, { using: own, withCheck: own });
};

/** Whoever is confined to one conversation sees of this table its rows alone. `column` names the conversation. */
export const confined = (table: string, column: SQL) =>
  pgPolicy(`${table}_confined`, {
    as: 'restrictive',
    using: sql`${sameTenant} and app_within_conversation(${column})`,
    withCheck: sql`${sameTenant} and app_within_conversation(${column})`,
  });

/** A column that holds one of a closed set of words; the CHECK beside it is `oneOf`. */
export const word = <const Words extends readonly [string, ...string[]]>(words: Words) => text({ enum: words });

/** The CHECK that keeps a column to its closed set (not a Postgres enum: those cannot use an index under row security). */
export const oneOf = (table: string, column: PgColumn, words: readonly string[]) =>
  check(
    `${table}_${snake(column.name)}_check`,
    sql`${column} in (${sql.raw(words.map((each) => `'${each}'`).join(', '))})`,
  );

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
