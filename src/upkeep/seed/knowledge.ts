import { createHash } from 'node:crypto';
import {
  chunkEmbeddings,
  documentChunks,
  documents,
  documentVersions,
  searchLogs,
} from '../../domains/content/tables.ts';
import { documentOf } from '../../domains/knowledge/entry-blocks.ts';
import {
  banks,
  entryChunks,
  entryEmbeddings,
  knowledgeEntries,
  promptTemplateLabels,
  promptTemplates,
  trainingExamples,
} from '../../domains/knowledge/tables.ts';
import { chunkTerms, type ChunkTerms } from '../../search/chunk-terms.ts';
import { chunk, indexedText, type Chunk } from '../../search/chunking/chunk.ts';
import { embedText, hashingModel } from '../../search/hashing-embedding.ts';
import { Chance, madeAt, momentOf, rows, sampleId } from './chance.ts';
import { organizationId, userOf, workspaceOf } from './company.ts';
import type { Fill } from './fill.ts';

const language = 'en';
const sectionsOf = 3;

export const documentIdOf = (number: number): string => sampleId('document', number);

interface Passage extends Pick<Chunk, 'text' | 'headings' | 'start' | 'end' | 'tokens'>, ChunkTerms {
  readonly id: string;
  readonly position: number;
  readonly hash: string;
  /** What is embedded. */
  readonly indexed: string;
}

/** What ingestion makes of a text. */
const passagesOf = (kind: string, number: number, title: string, text: string): Passage[] =>
  chunk(documentOf(text), { maxTokens: 256 }).map(({ text: own, headings, start, end, tokens }, position) => {
    const indexed = indexedText(title, { text: own, headings });
    const id = sampleId(`${kind} passage`, number * 1000 + position);
    const span = { text: own, headings: [...headings], start, end, tokens };
    return Object.assign(span, chunkTerms(indexed, language), { id, position, indexed, hash: sha256(indexed) });
  });

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const sum = (passages: readonly Passage[], of: (passage: Passage) => number): number =>
  passages.reduce((total, passage) => total + of(passage), 0);

/** Documents with their passages and vectors, as ingestion would leave them; postings are the trigger's. */
export const fillDocuments = async ({ size, put }: Fill): Promise<void> => {
  const chance = new Chance('documents');
  const texts = Array.from({ length: size.documents }, (_, number) => {
    const title = chance.title();
    const sections = Array.from({ length: sectionsOf }, () => `## ${chance.title()}\n\n${chance.text(8)}`);
    const text = `# ${title}\n\n${sections.join('\n\n')}`;
    return { number, title, text, passages: passagesOf('document', number, title, text) };
  });
  const ownOf = (number: number) => ({ organizationId, workspaceId: workspaceOf(number % size.workspaces) });
  await put(
    documents,
    rows(size.documents, (number) => {
      const { title = '', text = '', passages = [] } = texts[number] ?? {};
      return {
        ...ownOf(number),
        ...madeAt(number, size.documents),
        id: documentIdOf(number),
        title,
        text,
        mimeType: 'text/markdown',
        version: number % 10 === 0 ? 2 : 1,
        tags: [number % 3 === 0 ? 'reviewed' : 'new'],
        contentHash: sha256(text),
        status: 'READY' as const,
        language,
        processedAt: momentOf(number, size.documents),
        addedById: userOf(number % size.users),
        chunkCount: passages.length,
        termCount: sum(passages, ({ termCount }) => termCount),
        tokenCount: sum(passages, ({ tokens }) => tokens),
      };
    }),
  );
  await fillPast({ size, put }, ownOf);
  const all = texts.flatMap(({ number, passages }) => passages.map((passage) => ({ number, passage })));
  await put(
    documentChunks,
    rows(all.length, (at) => {
      const { number, passage } = found(all, at);
      const { indexed: _indexed, ...columns } = passage;
      return { ...ownOf(number), ...madeAt(number, size.documents), ...columns, documentId: documentIdOf(number) };
    }),
  );
  await put(
    chunkEmbeddings,
    rows(all.length, (at) => {
      const { number, passage } = found(all, at);
      const embedding = embedText(passage.indexed, language);
      return { ...ownOf(number), chunkId: passage.id, model: hashingModel, embedding };
    }),
  );
};

/** What every tenth document said before, and what was searched for. */
const fillPast = async (
  { size, put }: Pick<Fill, 'size' | 'put'>,
  ownOf: (number: number) => { readonly organizationId: string; readonly workspaceId: string },
): Promise<void> => {
  const chance = new Chance('past');
  const former = Math.ceil(size.documents / 10);
  await put(
    documentVersions,
    rows(former, (at) => {
      const text = chance.text(2);
      return {
        ...ownOf(at * 10),
        ...madeAt(at, former),
        id: sampleId('document version', at),
        documentId: documentIdOf(at * 10),
        version: 1,
        title: chance.title(),
        mimeType: 'text/markdown',
        text,
        contentHash: sha256(text),
        replacedById: userOf((at * 10) % size.users),
      };
    }),
  );
  await put(
    searchLogs,
    rows(size.documents, (number) => ({
      ...ownOf(number),
      ...madeAt(number, size.documents),
      id: sampleId('search', number),
      userId: userOf(number % size.users),
      query: chance.title(),
      hitCount: chance.below(10),
      latencyMs: 5 + chance.below(50),
    })),
  );
};

const found = <Item>(items: readonly Item[], at: number): Item => {
  const item = items[at];
  if (item === undefined) throw new Error(`There is no row ${at}.`);
  return item;
};

/** The knowledge bank: published entries that everybody reads, and examples to train with. */
export const fillBank = async ({ size, putInBank }: Fill): Promise<void> => {
  const chance = new Chance('bank');
  const texts = Array.from({ length: size.entries }, (_, number) => {
    const [title, content] = [chance.title(), chance.text(6)];
    return { number, title, content, passages: passagesOf('entry', number, title, content) };
  });
  await putInBank(banks, [{ organizationId, id: sampleId('bank', 0), language }]);
  await putInBank(
    knowledgeEntries,
    rows(size.entries, (number) => {
      const { title, content, passages } = found(texts, number);
      return {
        ...madeAt(number, size.entries),
        organizationId,
        id: sampleId('entry', number),
        title,
        content,
        category: `Category ${(number % 5) + 1}`,
        status: 'PUBLISHED' as const,
        publishedAt: momentOf(number, size.entries),
        createdById: userOf(number % size.users),
        language,
        embedded: true,
        chunkCount: passages.length,
        termCount: sum(passages, ({ termCount }) => termCount),
      };
    }),
  );
  const all = texts.flatMap(({ number, passages }) => passages.map((passage) => ({ number, passage })));
  await putInBank(
    entryChunks,
    rows(all.length, (at) => {
      const { number, passage } = found(all, at);
      const { indexed: _indexed, ...columns } = passage;
      return {
        ...madeAt(number, size.entries),
        ...columns,
        organizationId,
        entryId: sampleId('entry', number),
      };
    }),
  );
  await putInBank(
    entryEmbeddings,
    rows(all.length, (at) => {
      const { passage } = found(all, at);
      const embedding = embedText(passage.indexed, language);
      return { organizationId, chunkId: passage.id, model: hashingModel, embedding };
    }),
  );
  const templateId = sampleId('prompt template', 0);
  await putInBank(promptTemplates, [
    {
      ...madeAt(0, 1),
      organizationId,
      id: templateId,
      name: 'Short answers',
      category: 'Style',
      type: 'SYSTEM',
      content: 'Answer in at most three sentences.',
      variables: [],
      createdById: userOf(0),
    },
  ]);
  await putInBank(promptTemplateLabels, [
    {
      ...madeAt(0, 1),
      organizationId,
      id: sampleId('prompt template label', 0),
      templateId,
      label: 'production',
      version: 1,
      movedById: userOf(0),
    },
  ]);
  await putInBank(
    trainingExamples,
    rows(size.entries, (number) => ({
      ...madeAt(number, size.entries),
      organizationId,
      id: sampleId('training example', number),
      type: 'FAQ' as const,
      input: chance.title(),
      expectedOutput: chance.text(1),
      createdById: userOf(number % size.users),
      fingerprint: sampleId('fingerprint', number),
    })),
  );
};
