import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import { eq, sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { trainingExportKind } from '../src/domains/conversations/training-export.ts';
import { runTrainingExport } from '../src/domains/conversations/training-export-run.ts';
import { knowledgeOf } from '../src/domains/knowledge/schema.ts';
import { trainingExamples } from '../src/domains/knowledge/tables.ts';
import { pagesOfExamples } from '../src/domains/knowledge/training-selection.ts';
import { globalId, newId } from '../src/ids.ts';
import { uuidOf } from './talk.ts';
import { knowledgePlaces, startTestbed, type Person } from './testbed.ts';
import {
  change,
  example,
  fields,
  refusal,
  resultOf,
  runOf,
  trainersOf,
  workOf,
  type Trainers,
} from './training-talk.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

/** What spreadsheets, parsers of lines and encodings stumble over. */
const hard = [
  ['Plain?', 'Plain.'],
  ['She said "yes", twice', 'A "quoted" answer, with commas; and tabs\there'],
  ['Two\nlines?', 'Three\r\nlines\n\nof text.'],
  ['=HYPERLINK("http://example.com")', '+1+1'],
  ['@SUM(A1)', '-2+3'],
  ['سلام، چطوری؟', '東京は日本の首都です。'],
  ['Ünïcödé 👩‍👩‍👧 e\u0301', 'line\u2028separator \\ backslash \\n'],
  ["'=quoted already", '{"json": [1, 2]}'],
] as const;

/** As it is written into a cell: what a spreadsheet would take for a formula begins with an apostrophe. */
const cell = (text: string): string => (/^[=+\-@]/.test(text) ? `'${text}` : text);

describe.each(knowledgePlaces)('exports of training data with the bank %s', (place) => {
  let bed: Awaited<ReturnType<typeof startTestbed>>;
  let people: Trainers;
  beforeAll(async () => {
    bed = await startTestbed({}, undefined, place);
    people = await trainersOf(bed);
  }, 120_000);
  afterAll(() => bed.stop());

  /** An example with an intent to find it by, looked at by somebody else unless told otherwise. */
  const made = async (intent: string, input: string, expectedOutput: string | null, more: Data = {}): Promise<Data> => {
    const { validated = true, ...others } = more;
    const { id } = await example(people.mia, { type: 'FAQ', intent, input, expectedOutput, ...others });
    if (!validated) return one(id);
    const verdict = { id, approve: true };
    return (await change(people.ada, 'validateTrainingExample', verdict, `trainingExample { ${fields} }`))
      .trainingExample;
  };
  const one = async (id: string): Promise<Data> => {
    const query = `query ($id: ID!) { trainingExample(id: $id) { ${fields} updatedAt } }`;
    return ((await people.ada.want(query, { id })) as Data).trainingExample;
  };
  const exported = async (person: Person, input: object): Promise<{ result: Data; text: string; jobId: string }> => {
    const { job } = await change(person, 'exportTrainingData', input, 'job { id kind }');
    const result = await resultOf(person, job.id);
    if (result.fileId === null) return { result, text: '', jobId: job.id };
    const { url } = await change(person, 'createFileLink', { id: result.fileId }, 'url');
    return { result, text: await (await fetch(url)).text(), jobId: job.id };
  };
  const intentIs = (intent: string) => ({ intent: { eq: intent } });
  const linesOf = (text: string): Data[] =>
    text
      .split('\n')
      .slice(0, -1)
      .map((line): Data => JSON.parse(line));

  test('JSONL holds each example as a chat, whatever it says, and reads back as it was', async () => {
    for (const [input, output] of hard) await made('hard', input, output);
    const filter = intentIs('hard');
    const first = await exported(people.mia, { format: 'JSONL', filter, markUsed: false });
    expect(first.result).toEqual({ fileId: expect.stringMatching(/^file_/), examples: hard.length });
    expect(linesOf(first.text)).toEqual(
      hard.map(([input, output]) => ({
        messages: [
          { role: 'user', content: input },
          { role: 'assistant', content: output },
        ],
      })),
    );
    const systemPrompt = ' Be "brief".\nAlways. ';
    const told = linesOf((await exported(people.mia, { format: 'JSONL', filter, systemPrompt, markUsed: false })).text);
    expect(told.map(({ messages }) => messages[0])).toEqual(
      hard.map(() => ({ role: 'system', content: 'Be "brief".\nAlways.' })),
    );
    expect(told.map(({ messages }) => messages.length)).toEqual(hard.map(() => 3));
  });

  test('CSV has a head, disarms formulas and reads back as it was otherwise', async () => {
    const { group, mia } = people;
    const rows: Data[] = [];
    for (const [input, output] of hard)
      rows.push(
        await made('table', input, output, {
          type: 'DOCUMENT',
          confidence: 0.25,
          entities: { of: ['a', '=b'] },
          groupId: group,
        }),
      );
    const { text, result } = await exported(mia, { format: 'CSV', filter: intentIs('table'), markUsed: false });
    expect(result.examples).toBe(hard.length);
    expect(
      text.startsWith('id,type,status,input,expectedOutput,intent,entities,confidence,groupId,messageId,createdAt\n'),
    ).toBe(true);
    expect(parse(text, { columns: true })).toEqual(
      rows.map(({ id, input, expectedOutput }) => ({
        id,
        type: 'DOCUMENT',
        status: 'VALIDATED',
        input: cell(input),
        expectedOutput: cell(expectedOutput),
        intent: 'table',
        entities: '{"of":["a","=b"]}',
        confidence: '0.25',
        groupId: group,
        messageId: '',
        createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
      })),
    );
  });

  test('only what is validated, has an output and was not used is taken, unless told otherwise; then it is used', async () => {
    const { mia } = people;
    const good = await made('which', 'Good?', 'Yes.');
    const mute = await made('which', 'No output?', null);
    await made('which', 'Pending?', 'Not yet.', { validated: false });
    const bad = await made('which', 'Bad?', 'No.', { validated: false });
    await change(
      people.ada,
      'validateTrainingExample',
      { id: bad.id, approve: false, reason: 'x' },
      'trainingExample { id }',
    );
    const filter = intentIs('which');
    const questions = async (input: object): Promise<string[]> => {
      const { text } = await exported(mia, { format: 'CSV', filter, ...input });
      return parse<Data>(text, { columns: true }).map((row) => row.input);
    };
    expect(await questions({ markUsed: false })).toEqual(['Good?']);
    expect((await one(good.id)).used).toBe(false);
    expect(await questions({})).toEqual(['Good?']);
    const used = await one(good.id);
    expect(used).toMatchObject({ used: true, usedAt: expect.stringMatching(/Z$/) });
    expect((await exported(mia, { format: 'JSONL', filter })).result).toEqual({ fileId: null, examples: 0 });
    expect(await questions({ includeUsed: true })).toEqual(['Good?']);
    expect((await one(good.id)).usedAt).toBe(used.usedAt);
    expect(await questions({ filter: { ...filter, used: { eq: true } }, markUsed: false })).toEqual(['Good?']);
    const any = { filter: { ...filter, status: { in: ['PENDING', 'VALIDATED'] } }, includeUsed: true, markUsed: false };
    expect(await questions(any)).toEqual(['Good?', 'No output?', 'Pending?']);
    expect((await one(mute.id)).used).toBe(false);
    const lines = linesOf((await exported(mia, { format: 'JSONL', ...any })).text);
    expect(lines.map(({ messages }) => messages[0].content)).toEqual(['Good?', 'Pending?']);
  });

  test('an export holds what its requester sees, and the file is theirs; the log tells of it', async () => {
    const { ada, bob, mia, max, group } = people;
    await made('seen', 'For the group?', 'Yes.', { groupId: group });
    await made('seen', 'For all?', 'Yes.');
    const filter = intentIs('seen');
    const ofMax = await exported(max, { format: 'JSONL', filter, markUsed: false });
    expect(ofMax.result.examples).toBe(1);
    expect(linesOf(ofMax.text)[0].messages[0].content).toBe('For all?');
    const ofMia = await exported(mia, { format: 'JSONL', filter });
    expect(ofMia.result.examples).toBe(2);
    const file = 'query ($id: ID!) { file(id: $id) { name mimeType } }';
    expect(await max.codes(file, { id: ofMia.result.fileId })).toEqual(['NOT_FOUND']);
    expect(await mia.want(file, { id: ofMia.result.fileId })).toEqual({
      file: { name: 'training-data.jsonl', mimeType: 'application/x-ndjson' },
    });
    expect(await max.codes('query ($id: ID!) { job(id: $id) { id } }', { id: ofMia.jobId })).toEqual(['NOT_FOUND']);
    expect((await exported(bob, { format: 'JSONL' })).result).toEqual({ fileId: null, examples: 0 });
    const { unit } = workOf(bed, people);
    const told = await unit.run(() =>
      database.execute(
        sql`select action, data from events where target_id = ${uuidOf(ofMia.result.fileId)} and action like 'training%'`,
      ),
    );
    await unit.rest();
    expect([...told]).toEqual([{ action: 'training_example.exported', data: { examples: 2 } }]);
    expect(
      await refusal(ada, 'exportTrainingData', { format: 'JSONL', systemPrompt: ' ' }, 'job { id }'),
    ).toMatchObject({
      code: 'BAD_USER_INPUT',
      field: 'systemPrompt',
    });
    const deep = { not: { not: { not: { not: { intent: { eq: 'a' } } } } } };
    expect(await refusal(ada, 'exportTrainingData', { format: 'CSV', filter: deep }, 'job { id }')).toMatchObject({
      code: 'BAD_USER_INPUT',
      field: 'filter',
    });
  });

  /** Validated examples written past the API. */
  const many = async (intent: string, count: number): Promise<void> => {
    const bank = knowledgeOf(workOf(bed, people).unit);
    await bank.transact(({ organizationId }) =>
      database.insert(trainingExamples).values(
        Array.from({ length: count }, (_, number) => ({
          organizationId,
          type: 'FAQ' as const,
          input: `${intent} ${number}`,
          expectedOutput: 'x'.repeat(1000),
          intent,
          fingerprint: `${intent} ${number}`,
          status: 'VALIDATED' as const,
          validatedAt: new Date().toISOString(),
          // Many of one moment: pages are told apart by their ids.
          createdAt: new Date(Date.UTC(2026, 0, 1) + Math.floor(number / 150)).toISOString(),
        })),
      ),
    );
  };
  const usedOf = async (intent: string): Promise<number> => {
    const bank = knowledgeOf(workOf(bed, people).unit);
    const isUsed = sql`${trainingExamples.intent} = ${intent} and ${trainingExamples.usedAt} is not null`;
    const number = await bank.run(() => database.$count(trainingExamples, isUsed));
    await bank.rest();
    return number;
  };
  const asked = (intent: string) => ({
    format: 'JSONL',
    filter: intentIs(intent),
    includeUsed: false,
    markUsed: true,
    systemPrompt: null,
    credential: { kind: 'SESSION', id: newId() },
  });

  test('many come in pages, each once, and one export is made at a time', async () => {
    await many('pages', 420);
    const { ada, mia } = people;
    const begun = await Promise.all(
      [ada, mia, ada].map((person) =>
        person.ask('mutation ($input: ExportTrainingDataInput!) { exportTrainingData(input: $input) { job { id } } }', {
          input: { format: 'JSONL', filter: intentIs('pages') },
        }),
      ),
    );
    const codes = begun.map(({ errors }) => errors[0]?.extensions.code);
    expect(codes.filter((code) => code === undefined).length).toBeGreaterThanOrEqual(1);
    expect(codes.every((code) => code === undefined || code === 'CONFLICT')).toBe(true);
    const results = await Promise.all(
      begun.flatMap(({ data }, at) => {
        const id = (data as Data)?.exportTrainingData?.job.id;
        return id === undefined ? [] : [resultOf([ada, mia, ada][at] ?? ada, id)];
      }),
    );
    // Whoever came once the first was done found nothing left.
    expect(results.map(({ examples }) => examples).reduce((sum, each) => sum + each, 0)).toBe(420);
    expect(await usedOf('pages')).toBe(420);
    const { text } = await exported(ada, { format: 'JSONL', filter: intentIs('pages'), includeUsed: true });
    const inputs = linesOf(text).map(({ messages }) => messages[0].content);
    expect(new Set(inputs).size).toBe(420);
    expect(inputs).toHaveLength(420);
  });

  test('while one is queued another is refused', async () => {
    const { mia, max } = people;
    const { unit, services } = workOf(bed, people);
    const target = { type: 'Organization', id: unit.organizationId };
    const wait = { kind: trainingExportKind, data: asked('none'), target, startAfterSeconds: 3600 };
    const id = await services.queue.enqueue(unit, wait);
    expect(await refusal(mia, 'exportTrainingData', { format: 'CSV' }, 'job { id }')).toMatchObject({
      code: 'CONFLICT',
      field: 'organization',
    });
    await unit.transact(() => services.queue.cancel(unit, { id, kind: trainingExportKind, queueId: null }));
    expect((await exported(max, { format: 'CSV', filter: intentIs('none') })).result.fileId).toBeNull();
  });

  test('a run that broke off before its file stood has used up nothing, and its next try makes one file', async () => {
    await many('crash', 230);
    const files = async (): Promise<number> => {
      const { unit } = workOf(bed, people);
      const [row] = await unit.run(() =>
        database.execute<{ total: number }>(
          sql`select count(*)::int as total from files where name like 'training-data%'`,
        ),
      );
      await unit.rest();
      return row?.total ?? 0;
    };
    const before = await files();
    const jobId = newId();
    let kept: Record<string, unknown> | null = null;
    const dying = runOf(jobId, null, () => {
      throw new Error('The process died.');
    });
    await expect(runTrainingExport(workOf(bed, people), asked('crash'), dying)).rejects.toThrow('died');
    expect([await files(), await usedOf('crash')]).toEqual([before, 0]);
    const again = runOf(jobId, null, (told) => {
      kept = told;
    });
    const result = await runTrainingExport(workOf(bed, people), asked('crash'), again);
    expect(result).toEqual(kept);
    expect(await files()).toBe(before + 1);
    expect(await usedOf('crash')).toBe(230);
  });

  test('what was changed since it was written is not marked; what is left to be marked is found again', async () => {
    await many('marks', 150);
    const jobId = newId();
    const work = workOf(bed, people);
    const bank = knowledgeOf(work.unit);
    const selection = { format: 'JSONL' as const, filter: intentIs('marks'), includeUsed: false };
    let read = 0;
    for await (const page of pagesOfExamples(async () => bank, selection, jobId)) read += page.length;
    expect([read, await usedOf('marks')]).toEqual([150, 0]);
    const [changed] = await bank.run(() =>
      database.select({ id: trainingExamples.id }).from(trainingExamples).where(eq(trainingExamples.input, 'marks 7')),
    );
    await bank.rest();
    const id = changed?.id ?? '';
    await change(
      people.mia,
      'updateTrainingExample',
      { id: globalId('TrainingExample', id), expectedOutput: 'Other.' },
      'trainingExample { id }',
    );
    // The file stood, and the process died before the marks.
    const kept = { fileId: 'file_x', examples: 150 };
    const keepNothing = () => {
      throw new Error('Nothing is kept a second time.');
    };
    expect(await runTrainingExport(workOf(bed, people), asked('marks'), runOf(jobId, kept, keepNothing))).toEqual(kept);
    expect(await usedOf('marks')).toBe(149);
    await runTrainingExport(workOf(bed, people), asked('marks'), runOf(jobId, kept, keepNothing));
    expect(await usedOf('marks')).toBe(149);
  });

  test('who lost the right meanwhile gets no file', async () => {
    const { unit, services } = workOf(bed, people);
    const asBen = unit.as({ ...unit.scope, userId: uuidOf(people.ben.userId) });
    expect(
      await runTrainingExport(
        { unit: asBen, services },
        asked('pages'),
        runOf(newId(), null, () => undefined),
      ),
    ).toEqual({
      fileId: null,
      examples: 0,
      stopped: 'ACCESS_ENDED',
    });
  });
});
