import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eq, sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { runTrainingFeedback } from '../src/domains/conversations/training-feedback-run.ts';
import { knowledgeOf } from '../src/domains/knowledge/schema.ts';
import { trainingExamples } from '../src/domains/knowledge/tables.ts';
import { fingerprintOf } from '../src/domains/knowledge/training-rules.ts';
import { globalId, newId } from '../src/ids.ts';
import { conversationIn, uuidOf, workspaceOf } from './talk.ts';
import { knowledgePlaces, startTestbed, type Person } from './testbed.ts';
import {
  answersIn,
  change,
  example,
  fields,
  judged,
  refusal,
  resultOf,
  runOf,
  trainersOf,
  workOf,
  type Trainers,
} from './training-talk.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

test('the same example is known in other writing, and another by type, input or output', () => {
  const print = (input: string, expectedOutput: string | null = 'Yes.', type: 'FAQ' | 'DOCUMENT' = 'FAQ') =>
    fingerprintOf({ type, input, expectedOutput });
  expect(print('  Are ﬁgs\u00a0sweet?\n')).toBe(print('are FIGS sweet?'));
  expect(print('Ｑ１ ΟΔΟΣ İ')).toBe(print('q1 οδος i̇'));
  expect(print('e\u0301')).toBe(print('É'));
  const others = [
    print('a'),
    print('b'),
    print('a', null),
    print('a', 'No.'),
    print('a', 'Yes.', 'DOCUMENT'),
    print('aYes.', ''),
  ];
  expect(new Set(others).size).toBe(others.length);
});

describe.each(knowledgePlaces)('training examples with the bank %s', (place) => {
  let bed: Awaited<ReturnType<typeof startTestbed>>;
  let people: Trainers;
  beforeAll(async () => {
    bed = await startTestbed({}, undefined, place);
    people = await trainersOf(bed);
  }, 120_000);
  afterAll(() => bed.stop());

  const one = async (person: Person, id: string): Promise<Data> =>
    ((await person.want(`query ($id: ID!) { trainingExample(id: $id) { ${fields} } }`, { id })) as Data)
      .trainingExample;
  const listQuery = `query ($first: Int, $after: String, $filter: TrainingExampleFilter, $orderBy: [TrainingExampleOrder!]) {
    trainingExamples(first: $first, after: $after, filter: $filter, orderBy: $orderBy) { totalCount pageInfo { hasNextPage endCursor }
      edges { node { id input } } } }`;
  const listed = async (person: Person, variables: object): Promise<string[]> => {
    const { trainingExamples: page }: Data = await person.want(listQuery, { first: 100, ...variables });
    expect(page.totalCount).toBe(page.edges.length);
    return page.edges.map(({ node }: Data) => node.input);
  };
  const validate = (person: Person, id: string, approve = true, reason?: string): Promise<Data> =>
    change(person, 'validateTrainingExample', { id, approve, reason }, `trainingExample { ${fields} }`).then(
      ({ trainingExample }) => trainingExample,
    );
  /** All rows of the organization's examples, as they are. */
  const rows = async (): Promise<Data[]> => {
    const bank = knowledgeOf(workOf(bed, people).unit);
    const found = await bank.run(() => database.select().from(trainingExamples).orderBy(trainingExamples.id));
    await bank.rest();
    return found;
  };
  /** What the log says of an example, once what is on its way has arrived. */
  const eventsOf = async (id: string): Promise<string[]> => {
    const { outbox } = bed.server.installation.services;
    await outbox?.carryAll(new AbortController().signal);
    const { unit } = workOf(bed, people);
    const found = await unit.run(() =>
      database.execute<{ action: string }>(sql`select action from events where target_id = ${uuidOf(id)} order by id`),
    );
    await unit.rest();
    return found.map(({ action }) => action);
  };

  test('one is made by hand, changed, looked at by somebody else, and deleted, and the log tells it', async () => {
    const { mia, max } = people;
    const made = await example(mia, {
      type: 'FAQ',
      input: '  When do you open?  ',
      intent: 'opening_hours',
      entities: { day: 'any' },
      confidence: 0.5,
    });
    expect(made).toMatchObject({
      id: expect.stringMatching(/^training_example_/),
      type: 'FAQ',
      input: 'When do you open?',
      expectedOutput: null,
      intent: 'opening_hours',
      entities: { day: 'any' },
      confidence: 0.5,
      status: 'PENDING',
      used: false,
      usedAt: null,
      group: null,
      createdBy: { id: mia.userId },
      editedBy: null,
      validatedBy: null,
      message: null,
      conversation: null,
    });
    const { id } = made;
    const { trainingExample: answered } = await change(
      mia,
      'updateTrainingExample',
      { id, expectedOutput: 'At nine.' },
      `trainingExample { ${fields} }`,
    );
    expect(answered).toMatchObject({ expectedOutput: 'At nine.', status: 'PENDING', editedBy: { id: mia.userId } });
    expect(await validate(max, id)).toMatchObject({
      status: 'VALIDATED',
      validatedBy: { id: max.userId },
      validatedAt: expect.stringMatching(/Z$/),
    });
    expect(await one(max, id)).toMatchObject({ status: 'VALIDATED', expectedOutput: 'At nine.' });
    expect((await change(max, 'deleteTrainingExample', { id }, 'deletedId')).deletedId).toBe(id);
    expect(await mia.codes('query ($id: ID!) { trainingExample(id: $id) { id } }', { id })).toEqual(['NOT_FOUND']);
    expect(await eventsOf(id)).toEqual([
      'training_example.created',
      'training_example.updated',
      'training_example.validated',
      'training_example.deleted',
    ]);
  });

  test('nobody looks at their own: neither who made it nor who changed it last', async () => {
    const { ada, mia, max } = people;
    const { id } = await example(mia, { input: 'Whose is this?', expectedOutput: 'Yours.' });
    const own = { id, approve: true };
    expect(await refusal(mia, 'validateTrainingExample', own, 'trainingExample { id }')).toMatchObject({
      code: 'FORBIDDEN',
      permission: 'TRAINING_MANAGE',
    });
    await change(max, 'updateTrainingExample', { id, expectedOutput: 'Ours.' }, 'trainingExample { id }');
    for (const person of [mia, max])
      expect(await refusal(person, 'validateTrainingExample', own, 'trainingExample { id }')).toMatchObject({
        code: 'FORBIDDEN',
      });
    for (const input of [
      { id, approve: false },
      { id, approve: false, reason: ' ' },
      { id, approve: true, reason: 'x'.repeat(1001) },
    ])
      expect(await refusal(ada, 'validateTrainingExample', input, 'trainingExample { id }')).toMatchObject({
        code: 'BAD_USER_INPUT',
        field: 'reason',
      });
    expect(await validate(ada, id, false, ' Too short. ')).toMatchObject({
      status: 'REJECTED',
      rejectionReason: 'Too short.',
      validatedBy: { id: ada.userId },
    });
    expect(await refusal(ada, 'validateTrainingExample', own, 'trainingExample { id }')).toMatchObject({
      code: 'CONFLICT',
      status: 'REJECTED',
    });
    expect(await eventsOf(id)).toContain('training_example.rejected');
  });

  test('of two verdicts at a time one holds', async () => {
    const { ada, mia, max } = people;
    const { id } = await example(mia, { input: 'Who is first?', expectedOutput: 'One.' });
    const both = await Promise.all([
      refusal(ada, 'validateTrainingExample', { id, approve: true }, 'trainingExample { id }'),
      refusal(max, 'validateTrainingExample', { id, approve: false, reason: 'No.' }, 'trainingExample { id }'),
    ]);
    expect(both.filter((extensions) => extensions === undefined)).toHaveLength(1);
    expect(both.find((extensions) => extensions !== undefined)).toMatchObject({ code: 'CONFLICT' });
  });

  test('with another text it is to be looked at anew; with another intent, confidence or group it is not', async () => {
    const { mia, max, group } = people;
    const { id } = await example(mia, { input: 'Is it new?', expectedOutput: 'Yes.' });
    await validate(max, id);
    const update = (input: object): Promise<Data> =>
      change(mia, 'updateTrainingExample', { id, ...input }, `trainingExample { ${fields} }`).then(
        ({ trainingExample }) => trainingExample,
      );
    expect(await update({ intent: 'ask', confidence: 1, groupId: group, entities: {} })).toMatchObject({
      status: 'VALIDATED',
      intent: 'ask',
      group: { id: group },
      editedBy: { id: mia.userId },
    });
    expect(await update({ groupId: null, intent: null, confidence: null })).toMatchObject({
      status: 'VALIDATED',
      group: null,
      intent: null,
      confidence: null,
    });
    const bank = knowledgeOf(workOf(bed, people).unit);
    await bank.transact(() =>
      database
        .update(trainingExamples)
        .set({ usedAt: sql`now()` })
        .where(eq(trainingExamples.id, uuidOf(id))),
    );
    expect(await one(mia, id)).toMatchObject({ used: true, usedAt: expect.stringMatching(/Z$/) });
    expect(await update({ input: 'Is it new?' })).toMatchObject({ status: 'VALIDATED', used: true });
    expect(await update({ input: 'Is it new? ' })).toMatchObject({ status: 'VALIDATED', used: true });
    for (const input of [{ input: 'Is it newer?' }, { expectedOutput: null }, { type: 'DOCUMENT' }]) {
      expect(await update(input)).toMatchObject({
        status: 'PENDING',
        validatedBy: null,
        validatedAt: null,
        used: false,
      });
      await validate(max, id);
    }
  });

  test('the same is there once: who comes second is told which it is, where they see it', async () => {
    const { ada, mia, max, group } = people;
    const first = await example(mia, { type: 'FAQ', input: 'Do you sell ﬁgs?', expectedOutput: 'YES' });
    const again = { type: 'FAQ', input: ' do you  sell FIGS?', expectedOutput: 'yes' };
    expect(await refusal(max, 'createTrainingExample', again, 'trainingExample { id }')).toMatchObject({
      code: 'CONFLICT',
      field: 'input',
      id: first.id,
    });
    const other = await example(max, { type: 'FAQ', input: 'Do you sell dates?', expectedOutput: 'yes' });
    const before = await rows();
    const asFirst = { id: other.id, input: 'Do you sell figs?' };
    expect(await refusal(max, 'updateTrainingExample', asFirst, 'trainingExample { id }')).toMatchObject({
      code: 'CONFLICT',
      id: first.id,
    });
    expect(await rows()).toEqual(before);
    await change(mia, 'updateTrainingExample', { id: first.id, groupId: group }, 'trainingExample { id }');
    const hidden = await refusal(max, 'createTrainingExample', again, 'trainingExample { id }');
    expect(hidden).toMatchObject({ code: 'CONFLICT' });
    expect(hidden.id).toBeUndefined();
    expect(await refusal(ada, 'createTrainingExample', again, 'trainingExample { id }')).toMatchObject({
      id: first.id,
    });
    expect((await example(max, { ...again, type: 'DOCUMENT' })).type).toBe('DOCUMENT');
  });

  test('of those who make the same at a time one does', async () => {
    const { ada, mia, max } = people;
    const input = { input: 'Who makes it?', expectedOutput: 'One of us.' };
    const all = await Promise.all(
      [ada, mia, max, ada, mia, max].map((person) =>
        refusal(person, 'createTrainingExample', input, 'trainingExample { id }'),
      ),
    );
    expect(all.filter((extensions) => extensions === undefined)).toHaveLength(1);
    for (const extensions of all.filter((each) => each !== undefined))
      expect(extensions).toMatchObject({ code: 'CONFLICT', id: expect.stringMatching(/^training_example_/) });
    expect(await listed(ada, { filter: { createdAt: { gt: '2000-01-01T00:00:00Z' } } })).toContain('Who makes it?');
    expect((await rows()).filter((row) => row.input === 'Who makes it?')).toHaveLength(1);
  });

  test('bad input changes nothing, and every fault is told', async () => {
    const { mia } = people;
    const { id } = await example(mia, { input: 'What stays?', expectedOutput: 'This.' });
    const before = await rows();
    const long = 'x'.repeat(32_001);
    const faults: [object, string[]][] = [
      [{}, ['input']],
      [{ input: null }, ['input']],
      [{ input: ' \n ' }, ['input']],
      [
        { input: long, expectedOutput: '', intent: 'x'.repeat(201), entities: [], confidence: 1.1 },
        ['input', 'expectedOutput', 'intent', 'entities', 'confidence'],
      ],
      [{ input: 'a', entities: { text: 'x'.repeat(16_000) } }, ['entities']],
      [{ input: 'a', confidence: -0.1 }, ['confidence']],
    ];
    for (const [input, issues] of faults) {
      const told = await refusal(mia, 'createTrainingExample', input, 'trainingExample { id }');
      expect(told.code).toBe('BAD_USER_INPUT');
      expect(told.issues.map(({ field }: Data) => field)).toEqual(issues);
    }
    for (const input of [{ input: '' }, { input: null }, { type: null }, { entities: null }, { confidence: 2 }])
      expect(await refusal(mia, 'updateTrainingExample', { id, ...input }, 'trainingExample { id }')).toMatchObject({
        code: 'BAD_USER_INPUT',
      });
    for (const variables of [{ first: 101 }, { filter: { confidence: { gt: 0 } }, after: 'x' }])
      expect(await mia.codes(listQuery, variables)).toEqual(['BAD_USER_INPUT']);
    expect(await rows()).toEqual(before);
  });

  test('a group has its own: its members and administrators see them, and nobody else writes there', async () => {
    const { ada, mia, max, group } = people;
    const { id } = await example(mia, { input: 'Who is in?', expectedOutput: 'We.', groupId: group });
    expect((await one(ada, id)).group.id).toBe(group);
    expect(await max.codes('query ($id: ID!) { trainingExample(id: $id) { id } }', { id })).toEqual(['NOT_FOUND']);
    expect(await max.codes('query ($id: ID!) { node(id: $id) { id } }', { id })).toEqual(['NOT_FOUND']);
    expect(await listed(mia, { filter: { groupId: { eq: group } } })).toContain('Who is in?');
    expect(await listed(max, { filter: { groupId: { eq: group } } })).toEqual([]);
    for (const name of ['updateTrainingExample', 'deleteTrainingExample'])
      expect(
        await refusal(max, name, { id }, name.startsWith('delete') ? 'deletedId' : 'trainingExample { id }'),
      ).toMatchObject({ code: 'NOT_FOUND' });
    const mine = await example(max, { input: 'May I?', expectedOutput: 'No.' });
    for (const [name, input] of [
      ['createTrainingExample', { input: 'May I in?', groupId: group }],
      ['updateTrainingExample', { id: mine.id, groupId: group }],
    ] as const)
      expect(await refusal(max, name, input, 'trainingExample { id }')).toMatchObject({ code: 'FORBIDDEN' });
    const unknown = globalId('Group', newId());
    expect(
      await refusal(ada, 'createTrainingExample', { input: 'Any?', groupId: unknown }, 'trainingExample { id }'),
    ).toMatchObject({ code: 'NOT_FOUND', type: 'Group' });
    expect((await example(ada, { input: 'Mine?', groupId: group })).group.id).toBe(group);
  });

  test('managers alone work on them, in their own organization', async () => {
    const { ada, bob, ben } = people;
    const { id } = await example(ada, { input: 'Who may?', expectedOutput: 'Managers.' });
    const calls: [string, object, string][] = [
      ['createTrainingExample', { input: 'Mine?' }, 'trainingExample { id }'],
      ['updateTrainingExample', { id, input: 'Mine?' }, 'trainingExample { id }'],
      ['deleteTrainingExample', { id }, 'deletedId'],
      ['validateTrainingExample', { id, approve: true }, 'trainingExample { id }'],
      ['createTrainingExamplesFromFeedback', { workspaceId: people.workspace }, 'job { id }'],
      ['exportTrainingData', { format: 'CSV' }, 'job { id }'],
    ];
    for (const [name, input, selection] of calls)
      expect(await refusal(ben, name, input, selection)).toMatchObject({
        code: 'FORBIDDEN',
        permission: 'TRAINING_MANAGE',
      });
    for (const [name, input, selection] of calls.slice(1, 5))
      expect(await refusal(bob, name, input, selection)).toMatchObject({ code: 'NOT_FOUND' });
    expect(await ben.codes(listQuery, {})).toEqual(['FORBIDDEN']);
    expect(await listed(bob, {})).toEqual([]);
    // The same of another organization is another.
    expect((await example(bob, { input: 'Who may?', expectedOutput: 'Managers.' })).status).toBe('PENDING');
  });

  test('lists are filtered and ordered, page by page, in as many statements for many as for one', async () => {
    const { mia, max } = people;
    const made: Data[] = [];
    for (const [number, confidence] of [0.9, null, 0.1, 0.5].entries())
      made.push(
        await example(mia, { type: 'FAQ', input: `Row ${number}`, intent: 'row', confidence, expectedOutput: 'x' }),
      );
    await validate(max, made[0].id);
    await validate(max, made[2].id, false, 'No.');
    const inputs = (filter: object, orderBy?: object): Promise<string[]> =>
      listed(max, { filter: { and: [{ intent: { eq: 'row' } }, filter] }, ...(orderBy && { orderBy: [orderBy] }) });
    expect(await inputs({})).toEqual(['Row 3', 'Row 2', 'Row 1', 'Row 0']);
    expect(await inputs({}, { field: 'CREATED_AT', direction: 'ASC' })).toEqual(['Row 0', 'Row 1', 'Row 2', 'Row 3']);
    expect(await inputs({}, { field: 'CONFIDENCE' })).toEqual(['Row 0', 'Row 3', 'Row 2', 'Row 1']);
    expect(await inputs({ status: { eq: 'VALIDATED' } })).toEqual(['Row 0']);
    expect(await inputs({ status: { in: ['REJECTED', 'PENDING'] } })).toEqual(['Row 3', 'Row 2', 'Row 1']);
    expect(await inputs({ confidence: { gte: 0.5 } })).toEqual(['Row 3', 'Row 0']);
    expect(await inputs({ confidence: { isNull: true } })).toEqual(['Row 1']);
    expect(await inputs({ createdById: { eq: max.userId } })).toEqual([]);
    expect(await inputs({ validatedById: { eq: max.userId } })).toEqual(['Row 2', 'Row 0']);
    expect(await inputs({ used: { eq: true } })).toEqual([]);
    expect(await inputs({ used: { eq: false }, type: { eq: 'FAQ' } })).toHaveLength(4);
    const pages: string[] = [];
    for (let after: string | null = null, more = true; more;) {
      const { trainingExamples: page }: Data = await max.want(listQuery, {
        first: 1,
        after,
        filter: { intent: { eq: 'row' } },
        orderBy: [{ field: 'CONFIDENCE', direction: 'ASC' }],
      });
      pages.push(...page.edges.map(({ node }: Data) => node.input));
      [after, more] = [page.pageInfo.endCursor, page.pageInfo.hasNextPage];
    }
    expect(pages).toEqual(['Row 1', 'Row 2', 'Row 3', 'Row 0']);
    const whole = `query ($first: Int) { trainingExamples(first: $first, filter: { validatedById: { isNull: false } }) {
      edges { node { ${fields} } } } }`;
    const [few, many] = [await max.ask(whole, { first: 1 }), await max.ask(whole, { first: 50 })];
    expect((many.data as Data).trainingExamples.edges.length).toBeGreaterThan(3);
    expect(many.statements).toHaveLength(few.statements.length);
    expect(many.statements.length).toBeLessThanOrEqual(4);
  });

  test('from an answer: the question above it and the answer, unless told otherwise', async () => {
    const { ada, mia, max, workspace } = people;
    const [messageId = ''] = (await answersIn(bed, people, 1)).map((id) => globalId('Message', id));
    const made = await example(mia, { messageId });
    expect(made).toMatchObject({
      type: 'CONVERSATION',
      input: 'Question 0?',
      expectedOutput: 'Answer 0.',
      confidence: 0.75,
      message: { id: messageId },
      conversation: { id: expect.stringMatching(/^conversation_/) },
    });
    expect(
      await example(mia, { messageId, type: 'FAQ', expectedOutput: 'A better answer.', confidence: null }),
    ).toMatchObject({
      type: 'FAQ',
      input: 'Question 0?',
      expectedOutput: 'A better answer.',
      confidence: null,
      message: { id: messageId },
    });
    expect(await listed(mia, { filter: { messageId: { eq: messageId } } })).toHaveLength(2);
    // Max sees the answer, and does not review feedback there.
    expect(await refusal(max, 'createTrainingExample', { messageId }, 'trainingExample { id }')).toMatchObject({
      code: 'FORBIDDEN',
      permission: 'FEEDBACK_REVIEW',
    });
    const elsewhere = await workspaceOf(ada);
    const [hidden = ''] = await answersIn(bed, { ...people, workspace: elsewhere }, 1);
    const ofHidden = await example(ada, { messageId: globalId('Message', hidden), input: 'Hidden?' });
    expect(ofHidden.message).not.toBeNull();
    expect(await one(mia, ofHidden.id)).toMatchObject({ message: null, conversation: null });
    const secret = { messageId: globalId('Message', hidden) };
    expect(await refusal(mia, 'createTrainingExample', secret, 'trainingExample { id }')).toMatchObject({
      code: 'NOT_FOUND',
    });
    const conversationId = await conversationIn(ada, workspace);
    const said = await change(ada, 'addMessage', { conversationId, content: 'Hello.' }, 'message { id }');
    expect(
      await refusal(mia, 'createTrainingExample', { messageId: said.message.id }, 'trainingExample { id }'),
    ).toMatchObject({ code: 'BAD_USER_INPUT', field: 'messageId' });
  });

  describe('from feedback', () => {
    const make = async (person: Person, input: object): Promise<Data> => {
      const { job } = await change(
        person,
        'createTrainingExamplesFromFeedback',
        { workspaceId: people.workspace, ...input },
        'job { id kind }',
      );
      return resultOf(person, job.id);
    };

    test('answers that were found good, and by nobody bad, become examples, each once', async () => {
      const { mia } = people;
      const there = await workspaceOf(people.ada);
      const spot = { ...people, workspace: there };
      const answers = await answersIn(bed, spot, 8);
      const judge = (at: number, score: number, more: object = {}) =>
        judged(bed, spot, answers[at] ?? '', { score, ...more });
      await judge(0, 1);
      await judge(0, 1, { hoursAgo: 2 });
      await judge(1, 1);
      await judge(1, -1);
      await judge(2, 5, { scale: 'STARS' });
      await judge(3, 3, { scale: 'STARS' });
      await judge(4, -1);
      await judge(5, 1, { hoursAgo: 100 });
      await judge(6, 1);
      // The first pair says what an example of an earlier test says.
      const from = new Date(Date.now() - 10 * 3_600_000).toISOString();
      const { ada } = people;
      expect(
        await refusal(mia, 'createTrainingExamplesFromFeedback', { workspaceId: there }, 'job { id }'),
      ).toMatchObject({
        code: 'NOT_FOUND',
      });
      const first = await make(ada, { workspaceId: there, from });
      expect(first).toEqual({ total: 3, created: 2, duplicates: 1, unusable: 0 });
      expect(await make(ada, { workspaceId: there, from })).toEqual({
        total: 3,
        created: 0,
        duplicates: 3,
        unusable: 0,
      });
      const made = await listed(ada, { filter: { messageId: { in: answers.map((id) => globalId('Message', id)) } } });
      expect(made.sort()).toEqual(['Question 2?', 'Question 6?']);
      expect(await make(ada, { workspaceId: there, minimumScore: 3, groupId: people.group })).toEqual({
        total: 5,
        created: 2,
        duplicates: 3,
        unusable: 0,
      });
      expect(
        (await listed(mia, { filter: { groupId: { eq: people.group } } })).filter((text) => /Question [35]/.test(text)),
      ).toHaveLength(2);
      for (const [input, field] of [
        [{ minimumScore: 0 }, 'minimumScore'],
        [{ minimumScore: 6 }, 'minimumScore'],
        [{ from: '2026-02-01T00:00:00Z', to: '2026-01-01T00:00:00Z' }, 'from'],
      ] as const)
        expect(
          await refusal(ada, 'createTrainingExamplesFromFeedback', { workspaceId: there, ...input }, 'job { id }'),
        ).toMatchObject({ code: 'BAD_USER_INPUT', field });
    });

    test('who sees a workspace and does not review feedback there makes none; nor who lost the right meanwhile', async () => {
      const { max, workspace } = people;
      expect(
        await refusal(max, 'createTrainingExamplesFromFeedback', { workspaceId: workspace }, 'job { id }'),
      ).toMatchObject({
        code: 'FORBIDDEN',
        permission: 'FEEDBACK_REVIEW',
      });
      const { unit, services } = workOf(bed, people);
      const asked = {
        workspaceId: uuidOf(workspace),
        minimumScore: 4,
        from: null,
        to: new Date().toISOString(),
        groupId: null,
      };
      const credential = { kind: 'SESSION', id: newId() };
      const asMax = unit.as({ ...unit.scope, userId: uuidOf(max.userId) });
      expect(
        await runTrainingFeedback(
          { unit: asMax, services },
          { ...asked, credential },
          runOf(newId(), null, () => undefined),
        ),
      ).toEqual({ total: 0, created: 0, duplicates: 0, unusable: 0, stopped: 'ACCESS_ENDED' });
    });

    test('a run that broke off goes on where it was, and counts each example once', async () => {
      const there = await workspaceOf(people.ada);
      const spot = { ...people, workspace: there };
      const answers = await answersIn(bed, spot, 120);
      const bank = knowledgeOf(workOf(bed, people).unit);
      // What is written past the API says what other tests say too.
      const { unit } = workOf(bed, people);
      await unit.transact(() =>
        database.execute(sql`update messages set content = ${there} || content where workspace_id = ${uuidOf(there)}`),
      );
      for (const answer of answers) await judged(bed, spot, answer, { score: 1 });
      const asked = {
        workspaceId: uuidOf(there),
        minimumScore: 4,
        from: null,
        to: new Date().toISOString(),
        groupId: null,
        credential: { kind: 'SESSION', id: newId() },
      };
      const jobId = newId();
      let kept: Record<string, unknown> | null = null;
      let pages = 0;
      // Between the bank's commit of the second page and the word of how far the work is, the process dies.
      const dying = runOf(jobId, null, (result) => {
        if (++pages === 2) throw new Error('The process died.');
        kept = result;
      });
      await expect(runTrainingFeedback(workOf(bed, people), asked, dying)).rejects.toThrow('died');
      const count = async (): Promise<number> => {
        const ofThese = sql`${trainingExamples.messageId} = any(${`{${answers.join()}}`}::uuid[])`;
        const number = await bank.run(() => database.$count(trainingExamples, ofThese));
        await bank.rest();
        return number;
      };
      expect(kept).toMatchObject({ created: 50, total: 120 });
      expect(await count()).toBe(100);
      const result = await runTrainingFeedback(
        workOf(bed, people),
        asked,
        runOf(jobId, kept, () => undefined),
      );
      expect(result).toEqual({ total: 120, created: 120, duplicates: 0, unusable: 0 });
      expect(await count()).toBe(120);
      const other = await runTrainingFeedback(
        workOf(bed, people),
        asked,
        runOf(newId(), null, () => undefined),
      );
      expect(other).toEqual({ total: 120, created: 0, duplicates: 120, unusable: 0 });
    });
  });
});
