import { sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { uuidArray } from '../../database/loader.ts';
import { documents } from '../content/tables.ts';
import { answerPassages, answerRecords } from './answer-tables.ts';
import { citations, parsedFiles } from './tables.ts';

/** Ids of copies by those of what they were copied from. */
export type Copies = ReadonlyMap<string, string>;

/** The copies as a table `copy (old_id, new_id)`. */
const copied = (copies: Copies): SQL =>
  sql`unnest(${uuidArray([...copies.keys()])}::uuid[], ${uuidArray([...copies.values()])}::uuid[]) as copy (old_id, new_id)`;

/**
 * Locks the documents that the answers cite or were made of, so that a change of their readers comes before the copies or finds them. What the
 * viewer does not see is neither locked nor copied.
 */
const lockDocuments = async (organizationId: string, answers: Copies): Promise<void> => {
  const ids = uuidArray([...answers.keys()]);
  await database.execute(sql`
    select id from ${documents}
    where organization_id = ${organizationId} and id in (
      select document_id from ${citations} where organization_id = ${organizationId} and message_id = any(${ids}::uuid[])
      union select document_id from ${answerPassages} where organization_id = ${organizationId} and message_id = any(${ids}::uuid[])
    )
    order by id for share`);
};

/** The file's own copy where there is one. */
const fileOf = (row: SQL, files: Copies): SQL =>
  sql`coalesce((select new_id from ${copied(files)} where old_id = ${row}), ${row})`;

/** Gives copies of answers the citations that the viewer sees; with `markers` only those of these numbers. */
export const copyCitations = async (
  organizationId: string,
  answers: Copies,
  { markers, files = new Map() }: { readonly markers?: ReadonlySet<number>; readonly files?: Copies },
): Promise<void> => {
  await lockDocuments(organizationId, answers);
  const named =
    markers === undefined ? sql`` : sql`and cited.marker = any(${`{${[...markers].join(',')}}`}::integer[])`;
  await database.execute(sql`
    insert into ${citations} (organization_id, id, workspace_id, readers, message_id, position, marker, chunk_id, document_id, document_version,
      parsed_file_id, knowledge_entry_id, knowledge_version, quote, start, "end", score)
    select cited.organization_id, app_new_id(), cited.workspace_id, cited.readers, copy.new_id, cited.position, cited.marker,
      (select chunk.id from document_chunks chunk
        where chunk.organization_id = ${organizationId} and chunk.id = cited.chunk_id for key share),
      cited.document_id, cited.document_version, ${fileOf(sql`cited.parsed_file_id`, files)},
      cited.knowledge_entry_id, cited.knowledge_version, cited.quote, cited.start, cited."end", cited.score
    from ${copied(answers)} join ${citations} cited on cited.organization_id = ${organizationId} and cited.message_id = copy.old_id ${named}`);
};

/** Gives copies of answers the records of what they were made with, and the passages that the viewer sees; the documents are locked before. */
export const copyRecords = async (
  organizationId: string,
  answers: Copies,
  { messages, files }: { readonly messages: Copies; readonly files: Copies },
): Promise<void> => {
  await database.execute(sql`
    insert into ${answerRecords} (organization_id, id, workspace_id, message_id, prompt_version, system_prompt, chat_mode, provider_name,
      model_name, model_version, input_price, output_price, route, parameters, search_query, history_message_ids, support, relevance,
      confidence_threshold)
    select made.organization_id, app_new_id(), made.workspace_id, copy.new_id, made.prompt_version, made.system_prompt, made.chat_mode,
      made.provider_name, made.model_name, made.model_version, made.input_price, made.output_price, made.route, made.parameters,
      made.search_query,
      array(
        select coalesce(earlier.new_id, read.id)
        from unnest(made.history_message_ids) with ordinality as read (id, place)
        left join unnest(${uuidArray([...messages.keys()])}::uuid[], ${uuidArray([...messages.values()])}::uuid[]) as earlier (old_id, new_id)
          on earlier.old_id = read.id
        order by read.place
      ),
      made.support, made.relevance, made.confidence_threshold
    from ${copied(answers)} join ${answerRecords} made on made.organization_id = ${organizationId} and made.message_id = copy.old_id`);
  await database.execute(sql`
    insert into ${answerPassages} (organization_id, id, workspace_id, readers, message_id, position, origin, chunk_id, document_id,
      document_version, parsed_file_id, knowledge_entry_id, knowledge_version, title, start, "end", score, vector_rank, lexical_rank, similarity,
      used)
    select read.organization_id, app_new_id(), read.workspace_id, read.readers, copy.new_id, read.position, read.origin, read.chunk_id,
      read.document_id, read.document_version, ${fileOf(sql`read.parsed_file_id`, files)},
      read.knowledge_entry_id, read.knowledge_version, read.title, read.start, read."end", read.score,
      read.vector_rank, read.lexical_rank, read.similarity, read.used
    from ${copied(answers)} join ${answerPassages} read on read.organization_id = ${organizationId} and read.message_id = copy.old_id`);
};

/** Gives a copy of a conversation the files that were dropped into it and have been read; the uploaded files are the same. */
export const copyFiles = async (organizationId: string, from: string, to: string): Promise<Copies> => {
  const rows = await database.execute<{ oldId: string; newId: string }>(sql`
    with copied as materialized (
      select app_new_id() as new_id, file.* from ${parsedFiles} file
      where file.organization_id = ${organizationId} and file.conversation_id = ${from} and file.status = 'READY'
    ), written as (
      insert into ${parsedFiles} (organization_id, id, created_at, workspace_id, conversation_id, user_id, file_id, title, mime_type, status, text,
        token_count, passages)
      select organization_id, new_id, created_at, workspace_id, ${to}, user_id, file_id, title, mime_type, status, text, token_count, passages
      from copied
    )
    select id as "oldId", new_id as "newId" from copied`);
  return new Map(rows.map(({ oldId, newId }) => [oldId, newId]));
};
