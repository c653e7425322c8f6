import { readFile, readdir } from 'node:fs/promises';
import { hash } from 'node:crypto';
import { join } from 'node:path';
import type { Sql } from 'postgres';
import { globalId } from '../../src/ids.ts';
import type { Acknowledged, Chronicle } from './chronicle.ts';
import { Person } from './person.ts';

/** What is wrong, a line each. */
export interface Findings {
  /** Acknowledged, and gone or other than acknowledged. */
  readonly lost: readonly string[];
  /** Parts that stand without the whole they belong to. */
  readonly halfDone: readonly string[];
  /** Work that came to no end. */
  readonly stuck: readonly string[];
}

/** Looks for everything that was acknowledged and for everything that should not be, as the owner in SQL. */
export const findingsIn = async (sql: Sql, chronicle: Chronicle, filesPath: string): Promise<Findings> => ({
  lost: (
    await Promise.all([
      lostDocuments(sql, chronicle),
      lostUploads(sql, chronicle, filesPath),
      lostMessages(sql, chronicle),
      lostAnswers(sql, chronicle),
      lostFeedback(sql, chronicle),
      lostPeople(sql, chronicle),
      missingEvents(sql, chronicle),
    ])
  ).flat(),
  halfDone: await violated(sql, halves),
  stuck: await violated(sql, ends),
});

/** What is still on its way: documents to be read, answers being written, jobs to be done. */
export const underWay = async (sql: Sql): Promise<number> => {
  const [row] = await sql<{ count: number }[]>`select (
    (select count(*) from documents where status in ('PENDING', 'PROCESSING'))
    + (select count(*) from messages where status = 'STREAMING')
    + (select count(*) from running_answers)
    + (select count(*) from jobs where state in ('QUEUED', 'RUNNING'))
    + (select count(*) from pgboss.job where state < 'completed')
  )::int as count`;
  return row?.count ?? 0;
};

type Rows<Row> = ReadonlyMap<string, Row>;

const byId = <Row extends { readonly id: string }>(rows: readonly Row[]): Rows<Row> =>
  new Map(rows.map((row) => [row.id, row]));

const lostDocuments = async (sql: Sql, chronicle: Chronicle): Promise<string[]> => {
  const entries = chronicle.of('document');
  const found = byId(
    await sql<{ id: string; status: string; text: string | null }[]>`
      select id, status, text from documents where id = any(${entries.map(({ id }) => id)}::uuid[])`,
  );
  return entries.flatMap(({ id, text }) => {
    const row = found.get(id);
    if (row === undefined) return `document ${id} is gone`;
    if (row.status !== 'READY') return `document ${id} is ${row.status}`;
    return row.text?.trim() === text.trim() ? [] : `document ${id} has another text`;
  });
};

const lostUploads = async (sql: Sql, chronicle: Chronicle, filesPath: string): Promise<string[]> => {
  const entries = chronicle.of('upload');
  const found = byId(
    await sql<{ id: string; status: string; sha256: string | null }[]>`
      select id, status, sha256 from files where id = any(${entries.map(({ id }) => id)}::uuid[])`,
  );
  const lost: string[] = [];
  for (const { id, organizationId, sha256 } of entries) {
    const row = found.get(id);
    if (row?.status !== 'STORED' || row.sha256 !== sha256) lost.push(`file ${id} is ${row?.status ?? 'gone'}`);
    const bytes = await readFile(join(filesPath, organizationId, sha256)).catch(() => undefined);
    if (bytes === undefined || hash('sha256', bytes) !== sha256) lost.push(`the bytes of file ${id} are not there`);
  }
  return lost;
};

const lostMessages = async (sql: Sql, chronicle: Chronicle): Promise<string[]> => {
  const entries = [...chronicle.of('message'), ...chronicle.of('question')];
  const found = byId(
    await sql<{ id: string; content: string }[]>`
      select id, content from messages where id = any(${entries.map(({ id }) => id)}::uuid[])`,
  );
  return entries.flatMap(({ kind, id, content }) =>
    found.get(id)?.content === content ? [] : `${kind} ${id} is gone or other`,
  );
};

const lostAnswers = async (sql: Sql, chronicle: Chronicle): Promise<string[]> => {
  const entries = chronicle.of('answer').filter(({ status }) => status !== 'STREAMING');
  const found = byId(
    await sql<{ id: string; status: string; content: string }[]>`
      select id, status, content from messages where id = any(${entries.map(({ id }) => id)}::uuid[])`,
  );
  return entries.flatMap(({ id, status, content }) => {
    const row = found.get(id);
    return row?.status === status && row.content === content ? [] : `answer ${id} is gone or other`;
  });
};

const lostFeedback = async (sql: Sql, chronicle: Chronicle): Promise<string[]> => {
  const entries = chronicle.of('feedback');
  const found = byId(
    await sql<{ id: string; comment: string }[]>`
      select id, comment from feedback where id = any(${entries.map(({ id }) => id)}::uuid[])`,
  );
  return entries.flatMap(({ id, comment }) => (found.get(id)?.comment === comment ? [] : `feedback ${id} is gone`));
};

const lostPeople = async (sql: Sql, chronicle: Chronicle): Promise<string[]> => {
  const entries = chronicle.of('person');
  const found = byId(
    await sql<{ id: string }[]>`
      select users.id from users
      join passwords on passwords.user_id = users.id
      join memberships on memberships.user_id = users.id and memberships.organization_id = users.default_organization_id
      where users.id = any(${entries.map(({ id }) => id)}::uuid[])`,
  );
  return entries.flatMap(({ id }) => (found.has(id) ? [] : `account ${id} is gone`));
};

/** The change, by the kind of what was acknowledged, that the log of events holds exactly once. */
const missingEvents = async (sql: Sql, chronicle: Chronicle): Promise<string[]> => {
  const due = chronicle.entries.flatMap((entry): { action: string; id: string }[] => {
    switch (entry.kind) {
      case 'person':
        return [{ action: 'user.created', id: entry.id }];
      case 'document':
        return [
          { action: 'document.added', id: entry.id },
          { action: 'document.processed', id: entry.id },
        ];
      case 'upload':
        return [
          { action: 'upload.opened', id: entry.id },
          { action: 'file.stored', id: entry.id },
        ];
      case 'message':
        return [{ action: 'message.added', id: entry.id }];
      case 'question':
        return [{ action: 'message.asked', id: entry.id }];
      case 'answer':
        return entry.status === 'COMPLETED' ? [{ action: 'answer.completed', id: entry.id }] : [];
      case 'feedback':
        return [{ action: 'feedback.given', id: entry.messageId }];
      default:
        return [];
    }
  });
  const rows = await sql<{ action: string; targetId: string; count: number }[]>`
    select action, target_id as "targetId", count(*)::int as count from events
    where target_id = any(${[...new Set(due.map(({ id }) => id))]}::uuid[]) group by action, target_id`;
  const counts = new Map(rows.map(({ action, targetId, count }) => [`${action} ${targetId}`, count]));
  return due.flatMap(({ action, id }) => {
    const count = counts.get(`${action} ${id}`) ?? 0;
    return count === 1 ? [] : `the event ${action} of ${id} stands ${count} times`;
  });
};

type Rules = Readonly<Record<string, string>>;

/** Each selects the ids of rows that must not be. */
const halves: Rules = {
  'a READY document has another number of passages than it says': `
    select id from documents d where status = 'READY' and chunk_count <>
      (select count(*) from document_chunks c where c.organization_id = d.organization_id and c.document_id = d.id)`,
  'a READY document has no passage': `select id from documents where status = 'READY' and chunk_count = 0`,
  'a document that is not READY has passages': `
    select d.id from documents d where d.status <> 'READY' and exists
      (select from document_chunks c where c.organization_id = d.organization_id and c.document_id = d.id)`,
  'a passage has no vector': `
    select c.id from document_chunks c where not exists
      (select from chunk_embeddings e where e.organization_id = c.organization_id and e.chunk_id = c.id)`,
  'a passage is not in the lexical index': `
    select c.id from document_chunks c where cardinality(c.terms) <>
      (select count(*) from chunk_postings p where p.organization_id = c.organization_id
        and p.workspace_id = c.workspace_id and p.chunk_id = c.id)`,
  'the lexical index names a passage that is not there': `
    select p.chunk_id from chunk_postings p where not exists
      (select from document_chunks c where c.organization_id = p.organization_id and c.id = p.chunk_id)`,
  'a passage stands twice': `
    select min(id::text) from document_chunks group by organization_id, document_id, start having count(*) > 1`,
  'a citation has no answer': `
    select c.id from citations c where not exists (select from messages m
      where m.organization_id = c.organization_id and m.id = c.message_id and m.status = 'COMPLETED')`,
  'a COMPLETED answer is empty': `select id from messages where role = 'ASSISTANT' and status = 'COMPLETED' and content = ''`,
  'a question has no answer': `
    select e.target_id from events e where e.action = 'message.asked' and not exists (select from messages m
      where m.organization_id = e.organization_id and m.parent_id = e.target_id and m.role = 'ASSISTANT')`,
  'a document was brought in without an event': `
    select d.id from documents d where not exists (select from events e
      where e.organization_id = d.organization_id and e.target_id = d.id and e.action = 'document.added')`,
  'an answer ended without an event, or with two': `
    select m.id from messages m where m.role = 'ASSISTANT' and m.status <> 'STREAMING' and 1 <>
      (select count(*) from events e where e.organization_id = m.organization_id and e.target_id = m.id
        and e.action in ('answer.completed', 'answer.failed', 'answer.cancelled'))`,
  'a file is STORED without an event, or with two': `
    select f.id from files f where f.status = 'STORED' and 1 <>
      (select count(*) from events e where e.organization_id = f.organization_id and e.target_id = f.id
        and e.action = 'file.stored')`,
  'a stored file can be uploaded once more': `
    select f.id from files f join access_tokens t on t.subject_id = f.id where f.status = 'STORED'`,
};

/** Asked when nothing should be under way any more. */
const ends: Rules = {
  'a document waits': `select id from documents where status in ('PENDING', 'PROCESSING')`,
  'an answer is STREAMING': `select id from messages where status = 'STREAMING'`,
  'an answer is said to be running': `select message_id from running_answers`,
  'a call of a model is PENDING': `select id from execution_logs where status = 'PENDING'`,
  'a job has not ended': `select id from jobs where state in ('QUEUED', 'RUNNING')`,
  'a job is not known to the queue': `
    select id from jobs j where state <> 'SUCCEEDED' and not exists (select from pgboss.job b where b.id = coalesce(j.queue_id, j.id))`,
  'the queue says otherwise of a job': `
    select j.id from jobs j join pgboss.job b on b.id = coalesce(j.queue_id, j.id)
    where (j.state, b.state::text) <> ('FAILED', 'failed')`,
  'the queue has work left': `select id from pgboss.job where state < 'completed'`,
};

const violated = async (sql: Sql, rules: Rules): Promise<string[]> => {
  const found = await Promise.all(
    Object.entries(rules).map(async ([rule, text]) => {
      const rows = await sql.unsafe(text).values();
      return rows.map(([id]) => `${rule}: ${String(id)}`);
    }),
  );
  return found.flat();
};

const batch = 100;

/** What was acknowledged, asked for through the API with the token it was done with. Gives what is missing or other there. */
export const lostInTheApi = async (url: string, chronicle: Chronicle): Promise<string[]> => {
  const lost: string[] = [];
  for (const [token, entries] of Map.groupBy(chronicle.entries, (entry) => entry.token)) {
    const person = new Person(chronicle);
    person.token = token;
    const due = entries.flatMap((entry) => seenInTheApi(entry));
    for (let from = 0; from < due.length; from += batch)
      lost.push(...(await notSeen(url, person, due.slice(from, from + batch))));
    // One that did nothing else than to sign in shows that its session is there.
    if (due.length === 0)
      await person.ask(url, '{ viewer { user { id } } }').catch(() => lost.push('a session is gone'));
  }
  return lost;
};

interface Seen {
  readonly id: string;
  readonly content: string;
}

const notSeen = async (url: string, person: Person, due: readonly Seen[]): Promise<string[]> => {
  const { nodes } = await person.ask<{
    nodes: (Partial<Record<'text' | 'content' | 'sha256' | 'comment', string>> | null)[];
  }>(
    url,
    `query ($ids: [ID!]!) { nodes(ids: $ids) {
      ... on Document { text } ... on Message { content } ... on File { sha256 } ... on Feedback { comment } } }`,
    { ids: due.map(({ id }) => id) },
  );
  return due.flatMap(({ id, content }, at) => {
    const node = nodes[at];
    const found = node?.text ?? node?.content ?? node?.sha256 ?? node?.comment;
    return found?.trim() === content.trim() ? [] : `the API does not give ${id} as it was`;
  });
};

const seenInTheApi = (entry: Acknowledged): Seen[] => {
  switch (entry.kind) {
    case 'document':
      return [{ id: globalId('Document', entry.id), content: entry.text }];
    case 'upload':
      return [{ id: globalId('File', entry.id), content: entry.sha256 }];
    case 'feedback':
      return [{ id: globalId('Feedback', entry.id), content: entry.comment }];
    case 'message':
    case 'question':
    case 'answer':
      return [{ id: globalId('Message', entry.id), content: entry.content }];
    default:
      return [];
  }
};

/** Names below a folder of files on their way in: what a crash left of uploads. */
export const leftovers = async (filesPath: string): Promise<string[]> => {
  const names = await readdir(filesPath, { recursive: true, withFileTypes: true });
  return names
    .filter((entry) => entry.isFile() && /^\.?incoming/.test(entry.parentPath.slice(filesPath.length + 1)))
    .map((entry) => join(entry.parentPath, entry.name));
};

/** Bytes that no file of the database names: a crash came between them and their row. */
export const orphans = async (sql: Sql, filesPath: string): Promise<number> => {
  const names = await readdir(filesPath, { recursive: true });
  const stored = names.filter((name) => /^[0-9a-f-]{36}\/[0-9a-f]{64}$/.test(name));
  const rows = await sql<{ key: string }[]>`
    select distinct organization_id || '/' || sha256 as key from files where status = 'STORED'`;
  const known = new Set(rows.map(({ key }) => key));
  return stored.filter((name) => !known.has(name)).length;
};
