import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import postgres from 'postgres';
import { database } from '../src/database/client.ts';
import { UnitOfWork, type Scope } from '../src/database/unit-of-work.ts';
import { metricList } from '../src/domains/analytics/metric-loaders.ts';
import { metricsOf } from '../src/domains/analytics/metrics.ts';
import { turnsOf } from '../src/domains/content/bulk-run.ts';
import { analyticsEventList, eventNames } from '../src/domains/analytics/event-loaders.ts';
import { fileList } from '../src/domains/content/file-loaders.ts';
import { chunkList, documentList, documentListOfAll } from '../src/domains/content/loaders.ts';
import { pinnedPassages } from '../src/domains/content/pinned.ts';
import { versionList } from '../src/domains/content/versions.ts';
import { documentCountsByWorkspace, tagList } from '../src/domains/content/workspace-knowledge.ts';
import {
  officeCommentsByDocument,
  officeDocumentList,
  officeSharesByDocument,
  officeVersionsByDocument,
} from '../src/domains/content/office-loaders.ts';
import { searchLogList, searchStatistics } from '../src/domains/content/search-log.ts';
import { datasourceList, executionList, failureList } from '../src/domains/content/sync-loaders.ts';
import { lacking } from '../src/domains/content/reembedding.ts';
import { feedbackByWorkspace } from '../src/domains/conversations/feedback.ts';
import { waitingConversations } from '../src/domains/conversations/lifecycle-loaders.ts';
import { passagesByAnswer } from '../src/domains/conversations/explanation-loaders.ts';
import { agentInvocationsByConversation } from '../src/domains/conversations/agent-loaders.ts';
import { conversationsByWorkspace, messagesByConversation } from '../src/domains/conversations/loaders.ts';
import {
  promptHistoryByWorkspace,
  promptVariableList,
  slashCommandList,
} from '../src/domains/conversations/prompt-loaders.ts';
import { usesByTemplate } from '../src/domains/conversations/template-use-loaders.ts';
import { sharesByConversation } from '../src/domains/conversations/shares.ts';
import { citationsByEntry } from '../src/domains/conversations/knowledge-uses.ts';
import { answersAfter, answersUnderWay, newestPlace } from '../src/domains/conversations/stored-answers.ts';
import { embedConversationsByWidget, embedWidgetsByWorkspace } from '../src/domains/conversations/embed-loaders.ts';
import { messagesFrom } from '../src/domains/conversations/visitor-events.ts';
import {
  lastMessageByRoom,
  membersByRoom,
  messagesByRoom,
  newMentionsByRoom,
  openRoomsByWorkspace,
  ownRooms,
  reactionsByMessage,
  repliesByMessage,
  unreadByRoom,
} from '../src/domains/messaging/room-loaders.ts';
import { newestMatches } from '../src/domains/messaging/room-search.ts';
import { promptsBySession, promptSessionList } from '../src/domains/modelhub/prompt-loaders.ts';
import { emailsByOwner, emailsByThread, emailThreadList } from '../src/domains/messaging/email-loaders.ts';
import { foundEmails } from '../src/domains/messaging/email-search.ts';
import { categoryList, knowledgeEntryList, versionsByEntry } from '../src/domains/knowledge/entry-loaders.ts';
import { pricesByModel } from '../src/domains/modelhub/prices.ts';
import { budgetList } from '../src/domains/modelhub/budget-loaders.ts';
import { modelCallList } from '../src/domains/modelhub/call-log.ts';
import { usageOf } from '../src/domains/modelhub/usage.ts';
import { apiConfigurationList } from '../src/domains/modelhub/api-loaders.ts';
import {
  activitiesByUser,
  engagementsByUser,
  userActivityList,
  userEngagementList,
} from '../src/domains/analytics/activity-loaders.ts';
import { userActivitySummary } from '../src/domains/analytics/activity-summary.ts';
import { userSessions } from '../src/domains/analytics/user-sessions.ts';
import type { Context, Viewer } from '../src/domains/context.ts';
import { jobsBySchedule } from '../src/domains/platform/job-schedule-loaders.ts';
import { jobList } from '../src/domains/platform/loaders.ts';
import {
  deletedOrderList,
  eventsByOrder,
  orderList,
  ordersByConversation,
  publicNotesByOrder,
} from '../src/domains/orders/loaders.ts';
import { labelledText, promptTemplateList, versionsByTemplate } from '../src/domains/knowledge/template-loaders.ts';
import { trainingExampleList } from '../src/domains/knowledge/training-loaders.ts';
import { selectedPage } from '../src/domains/knowledge/training-selection.ts';
import { answersFrom } from '../src/domains/conversations/training-feedback-run.ts';
import { memberList, workspaceList } from '../src/domains/tenancy/loaders.ts';
import { discovery, viewerOfMember } from '../src/domains/tenancy/viewers.ts';
import {
  maxPath,
  messagesBelow,
  pathByConversation,
  placeByMessage,
} from '../src/domains/conversations/tree-loaders.ts';
import { membersByWorkspace } from '../src/domains/tenancy/workspace-loaders.ts';
import { encodeCursor } from '../src/database/cursor.ts';
import { effort, explained } from './plans.ts';
import { startTestbed, type Testbed } from './testbed.ts';

/** 400,000 rows and their plans say nothing on the embedded database, and take too long there. */
const onPostgres = process.env.TEST_POSTGRES_URL ? test : test.skip;

const tenants = 4;
const rows = 400_000;
/** The nth id of a kind; ids and times rise together, as they do in life. */
const idOf = (kind: number, number: number): string =>
  `0189${String(kind).padStart(4, '0')}-0000-7000-8000-${number.toString(16).padStart(12, '0')}`;
const inSql = (kind: number, number: string) =>
  `('0189${String(kind).padStart(4, '0')}-0000-7000-8000-' || lpad(to_hex((${number})::bigint), 12, '0'))::uuid`;
const [organization, user, workspace, conversation, message, document, chunk, membership, belonging, version] = [
  1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
] as const;
const [file, searched, office, officeVersion, officeShare, officeComment, job] = [11, 12, 13, 14, 15, 16, 17] as const;
const [datasource, queue, execution, failure] = [18, 19, 20, 21] as const;
const [prompt, command, variable] = [22, 23, 24] as const;
const [opinion, link] = [25, 26] as const;
const passage = 27;
const agentRun = 40;
const [promptSession, studioPrompt] = [50, 51] as const;
const [widget, visit] = [80, 81] as const;
const api = 90;
const [room, roomPlace, roomMessage, roomPart] = [32, 33, 34, 35] as const;
const [modelCall, model, apiKey] = [70, 71, 72] as const;
const [email, emailThread, emailTerm] = [61, 62, 63] as const;
const [provider, pricedModel, modelPrice] = [95, 96, 97] as const;
const budget = 70;
const [order, orderEvent, orderNote] = [101, 102, 103] as const;
const [entry, entryVersion] = [111, 112] as const;
const citation = 121;
const [template, templateVersion, agentRules] = [131, 132, 133] as const;
const training = 141;
const [activity, engagement] = [151, 152] as const;
const recorded = 110;
const metric = 161;
const time = (number: string) => `timestamptz '2026-01-01' + (${number}) * interval '1 second'`;

let bed: Testbed & { ownerUrl: string | undefined };

/** Several tenants; the first has 100 workspaces, with most rows in one of them. Row n belongs to tenant n mod 4. */
const fill = async (url: string): Promise<void> => {
  const owner = postgres(url, { max: 1, onnotice: () => undefined });
  const run = (text: string) => owner.unsafe(text);
  const tenant = inSql(organization, `n % ${tenants}`);
  // The rows are given as they are: what triggers and references would add is not what is measured.
  await run(`set session_replication_role = replica; set synchronous_commit = off`);
  await run(
    `insert into organizations (id, name, slug) select ${inSql(organization, 'n')}, 'o', 'o' || n from generate_series(0, ${tenants - 1}) n`,
  );
  await run(
    `insert into users (id, email, name) select ${inSql(user, 'n')}, n || '@example.com', 'u' from generate_series(0, 19999) n`,
  );
  await run(`insert into memberships (organization_id, id, user_id, role, created_at)
    select ${tenant}, ${inSql(membership, 'n')}, ${inSql(user, 'n')}, 'MEMBER', ${time('n')} from generate_series(0, 19999) n`);
  await run(`insert into workspaces (organization_id, id, name, slug, created_at)
    select ${tenant}, ${inSql(workspace, 'n')}, 'w', 'w-' || md5(n::text), ${time('n')} from generate_series(0, 9999) n`);
  await run(`insert into workspace_memberships (organization_id, id, workspace_id, user_id, role, created_at)
    select ${tenant}, ${inSql(belonging, 'n')}, ${inSql(workspace, `n % ${tenants}`)}, ${inSql(user, 'n')}, 'VIEWER', ${time('n')} from generate_series(0, 19999) n`);
  // One of eight is spoken, of a widget, pinned, archived, waits, was taken, or is the first user's.
  const one = (of: number, then: string, otherwise = 'null') =>
    `case when n / ${tenants} % 8 = ${of} then ${then} else ${otherwise} end`;
  await run(`insert into conversations (organization_id, id, workspace_id, title, created_at, kind, channel, pinned_at, archived_at, status, waiting_since, assigned_to_id, user_id)
    select ${tenant}, ${inSql(conversation, 'n')}, ${inSql(workspace, `n % ${tenants}`)}, 'c', ${time('n')},
      ${one(1, "'VOICE'", "'CHAT'")}, ${one(2, "'EMBED'", "'APP'")}, ${one(3, 'now()')}, ${one(4, 'now()')},
      ${one(5, "'TRANSFERRED'", one(6, "'TRANSFERRED'", "'ACTIVE'"))}, ${one(5, time('n'))}, ${one(6, inSql(user, '0'))}, ${inSql(user, one(7, '0', '4'))}
    from generate_series(0, 79999) n`);
  await run(`insert into feedback (organization_id, id, workspace_id, message_id, user_id, score, reason, reviewed_at, created_at)
    select ${tenant}, ${inSql(opinion, 'n')}, ${inSql(workspace, `n % ${tenants}`)}, ${inSql(message, 'n')}, ${inSql(user, '0')},
      ${one(1, '-1', '1')}, ${one(2, "'UNSAFE'")}, ${one(3, 'null', 'now()')}, ${time('n')} from generate_series(0, 79999) n`);
  await run(`insert into conversation_shares (organization_id, id, workspace_id, conversation_id, created_at)
    select ${tenant}, ${inSql(link, 'n')}, ${inSql(workspace, `n % ${tenants}`)}, ${inSql(conversation, `n % ${tenants}`)}, ${time('n')}
    from generate_series(0, 19999) n`);
  // The large conversation of the first tenant is one long path; the others' messages are all first ones.
  await run(`insert into messages (organization_id, id, workspace_id, conversation_id, parent_id, role, content, created_at)
    select ${tenant}, ${inSql(message, 'n')}, ${inSql(workspace, `n % ${tenants}`)},
      ${inSql(conversation, `case when n % 10 < 4 then n % ${tenants} else n % 80000 end`)},
      case when n % 20 = 12 then ${inSql(message, 'n - 12')} when n % 20 = 0 and n > 0 then ${inSql(message, 'n - 8')} end, case when n % 20 = 12 then 'ASSISTANT' else 'USER' end, 'm', ${time('n')}
    from generate_series(0, ${rows - 1}) n`);
  await run(`insert into answer_passages (organization_id, id, workspace_id, message_id, position, origin, title, start, "end", score, used, created_at)
    select ${tenant}, ${inSql(passage, 'n')}, ${inSql(workspace, `n % ${tenants}`)}, ${inSql(message, `n % ${tenants}`)}, n, 'SEARCH', 't', 0, 1, 1, true, ${time('n')}
    from generate_series(0, 79999) n`);
  await run(`insert into agent_invocations (organization_id, id, workspace_id, conversation_id, message_id, credential_kind, credential_id, max_steps, created_at)
    select ${tenant}, ${inSql(agentRun, 'n')}, ${inSql(workspace, `n % ${tenants}`)},
      ${inSql(conversation, `case when n % 10 < 4 then n % ${tenants} else n end`)}, ${inSql(message, 'n')}, 'SESSION', ${inSql(user, '0')}, 10, ${time('n')}
    from generate_series(0, 39999) n`);
  // Eight workspaces of each tenant, twenty of its users and ten models; one of seven calls was made with a key, and one of fifty failed.
  const among = (kind: number, many: number) => inSql(kind, `n % ${tenants} + ${tenants} * (n / ${tenants} % ${many})`);
  await run(`insert into execution_logs (organization_id, id, workspace_id, user_id, model_id, api_key_id, provider_name, model_name, purpose, status,
      input_tokens, output_tokens, cost, latency_ms, time_to_first_token_ms, created_at)
    select ${tenant}, ${inSql(modelCall, 'n')}, ${among(workspace, 8)}, ${among(user, 20)}, ${among(model, 10)},
      case when n / ${tenants} % 7 = 0 then ${inSql(apiKey, `n % ${tenants}`)} end, 'p', 'm', 'answer', case when n / ${tenants} % 50 = 0 then 'ERROR' else 'SUCCESS' end,
      n % 1000, n % 100, (n % 1000) * 0.000001, n % 5000, n % 500, ${time('n')}
    from generate_series(0, 79999) n`);
  // Every second one is for a group that nobody here is in.
  // Twenty members of each tenant, each with a request in twenty and, for a day of four thousand each, a sum.
  await run(`insert into user_activities (organization_id, id, user_id, workspace_id, action, mutation, duration_ms, request_id, created_at)
    select ${tenant}, ${inSql(activity, 'n')}, ${among(user, 20)}, ${among(workspace, 8)}, 'a' || n % 5, false, 1, 'r', ${time('n')} from generate_series(0, 79999) n`);
  await run(`insert into user_engagements (organization_id, id, user_id, date, sessions, session_seconds, requests, page_views, conversations, messages, orders)
    select ${tenant}, ${inSql(engagement, 'n')}, ${among(user, 20)}, date '2015-01-01' + (n / 80)::integer, 1, 1, 1, 0, 0, 0, 0 from generate_series(0, 79999) n`);
  await run(`insert into roll_ups (organization_id, id, source, looked_until, time_zone)
    select ${inSql(organization, 'n')}, ${inSql(engagement, 'n')}, 'user_engagements', ${time('70000')}, 'UTC' from generate_series(0, ${tenants - 1}) n`);
  await run(`insert into api_configurations (organization_id, id, readers, group_id, name, kind, endpoint, created_at)
    select ${tenant}, ${inSql(api, 'n')}, array[${tenant}], case when n / ${tenants} % 2 = 1 then ${inSql(api, '0')} end, 'a' || md5(n::text), 'CRM', 'https://example.com', ${time('n')}
    from generate_series(0, 39999) n`);
  await run(`insert into documents (organization_id, id, workspace_id, title, mime_type, created_at)
    select ${tenant}, ${inSql(document, 'n')}, ${inSql(workspace, `n % ${tenants}`)}, 't' || md5(n::text), 'text/plain', ${time('n')} from generate_series(0, 79999) n`);
  await run(`insert into document_chunks (organization_id, id, workspace_id, document_id, position, text, headings, start, "end", tokens, terms, frequencies, term_count, hash, created_at)
    select ${tenant}, ${inSql(chunk, 'n')}, ${inSql(workspace, `n % ${tenants}`)}, ${inSql(document, `n % ${tenants}`)}, n, 'c', '{}', 0, 1, 1, '{}', '{}', 0, '', ${time('n')}
    from generate_series(0, 79999) n`);
  await run(`insert into datasources (organization_id, id, workspace_id, name, kind, created_at)
    select ${tenant}, ${inSql(datasource, 'n')}, ${inSql(workspace, `n % ${tenants}`)}, 'd' || md5(n::text), 'FEED', ${time('n')} from generate_series(0, 19999) n`);
  await run(`insert into sync_queues (organization_id, id, workspace_id, datasource_id, created_at)
    select ${tenant}, ${inSql(queue, 'n')}, ${inSql(workspace, `n % ${tenants}`)}, ${inSql(datasource, 'n')}, ${time('n')} from generate_series(0, 19999) n`);
  await run(`insert into sync_executions (organization_id, id, workspace_id, queue_id, trigger, status, created_at)
    select ${tenant}, ${inSql(execution, 'n')}, ${inSql(workspace, `n % ${tenants}`)}, ${inSql(queue, `n % ${tenants}`)}, 'SCHEDULE', 'UNCHANGED', ${time('n')} from generate_series(0, 79999) n`);
  await run(`insert into sync_failures (organization_id, id, workspace_id, datasource_id, external_id, reason, created_at)
    select ${tenant}, ${inSql(failure, 'n')}, ${inSql(workspace, `n % ${tenants}`)}, ${inSql(datasource, `n % ${tenants}`)}, n, 'r', ${time('n')} from generate_series(0, 39999) n`);
  await run(`insert into jobs (organization_id, id, readers, kind, state, target_type, target_id, schedule_id, created_at)
    select ${tenant}, ${inSql(job, 'n')}, array[${tenant}, ${inSql(workspace, `n % ${tenants}`)}], 'k' || n % 100, case when n % 40 = 0 then 'QUEUED' else 'SUCCEEDED' end,
      'Document', ('00000000-0000-0000-0000-' || lpad((n % 4000)::text, 12, '0'))::uuid, case when n % 10 = 0 then ${inSql(workspace, `n % ${tenants}`)} end, ${time('n')}
    from generate_series(0, 79999) n`);
  await run(`insert into search_logs (organization_id, id, workspace_id, user_id, query, hit_count, latency_ms, created_at)
    select ${tenant}, ${inSql(searched, 'n')}, ${inSql(workspace, `n % ${tenants}`)}, ${inSql(user, 'n % 20')}, 'q' || n % 50, n % 3, 1, ${time('n')}
    from generate_series(0, 79999) n`);
  await run(`insert into embed_widgets (organization_id, id, workspace_id, public_id, name, created_at)
    select ${tenant}, ${inSql(widget, 'n')}, ${inSql(workspace, `n % ${tenants}`)}, n, 'w', ${time('n')} from generate_series(0, 19999) n`);
  await run(`insert into embed_conversations (organization_id, id, workspace_id, conversation_id, widget_id, visitor_id, origin, created_at)
    select ${tenant}, ${inSql(visit, 'n')}, ${inSql(workspace, `n % ${tenants}`)}, ${inSql(conversation, 'n')}, ${inSql(widget, `n % ${tenants}`)}, ${inSql(user, 'n')}, 'o', ${time('n')}
    from generate_series(0, 79999) n`);
  // All are seen by the tenant's first member, who owns every other one; one in twenty is deleted.
  const readers = `array[${inSql(user, `n % ${tenants}`)}, ${tenant}]`;
  await run(`insert into office_documents (organization_id, id, readers, owner_id, kind, title, content, size, saved_at, created_at, deleted_at)
    select ${tenant}, ${inSql(office, 'n')}, ${readers}, ${inSql(user, `n % ${tenants * 2}`)},
      (array['WORD', 'EXCEL', 'POWERPOINT'])[n / 4 % 3 + 1], 't' || md5(n::text), '{}', 2, ${time('n')}, ${time('n')},
      case when n / 4 % 20 = 0 then ${time('n')} end from generate_series(0, 79999) n`);
  const part = `${tenant}, ${readers}, ${inSql(office, `n % ${tenants}`)}, ${time('n')}`;
  await run(`insert into office_document_versions (organization_id, readers, document_id, created_at, id, version, title, content, size)
    select ${part}, ${inSql(officeVersion, 'n')}, n, 't', '{}', 2 from generate_series(0, 19999) n`);
  await run(`insert into office_document_shares (organization_id, readers, document_id, created_at, id, user_id, level)
    select ${part}, ${inSql(officeShare, 'n')}, ${inSql(user, 'n')}, 'VIEW' from generate_series(0, 19999) n`);
  await run(`insert into office_document_comments (organization_id, readers, document_id, created_at, id, text, version)
    select ${part}, ${inSql(officeComment, 'n')}, 'c', 1 from generate_series(0, 19999) n`);
  await run(`insert into prompt_sessions (organization_id, readers, created_at, id, title, status, creator_id)
    select ${tenant}, ${readers}, ${time('n')}, ${inSql(promptSession, 'n')}, 't', (array['DRAFT', 'ACTIVE'])[n / 4 % 2 + 1],
      ${inSql(user, `n % ${tenants * 2}`)} from generate_series(0, 79999) n`);
  await run(`insert into prompts (organization_id, readers, created_at, id, session_id, input)
    select ${tenant}, ${readers}, ${time('n')}, ${inSql(studioPrompt, 'n')}, ${inSql(promptSession, `n % ${tenants}`)}, 'p'
    from generate_series(0, 79999) n`);
  // Every second order is worked on, and some late ones are completed; one of eight is the first user's, is given to them, or is deleted.
  const completed = (then: string, otherwise: string) =>
    `case when n between 56000 and 67999 then ${then} else ${otherwise} end`;
  await run(`insert into orders (organization_id, readers, created_at, id, number, type, status, completed_at, priority, customer_id, assigned_to_id, conversation_id, deleted_at)
    select ${tenant}, ${readers}, ${time('n')}, ${inSql(order, 'n')}, n, 'LOAN', ${completed("'COMPLETED'", `(array['PENDING', 'PROCESSING'])[n / ${tenants} % 2 + 1]`)}, ${completed(time('n'), 'null')},
      (array['LOW', 'MEDIUM', 'HIGH', 'URGENT'])[n / ${tenants} % 4 + 1], ${inSql(user, one(1, '0', '4'))}, ${inSql(user, one(2, '0', '8'))},
      ${inSql(conversation, `n % ${tenants}`)}, ${one(3, time('n'))} from generate_series(0, 79999) n`);
  await run(`insert into order_events (organization_id, readers, created_at, id, order_id, kind, version)
    select ${tenant}, ${readers}, ${time('n')}, ${inSql(orderEvent, 'n')}, ${inSql(order, `n % ${tenants}`)}, 'CHANGED', n from generate_series(0, 39999) n`);
  await run(`insert into order_notes (organization_id, readers, created_at, id, order_id, internal, text)
    select ${tenant}, ${readers}, ${time('n')}, ${inSql(orderNote, 'n')}, ${inSql(order, `n % ${tenants}`)}, n / ${tenants} % 2 = 1, 't' from generate_series(0, 39999) n`);
  // One of eight is a draft of the first user, one for their group, one inactive, and one for a group that nobody here is in.
  await run(`insert into knowledge.entries (organization_id, created_at, updated_at, id, title, content, category, tags, group_id, status, published_at, active, created_by_id)
    select ${tenant}, ${time('n')}, ${time('n')}, ${inSql(entry, 'n')}, 't' || md5(n::text), repeat(md5(n::text), 100), 'c' || n / ${tenants} % 7, array['common', 'tag ' || n / 400],
      ${one(2, inSql(workspace, `n % ${tenants}`), one(4, inSql(workspace, '9999')))}, ${one(1, "'DRAFT'", "'PUBLISHED'")}, ${one(1, 'null', 'now()')}, n / ${tenants} % 8 <> 3, ${inSql(user, `n % ${tenants}`)}
    from generate_series(0, 79999) n`);
  await run(`insert into knowledge.entry_versions (organization_id, created_at, id, entry_id, version, title, content, category, tags)
    select ${tenant}, ${time('n')}, ${inSql(entryVersion, 'n')}, ${inSql(entry, `n % ${tenants}`)}, n, 't', 'c', 'c', '{}' from generate_series(0, 39999) n`);
  await run(`insert into knowledge.prompt_templates (organization_id, created_at, updated_at, id, name, category, type, content, variables, group_id)
    select ${tenant}, ${time('n')}, ${time('n')}, ${inSql(template, 'n')}, 't' || n, ${one(1, "'mail'", "'chat'")}, 'SYSTEM', 'c', '{}',
      ${one(2, inSql(room, '0'))} from generate_series(0, 19999) n`);
  await run(`insert into knowledge.prompt_template_versions (organization_id, created_at, id, template_id, version, content, variables)
    select ${tenant}, ${time('n')}, ${inSql(templateVersion, 'n')}, ${inSql(template, `n % ${tenants}`)}, n, 'c', '{}' from generate_series(0, 19999) n`);
  await run(`insert into knowledge.prompt_template_labels (organization_id, created_at, id, template_id, label, version)
    select ${tenant}, ${time('n')}, ${inSql(templateVersion, 'n')}, ${inSql(template, 'n')}, 'production', n from generate_series(0, 19999) n`);
  // Of eight workspaces two answer by a template, and the agents of one are instructed by it.
  await run(`update workspaces set prompt_template_id = ${inSql(template, 'n')}, prompt_template_label = 'production'
    from generate_series(0, 9999) n where workspaces.id = ${inSql(workspace, 'n')} and n / ${tenants} % 8 in (1, 2)`);
  await run(`insert into agent_settings (organization_id, created_at, id, workspace_id, prompt_template_id, prompt_template_label)
    select ${tenant}, ${time('n')}, ${inSql(agentRules, 'n')}, ${inSql(workspace, 'n')}, case when n / ${tenants} % 8 = 1 then ${inSql(template, 'n')} end,
      case when n / ${tenants} % 8 = 1 then 'production' end from generate_series(0, 9999) n`);
  // One of eight is of another type, of the first group, or PENDING; most of the others were used.
  await run(`insert into knowledge.training_examples (organization_id, created_at, id, type, input, expected_output, confidence, group_id, status, validated_at, used_at, fingerprint)
    select ${tenant}, ${time('n')}, ${inSql(training, 'n')}, ${one(1, "'DOCUMENT'", "'FAQ'")}, 'i', 'o', (n % 1000) / 1000.0, ${one(2, inSql(user, '0'))},
      ${one(3, "'PENDING'", "'VALIDATED'")}, ${one(3, 'null', time('n'))}, ${one(4, 'null', time('n'))}, md5(n::text) from generate_series(0, 79999) n`);
  // Half of the events are in the tenant's first workspace, the others in five.
  const happened = `case when n / 4 % 2 = 0 then ${inSql(workspace, `n % ${tenants}`)} else ${inSql(workspace, `n / 4 % 10 * ${tenants} + n % ${tenants}`)} end`;
  await run(`insert into analytics_events (organization_id, id, occurred_at, created_at, workspace_id, user_id, name, source, session)
    select ${tenant}, ${inSql(recorded, 'n')}, ${time('n')}, ${time('n')}, ${happened}, ${inSql(user, 'n % 40')}, 'e' || n / 4 % 100, 'CLIENT', 's' || n / 4 % 100
    from generate_series(0, 79999) n`);
  await run(`insert into metrics (organization_id, id, workspace_id, name, category, period, period_start, value, samples)
    select ${tenant}, ${inSql(metric, 'n')}, ${among(workspace, 8)}, 'EVENTS', 'EVENTS', (array['HOURLY', 'WEEKLY'])[n / ${tenants} % 2 + 1], ${time('n')}, 1, 1
    from generate_series(0, 79999) n`);
  await run(
    `update orders set status = 'COMPLETED', completed_at = created_at + interval '1 hour' where number >= 40000`,
  );
  await run(`insert into files (organization_id, id, readers, name, mime_type, size, sha256, status, uploaded_by_id, created_at)
    select ${tenant}, ${inSql(file, 'n')}, array[${inSql(workspace, `n % ${tenants}`)}, ${tenant}], md5(n::text), 'text/plain', n,
      md5(n::text) || md5(n::text), 'STORED', ${inSql(user, 'n % 40')}, ${time('n')}
    from generate_series(0, 79999) n`);
  await run(`insert into document_versions (organization_id, id, workspace_id, document_id, version, title, mime_type, text, content_hash, created_at)
    select ${tenant}, ${inSql(version, 'n')}, ${inSql(workspace, `n % ${tenants}`)}, ${inSql(document, `n % ${tenants}`)}, n, 't', 'text/plain', 'v', '', ${time('n')}
    from generate_series(0, 79999) n`);
  await run(`insert into prompt_history (organization_id, id, workspace_id, version, prompt, created_at)
    select ${tenant}, ${inSql(prompt, 'n')}, ${inSql(workspace, `n % ${tenants}`)}, n, 'p', ${time('n')} from generate_series(0, 79999) n`);
  // One in a hundred is the organization's; the others belong to 500 members.
  const whose = `case when n / 4 % 100 = 0 then null else ${inSql(user, '(n / 4 + 1) % 500 * 4')} end`;
  await run(`insert into slash_commands (organization_id, id, user_id, command, prompt)
    select ${tenant}, ${inSql(command, 'n')}, ${whose}, 'c' || md5(n::text), 'p' from generate_series(0, 79999) n`);
  await run(`insert into prompt_variables (organization_id, id, user_id, type, key)
    select ${tenant}, ${inSql(variable, 'n')}, ${whose}, case when n / 4 % 100 = 0 then 'STATIC' else 'USER' end, 'k' || md5(n::text)
    from generate_series(0, 79999) n`);
  await run(`insert into document_labels (organization_id, workspace_id, document_id, key, value)
    select ${tenant}, ${inSql(workspace, `n % ${tenants}`)}, ${inSql(document, 'n')}, label.key, label.value
    from generate_series(0, 79999) n,
      lateral (values ('', 'common'), ('', 'tag ' || n / 400), ('page', (n / 400)::text)) as label (key, value)`);
  // Channels open to one workspace, and every second one private; the tenant's first member is in fifty of both, and half of all that is written
  // and half of the members are in its first channel.
  const open = `case when n / 4 % 2 = 0 then ${inSql(workspace, `n % ${tenants}`)} end`;
  const busy = inSql(room, `case when n % 8 < 4 then n % ${tenants} else n % 400 end`);
  const openOfBusy = `case when n % 8 < 4 or n % 400 / 4 % 2 = 0 then ${inSql(workspace, `n % ${tenants}`)} end`;
  await run(`insert into rooms (organization_id, id, kind, open_to_id, name, last_message_at, created_at)
    select ${tenant}, ${inSql(room, 'n')}, 'CHANNEL', ${open}, 'r' || n, ${time('n')}, ${time('n')} from generate_series(0, 7999) n`);
  await run(`insert into room_memberships (organization_id, id, room_id, open_to_id, user_id, created_at)
    select ${tenant}, ${inSql(roomPlace, 'n')}, ${inSql(room, `case when n < 10000 then n % ${tenants} else (n - 10000) % 8000 end`)},
      case when n < 10000 then ${inSql(workspace, `n % ${tenants}`)} when (n - 10000) / 4 % 2 = 0 then ${inSql(workspace, `n % ${tenants}`)} end,
      ${inSql(user, `case when n between 10000 and 10399 then n % ${tenants} else n end`)}, ${time('n')}
    from generate_series(0, 19999) n where n < 10000 or n > 10003`);
  await run(`insert into room_messages (organization_id, id, room_id, open_to_id, sender_id, reply_to_id, content, created_at)
    select ${tenant}, ${inSql(roomMessage, 'n')}, ${busy}, ${openOfBusy}, ${inSql(user, `${tenants} + n % 100`)},
      case when n % 8 < 4 then ${inSql(roomMessage, `n % ${tenants}`)} end, 'm', ${time('n')} from generate_series(0, 39999) n`);
  await run(`insert into room_message_terms (organization_id, id, room_id, open_to_id, message_id, term)
    select ${tenant}, ${inSql(roomPart, 'n * 2 + word.at')}, ${busy}, ${openOfBusy}, ${inSql(roomMessage, 'n')}, word.term
    from generate_series(0, 39999) n, lateral (values (0, 'common'), (1, 'w' || n / 4 % 50)) as word (at, term)`);
  await run(`insert into room_mentions (organization_id, id, room_id, open_to_id, message_id, user_id, created_at)
    select ${tenant}, ${inSql(roomPart, 'n')}, ${busy}, ${openOfBusy}, ${inSql(roomMessage, 'n')}, ${inSql(user, `n % ${tenants}`)}, ${time('n')}
    from generate_series(0, 19999) n`);
  await run(`insert into room_reactions (organization_id, id, room_id, open_to_id, message_id, user_id, emoji, created_at)
    select ${tenant}, ${inSql(roomPart, 'n')}, ${busy}, ${openOfBusy}, ${inSql(roomMessage, 'n')}, ${inSql(user, `n % ${tenants}`)}, 'e', ${time('n')}
    from generate_series(0, 19999) n`);
  // The first member of each tenant has all of its e-mails, one in a thousand of them unusual.
  const mailbox = `${tenant}, ${inSql(user, `n % ${tenants}`)}, ${time('n')}`;
  await run(`insert into email_threads (organization_id, user_id, created_at, last_email_at, id, subject, email_count)
    select ${mailbox}, ${time('n')}, ${inSql(emailThread, 'n')}, 's', 1 from generate_series(0, 79999) n`);
  await run(`insert into emails (organization_id, user_id, created_at, id, thread_id, status, "from", message_id)
    select ${mailbox}, ${inSql(email, 'n')}, ${inSql(emailThread, `case when n / 4 % 10 = 0 then n % ${tenants} else n end`)}, case when n / 4 % 100 = 0 then 'SENT' else 'RECEIVED' end,
      '{"name": "", "address": "a@example.com"}', '<' || n || '@example.com>' from generate_series(0, 79999) n`);
  await run(`insert into email_terms (organization_id, user_id, created_at, id, email_id, term)
    select ${mailbox}, ${inSql(emailTerm, 'n')}, ${inSql(email, 'n')}, 'common' from generate_series(0, 79999) n`);
  await run(`insert into providers (id, name, slug, dialect) values (${inSql(provider, '0')}, 'p', 'p', 'OPENAI')`);
  await run(`insert into models (id, provider_id, name, type, context_window)
    select ${inSql(pricedModel, 'n')}, ${inSql(provider, '0')}, 'm' || n, 'TEXT', 8192 from generate_series(0, 3) n`);
  await run(`insert into model_prices (id, model_id, effective_from)
    select ${inSql(modelPrice, 'n')}, ${inSql(pricedModel, 'n % 4')}, ${time('n')} from generate_series(0, 19999) n`);
  await run(`insert into budgets (organization_id, id, subject, subject_id, measure, "window", "limit", created_at)
    select ${tenant}, ${inSql(budget, 'n')}, 'USER', ${inSql(user, 'n')}, 'COST', 'DAY', 1, ${time('n')} from generate_series(0, 39999) n`);
  // Each answer cites its entry twice.
  await run(`insert into citations (organization_id, workspace_id, created_at, id, message_id, position, marker, knowledge_entry_id, knowledge_version, quote, start, "end", score)
    select ${tenant}, ${inSql(workspace, `n % ${tenants}`)}, ${time('n / 8 * 8')}, ${inSql(citation, 'n')}, ${inSql(message, 'n / 8 * 4 + n % 4')}, n / 4 % 2, 1,
      ${inSql(entry, `n % ${tenants}`)}, 1, 'q', 0, 1, 1 from generate_series(0, 79999) n`);
  await run('analyze');
  await owner.end();
};

beforeAll(async () => {
  if (process.env.TEST_POSTGRES_URL === undefined) return;
  bed = await startTestbed();
  await fill(bed.ownerUrl ?? '');
}, 180_000);
afterAll(() => bed?.stop());

const tenant = idOf(organization, 0);
const member: Scope = {
  organizationId: tenant,
  userId: idOf(user, 0),
  principals: [idOf(user, 0), idOf(workspace, 0)],
  workspaces: [idOf(workspace, 0), idOf(workspace, 4)],
};
const administrator: Scope = { ...member, principals: [idOf(user, 0), tenant], workspaces: '*' };

const plansOf = (scope: Scope, work: (unit: UnitOfWork) => Promise<unknown>) => explained(bed, scope, work);

type Read = (unit: UnitOfWork, args: object) => Promise<unknown>;
const at = (number: number): string =>
  new Date(Date.UTC(2026, 0, 1) + number * 1000)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z/, '+00');
const created = (way: string, kind: number, number = 8000) =>
  encodeCursor(`CREATED_AT ${way}`, [at(number), idOf(kind, number)]);
const calledAt = created('DESC', modelCall, 40_000);
type List = readonly [name: string, index: string, cursor: string | null, read: Read];
const lists: readonly List[] = [
  ['workspaces', 'workspaces_created_at_index', created('DESC', workspace), (unit, args) => workspaceList(unit, args)],
  [
    'workspaces by slug',
    'workspaces_slug_key',
    null,
    (unit, args) => workspaceList(unit, { ...args, orderBy: [{ field: 'SLUG', direction: 'ASC' }] }),
  ],
  [
    'workspaces by name',
    'workspaces_name_index',
    null,
    (unit, args) => workspaceList(unit, { ...args, orderBy: [{ field: 'NAME', direction: 'ASC' }] }),
  ],
  [
    'earlier prompts',
    'prompt_history_version_key',
    encodeCursor('VERSION DESC', [8000, idOf(prompt, 8000)]),
    (unit, args) => promptHistoryByWorkspace(unit, args, idOf(workspace, 0)),
  ],
  [
    "a workspace's members",
    'workspace_memberships_created_at_index',
    created('ASC', belonging),
    (unit, args) => membersByWorkspace(unit, args, idOf(workspace, 0)),
  ],
  ['budgets', 'budgets_created_at_index', created('ASC', budget), (unit, args) => budgetList(unit, args)],
  ['members', 'memberships_created_at_index', created('ASC', membership), (unit, args) => memberList(unit, args)],
  [
    'documents',
    'documents_created_at_index',
    created('DESC', document),
    (unit, args) => documentList(unit, args, idOf(workspace, 0)),
  ],
  [
    'documents by title',
    'documents_title_index',
    null,
    (unit, args) =>
      documentList(unit, { ...args, orderBy: [{ field: 'TITLE', direction: 'ASC' }] }, idOf(workspace, 0)),
  ],
  [
    'documents by state',
    'documents_status_index',
    null,
    (unit, args) => documentList(unit, { ...args, filter: { status: { eq: 'READY' } } }, idOf(workspace, 0)),
  ],
  [
    'documents by type',
    'documents_mime_type_index',
    null,
    (unit, args) => documentList(unit, { ...args, filter: { mimeType: { eq: 'text/csv' } } }, idOf(workspace, 0)),
  ],
  [
    'pinned documents',
    'documents_pinned_index',
    null,
    (unit, args) => documentList(unit, { ...args, filter: { pinned: { eq: true } } }, idOf(workspace, 0)),
  ],
  [
    'all documents',
    'documents_all_created_at_index',
    created('DESC', document),
    (unit, args) => documentListOfAll(unit, args),
  ],
  [
    'all documents by title',
    'documents_all_title_index',
    null,
    (unit, args) => documentListOfAll(unit, { ...args, orderBy: [{ field: 'TITLE', direction: 'ASC' }] }),
  ],
  [
    'versions',
    'document_versions_version_key',
    encodeCursor('VERSION DESC', [8000, idOf(version, 8000)]),
    (unit, args) => versionList(unit, args, idOf(document, 0)),
  ],
  [
    'enabled chunks',
    'document_chunks_position_key',
    null,
    (unit, args) => chunkList(unit, { ...args, filter: { enabled: { eq: true } } }, idOf(document, 0)),
  ],
  [
    'chunks',
    'document_chunks_position_key',
    encodeCursor('POSITION ASC', [8000, idOf(chunk, 8000)]),
    (unit, args) => chunkList(unit, args, idOf(document, 0)),
  ],
  ['files', 'files_created_at_index', created('DESC', file), (unit, args) => fileList(unit, args)],
  [
    'files by name',
    'files_name_index',
    null,
    (unit, args) => fileList(unit, { ...args, orderBy: [{ field: 'NAME', direction: 'ASC' }] }),
  ],
  [
    'files by size',
    'files_size_index',
    encodeCursor('SIZE DESC', [8000, idOf(file, 8000)]),
    (unit, args) => fileList(unit, { ...args, orderBy: [{ field: 'SIZE', direction: 'DESC' }] }),
  ],
  [
    "somebody's files",
    'files_uploaded_by_id_index',
    null,
    (unit, args) => fileList(unit, { ...args, filter: { uploadedBy: { eq: idOf(user, 0) } } }),
  ],
  [
    'datasources',
    'datasources_created_at_index',
    created('DESC', datasource),
    (unit, args) => datasourceList(unit, args, idOf(workspace, 0)),
  ],
  [
    'datasources by name',
    'datasources_name_key',
    null,
    (unit, args) =>
      datasourceList(unit, { ...args, orderBy: [{ field: 'NAME', direction: 'ASC' }] }, idOf(workspace, 0)),
  ],
  [
    'runs',
    'sync_executions_created_at_index',
    created('DESC', execution),
    (unit, args) => executionList(unit, args, idOf(queue, 0)),
  ],
  [
    'failures of a sync',
    'sync_failures_created_at_index',
    created('DESC', failure),
    (unit, args) => failureList(unit, args, idOf(datasource, 0)),
  ],
  [
    'conversations',
    'conversations_created_at_index',
    created('DESC', conversation),
    (unit, args) => conversationsByWorkspace(unit, args, idOf(workspace, 0)),
  ],
  ...(
    [
      ['archived conversations', 'conversations_archived_at_index', { archived: { eq: true } }],
      ['pinned conversations', 'conversations_pinned_at_index', { pinned: { eq: true } }],
      ['conversations in a state', 'conversations_status_index', { status: { eq: 'TRANSFERRED' } }],
      ["a member's conversations", 'conversations_user_id_index', { startedBy: { eq: idOf(user, 0) } }],
      ['conversations somebody has taken', 'conversations_assigned_to_id_index', { assignedTo: { eq: idOf(user, 0) } }],
      ['spoken conversations', 'conversations_kind_index', { kind: { eq: 'VOICE' } }],
      ['conversations of widgets', 'conversations_channel_index', { channel: { eq: 'EMBED' } }],
    ] as const
  ).map(([name, index, filter]): List => [
    name,
    index,
    null,
    (unit, args) => conversationsByWorkspace(unit, { ...args, filter }, idOf(workspace, 0)),
  ]),
  [
    'waiting conversations',
    'conversations_waiting_since_index',
    null,
    (unit, args) => waitingConversations(unit, { holdsAllWorkspaces: true } as Viewer, args),
  ],
  [
    'feedback',
    'feedback_created_at_index',
    created('DESC', opinion),
    (unit, args) => feedbackByWorkspace(unit, args, idOf(workspace, 0)),
  ],
  ...(
    [
      ['feedback of a score', 'feedback_score_index', { scale: { eq: 'THUMBS' }, score: { eq: -1 } }],
      ['feedback with a reason', 'feedback_reason_index', { reason: { eq: 'UNSAFE' } }],
      ['feedback to be reviewed', 'feedback_unreviewed_index', { reviewed: { eq: false } }],
    ] as const
  ).map(([name, index, filter]): List => [
    name,
    index,
    null,
    (unit, args) => feedbackByWorkspace(unit, { ...args, filter }, idOf(workspace, 0)),
  ]),
  [
    'links to a conversation',
    'conversation_shares_created_at_index',
    created('DESC', link),
    (unit, args) => sharesByConversation(unit, args, idOf(conversation, 0)),
  ],
  [
    'runs of agents',
    'agent_invocations_conversation_id_index',
    created('DESC', agentRun),
    (unit, args) => agentInvocationsByConversation(unit, args, idOf(conversation, 0)),
  ],
  [
    'APIs',
    'api_configurations_created_at_index',
    created('ASC', api),
    (unit, args) => apiConfigurationList(unit, args),
  ],
  [
    'APIs by name',
    'api_configurations_name_key',
    null,
    (unit, args) => apiConfigurationList(unit, { ...args, orderBy: [{ field: 'NAME', direction: 'ASC' }] }),
  ],
  ['jobs', 'jobs_created_at_index', created('DESC', job), (unit, args) => jobList(unit, args)],
  [
    'jobs of a kind',
    'jobs_kind_index',
    null,
    (unit, args) => jobList(unit, { ...args, filter: { kind: { eq: 'k0' } } }),
  ],
  [
    'jobs of a schedule',
    'jobs_schedule_id_index',
    created('DESC', job),
    (unit, args) => jobsBySchedule(unit, args, idOf(workspace, 0)),
  ],
  [
    'jobs in a state',
    'jobs_state_index',
    null,
    (unit, args) => jobList(unit, { ...args, filter: { state: { eq: 'QUEUED' } } }),
  ],
  [
    'jobs about a thing',
    'jobs_target_id_index',
    null,
    (unit, args) => jobList(unit, { ...args, filter: { targetId: { eq: '00000000-0000-0000-0000-000000000004' } } }),
  ],
  [
    'searches',
    'search_logs_created_at_index',
    created('DESC', searched),
    (unit, args) => searchLogList(unit, args, idOf(workspace, 0)),
  ],
  [
    'searches in vain',
    'search_logs_created_at_index',
    null,
    (unit, args) => searchLogList(unit, { ...args, filter: { hitCount: { eq: 0 } } }, idOf(workspace, 0)),
  ],
  [
    "a member's searches",
    'search_logs_user_id_index',
    null,
    (unit, args) => searchLogList(unit, { ...args, filter: { userId: { eq: idOf(user, 0) } } }, idOf(workspace, 0)),
  ],
  [
    'widgets',
    'embed_widgets_created_at_index',
    created('DESC', widget),
    (unit, args) => embedWidgetsByWorkspace(unit, args, idOf(workspace, 0)),
  ],
  [
    "visitors' conversations",
    'embed_conversations_created_at_index',
    created('DESC', visit),
    (unit, args) => embedConversationsByWidget(unit, args, idOf(widget, 0)),
  ],
  [
    'messages',
    'messages_created_at_index',
    created('ASC', message),
    (unit, args) => messagesByConversation(unit, args, idOf(conversation, 0)),
  ],
  [
    'passages of an answer',
    'answer_passages_position_key',
    encodeCursor('POSITION ASC', [8000, idOf(passage, 8000)]),
    (unit, args) => passagesByAnswer(unit, args, idOf(message, 0)),
  ],
  [
    'office documents',
    'office_documents_saved_at_index',
    encodeCursor('SAVED_AT DESC', [at(8000), idOf(office, 8000)]),
    (unit, args) => officeDocumentList(unit, args),
  ],
  [
    'office documents by time of making',
    'office_documents_created_at_index',
    null,
    (unit, args) => officeDocumentList(unit, { ...args, orderBy: [{ field: 'CREATED_AT', direction: 'ASC' }] }),
  ],
  [
    'office documents by title',
    'office_documents_title_index',
    null,
    (unit, args) => officeDocumentList(unit, { ...args, orderBy: [{ field: 'TITLE', direction: 'ASC' }] }),
  ],
  [
    'office documents of somebody',
    'office_documents_owner_id_index',
    null,
    (unit, args) => officeDocumentList(unit, { ...args, filter: { ownerId: { eq: idOf(user, 0) } } }),
  ],
  [
    'deleted office documents',
    'office_documents_deleted_at_index',
    encodeCursor('DELETED_AT DESC', [at(8000), idOf(office, 8000)]),
    (unit, args) => officeDocumentList(unit, { ...args, filter: { deleted: true } }),
  ],
  [
    'versions of an office document',
    'office_document_versions_version_key',
    encodeCursor('VERSION DESC', [8000, idOf(officeVersion, 8000)]),
    (unit, args) => officeVersionsByDocument(unit, args, idOf(office, 0)),
  ],
  [
    'shares of an office document',
    'office_document_shares_created_at_index',
    created('ASC', officeShare),
    (unit, args) => officeSharesByDocument(unit, args, idOf(office, 0)),
  ],
  [
    'comments about an office document',
    'office_document_comments_created_at_index',
    created('ASC', officeComment),
    (unit, args) => officeCommentsByDocument(unit, args, idOf(office, 0)),
  ],
  [
    'prompt sessions',
    'prompt_sessions_created_at_index',
    created('DESC', promptSession),
    (unit, args) => promptSessionList(unit, args),
  ],
  [
    'prompt sessions of a status',
    'prompt_sessions_status_index',
    null,
    (unit, args) => promptSessionList(unit, { ...args, filter: { status: { eq: 'ACTIVE' } } }),
  ],
  [
    'prompts of a session',
    'prompts_created_at_index',
    created('DESC', studioPrompt),
    (unit, args) => promptsBySession(unit, args, idOf(promptSession, 0)),
  ],
  [
    'events',
    'analytics_events_occurred_at_index',
    encodeCursor('OCCURRED_AT DESC', [at(8000), idOf(recorded, 8000)]),
    (unit, args) => analyticsEventList(unit, args),
  ],
  ...(
    [
      ['user_id', { userId: { eq: idOf(user, 0) } }],
      ['session', { session: { eq: 's0' } }],
      ['name', { name: { eq: 'e0' } }],
      ['workspace_id', { workspaceId: { eq: idOf(workspace, 4) } }],
    ] as const
  ).map(([by, filter]): List => [
    `events by ${by}`,
    `analytics_events_${by}_index`,
    null,
    (unit, args) => analyticsEventList(unit, { ...args, filter }),
  ]),
  [
    'figures rolled up',
    'metrics_all_period_start_index',
    encodeCursor('PERIOD_START DESC', [at(8000), idOf(metric, 8000)]),
    (unit, args) => metricList(unit, args),
  ],
  [
    'figures of weeks',
    'metrics_period_start_index',
    null,
    (unit, args) => metricList(unit, { ...args, filter: { period: { eq: 'WEEKLY' } } }),
  ],
  ['orders', 'orders_created_at_index', created('DESC', order), (unit, args) => orderList(unit, args)],
  [
    'orders by priority',
    'orders_priority_index',
    null,
    (unit, args) => orderList(unit, { ...args, orderBy: [{ field: 'PRIORITY', direction: 'DESC' }] }),
  ],
  [
    'orders by number',
    'orders_number_key',
    null,
    (unit, args) => orderList(unit, { ...args, orderBy: [{ field: 'NUMBER', direction: 'DESC' }] }),
  ],
  [
    'orders of a status',
    'orders_status_index',
    null,
    (unit, args) => orderList(unit, { ...args, filter: { status: { eq: 'PROCESSING' } } }),
  ],
  [
    'orders of a customer',
    'orders_customer_id_index',
    null,
    (unit, args) => orderList(unit, { ...args, filter: { customerId: { eq: idOf(user, 0) } } }),
  ],
  [
    'orders that somebody works on',
    'orders_assigned_to_id_index',
    null,
    (unit, args) => orderList(unit, { ...args, filter: { assignedToId: { eq: idOf(user, 0) } } }),
  ],
  [
    'orders of a conversation',
    'orders_conversation_id_index',
    created('DESC', order),
    (unit, args) => ordersByConversation(unit, args, idOf(conversation, 0)),
  ],
  [
    'training examples',
    'training_examples_created_at_index',
    created('DESC', training),
    (unit, args) => trainingExampleList(unit, args),
  ],
  [
    'training examples by confidence',
    'training_examples_confidence_index',
    null,
    (unit, args) => trainingExampleList(unit, { ...args, orderBy: [{ field: 'CONFIDENCE', direction: 'DESC' }] }),
  ],
  [
    'training examples of a status',
    'training_examples_status_index',
    null,
    (unit, args) => trainingExampleList(unit, { ...args, filter: { status: { eq: 'PENDING' } } }),
  ],
  [
    'training examples of a type',
    'training_examples_type_index',
    null,
    (unit, args) => trainingExampleList(unit, { ...args, filter: { type: { eq: 'DOCUMENT' } } }),
  ],
  [
    'training examples of a group',
    'training_examples_group_id_index',
    null,
    (unit, args) => trainingExampleList(unit, { ...args, filter: { groupId: { eq: idOf(user, 0) } } }),
  ],
  [
    'requests of members',
    'user_activities_created_at_index',
    created('DESC', activity),
    (unit, args) => userActivityList(unit, args),
  ],
  [
    'requests of a member',
    'user_activities_user_id_index',
    created('DESC', activity),
    (unit, args) => activitiesByUser(unit, args, idOf(user, 0)),
  ],
  [
    'requests of a member among those of all',
    'user_activities_user_id_index',
    null,
    (unit, args) => userActivityList(unit, { ...args, filter: { userId: { eq: idOf(user, 0) } } }),
  ],
  [
    'days of members',
    'user_engagements_date_index',
    encodeCursor('DATE DESC', ['2016-01-01', idOf(engagement, 8000)]),
    (unit, args) => userEngagementList(unit, args),
  ],
  [
    'days of a member',
    'user_engagements_date_key',
    encodeCursor('DATE DESC', ['2016-01-01', idOf(engagement, 8000)]),
    (unit, args) => engagementsByUser(unit, args, idOf(user, 0)),
  ],
  ['deleted orders', 'orders_deleted_at_index', null, (unit, args) => deletedOrderList(unit, args)],
  [
    'the history of an order',
    'order_events_created_at_index',
    created('ASC', orderEvent),
    (unit, args) => eventsByOrder(unit, args, idOf(order, 0)),
  ],
  [
    'entries of the bank',
    'entries_created_at_index',
    created('DESC', entry),
    (unit, args) => knowledgeEntryList(unit, args),
  ],
  [
    'entries of the bank by their last change',
    'entries_updated_at_index',
    encodeCursor('UPDATED_AT DESC', [at(8000), idOf(entry, 8000)]),
    (unit, args) => knowledgeEntryList(unit, { ...args, orderBy: [{ field: 'UPDATED_AT', direction: 'DESC' }] }),
  ],
  [
    'entries of the bank by title',
    'entries_title_index',
    null,
    (unit, args) => knowledgeEntryList(unit, { ...args, orderBy: [{ field: 'TITLE', direction: 'ASC' }] }),
  ],
  [
    'drafts of the bank',
    'entries_status_index',
    created('DESC', entry),
    (unit, args) => knowledgeEntryList(unit, { ...args, filter: { status: { eq: 'DRAFT' } } }),
  ],
  [
    'entries of a category',
    'entries_category_index',
    created('DESC', entry),
    (unit, args) => knowledgeEntryList(unit, { ...args, filter: { category: { eq: 'c3' } } }),
  ],
  [
    'entries of a group',
    'entries_group_id_index',
    created('DESC', entry),
    (unit, args) => knowledgeEntryList(unit, { ...args, filter: { groupId: { eq: idOf(workspace, 0) } } }),
  ],
  [
    'entries with a tag',
    'entries_created_at_index',
    created('DESC', entry),
    (unit, args) => knowledgeEntryList(unit, { ...args, filter: { tags: { has: 'common' } } }),
  ],
  [
    'versions of an entry',
    'entry_versions_version_key',
    encodeCursor('VERSION DESC', [8000, idOf(entryVersion, 8000)]),
    (unit, args) => versionsByEntry(unit, args, idOf(entry, 0)),
  ],
  [
    'notes of an order',
    'order_notes_created_at_index',
    created('ASC', orderNote),
    (unit, args) => publicNotesByOrder(unit, args, idOf(order, 0)),
  ],
  [
    'prompt templates',
    'prompt_templates_created_at_index',
    created('DESC', template),
    (unit, args) => promptTemplateList(unit, args),
  ],
  [
    'prompt templates by their last change',
    'prompt_templates_updated_at_index',
    encodeCursor('UPDATED_AT DESC', [at(8000), idOf(template, 8000)]),
    (unit, args) => promptTemplateList(unit, { ...args, orderBy: [{ field: 'UPDATED_AT', direction: 'DESC' }] }),
  ],
  [
    'prompt templates by name',
    'prompt_templates_name_key',
    null,
    (unit, args) => promptTemplateList(unit, { ...args, orderBy: [{ field: 'NAME' }] }),
  ],
  [
    'prompt templates of a category',
    'prompt_templates_category_index',
    null,
    (unit, args) => promptTemplateList(unit, { ...args, filter: { category: { eq: 'mail' } } }),
  ],
  [
    'prompt templates of a group',
    'prompt_templates_group_id_index',
    null,
    (unit, args) => promptTemplateList(unit, { ...args, filter: { groupId: { eq: idOf(room, 0) } } }),
  ],
  [
    'versions of a prompt template',
    'prompt_template_versions_version_key',
    encodeCursor('VERSION DESC', [8000, idOf(templateVersion, 8000)]),
    (unit, args) => versionsByTemplate(unit, args, idOf(template, 0)),
  ],
  [
    'channels open to a workspace',
    'rooms_open_to_id_index',
    encodeCursor('LAST_MESSAGE_AT DESC', [at(4000), idOf(room, 4000)]),
    (unit, args) => openRoomsByWorkspace(unit, args, idOf(workspace, 0)),
  ],
  [
    'members of a room',
    'room_memberships_created_at_index',
    created('ASC', roomPlace),
    (unit, args) => membersByRoom(unit, args, idOf(room, 0)),
  ],
  [
    'messages of a room',
    'room_messages_created_at_index',
    created('ASC', roomMessage),
    (unit, args) => messagesByRoom(unit, args, idOf(room, 0)),
  ],
  [
    'replies to a message of a room',
    'room_messages_reply_to_id_index',
    created('ASC', roomMessage),
    (unit, args) => repliesByMessage(unit, args, idOf(roomMessage, 0)),
  ],
  [
    'e-mails',
    'emails_created_at_index',
    created('DESC', email),
    (unit, args) => emailsByOwner(unit, args, idOf(user, 0)),
  ],
  [
    'e-mails in a state',
    'emails_status_index',
    null,
    (unit, args) => emailsByOwner(unit, { ...args, filter: { status: { eq: 'SENT' } } }, idOf(user, 0)),
  ],
  [
    'e-mails of a thread',
    'emails_thread_id_index',
    created('ASC', email),
    (unit, args) => emailsByThread(unit, args, idOf(emailThread, 0)),
  ],
  [
    'threads of e-mails',
    'email_threads_last_email_at_index',
    encodeCursor('LAST_EMAIL_AT DESC', [at(8000), idOf(emailThread, 8000)]),
    (unit, args) => emailThreadList(unit, args, idOf(user, 0)),
  ],
  [
    'prices of a model',
    'model_prices_effective_from_key',
    encodeCursor('EFFECTIVE_FROM DESC', [at(8000), idOf(modelPrice, 8000)]),
    (unit, args) => pricesByModel(unit, args, idOf(pricedModel, 0)),
  ],
  ['calls of models', 'execution_logs_created_at_index', calledAt, (unit, args) => modelCallList(unit, args)],
  ...(
    [
      ['of a workspace', 'workspace_id', { workspaceId: { eq: idOf(workspace, 0) } }],
      ['of somebody', 'user_id', { userId: { eq: idOf(user, 0) } }],
      ['of one model', 'model_id', { modelId: { eq: idOf(model, 0) } }],
      ['with a key', 'api_key_id', { apiKeyId: { eq: idOf(apiKey, 0) } }],
      ['that failed', 'failed', { status: { in: ['ERROR', 'TIMEOUT'] } }],
    ] as const
  ).map(([which, by, filter]): List => [
    `calls of models ${which}`,
    `execution_logs_${by}_index`,
    calledAt,
    (unit, args) => modelCallList(unit, { ...args, filter }),
  ]),
];

onPostgres.each(lists)('a page of %s comes from its ordered index', async (_name, index, cursor, readPage) => {
  const pages = [
    { first: 20 },
    { last: 20 },
    ...(cursor === null
      ? []
      : [
          { first: 20, after: cursor },
          { last: 20, before: cursor },
        ]),
  ];
  for (const scope of [member, administrator])
    for (const page of pages) {
      const plans = await plansOf(scope, (unit) => readPage(unit, page));
      expect(plans).toHaveLength(1);
      const nodes = plans[0] ?? [];
      const told = {
        page,
        scope: scope.workspaces,
        nodes: nodes.map((node) => `${node['Node Type']} ${node['Index Name'] ?? ''}`),
      };
      // An Incremental Sort reads its index in order and only breaks ties by the id (at most 33 rows beyond the page).
      const sorts = nodes.filter((node) => node['Node Type'] === 'Sort').length;
      const read = nodes.some((node) => node['Index Name'] !== undefined && node['Actual Rows'] > 21 + 33);
      expect({ ...told, sorts, readsOn: read }).toEqual({ ...told, sorts: 0, readsOn: false });
      expect({ ...told, indexes: nodes.flatMap((node) => node['Index Name'] ?? []) }).toEqual({
        ...told,
        indexes: [index],
      });
    }
});

onPostgres('the answers that cite an entry are read in order, and no further than asked', async () => {
  for (const scope of [member, administrator])
    for (const page of [{ first: 20 }, { last: 20 }]) {
      const plans = await plansOf(scope, (unit) => citationsByEntry(unit, page, idOf(entry, 0)));
      expect(plans).toHaveLength(1);
      const { indexes, scans, most } = effort(plans[0] ?? []);
      expect(scans).toEqual([]);
      expect(indexes).toContain('citations_knowledge_entry_id_index');
      // Two citations of each answer, and what an incremental sort reads beyond the page.
      expect(most).toBeLessThanOrEqual(2 * (21 + 33));
    }
});

onPostgres('what uses a template is found without what does not', async () => {
  for (const scope of [member, administrator]) {
    const plans = await plansOf(scope, (unit) => usesByTemplate(unit, { first: 20 }, idOf(template, 4)));
    expect(plans).toHaveLength(1);
    const nodes = plans[0] ?? [];
    expect(new Set(nodes.flatMap((node) => node['Index Name'] ?? []))).toEqual(
      new Set(['workspaces_prompt_template_id_index', 'agent_settings_prompt_template_id_index']),
    );
    expect(nodes.filter((node) => node['Node Type'] === 'Seq Scan' || node['Actual Rows'] > 2)).toEqual([]);
  }
});

onPostgres('a label leads to the text of its template by keys alone', async () => {
  for (const label of ['latest', 'production']) {
    const plans = await plansOf(administrator, (unit) => labelledText(unit, idOf(template, 0), label));
    expect(plans).toHaveLength(1);
    const nodes = plans[0] ?? [];
    expect(nodes.filter((node) => node['Node Type'] === 'Seq Scan' || node['Actual Rows'] > 1)).toEqual([]);
  }
});

onPostgres('commands and variables are read without those of other members', async () => {
  for (const scope of [member, administrator])
    for (const [table, read] of [
      ['slash_commands', slashCommandList],
      ['prompt_variables', promptVariableList],
    ] as const) {
      const plans = await plansOf(scope, (unit) => read(unit, { first: 20 }));
      expect(plans).toHaveLength(1);
      const scans = (plans[0] ?? []).filter((node) => node['Relation Name'] === table);
      const rows = scans.map((node) => node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0));
      expect({ table, scans: scans.length, rows: Math.max(...rows) }).toEqual({ table, scans: 1, rows: 240 });
    }
});

onPostgres("what is new in a visitor's conversation is read from where the visitor is", async () => {
  const visitor: Scope = {
    ...member,
    userId: null,
    principals: [idOf(workspace, 0)],
    workspaces: [idOf(workspace, 0)],
    conversationId: idOf(conversation, 0),
  };
  const plans = await plansOf(visitor, (unit) => messagesFrom(unit, idOf(conversation, 0), idOf(message, 8000)));
  expect(plans).toHaveLength(1);
  const nodes = plans[0] ?? [];
  // Where the visitor is, is one row, which more than one index finds.
  expect(nodes.flatMap((node) => node['Index Name'] ?? [])).toContain('messages_created_at_index');
  expect(nodes.filter((node) => node['Node Type'] === 'Seq Scan')).toEqual([]);
  expect(nodes.filter((node) => node['Node Type'] === 'Sort' || node['Actual Rows'] > 100 + 33)).toEqual([]);
});

onPostgres('e-mails are found in the order of the index of their words', async () => {
  for (const before of [undefined, idOf(email, 8000)]) {
    const plans = await plansOf(member, (unit) => foundEmails(unit, ['common', 'common'], 20, before));
    expect(plans).toHaveLength(1);
    const nodes = plans[0] ?? [];
    expect(nodes.filter((node) => node['Node Type'] === 'Sort')).toEqual([]);
    expect(new Set(nodes.flatMap((node) => node['Index Name'] ?? []))).toEqual(new Set(['email_terms_term_key']));
    expect(nodes.filter((node) => node['Actual Rows'] > 21 + 33)).toEqual([]);
  }
});

onPostgres('statistics of searches read those of the time alone', async () => {
  const moment = (number: number) => new Date(Date.UTC(2026, 0, 1) + number * 1000);
  const plans = await plansOf(administrator, (unit) =>
    searchStatistics(unit, idOf(workspace, 0), { from: moment(4000), to: moment(8000) }),
  );
  expect(plans).toHaveLength(1);
  const scans = (plans[0] ?? []).filter((node) => node['Relation Name'] === 'search_logs');
  expect(scans.map((node) => [node['Actual Rows'], node['Rows Removed by Filter'] ?? 0])).toEqual([[1000, 0]]);
});

onPostgres('names of events are counted from those of the time alone', async () => {
  const moment = (number: number) => new Date(Date.UTC(2026, 0, 1) + number * 1000);
  const plans = await plansOf(administrator, (unit) =>
    eventNames(unit, { from: moment(4000), to: moment(8000), first: 100 }),
  );
  expect(plans).toHaveLength(1);
  const scans = (plans[0] ?? []).filter((node) => node['Relation Name'] === 'analytics_events');
  expect(scans.map((node) => [node['Actual Rows'], node['Rows Removed by Filter'] ?? 0])).toEqual([[1000, 0]]);
});

onPostgres('usage of models is reckoned from the calls of its time alone', async () => {
  const moment = (number: number) => new Date(Date.UTC(2026, 0, 1) + number * 1000);
  const question = { from: moment(40_000), to: moment(44_000), timeZone: 'Europe/Berlin', first: 5000 };
  for (const groupBy of [[], ['MODEL', 'USER', 'STATUS']] as const)
    for (const grain of [null, 'HOUR'] as const) {
      const plans = await plansOf(administrator, (unit) => usageOf(unit, { ...question, groupBy, grain }));
      expect(plans).toHaveLength(1);
      const scans = (plans[0] ?? []).filter((node) => node['Relation Name'] === 'execution_logs');
      expect(scans.map((node) => [node['Actual Rows'], node['Rows Removed by Filter'] ?? 0])).toEqual([[1000, 0]]);
      expect((plans[0] ?? []).flatMap((node) => node['Index Name'] ?? [])).toContain('execution_logs_created_at_index');
      expect(scans.filter((node) => node['Node Type'] === 'Seq Scan')).toEqual([]);
    }
});

onPostgres('figures are reckoned from the rows of their time alone, found by an index of it', async () => {
  const moment = (number: number) => new Date(Date.UTC(2026, 0, 1) + number * 1000);
  const question = {
    from: moment(60_000),
    to: moment(64_000),
    timeZone: 'Europe/Berlin',
    percentiles: [],
    fillEmpty: false,
    first: 500,
    orderBy: null,
  };
  const measures = [
    ['ACTIVE_USERS', 'user_activities', 'user_activities_created_at_index'],
    ['EVENTS', 'analytics_events', 'analytics_events_occurred_at_index'],
    ['CONVERSATIONS', 'conversations', 'conversations_all_created_at_index'],
    ['MESSAGES', 'messages', 'messages_all_created_at_index'],
    // All of them are in one workspace here, so that the index of its feedback does as well.
    ['FEEDBACK', 'feedback', 'created_at_index'],
    ['DOCUMENTS_ADDED', 'documents', 'documents_all_created_at_index'],
    ['ORDERS_COMPLETED', 'orders', 'orders_completed_at_index'],
    ['COST', 'execution_logs', 'execution_logs_created_at_index'],
  ] as const;
  for (const dimensions of [[], ['USER']] as const)
    for (const grain of [null, 'HOUR'] as const) {
      const all = measures.map(([measure]) => measure);
      const plans = await plansOf(administrator, (unit) =>
        metricsOf(unit, { ...question, measures: all, dimensions, grain }),
      );
      expect(plans).toHaveLength(1);
      const nodes = plans[0] ?? [];
      for (const [, table, index] of measures) {
        const scans = nodes.filter((node) => node['Relation Name'] === table);
        const read = scans.map((node) => node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0));
        expect({ table, read: Math.max(...read) }).toEqual({ table, read: 1000 });
        const used = nodes.flatMap((node) => node['Index Name'] ?? []).filter((name) => name.startsWith(table));
        expect(used.filter((name) => name.endsWith(index))).not.toEqual([]);
        expect(scans.filter((node) => node['Node Type'] === 'Seq Scan')).toEqual([]);
      }
    }
});

onPostgres('the tables are as large as they are meant to be, and the server sees its tenant alone', async () => {
  const unit = new UnitOfWork(administrator, {
    ...bed.server.installation.services,
    origin: { requestId: 'test', address: null, userAgent: null },
  });
  const [row] = await unit.run(() =>
    database.execute<{ total: number }>(sql`select count(*)::int as total from messages`),
  );
  await unit.rest();
  expect(row?.total).toBe(rows / tenants);
});

onPostgres('the next documents of a bulk operation are read in order, from where it is', async () => {
  for (const scope of [member, administrator]) {
    const selection = { workspaceId: idOf(workspace, 0), filter: null };
    const position = { at: at(8000), id: idOf(document, 8000) };
    const plans = await plansOf(scope, (unit) => turnsOf(unit, selection, at(70_000), position));
    expect(plans).toHaveLength(1);
    const nodes = plans[0] ?? [];
    expect(nodes.flatMap((node) => node['Index Name'] ?? [])).toEqual(['documents_created_at_index']);
    expect(nodes.filter((node) => node['Node Type'] === 'Sort' || node['Actual Rows'] > 20)).toEqual([]);
  }
});

onPostgres('the next training examples of an export are read in order, without those that were used', async () => {
  for (const scope of [member, administrator]) {
    const after = { createdAt: at(8000), id: idOf(training, 8000) };
    const selection = { format: 'JSONL' as const, includeUsed: false };
    const plans = await plansOf(scope, (unit) => unit.run(() => selectedPage(tenant, selection, after)));
    expect(plans).toHaveLength(1);
    const nodes = plans[0] ?? [];
    expect(nodes.flatMap((node) => node['Index Name'] ?? [])).toEqual(['training_examples_unused_index']);
    expect(nodes.filter((node) => node['Node Type'] === 'Sort' || node['Actual Rows'] > 100)).toEqual([]);
  }
});

onPostgres('answers that were found good are read in the order of their feedback, from where the work is', async () => {
  const asked = {
    workspaceId: idOf(workspace, 0),
    minimumScore: 4,
    from: null,
    to: at(100_000),
    groupId: null,
    credential: { kind: 'SESSION' as const, id: idOf(user, 0) },
  };
  const position = { at: at(8000), id: idOf(opinion, 8000) };
  const plans = await plansOf(administrator, (unit) => answersFrom(unit, asked, position));
  expect(plans).toHaveLength(1);
  const { indexes, scans, most } = effort(plans[0] ?? []);
  expect(scans).toEqual([]);
  expect(indexes).toContain('feedback_created_at_index');
  expect(most).toBeLessThan(300);
});

onPostgres('a viewer is told the archived workspaces without a look at the others', async () => {
  const [organizationId, userId] = [tenant, idOf(user, 0)];
  const plans = await plansOf(discovery(organizationId, userId), (unit) =>
    viewerOfMember(unit, { organizationId, userId }),
  );
  expect(plans).toHaveLength(1);
  expect(plans[0]?.flatMap((node) => node['Index Name'] ?? [])).toContain('workspaces_archived_index');
});

/** Several values are looked for in each workspace by the key of the labels, which begins with it; in all at once they cost a look at all labels. */
onPostgres.each([
  ['a common tag', { tags: { has: 'common' } }, [documentList, documentListOfAll]],
  ['a rare tag', { tags: { has: 'tag 3' } }, [documentList, documentListOfAll]],
  ['one of two tags', { tags: { hasAny: ['tag 3', 'tag 4'] } }, [documentList]],
  ['two tags', { tags: { hasAll: ['common', 'tag 3'] } }, [documentList, documentListOfAll]],
  ['a value of the metadata', { metadata: { name: 'page', in: [3, 4] } }, [documentList]],
])('documents with %s are found by the labels', async (_name, filter, reads) => {
  for (const scope of [member, administrator])
    for (const read of reads) {
      const place = read === documentList ? idOf(workspace, 0) : tenant;
      const plans = await plansOf(scope, (unit) => read(unit, { filter }, place));
      expect(plans).toHaveLength(1);
      const { indexes, scans, most } = effort(plans[0] ?? []);
      expect(scans).toEqual([]);
      expect(indexes.some((name) => name.startsWith('document_labels'))).toBe(true);
      expect(most).toBeLessThan(500);
    }
});

onPostgres('the tree of messages is climbed by its indexes, and no further than asked', async () => {
  const deep = idOf(message, 200_000);
  for (const scope of [member, administrator])
    for (const [read, most] of [
      [(unit: UnitOfWork) => pathByConversation(unit, { last: 20 }, idOf(conversation, 0)), maxPath],
      [(unit: UnitOfWork) => messagesBelow(unit).loadMany([deep, idOf(conversation, 0)]), 10],
      [(unit: UnitOfWork) => placeByMessage(unit).loadMany([deep, idOf(message, 0)]), 10],
    ] as const) {
      const plans = await plansOf(scope, read);
      expect(plans).toHaveLength(1);
      const far = (plans[0] ?? [])
        .filter((node) => node['Node Type'] === 'Seq Scan' || node['Actual Rows'] > most)
        .map((node) => `${node['Node Type']} ${node['Index Name'] ?? ''} ${node['Actual Rows']}`);
      expect({ most, far }).toEqual({ most, far: [] });
    }
});

onPostgres("one's own rooms, and what is new in them, cost what one's own rooms are", async () => {
  for (const scope of [member, administrator]) {
    const some = [0, 8, 12].map((at) => idOf(room, at));
    const plans = await plansOf(scope, async (unit) => {
      unit.enter('rooms');
      const found = await ownRooms(unit, { first: 20 });
      expect(found.edges).toHaveLength(20);
      await ownRooms(unit, { first: 20, filter: { unread: { eq: true } } });
      for (const loader of [unreadByRoom, newMentionsByRoom, lastMessageByRoom])
        await (loader(unit) as { loadMany(keys: string[]): Promise<unknown> }).loadMany(some);
      await reactionsByMessage(unit).loadMany([0, 4].map((at) => idOf(roomMessage, at)));
    });
    expect(plans).toHaveLength(6);
    expect(plans.flatMap((plan) => effort(plan).scans)).toEqual([]);
    // The member is in 101 of the tenant's 2,000 rooms.
    expect(effort(plans[0] ?? []).most).toBeLessThanOrEqual(101);
  }
});

onPostgres('messages of rooms are searched from the newest on, in the rooms asked alone', async () => {
  for (const scope of [member, administrator]) {
    const places = [0, 40, 48].map((at) => ({ roomId: idOf(room, at), terms: ['common', 'w10'] }));
    const plans = await plansOf(scope, async (unit) => {
      unit.enter('rooms');
      await unit.run(() => database.execute(newestMatches(tenant, places, null, 21)));
      await unit.run(() => database.execute(newestMatches(tenant, places, idOf(roomMessage, 20_000), 21)));
    });
    expect(plans).toHaveLength(2);
    for (const plan of plans) {
      const { indexes, scans, most } = effort(plan);
      expect(indexes).toContain('room_message_terms_room_id_index');
      expect(scans).toEqual([]);
      // Of the 20,000 of the tenant those at most that hold the word in the rooms asked.
      expect(most).toBeLessThanOrEqual(5000);
    }
  }
});

onPostgres('tags, counts and pinned passages come from indexes', async () => {
  for (const scope of [member, administrator]) {
    const plans = await plansOf(scope, async (unit) => {
      await tagList(unit, { first: 20 }, idOf(workspace, 0));
      await documentCountsByWorkspace(unit).load(idOf(workspace, 0));
      await pinnedPassages(unit, idOf(workspace, 0), 4000);
    });
    const [tags, counts, pinned] = plans.map(effort);
    expect(tags).toMatchObject({ indexes: ['document_labels_pkey'], scans: [] });
    expect(counts).toMatchObject({ scans: [] });
    expect(pinned?.scans).toEqual([]);
    expect(pinned?.indexes).toContain('documents_pinned_index');
  }
});

onPostgres('categories are counted without the entries of other organizations', async () => {
  for (const scope of [member, administrator]) {
    const [nodes = []] = await plansOf(scope, (unit) => categoryList(unit, { first: 5 }));
    const scans = nodes.filter((node) => node['Relation Name'] === 'entries');
    const rows = scans.map((node) => node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0));
    expect(rows).toEqual([20_000]);
    expect(nodes.map((node) => node['Node Type'])).not.toContain('Seq Scan');
  }
});

onPostgres('a batch of the chunks that lack a vector comes from their ordered index', async () => {
  const place = { workspaceId: idOf(workspace, 0), key: 'some model' };
  const plans = await plansOf(administrator, (unit) =>
    unit.run(() => lacking(tenant, place, idOf(chunk, 8000), new Set([idOf(chunk, 8004)])).limit(96)),
  );
  const [nodes = []] = plans;
  expect(nodes.map((node) => node['Node Type'])).not.toContain('Sort');
  const chunks = nodes.filter((node) => node['Relation Name'] === 'document_chunks');
  expect(chunks).toMatchObject([{ 'Index Name': 'document_chunks_workspace_id_index', 'Actual Rows': 96 }]);
  expect(chunks[0]?.['Rows Removed by Filter'] ?? 0).toBeLessThan(2);
});

onPostgres('what a subscriber goes on with is found among many messages without reading them', async () => {
  const long = idOf(conversation, 0);
  for (const scope of [member, administrator]) {
    const plans = await plansOf(scope, async (unit) => {
      await answersUnderWay(unit, long, [idOf(message, 8000), idOf(message, 8004)]);
      await newestPlace(unit, long);
      await answersAfter(unit, long, { createdAt: at(399_000), id: idOf(message, 399_000) }, 20);
    });
    expect(plans).toHaveLength(4);
    for (const plan of plans) {
      const { scans, most } = effort(plan);
      expect(scans).toEqual([]);
      expect(most).toBeLessThan(500);
      for (const node of plan) expect(node['Rows Removed by Filter'] ?? 0).toBeLessThan(500);
    }
  }
});

onPostgres('the summary of activity counts the members of its page alone, and days before requests', async () => {
  for (const scope of [member, administrator])
    for (const field of ['NAME', 'LAST_ACTIVITY'] as const) {
      const plans = await plansOf(scope, (unit) => {
        // Of the context it reads these alone.
        const context = { unit, viewer: { userId: idOf(user, 0) } } as unknown as Context;
        return userActivitySummary(context, { first: 20, orderBy: [{ field, direction: 'ASC' }] });
      });
      expect(plans).toHaveLength(1);
      const nodes = plans[0] ?? [];
      const scans = nodes.filter((node) => /^user_(activities|engagements)$/.test(node['Relation Name'] ?? ''));
      expect(scans.length).toBeGreaterThan(0);
      const told = scans.map((node) => `${node['Node Type']} ${node['Index Name'] ?? ''}`);
      expect({ field, told, seq: told.filter((each) => each.startsWith('Seq')) }).toEqual({ field, told, seq: [] });
      // At most the days of one member, or their requests since the border.
      const most = Math.max(...scans.map((node) => node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)));
      expect({ field, told, most }).toEqual({ field, told, most: Math.min(most, 1001) });
    }
});

onPostgres("a member's sessions are read from their own requests in the time", async () => {
  const plans = await plansOf(member, (unit) => {
    const context = { unit, viewer: { userId: idOf(user, 0) } } as unknown as Context;
    return userSessions(context, { from: '2026-01-01T00:00:00Z', to: '2026-01-01T02:00:00Z', first: 20 });
  });
  expect(plans).toHaveLength(1);
  const scans = (plans[0] ?? []).filter((node) => node['Index Name'] !== undefined);
  expect(scans.map((node) => node['Index Name'])).toEqual(['user_activities_user_id_index']);
  expect(Math.max(...scans.map((node) => node['Actual Rows']))).toBeLessThanOrEqual(90);
});
