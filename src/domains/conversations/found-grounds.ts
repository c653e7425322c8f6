import { Unavailable } from '../../errors.ts';
import { embedText } from '../../search/hashing-embedding.ts';
import type { QueryVector } from '../../search/hybrid-search.ts';
import { merged } from '../../search/merging.ts';
import { isGround, retrieveBy, type Retrieved } from '../content/retrieval.ts';
import { searchEntries, type FoundPassage } from '../knowledge/entry-search.ts';
import type { Work } from '../services.ts';
import type { WorkspaceRow } from '../tenancy/tables.ts';
import { groundsOf, groundsOfEntries, type Ground } from './grounds.ts';

/** What an answer needs grounds for. */
export interface Wanted {
  readonly workspace: WorkspaceRow;
  readonly query: string;
  /** Passages of pinned documents, which are there already: by their chunks, and documents that are there as a whole. */
  readonly pinnedChunkIds: ReadonlySet<string>;
  readonly excludeDocumentIds: readonly string[];
}

/** What search found for an answer, best first, and how many further passages the workspace would give a model. */
export interface FoundGrounds {
  readonly grounds: readonly Ground[];
  readonly room: number;
}

/**
 * What the workspace's documents and, where it uses it, the knowledge bank have for a question: as many passages as the workspace gives a model,
 * of both together. Each side is ranked by its own statement, and neither changes the other's order. Their scores tell places, and say nothing
 * about which side knows more; so the two rankings are merged by the cosine of query and passage. A bank that cannot be reached is left out.
 */
export const foundGrounds = async (work: Work, wanted: Wanted): Promise<FoundGrounds> => {
  const { workspace, query, pinnedChunkIds, excludeDocumentIds } = wanted;
  const { topN: first } = workspace;
  const ofDocuments = await retrieveBy(work, { workspace, query, first, excludeDocumentIds });
  // Of a document that found room for a part, search may find that part again.
  const fresh = ofDocuments.passages.filter(({ chunkId }) => !pinnedChunkIds.has(chunkId));
  const room = first - (ofDocuments.passages.length - fresh.length);
  const ofBank = await entriesFor(work, wanted, ofDocuments);
  const documents = groundsOf(fresh);
  if (ofBank.passages.length === 0) return { grounds: documents, room: room - documents.length };
  const rankings = [documents, groundsOfEntries(ofBank.passages)];
  const grounds = merged(rankings, fitBy(wanted, rankings.flat(), ofDocuments.vector, ofBank.vector)).slice(0, room);
  return { grounds, room: room - grounds.length };
};

/** Passages of entries, and the query's vector that found them. */
interface OfBank {
  readonly passages: readonly FoundPassage[];
  readonly vector: QueryVector | null;
}

const nothing: OfBank = { passages: [], vector: null };

const entriesFor = async (
  { unit, services }: Work,
  { workspace, query }: Wanted,
  { vector }: Retrieved,
): Promise<OfBank> => {
  if (!workspace.usesKnowledge || unit.scope.withoutKnowledge === true) return nothing;
  const { id: workspaceId, language, topN: first, similarityThreshold: minimumSimilarity } = workspace;
  try {
    const { asked, found } = await searchEntries(
      { unit, services },
      {
        query,
        first,
        minimumSimilarity,
        workspaceId,
        known: vector === null ? undefined : { vector, language },
      },
    );
    return { passages: found.filter(({ hit }) => isGround(hit, workspace)), vector: asked.vector };
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    services.log.warn({ err: error, workspaceId }, 'An answer goes on without the knowledge bank.');
    return nothing;
  }
};

/**
 * How well grounds of both sides fit the query, on one scale: their cosine by the model that found them. Where the sides have no model in
 * common, or something has no vector yet, all are compared by the built-in embedder, which needs none that is stored.
 */
const fitBy = (
  { query, workspace: { language } }: Wanted,
  grounds: readonly Ground[],
  one: QueryVector | null,
  other: QueryVector | null,
): ((ground: Ground) => number) => {
  const inCommon = one?.model === other?.model && grounds.every(({ similarity }) => similarity !== null);
  if (inCommon) return ({ similarity }) => similarity ?? 0;
  const aim = embedText(query, language);
  const fits = new Map(
    grounds.map((ground) => {
      const vector = embedText(`${ground.title}\n${ground.text}`, language);
      return [ground, vector.reduce((sum, value, at) => sum + value * (aim[at] ?? 0), 0)];
    }),
  );
  return (ground) => fits.get(ground) ?? 0;
};
