import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { InMemorySpanExporter, SimpleSpanProcessor, type ReadableSpan } from '@opentelemetry/sdk-trace';
import { setTimeout as pause } from 'node:timers/promises';
import { tracingOn } from '../src/telemetry/tracing.ts';
import { uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const callerSpan = 'b7ad6b7169203331';
const traceparent = `00-${traceId}-${callerSpan}-01`;

const exporter = new InMemorySpanExporter();
let bed: Testbed;
beforeAll(async () => {
  bed = await startTestbed({}, undefined, undefined, tracingOn(new SimpleSpanProcessor({ exporter }), 'tessera'));
});
beforeEach(() => exporter.reset());
afterAll(() => bed.stop());

/** A span's name with those below it, by their names. */
type Tree = readonly (string | Tree)[];

const spansOf = (id: string) => exporter.getFinishedSpans().filter((span) => span.spanContext().traceId === id);

const treesBelow = (spans: readonly ReadableSpan[], parent: string | undefined): Tree[] =>
  spans
    .filter(({ parentSpanContext }) => parentSpanContext?.spanId === parent)
    .toSorted((one, other) => one.name.localeCompare(other.name))
    .map((span): Tree => [span.name].concat(treesBelow(spans, span.spanContext().spanId) as never[]));

const finished = async (id: string, name: string): Promise<ReadableSpan[]> => {
  for (let tries = 0; tries < 200 && !spansOf(id).some((span) => span.name === name); tries += 1) await pause(25);
  return spansOf(id);
};

test('a nested query is a tree of its levels and their statements, below the span of who called', async () => {
  const ada = await bed.signUp();
  const workspaceId = await workspaceOf(ada);
  for (const title of ['Roses', 'Moss'])
    await ada.want('mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }', {
      input: { workspaceId, title, text: `${title} grow.`, wait: true },
    });
  const query = `query Garden($id: ID!) { workspace(id: $id) { name documents(first: 5) { totalCount edges { node { title workspace { name } } } } } }`;
  // Now it is known who asks.
  await ada.want(query, { id: workspaceId });
  exporter.reset();
  const { statements } = await ada.ask(query, { id: workspaceId }, { traceparent });
  const spans = await finished(traceId, 'query Garden');
  expect(treesBelow(spans, callerSpan)).toEqual([
    [
      'query Garden',
      [
        'workspace',
        ['select'],
        [
          'workspace.documents',
          ['select'],
          ['workspace.documents.edges.node', ['workspace.documents.edges.node.workspace']],
          ['workspace.documents.totalCount', ['select']],
        ],
      ],
    ],
  ]);
  const texts = spans.flatMap(({ attributes }) => attributes['db.query.text'] ?? []);
  expect(new Set(texts)).toEqual(new Set(statements));
  expect(texts).toHaveLength(statements.length);
  const below = spans.find(({ name }) => name === 'workspace.documents.edges.node.workspace');
  expect(below?.attributes['tessera.calls']).toBe(2);
  // No value of a variable, and no row, stands in any span.
  const said = JSON.stringify(spans.map(({ name, attributes }) => [name, attributes]));
  for (const value of ['Roses', 'Moss', workspaceId, uuidOf(workspaceId)]) expect(said).not.toContain(value);
});

test('each of many requests at a time has a trace of its own, with its own statements', async () => {
  const ada = await bed.signUp();
  const ids = await Promise.all(['A', 'B', 'C'].map((name) => workspaceOf(ada, { name })));
  const query = 'query Each($id: ID!) { workspace(id: $id) { documents(first: 5) { edges { node { id } } } } }';
  await ada.want(query, { id: ids[0] });
  exporter.reset();
  await Promise.all(ids.map((id) => ada.want(query, { id })));
  await pause(50);
  const roots = exporter.getFinishedSpans().filter(({ name }) => name === 'query Each');
  expect(new Set(roots.map((root) => root.spanContext().traceId)).size).toBe(3);
  for (const root of roots)
    expect(treesBelow(spansOf(root.spanContext().traceId), undefined)).toEqual([
      ['query Each', ['workspace', ['select'], ['workspace.documents', ['select']]]],
    ]);
});

test('a job stands in the trace of the request that asked for it, and names that request', async () => {
  const ada = await bed.signUp();
  const workspaceId = await workspaceOf(ada);
  const response = await fetch(`${bed.url}/graphql`, {
    method: 'POST',
    headers: { ...ada.headers, 'content-type': 'application/json', traceparent },
    body: JSON.stringify({
      query: 'mutation Add($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }',
      variables: { input: { workspaceId, title: 'Roses', text: 'Roses need light.' } },
    }),
  });
  await response.json();
  const name = 'job content.ingest-document';
  const spans = await finished(traceId, name);
  const job = spans.find((span) => span.name === name);
  const mutation = spans.find((span) => span.name === 'mutation Add');
  expect(job?.parentSpanContext?.spanId).toBe(mutation?.spanContext().spanId);
  expect(job?.attributes).toMatchObject({
    'tessera.request_id': response.headers.get('x-request-id'),
    'tessera.outcome': 'succeeded',
    'tessera.attempt': 1,
  });
  const below = spans.filter(({ parentSpanContext }) => parentSpanContext?.spanId === job?.spanContext().spanId);
  expect(below.length).toBeGreaterThan(2);
  expect(below.every(({ attributes }) => typeof attributes['db.query.text'] === 'string')).toBe(true);
});

test('a caller who does not record has nothing recorded', async () => {
  const ada = await bed.signUp();
  exporter.reset();
  await ada.ask('{ viewer { user { name } } }', {}, { traceparent: `00-${traceId}-${callerSpan}-00` });
  expect(spansOf(traceId)).toEqual([]);
});
