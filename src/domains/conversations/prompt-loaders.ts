import { and, eq, getTableColumns, inArray, isNotNull, isNull, sql, type SQL } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { database } from '../../database/client.ts';
import type { Meaning } from '../../database/filter.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadMany, loadOne } from '../../database/loader.ts';
import { memberUserById } from '../tenancy/loaders.ts';
import { promptHistory, promptVariables, slashCommands, suggestedMessages, welcomeMessages } from './prompt-tables.ts';

/** Earlier prompts of a workspace, newest first. */
export const promptHistoryByWorkspace = listOf({
  from: promptHistory,
  parent: promptHistory.workspaceId,
  columns: getTableColumns(promptHistory),
  orders: { VERSION: promptHistory.version },
  defaultOrder: { field: 'VERSION', direction: 'DESC' },
  companions: {
    author: { of: memberUserById, key: 'authorId' },
    replacedBy: { of: memberUserById, key: 'replacedById' },
  },
});

export const suggestedMessageById = loadOne(
  () =>
    database
      .select()
      .from(suggestedMessages)
      .where(
        and(
          eq(suggestedMessages.organizationId, bound.organizationId),
          sql`${suggestedMessages.id} = any(${bound.keys})`,
        ),
      ),
  (suggested) => suggested.id,
);

/** A workspace's suggested messages in their order; their number is bounded. */
export const suggestedMessagesByWorkspace = loadMany(
  () =>
    database
      .select()
      .from(suggestedMessages)
      .where(
        and(
          eq(suggestedMessages.organizationId, bound.organizationId),
          sql`${suggestedMessages.workspaceId} = any(${bound.keys})`,
        ),
      )
      .orderBy(suggestedMessages.position, suggestedMessages.id),
  (suggested) => suggested.workspaceId,
);

export const welcomeMessageById = loadOne(
  () =>
    database
      .select()
      .from(welcomeMessages)
      .where(
        and(eq(welcomeMessages.organizationId, bound.organizationId), sql`${welcomeMessages.id} = any(${bound.keys})`),
      ),
  (welcome) => welcome.id,
);

/** An organization's welcome messages in their order; their number is bounded. */
export const welcomeMessagesByOrganization = loadMany(
  () =>
    database
      .select()
      .from(welcomeMessages)
      .where(
        and(
          eq(welcomeMessages.organizationId, bound.organizationId),
          sql`${welcomeMessages.organizationId} = any(${bound.keys})`,
        ),
      )
      .orderBy(welcomeMessages.position, welcomeMessages.id),
  (welcome) => welcome.organizationId,
);

/** Compares names, and by their beginnings; the lists are short. */
const byName =
  (column: PgColumn): Meaning =>
  (comparator, operand): SQL | undefined => {
    if (operand === null) return undefined;
    const names = (Array.isArray(operand) ? operand : [operand]).map(String);
    if (comparator === 'startsWith') return sql`starts_with(${column}, ${names[0]})`;
    return names.length === 0 ? sql`false` : inArray(column, names);
  };

/** The organization's, not one member's. */
const byOwner =
  (column: PgColumn): Meaning =>
  (comparator, operand) =>
    (operand === true) === (comparator === 'eq') ? isNull(column) : isNotNull(column);

const viewers = sql`nullif(current_setting('app.user_id', true), '')::uuid`;

/** The organization's slash commands and the viewer's own, by name. */
export const slashCommandList = listOf({
  from: slashCommands,
  columns: getTableColumns(slashCommands),
  orders: { COMMAND: slashCommands.command },
  defaultOrder: { field: 'COMMAND', direction: 'ASC' },
  filters: { command: byName(slashCommands.command), shared: byOwner(slashCommands.userId) },
  // As the row policy says: repeated for the sake of the plan.
  where: sql`(${slashCommands.userId} is null or ${slashCommands.userId} = ${viewers})`,
});

export const slashCommandById = loadOne(
  () =>
    database
      .select()
      .from(slashCommands)
      .where(
        and(eq(slashCommands.organizationId, bound.organizationId), sql`${slashCommands.id} = any(${bound.keys})`),
      ),
  (command) => command.id,
);

/** The prompt variables of the organization, of the workspaces that the viewer sees and of the viewer, by key. */
export const promptVariableList = listOf({
  from: promptVariables,
  columns: getTableColumns(promptVariables),
  orders: { KEY: promptVariables.key },
  defaultOrder: { field: 'KEY', direction: 'ASC' },
  filters: {
    key: byName(promptVariables.key),
    type: promptVariables.type,
    workspaceId: promptVariables.workspaceId,
  },
  where: sql`(${promptVariables.userId} is null or ${promptVariables.userId} = ${viewers})`,
});

export const promptVariableById = loadOne(
  () =>
    database
      .select()
      .from(promptVariables)
      .where(
        and(eq(promptVariables.organizationId, bound.organizationId), sql`${promptVariables.id} = any(${bound.keys})`),
      ),
  (variable) => variable.id,
);
