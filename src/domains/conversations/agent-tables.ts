import { sql } from 'drizzle-orm';
import { boolean, check, foreignKey, index, integer, jsonb, numeric, text, unique, uuid } from 'drizzle-orm/pg-core';
import { confined, moment, oneOf, tenantTable, word } from '../../database/tenant-table.ts';
import type { ToolPassage } from '../agent-tool.ts';
import { workspaces } from '../tenancy/tables.ts';
import { conversations, messages } from './tables.ts';

export const agentStatuses = ['RUNNING', 'WAITING_FOR_APPROVAL', 'COMPLETED', 'FAILED', 'CANCELLED'] as const;
/** Why a run FAILED. */
export const agentFailures = [
  'MAX_STEPS',
  'MAX_COST',
  'MAX_TIME',
  'RIGHTS_LOST',
  'NOT_DECIDED',
  'INTERRUPTED',
  'MODEL',
] as const;
export type AgentFailure = (typeof agentFailures)[number];
export const toolCallStatuses = [
  'WAITING_FOR_APPROVAL',
  'APPROVED',
  'REJECTED',
  'RUNNING',
  'COMPLETED',
  'FAILED',
  'CANCELLED',
] as const;

/** What agents may do in a workspace; one row for each workspace that has said so. */
export const agentSettings = tenantTable(
  'agent_settings',
  'workspace',
  {
    workspaceId: uuid().notNull(),
    /** Names of the tools that may be used; null: all that change nothing. */
    tools: text().array(),
    /** Hosts that pages may be fetched from, `example.com`, and with `*.` all below it; none when empty. */
    allowedHosts: text().array().notNull().default([]),
    /** Most calls of the model in a run. */
    maxSteps: integer().notNull().default(10),
    /** US dollars that a run may cost; null: no bound. */
    maxCost: numeric({ precision: 18, scale: 12 }),
    /** Template of the knowledge bank that agents are instructed by beside their task, at the version of a label; null: none. */
    promptTemplateId: uuid(),
    promptTemplateLabel: text(),
  },
  (settings) => [
    check(
      'agent_settings_prompt_template_check',
      sql`(${settings.promptTemplateId} is null) = (${settings.promptTemplateLabel} is null)`,
    ),
    unique('agent_settings_workspace_id_key').on(settings.organizationId, settings.workspaceId),
    index('agent_settings_prompt_template_id_index')
      .on(settings.organizationId, settings.promptTemplateId)
      .where(sql`${settings.promptTemplateId} is not null`),
    check('agent_settings_ranges_check', sql`${settings.maxSteps} between 1 and 50 and ${settings.maxCost} >= 0`),
    foreignKey({
      name: 'agent_settings_workspace_id_fkey',
      columns: [settings.organizationId, settings.workspaceId],
      foreignColumns: [workspaces.organizationId, workspaces.id],
    }).onDelete('cascade'),
  ],
);
/** Those of a workspace that has said nothing have no row. */
export type AgentSettingsRow = Pick<
  typeof agentSettings.$inferSelect,
  'workspaceId' | 'tools' | 'allowedHosts' | 'maxSteps' | 'maxCost' | 'promptTemplateId' | 'promptTemplateLabel'
>;

/** A run with tools that writes one answer. */
export const agentInvocations = tenantTable(
  'agent_invocations',
  'workspace',
  {
    workspaceId: uuid().notNull(),
    conversationId: uuid().notNull(),
    /** The answer that it writes. */
    messageId: uuid().notNull(),
    /** On whose behalf, by what credential: it may do what that may do at the moment. */
    userId: uuid(),
    credentialKind: text().notNull(),
    credentialId: uuid().notNull(),
    status: word(agentStatuses).notNull().default('RUNNING'),
    /** Names of the tools that were offered. */
    tools: text().array().notNull().default([]),
    /** Bounds as they were at the beginning. */
    maxSteps: integer().notNull(),
    maxCost: numeric({ precision: 18, scale: 12 }),
    /** Calls of the model so far, what they read and wrote, and what they cost in US dollars (null: unknown). */
    steps: integer().notNull().default(0),
    inputTokens: integer().notNull().default(0),
    outputTokens: integer().notNull().default(0),
    cost: numeric({ precision: 18, scale: 12 }),
    errorCode: word(agentFailures),
    errorMessage: text(),
    endedAt: moment(),
  },
  (run) => [
    oneOf('agent_invocations', run.status, agentStatuses),
    unique('agent_invocations_message_id_key').on(run.organizationId, run.messageId),
    foreignKey({
      name: 'agent_invocations_message_id_fkey',
      columns: [run.organizationId, run.messageId],
      foreignColumns: [messages.organizationId, messages.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'agent_invocations_conversation_id_fkey',
      columns: [run.organizationId, run.conversationId],
      foreignColumns: [conversations.organizationId, conversations.id],
    }).onDelete('cascade'),
    confined('agent_invocations', sql.raw('conversation_id')),
    index('agent_invocations_conversation_id_index').on(run.organizationId, run.conversationId, run.createdAt, run.id),
    index('agent_invocations_created_at_index').on(run.organizationId, run.workspaceId, run.createdAt, run.id),
  ],
);
export type AgentInvocationRow = typeof agentInvocations.$inferSelect;

/** One call of the model in a run. Seen by whom the run acts for, because it was made of what they may read. */
export const agentSteps = tenantTable(
  'agent_steps',
  'granted',
  {
    workspaceId: uuid().notNull(),
    readers: uuid().array().notNull(),
    invocationId: uuid().notNull(),
    /** From 1. */
    position: integer().notNull(),
    /** What the model wrote beside its calls; may be empty. */
    text: text().notNull(),
    inputTokens: integer(),
    outputTokens: integer(),
    /** US dollars; null: unknown. */
    cost: numeric({ precision: 18, scale: 12 }),
    latencyMs: integer(),
  },
  (step) => [
    unique('agent_steps_position_key').on(step.organizationId, step.invocationId, step.position),
    foreignKey({
      name: 'agent_steps_invocation_id_fkey',
      columns: [step.organizationId, step.invocationId],
      foreignColumns: [agentInvocations.organizationId, agentInvocations.id],
    }).onDelete('cascade'),
  ],
);
export type AgentStepRow = typeof agentSteps.$inferSelect;

/** One use of a tool in a run, seen as its step is. */
export const agentToolCalls = tenantTable(
  'agent_tool_calls',
  'granted',
  {
    workspaceId: uuid().notNull(),
    readers: uuid().array().notNull(),
    invocationId: uuid().notNull(),
    /** The step that asked for it, and its place in it from 0. */
    step: integer().notNull(),
    position: integer().notNull(),
    /** What the model calls it by. */
    callId: text().notNull(),
    tool: text().notNull(),
    arguments: jsonb().$type<unknown>().notNull(),
    status: word(toolCallStatuses).notNull(),
    /** Whether the tool changes something, which a person has to allow. */
    changes: boolean().notNull(),
    /** What the tool gave, as the model reads it; null until then. */
    result: text(),
    /** The passages that came with the result; the model knows the first by the number after those of the calls before. */
    passages: jsonb().$type<readonly ToolPassage[]>().notNull().default([]),
    /** Why it FAILED, for a person. */
    failure: text(),
    decidedById: uuid(),
    decidedAt: moment(),
    endedAt: moment(),
  },
  (call) => [
    oneOf('agent_tool_calls', call.status, toolCallStatuses),
    unique('agent_tool_calls_position_key').on(call.organizationId, call.invocationId, call.step, call.position),
    foreignKey({
      name: 'agent_tool_calls_invocation_id_fkey',
      columns: [call.organizationId, call.invocationId],
      foreignColumns: [agentInvocations.organizationId, agentInvocations.id],
    }).onDelete('cascade'),
  ],
);
/** What the tool gave is read apart, because it is long. */
export type AgentToolCallRow = Omit<typeof agentToolCalls.$inferSelect, 'result' | 'passages'>;
