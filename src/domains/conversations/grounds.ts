import { sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { anybody } from '../../database/tenant-table.ts';
import type { ToolPassage } from '../agent-tool.ts';
import type { Passage } from '../content/retrieval.ts';
import type { FoundPassage } from '../knowledge/entry-search.ts';
import type { AnswerPassageRow } from './answer-tables.ts';
import { parsedFiles, type ParsedPassage } from './tables.ts';

/** What a statement of an answer can rest on: a passage of a document, of a file of the conversation, or of an entry of the knowledge bank. */
export type Ground = Pick<
  Passage,
  'title' | 'text' | 'start' | 'score' | 'similarity' | 'lexicalRank' | 'vectorRank'
> & {
  /** Where it came from. */
  readonly origin: AnswerPassageRow['origin'];
} & (DocumentSource | FileSource | EntrySource);

const noDocument = { chunkId: null, documentId: null, documentVersion: null } as const;
const noEntry = { knowledgeEntryId: null, knowledgeVersion: null } as const;

type DocumentSource = Pick<Passage, 'documentId' | 'documentVersion'> & {
  /** Null where a tool read the document itself. */
  readonly chunkId: string | null;
  readonly parsedFileId: null;
} & typeof noEntry;

type FileSource = { readonly parsedFileId: string } & typeof noDocument & typeof noEntry;

type EntrySource = {
  readonly knowledgeEntryId: string;
  readonly knowledgeVersion: number;
  /** Who sees the entry, as it was when it was found; null: all who see the answer. */
  readonly readers: string[] | null;
  readonly parsedFileId: null;
} & typeof noDocument;

/** Passages of documents as grounds. */
export const groundsOf = (
  passages: readonly Passage[],
  origin: Exclude<Ground['origin'], 'ATTACHED' | 'TOOL'> = 'SEARCH',
): Ground[] => passages.map((passage) => ({ ...passage, origin, parsedFileId: null, ...noEntry }));

/** Passages of entries as grounds. */
export const groundsOfEntries = (passages: readonly FoundPassage[]): Ground[] =>
  passages.map(({ hit, entryId, version, title, text, start, readers }) => ({
    title,
    text,
    start,
    score: hit.score,
    similarity: hit.similarity,
    lexicalRank: hit.lexicalRank,
    vectorRank: hit.vectorRank,
    origin: 'SEARCH',
    ...noDocument,
    parsedFileId: null,
    knowledgeEntryId: entryId,
    knowledgeVersion: version,
    readers: readersOfCitation(readers),
  }));

/** Passages that a tool gave as grounds. */
export const groundOfTool = (passage: ToolPassage): Ground => {
  const given = { ...unranked, origin: 'TOOL', parsedFileId: null } as const;
  if ('documentId' in passage) return { ...passage, ...given, ...noEntry };
  return { ...passage, ...given, ...noDocument, readers: readersOfCitation(passage.readers) };
};

/** Whoever sees the answer sees what everybody may read. */
const readersOfCitation = (readers: readonly string[] | null): string[] | null =>
  readers === null || readers.includes(anybody) ? null : [...readers];

/** Who may read what a ground stands in, of documents by what was looked up; undefined where the asker may not. */
export const readersOfGround = (
  ground: Ground,
  documents: ReadonlyMap<string, string[] | null>,
): string[] | null | undefined => {
  if (ground.knowledgeEntryId !== null) return ground.readers;
  return ground.documentId === null ? null : documents.get(ground.documentId);
};

/** Of what no search has ranked, or nobody knows how. */
export const unranked = { similarity: null, lexicalRank: null, vectorRank: null };

/** Tokens that files of a conversation may take of a model's window: half, so that there is room for what search finds. */
export const attachedTokens = (contextWindow: number): number => Math.floor(contextWindow / 2);

interface Attached extends Record<string, unknown> {
  readonly id: string;
  readonly title: string;
  readonly text: string;
  /** Those that would have room if there were no other file. */
  readonly passages: readonly ParsedPassage[];
  readonly whole: boolean;
}

/**
 * The texts of the files of a conversation, the oldest first, passage by passage in reading order, as long as they have at most `maxTokens` in
 * all. Read in one statement, and of each text no more than what has room.
 */
export const attachedGrounds = async (
  unit: UnitOfWork,
  conversationId: string,
  maxTokens: number,
): Promise<Ground[]> => {
  const rows = await unit.run(() =>
    database.execute<Attached>(sql`
      select file.id, file.title, taken.passages, left(file.text, taken.length) as text,
        jsonb_array_length(file.passages) = json_array_length(taken.passages) as whole
      from ${parsedFiles} file
      cross join lateral (
        select json_agg(passage order by place) as passages, max((passage ->> 'end')::integer) as length
        from (
          select passage, place, sum((passage ->> 'tokens')::integer) over (order by place) as tokens
          from jsonb_array_elements(file.passages) with ordinality as each (passage, place)
        ) as counted
        where tokens <= ${maxTokens}
      ) as taken
      where file.organization_id = ${unit.organizationId} and file.conversation_id = ${conversationId}
        and file.status = 'READY' and taken.length is not null
      order by file.created_at, file.id
    `),
  );
  const grounds: Ground[] = [];
  let room = maxTokens;
  for (const { id: parsedFileId, title, text, passages, whole } of rows) {
    for (const { start, end, tokens } of passages) {
      room -= tokens;
      if (room < 0) return grounds;
      // They were put there on purpose: nothing fits better.
      const ground = { title, text: text.slice(start, end), start, score: 1, ...unranked, origin: 'ATTACHED' as const };
      grounds.push({ ...ground, parsedFileId, ...noDocument, ...noEntry });
    }
    if (!whole) return grounds;
  }
  return grounds;
};
