import { sql } from 'drizzle-orm';
import { check, foreignKey, index, integer, jsonb, numeric, text, unique, uuid } from 'drizzle-orm/pg-core';
import { moment, oneOf, tenantTable, word } from '../../database/tenant-table.ts';
import { organizations } from '../tenancy/tables.ts';
import { models, modelTypes } from './tables.ts';

export const promptSessionStatuses = ['DRAFT', 'ACTIVE', 'ARCHIVED'] as const;
export const promptRunStatuses = ['PENDING', 'SUCCESS', 'ERROR', 'CANCELLED'] as const;

/** A series of prompts on one matter, with the models that are tried on them. */
export const promptSessions = tenantTable(
  'prompt_sessions',
  'granted',
  {
    /** Who made it, the organization's own id for its administrators, and whom it is shared with: users, groups, workspaces. */
    readers: uuid().array().notNull(),
    title: text().notNull(),
    description: text().notNull().default(''),
    /** The project that it belongs to. */
    projectId: uuid(),
    creatorId: uuid(),
    modelType: word(modelTypes).notNull().default('TEXT'),
    status: word(promptSessionStatuses).notNull().default('DRAFT'),
    /** Instructions that every prompt of the session is run under. */
    prompt: text().notNull().default(''),
    /** Values for the placeholders of instructions and prompts. */
    context: jsonb().$type<Record<string, unknown>>().notNull().default({}),
    metadata: jsonb().$type<Record<string, unknown>>().notNull().default({}),
    /** The model that prompts are run with when none is named; null: as the routing rules say. */
    modelId: uuid(),
    /** So far: US dollars of the runs whose cost is known, and the number of prompts. */
    cost: numeric({ precision: 18, scale: 12 }).notNull().default('0'),
    promptCount: integer().notNull().default(0),
    lastPromptAt: moment(),
    version: integer().notNull().default(1),
    archivedAt: moment(),
  },
  (session) => [
    oneOf('prompt_sessions', session.modelType, modelTypes),
    oneOf('prompt_sessions', session.status, promptSessionStatuses),
    foreignKey({
      name: 'prompt_sessions_organization_id_fkey',
      columns: [session.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'prompt_sessions_model_id_fkey',
      columns: [session.modelId],
      foreignColumns: [models.id],
    }).onDelete('set null'),
    index('prompt_sessions_model_id_index').on(session.modelId),
    index('prompt_sessions_readers_index').using('gin', session.readers),
    index('prompt_sessions_created_at_index').on(session.organizationId, session.createdAt, session.id),
    index('prompt_sessions_status_index').on(session.organizationId, session.status, session.createdAt, session.id),
    index('prompt_sessions_project_id_index').on(
      session.organizationId,
      session.projectId,
      session.createdAt,
      session.id,
    ),
  ],
);
export type PromptSessionRow = typeof promptSessions.$inferSelect;

/** A prompt of a session: what somebody asked. */
export const prompts = tenantTable(
  'prompts',
  'granted',
  {
    /** As its session's. */
    readers: uuid().array().notNull(),
    sessionId: uuid().notNull(),
    userId: uuid(),
    input: text().notNull(),
    /** Values for placeholders, before those of the session. */
    context: jsonb().$type<Record<string, unknown>>().notNull().default({}),
    metadata: jsonb().$type<Record<string, unknown>>().notNull().default({}),
  },
  (prompt) => [
    foreignKey({
      name: 'prompts_session_id_fkey',
      columns: [prompt.organizationId, prompt.sessionId],
      foreignColumns: [promptSessions.organizationId, promptSessions.id],
    }).onDelete('cascade'),
    index('prompts_created_at_index').on(prompt.organizationId, prompt.sessionId, prompt.createdAt, prompt.id),
  ],
);
export type PromptRow = typeof prompts.$inferSelect;

/** What one model answered to a prompt. */
export const promptRuns = tenantTable(
  'prompt_runs',
  'granted',
  {
    /** As its session's. */
    readers: uuid().array().notNull(),
    sessionId: uuid().notNull(),
    promptId: uuid().notNull(),
    /** Its place beside the other models of the prompt, counted from 0. */
    position: integer().notNull(),
    modelId: uuid(),
    /** Names as they were at the time of the call. */
    modelName: text().notNull(),
    providerName: text().notNull(),
    /** The call in the ledger. */
    executionId: uuid(),
    status: word(promptRunStatuses).notNull().default('PENDING'),
    text: text().notNull().default(''),
    /** What was asked for as an object; null where text was. */
    object: jsonb(),
    inputTokens: integer(),
    outputTokens: integer(),
    cost: numeric({ precision: 18, scale: 12 }),
    latencyMs: integer(),
    timeToFirstTokenMs: integer(),
    errorKind: text(),
    errorMessage: text(),
    leaseUntil: moment(),
    endedAt: moment(),
  },
  (run) => [
    oneOf('prompt_runs', run.status, promptRunStatuses),
    unique('prompt_runs_position_key').on(run.organizationId, run.promptId, run.position),
    check('prompt_runs_position_check', sql`${run.position} >= 0`),
    foreignKey({
      name: 'prompt_runs_prompt_id_fkey',
      columns: [run.organizationId, run.promptId],
      foreignColumns: [prompts.organizationId, prompts.id],
    }).onDelete('cascade'),
    index('prompt_runs_lease_until_index')
      .on(run.organizationId, run.leaseUntil)
      .where(sql`${run.status} = 'PENDING'`),
  ],
);
export type PromptRunRow = typeof promptRuns.$inferSelect;
