import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Judgements } from './ranking-metrics.ts';

const line = { id: z.string().min(1), language: z.string().length(2).default('en') };
const documentShape = z.object({ ...line, title: z.string().default(''), text: z.string().default('') });
const queryShape = z.object({ ...line, text: z.string().trim().min(1) });
const judgementShape = z.object({ query: z.string(), doc: z.string(), rel: z.number().int().min(0) });

export type CollectionDocument = z.infer<typeof documentShape>;
export type CollectionQuery = z.infer<typeof queryShape>;

/** Documents, queries and which documents answer which query: what retrieval is measured on. */
export interface TestCollection {
  readonly documents: readonly CollectionDocument[];
  readonly queries: readonly CollectionQuery[];
  /** By query; only queries with a relevant document stand here. */
  readonly judgements: ReadonlyMap<string, Judgements>;
}

/** What is wrong with a collection's files, one fault a line. */
export class FaultyCollection extends Error {
  constructor(faults: readonly string[]) {
    const shown = faults.slice(0, 20);
    const further = faults.length > shown.length ? [`… and ${faults.length - shown.length} more`] : [];
    super(`This is no test collection:\n${[...shown, ...further].map((fault) => `  ${fault}`).join('\n')}`);
  }
}

/**
 * Reads `docs.jsonl`, `queries.jsonl` and `qrels.jsonl` of a folder (their format: `docs/retrieval.md`).
 * @throws FaultyCollection naming file and line.
 */
export const readTestCollection = async (folder: string): Promise<TestCollection> => {
  const faults: string[] = [];
  const documents = await linesOf(folder, 'docs.jsonl', documentShape, faults);
  const queries = await linesOf(folder, 'queries.jsonl', queryShape, faults);
  const qrels = await linesOf(folder, 'qrels.jsonl', judgementShape, faults);
  if (faults.length === 0) faults.push(...faultsBetween(documents, queries, qrels));
  if (faults.length > 0) throw new FaultyCollection(faults);
  const byQuery = Map.groupBy(qrels, ({ query }) => query);
  const judgements = new Map<string, Judgements>();
  for (const [query, judged] of byQuery)
    if (judged.some(({ rel }) => rel > 0)) judgements.set(query, new Map(judged.map(({ doc, rel }) => [doc, rel])));
  return { documents, queries, judgements };
};

const linesOf = async <Line>(
  folder: string,
  name: string,
  shape: z.ZodType<Line>,
  faults: string[],
): Promise<Line[]> => {
  const content = await readFile(join(folder, name), 'utf8').catch(() => null);
  if (content === null) faults.push(`${name}: cannot be read in ${folder}`);
  else if (content.trim() === '') faults.push(`${name}: is empty`);
  const lines: Line[] = [];
  for (const [at, text] of (content ?? '').split('\n').entries()) {
    if (text.trim() === '') continue;
    const parsed = shape.safeParse(jsonOf(text));
    if (parsed.success) lines.push(parsed.data);
    else faults.push(`${name}:${at + 1}: ${z.prettifyError(parsed.error).replaceAll(/\s+/gu, ' ')}`);
  }
  return lines;
};

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const repeated = (ids: readonly string[]): Set<string> => {
  const seen = new Set<string>();
  return new Set(ids.filter((id) => seen.size === seen.add(id).size));
};

const faultsBetween = (
  documents: readonly CollectionDocument[],
  queries: readonly CollectionQuery[],
  qrels: readonly z.infer<typeof judgementShape>[],
): string[] => {
  const documentIds = documents.map(({ id }) => id);
  const queryIds = queries.map(({ id }) => id);
  const known = { doc: new Set(documentIds), query: new Set(queryIds) };
  const languages = new Set(documents.map(({ language }) => language));
  const pairs = qrels.map(({ query, doc }) => `${query} and ${doc}`);
  return [
    ...Array.from(repeated(documentIds), (id) => `docs.jsonl: the id ${id} is there twice`),
    ...Array.from(repeated(queryIds), (id) => `queries.jsonl: the id ${id} is there twice`),
    ...Array.from(repeated(pairs), (pair) => `qrels.jsonl: ${pair} are judged twice`),
    ...qrels.filter(({ doc }) => !known.doc.has(doc)).map(({ doc }) => `qrels.jsonl: there is no document ${doc}`),
    ...qrels
      .filter(({ query }) => !known.query.has(query))
      .map(({ query }) => `qrels.jsonl: there is no query ${query}`),
    ...queries
      .filter(({ language }) => !languages.has(language))
      .map(({ id, language }) => `queries.jsonl: query ${id} is in ${language}, but no document is`),
    ...(qrels.some(({ rel }) => rel > 0) ? [] : ['qrels.jsonl: nothing is relevant to any query']),
  ];
};
