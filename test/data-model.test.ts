import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { is, sql } from 'drizzle-orm';
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core';
import { database } from '../src/database/client.ts';
import * as content from '../src/domains/content/tables.ts';
import * as datasources from '../src/domains/content/datasource-tables.ts';
import * as office from '../src/domains/content/office-tables.ts';
import * as sync from '../src/domains/content/sync-tables.ts';
import * as agents from '../src/domains/conversations/agent-tables.ts';
import * as answers from '../src/domains/conversations/answer-tables.ts';
import * as embeds from '../src/domains/conversations/embed-tables.ts';
import * as prompts from '../src/domains/conversations/prompt-tables.ts';
import * as conversations from '../src/domains/conversations/tables.ts';
import * as visits from '../src/domains/conversations/visit-tables.ts';
import * as emails from '../src/domains/messaging/email-tables.ts';
import * as rooms from '../src/domains/messaging/room-tables.ts';
import * as apis from '../src/domains/modelhub/api-tables.ts';
import * as executions from '../src/domains/modelhub/execution-tables.ts';
import * as studio from '../src/domains/modelhub/prompt-tables.ts';
import * as quotas from '../src/domains/modelhub/quota-tables.ts';
import * as routing from '../src/domains/modelhub/routing-tables.ts';
import * as hub from '../src/domains/modelhub/tables.ts';
import * as usage from '../src/domains/modelhub/usage-tables.ts';
import * as orders from '../src/domains/orders/tables.ts';
import * as links from '../src/domains/projects/link-tables.ts';
import * as projects from '../src/domains/projects/project-tables.ts';
import * as tasks from '../src/domains/projects/task-tables.ts';
import * as time from '../src/domains/projects/time-tables.ts';
import * as knowledge from '../src/domains/knowledge/tables.ts';
import * as analytics from '../src/domains/analytics/tables.ts';
import * as cache from '../src/domains/platform/cache-tables.ts';
import * as schedules from '../src/domains/platform/schedule-tables.ts';
import * as settings from '../src/domains/tenancy/setting-tables.ts';
import * as eventSeals from '../src/domains/platform/event-tables.ts';
import * as idempotency from '../src/domains/platform/idempotency-tables.ts';
import * as identity from '../src/domains/identity/tables.ts';
import * as webhooks from '../src/domains/platform/webhook-tables.ts';
import * as tenancy from '../src/domains/tenancy/tables.ts';
import { unitOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

const page = readFileSync(new URL('../docs/data-model.md', import.meta.url), 'utf8');

/** Columns of the sources' tables, as their documents name them; of those that name none, the words they use. */
const sources: Readonly<Record<string, string>> = {
  'C users':
    'id username password pfpFilename role suspended seen_recovery_codes dailyMessageLimit bio web_push_subscription_config createdAt lastUpdatedAt',
  'C recovery_codes': 'user_id code_hash createdAt',
  'C password_reset_tokens': 'user_id token expiresAt createdAt',
  'C temporary_auth_tokens': 'token userId expiresAt createdAt',
  'C api_keys': 'name secret createdBy createdAt lastUpdatedAt',
  'C browser_extension_api_keys': 'key user_id createdAt lastUpdatedAt',
  'C desktop_mobile_devices': 'deviceOs deviceName token approved userId createdAt',
  'C invites': 'code status claimedBy workspaceIds createdBy createdAt lastUpdatedAt',
  'C workspaces':
    'name slug vectorTag openAiTemp openAiHistory openAiPrompt similarityThreshold topN chatMode chatProvider chatModel agentProvider agentModel queryRefusalResponse vectorSearchMode router_id pfpFilename createdAt lastUpdatedAt',
  'C workspace_users': 'user_id workspace_id createdAt lastUpdatedAt',
  'O users_user':
    'id username email password first_name last_name phone is_active is_staff is_superuser date_joined last_login role group_id created_by_id profile_image metadata',
  'O groups_group': 'id name description created_at created_by_id is_active settings',
  'O auth_userpermissions': 'id user_id permission granted_at granted_by_id',
  'O analytics_session': 'id session_key user_id ip_address user_agent created_at last_activity is_active',
  'D User':
    'id email password name is_staff is_superuser is_active is_verified default_org last_login last_login_ip groups user_permissions deleted_at created_at updated_at',
  'D Organization': 'name slug org_type api_key_strategy deleted_at',
  'W admin_users': 'e-mail hashed_credentials status_flags super_admin',
  'W workspaces': 'language publish_state confidence_thresholds',
  'W workspace_settings': 'branding tone welcome_messaging webhook_configuration',
  'W workspace_admins': 'admin workspace',
  'C workspace_documents': 'docId filename docpath workspaceId metadata pinned watched createdAt lastUpdatedAt',
  'C document_vectors': 'docId vectorId createdAt lastUpdatedAt',
  'C document_sync_queues': 'staleAfterMs nextSyncAt lastSyncedAt workspaceDocId createdAt',
  'C document_sync_executions': 'queueId status result createdAt',
  'C workspace_parsed_files': 'filename workspaceId userId threadId metadata tokenCountEstimate createdAt',
  'W datasources': 'kind configuration workspace',
  'W documents': 'workspace datasource normalized_content',
  'W document_chunks': 'content embedding IVFFlat_index',
  'N User': 'id email username password_hash full_name role preferences is_active email_verification',
  'N Document': 'kind title content owner version_control sharing soft_delete',
  'C workspace_threads': 'name slug workspace_id user_id createdAt lastUpdatedAt',
  'C workspace_chats':
    'workspaceId prompt response include user_id thread_id api_session_id feedbackScore memoryProcessed createdAt lastUpdatedAt',
  'C workspace_suggested_messages': 'workspaceId heading message createdAt lastUpdatedAt',
  'C workspace_agent_invocations': 'uuid prompt closed user_id thread_id workspace_id createdAt lastUpdatedAt',
  'C prompt_history': 'workspaceId prompt modifiedBy modifiedAt',
  'C embed_configs':
    'uuid enabled chat_mode allowlist_domains allow_model_override allow_temperature_override allow_prompt_override max_chats_per_day max_chats_per_session message_limit workspace_id createdBy usersId createdAt',
  'C embed_chats': 'prompt response session_id include connection_information embed_id usersId createdAt',
  'C slash_command_presets': 'command prompt description uid userId createdAt lastUpdatedAt',
  'C system_prompt_variables': 'key value description type userId createdAt updatedAt',
  'C welcome_messages': 'user response orderIndex createdAt',
  'O orders_conversation': 'id user_id conversation_type status started_at ended_at duration metadata',
  'O orders_message':
    'id conversation_id sender_type sender_id message_type content file_url file_size file_type created_at processed_at metadata',
  'W conversations': 'workspace user',
  'W messages': 'conversation content confidence',
  'W feedback': 'message user score',
  'N Email': 'to cc bcc thread status attachments',
  'N Chat': 'room reply edited deleted attachments',
  'D Provider': 'name slug description website documentation_url status config',
  'D Model': 'provider name version model_type capabilities config cost_input cost_output context_window status',
  'D APIKey': 'organization provider label key is_default daily_quota monthly_quota last_used_at',
  'D RoutingRule': 'organization name description priority model_type conditions models',
  'D RoutingRuleModel': 'rule model weight notes tags',
  'D ModelMetrics':
    'model organization timestamp latency_ms tokens_input tokens_output cost status error_type error_message',
  'D PromptSession': 'title description project creator model_type status prompt context response metadata cost',
  'D Prompt': 'session user input_text context metadata',
  'D ModelExecutionLog':
    'prompt model_name provider response_type input output token_input token_output cost status error',
  'O core_apiconfiguration':
    'id name api_type provider endpoint_url api_key_encrypted configuration is_active created_by_id created_at updated_at group_id',
  'O orders_order':
    'id user_id order_type status priority conversation_id assigned_to_id created_at updated_at completed_at metadata',
  'O analytics_order_statistics': 'date order_type status count avg_completion_hours',
  'O knowledge_knowledgeentry':
    'id title content category subcategory tags group_id created_by_id is_active version created_at updated_at metadata',
  'O knowledge_knowledgeversion': 'id knowledge_entry_id version title content change_summary created_by_id created_at',
  'O prompts_prompt':
    'id name category prompt_type content variables group_id created_by_id is_active version created_at updated_at',
  'O prompts_promptversion': 'id prompt_id version content change_summary created_by_id created_at',
  'O knowledge_trainingdata':
    'id data_type input_text expected_output intent entities confidence_score group_id is_used_for_training created_at validated_at validated_by_id',
  'O analytics_useractivity':
    'id user_id action resource_type resource_id ip_address user_agent session_id created_at metadata',
  'O analytics_user_activity_summary': 'user_id username role total_activities last_activity active_days',
  'O analytics_metric': 'id name category value recorded_at period metadata',
  'O analytics_userengagement':
    'id user_id session_duration page_views conversations_count orders_created date created_at',
  'W analytics_events': 'workspace product_usage observability',
  'C system_settings': 'label value createdAt lastUpdatedAt',
  'C event_logs': 'event metadata userId occurredAt',
  'C cache_data': 'name data belongsTo byId expiresAt createdAt lastUpdatedAt',
  'O core_systemsetting': 'id key value description created_at updated_at',
  'W webhook_subscriptions': 'registration workspace',
  'W jobs': 'task state schedule',
  'N AI_Interaction': 'prompts responses model tokens cost performance module',
  'D Project': 'name description organization owner collaborators status metadata',
  'D ProjectCollaborator': 'project user role',
  'N Project': 'status priority timeline completion team budget',
  'N Task': 'project assignee status priority estimated_hours actual_hours dependencies tags due_date',
  'N File': 'name mime_type size hash public_access download_tracking owner',
};

type Row = readonly string[];

/** The table below a heading: its rows, each with its cells. */
const tableUnder = (heading: string): Row[] => {
  const section = page.split(`${heading}\n`)[1]?.split(/^#/m)[0] ?? '';
  const lines = section.split('\n').filter((line) => line.startsWith('| '));
  return lines.slice(2).map((line) => line.slice(2, -2).split(' | '));
};
const quoted = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '');
const columnsIn = (text: string): string[] => quoted(text).filter((name) => /^[a-z_]+\.[a-z_0-9]+$/.test(name));
const constraintsIn = (text: string): string[] => quoted(text).filter((name) => name.endsWith('_fkey'));

interface Reference extends Record<string, unknown> {
  readonly name: string;
  readonly table: string;
  readonly target: string;
  /** As in `pg_constraint`: `c` cascade, `n` set null, `a` no action. */
  readonly action: string;
}

let bed: Testbed;
let columns: ReadonlySet<string>;
let references: readonly Reference[];
const tablesOf = (...modules: object[]): string[] => [
  ...new Set(
    modules
      .flatMap((module) => Object.values(module) as unknown[])
      .filter((value) => is(value, PgTable))
      .map((table) => getTableConfig(table).name),
  ),
];
/** The domains whose tables the page tells of, by its headings. */
const parts: Readonly<Record<string, readonly string[]>> = {
  'Identity and tenancy': tablesOf(identity, tenancy, settings),
  Content: tablesOf(content, datasources, office, sync),
  'Conversations and messaging': tablesOf(conversations, answers, prompts, embeds, visits, agents, rooms, emails),
  'Model hub': tablesOf(hub, executions, quotas, usage, routing, studio, apis),
  Projects: tablesOf(projects, tasks, time, links),
  'Orders, knowledge, analytics and platform': tablesOf(
    orders,
    knowledge,
    analytics,
    webhooks,
    eventSeals,
    idempotency,
    cache,
    schedules,
  ),
};

beforeAll(async () => {
  bed = await startTestbed();
  const unit = unitOf(bed, null);
  const attributes = await unit.run(() =>
    database.execute<{ name: string }>(sql`select c.relname || '.' || a.attname as name from pg_attribute a
      join pg_class c on c.oid = a.attrelid
      where c.relnamespace in ('public'::regnamespace, 'knowledge'::regnamespace) and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped`),
  );
  columns = new Set(attributes.map(({ name }) => name));
  references = [
    ...(await unit.run(() =>
      database.execute<Reference>(sql`select conname as name, child.relname::text as table,
        parent.relname::text as target, confdeltype::text as action
        from pg_constraint join pg_class child on child.oid = conrelid join pg_class parent on parent.oid = confrelid
        where contype = 'f' and connamespace in ('public'::regnamespace, 'knowledge'::regnamespace)`),
    )),
  ];
  await unit.rest();
}, 60_000);
afterAll(() => bed.stop());

describe.each(Object.entries(sources))('%s', (source, names) => {
  const rows = tableUnder(`### ${source}`);

  test('no column is left out, and none is named twice', () => {
    expect(rows.map(([name = '']) => (quoted(name)[0] ?? '').replaceAll(' ', '_')).sort()).toEqual(
      names.split(' ').sort(),
    );
  });

  test('each leads to columns that exist, or says why it leads nowhere', () => {
    for (const [name, ours = '', why = ''] of rows) {
      const named = columnsIn(`${ours} ${why}`);
      expect({ name, missing: named.filter((column) => !columns.has(column)) }).toEqual({ name, missing: [] });
      const leads = columnsIn(ours).length > 0 || (ours === '—' && why.trim() !== '');
      expect({ name, leads }).toEqual({ name, leads: true });
    }
  });
});

describe.each(Object.entries(parts))('%s: what goes with what', (part, tables) => {
  const headingOf = (name: string) => `## ${name}: what goes with what`;
  const rows = tableUnder(headingOf(part));
  const allRows = Object.keys(parts).flatMap((name) => tableUnder(headingOf(name)));
  const targets = ['users', 'workspaces', 'organizations'] as const;
  const ofTable = (table: string) => references.filter((reference) => reference.table === table);

  test('every table is told of once', () => {
    expect(tables.length).toBeGreaterThan(10);
    expect(rows.map(([name = '']) => quoted(name)[0] ?? '').sort()).toEqual([...tables].sort());
  });

  test('every column named exists', () => {
    const named = columnsIn(rows.flat().join(' '));
    expect(named.length).toBeGreaterThan(3);
    expect(named.filter((column) => !columns.has(column))).toEqual([]);
  });

  test('each constraint does what is said of it', () => {
    for (const [name = '', ...cells] of rows)
      for (const cell of cells)
        for (const constraint of constraintsIn(cell)) {
          const found = ofTable(quoted(name)[0] ?? '').find((reference) => reference.name === constraint);
          const said = cell.includes(`\`${constraint}\` becomes null`) ? 'n' : 'c';
          expect({ constraint, action: found?.action }).toEqual({ constraint, action: said });
        }
  });

  test('no constraint to a user, a workspace or an organization is passed over', () => {
    for (const [name = '', ...cells] of rows)
      for (const [at, target] of targets.entries()) {
        const due = ofTable(quoted(name)[0] ?? '').filter((reference) => reference.target === target);
        const told = constraintsIn(cells[at] ?? '');
        expect({
          name,
          target,
          untold: due.filter((each) => !told.includes(each.name)).map((each) => each.name),
        }).toEqual({
          name,
          target,
          untold: [],
        });
      }
  });

  test('what goes by another row hangs on one that goes itself', () => {
    const goes = (table: string, at: number): boolean => {
      const cell = allRows.find(([name]) => name === `\`${table}\``)?.[at + 1] ?? '';
      return (
        cell.startsWith('the row') ||
        // By the bank itself, which hears of it: `test/organization-erase.test.ts`.
        cell === 'forgotten' ||
        constraintsIn(cell).some((each) => !cell.includes(`\`${each}\` becomes null`))
      );
    };
    let seen = 0;
    for (const [name = '', ...cells] of rows)
      for (const [at, cell] of cells.entries())
        if (cell.startsWith('by '))
          for (const constraint of constraintsIn(cell)) {
            seen += 1;
            const target =
              ofTable(quoted(name)[0] ?? '').find((reference) => reference.name === constraint)?.target ?? '';
            expect({ constraint, target, goes: goes(target, at) }).toEqual({ constraint, target, goes: true });
          }
    expect(seen).toBeGreaterThan(5);
  });
});
