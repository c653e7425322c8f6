import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { markdownTable } from '../bench/markdown-table.ts';
import { ndcg, recall, reciprocalRank } from '../bench/ranking-metrics.ts';
import { mean, percentile } from '../bench/statistics.ts';
import { readTestCollection } from '../bench/test-collection.ts';

const judgements = new Map([
  ['a', 3],
  ['b', 2],
  ['c', 1],
  ['d', 0],
]);

test('nDCG is the linear gain by the logarithm of the rank, as a share of the best ranking', () => {
  expect(ndcg(['a', 'b', 'c', 'x'], judgements, 10)).toBe(1);
  // (2 + 3 / log2(3) + 0 + 1 / log2(5)) / (3 + 2 / log2(3) + 1 / log2(4))
  expect(ndcg(['b', 'a', 'd', 'c'], judgements, 10)).toBeCloseTo(
    (2 + 1.8927893 + 0.4306766) / (3 + 1.2618595 + 0.5),
    6,
  );
  // Two places: the ideal is cut there too.
  expect(ndcg(['x', 'a', 'b'], judgements, 2)).toBeCloseTo(1.8927893 / (3 + 1.2618595), 6);
  expect(ndcg(['x', 'y'], judgements, 10)).toBe(0);
  expect(ndcg([], judgements, 10)).toBe(0);
  expect(ndcg(['d'], new Map([['d', 0]]), 10)).toBe(0);
});

test('the reciprocal rank is that of the first relevant document within the depth', () => {
  expect(reciprocalRank(['x', 'd', 'c', 'a'], judgements, 10)).toBeCloseTo(1 / 3, 12);
  expect(reciprocalRank(['x', 'd', 'c', 'a'], judgements, 2)).toBe(0);
});

test('recall is a share of all relevant documents, found or not', () => {
  expect(recall(['x', 'a', 'd', 'c'], judgements, 10)).toBeCloseTo(2 / 3, 12);
  expect(recall(['x', 'a', 'd', 'c'], judgements, 2)).toBeCloseTo(1 / 3, 12);
  expect(recall(['d'], new Map([['d', 0]]), 10)).toBe(0);
});

test('percentiles are values that occurred, by nearest rank', () => {
  const values = [30, 10, 50, 20, 40];
  expect([0, 0.2, 0.5, 0.95, 1].map((share) => percentile(values, share))).toEqual([10, 10, 30, 50, 50]);
  expect(values).toEqual([30, 10, 50, 20, 40]);
  expect([percentile([], 0.5), mean([]), mean(values)]).toEqual([0, 0, 30]);
});

test('figures of a table stand to the right', () => {
  expect(markdownTable(['what', 'ms'], [['search', '3.1']])).toBe('| what | ms |\n| --- | --: |\n| search | 3.1 |\n');
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-collection-'));
});
afterAll(() => rm(folder, { recursive: true }));

const collectionOf = async (docs: readonly object[], queries: readonly object[], qrels: readonly object[]) => {
  for (const [name, lines] of Object.entries({ docs, queries, qrels }))
    await writeFile(join(folder, `${name}.jsonl`), lines.map((line) => JSON.stringify(line)).join('\n'));
  return readTestCollection(folder);
};

const document = { id: '1', title: 'Tides', text: 'The tide turns.' };
const query = { id: 'q', text: 'tide' };

test('a collection is read with what is relevant to its queries', async () => {
  const unjudged = { id: 'r', text: 'gale' };
  const qrels = [
    { query: 'q', doc: '1', rel: 2 },
    { query: 'r', doc: '1', rel: 0 },
  ];
  expect(await collectionOf([document], [query, unjudged], qrels)).toEqual({
    documents: [{ ...document, language: 'en' }],
    queries: [
      { ...query, language: 'en' },
      { ...unjudged, language: 'en' },
    ],
    judgements: new Map([['q', new Map([['1', 2]])]]),
  });
});

test('every fault of a collection is told', async () => {
  const rel = { query: 'q', doc: '1', rel: 1 };
  await expect(collectionOf([], [query], [rel])).rejects.toThrow('docs.jsonl: is empty');
  await expect(collectionOf([document], [{ id: 'q' }], [{ ...rel, rel: -1 }])).rejects.toThrow(
    /queries\.jsonl:1: .*text[^]*qrels\.jsonl:1: .*rel/u,
  );
  await expect(collectionOf([document, document], [query, query], [rel, rel])).rejects.toThrow(
    /docs\.jsonl: the id 1 is there twice[^]*queries\.jsonl: the id q is there twice[^]*q and 1 are judged twice/u,
  );
  await expect(collectionOf([document], [query], [rel, { ...rel, doc: '2' }])).rejects.toThrow('no document 2');
  await expect(collectionOf([document], [query], [rel, { ...rel, query: 'p' }])).rejects.toThrow('no query p');
  await expect(collectionOf([document], [query], [{ ...rel, rel: 0 }])).rejects.toThrow('nothing is relevant');
  await expect(collectionOf([document], [{ ...query, language: 'de' }], [rel])).rejects.toThrow('is in de');
  await expect(readTestCollection(join(folder, 'absent'))).rejects.toThrow(/docs[^]*queries[^]*qrels/u);
});
