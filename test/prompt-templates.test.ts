import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { array, assert, asyncProperty, boolean, constant, constantFrom, nat, oneof, record } from 'fast-check';
import { database } from '../src/database/client.ts';
import { UnitOfWork, wholeOf } from '../src/database/unit-of-work.ts';
import { knowledgeOf } from '../src/domains/knowledge/schema.ts';
import { promptTemplateLabels, promptTemplates, promptTemplateVersions } from '../src/domains/knowledge/tables.ts';
import { eventsOf } from './colleagues.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { uuidOf } from './talk.ts';
import { knowledgePlaces, startTestbed, type Person, type Testbed } from './testbed.ts';

const fields = `id name description category type content variables version active group { name }
  labels { label version movedBy { name } } createdBy { name } editedBy { name }`;
const payload = (mutation: string): string => `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}Input`;
const mutationOf = (mutation: string, selection: string): string =>
  `mutation ($input: ${payload(mutation)}!) { ${mutation}(input: $input) { ${selection} } }`;
const create = mutationOf('createPromptTemplate', `promptTemplate { ${fields} }`);
const update = mutationOf('updatePromptTemplate', `promptTemplate { ${fields} }`);
const restore = mutationOf('restorePromptTemplateVersion', `promptTemplate { ${fields} }`);
const remove = mutationOf('deletePromptTemplate', 'deletedId');
const setLabel = mutationOf('setTemplateLabel', `label { label version movedBy { name } } promptTemplate { id }`);
const removeLabel = mutationOf('removeTemplateLabel', 'promptTemplate { id }');
const one = `query ($id: ID!) { promptTemplate(id: $id) { ${fields} } }`;
const versions = `query ($id: ID!) { promptTemplate(id: $id) { versions(first: 100) { totalCount edges { node {
  id version content variables changeSummary editor { name } } } } } }`;
const versionQuery =
  'query ($id: ID!, $version: Int!) { promptTemplateVersion(templateId: $id, version: $version) { version content variables editor { name } } }';
const compare = `query ($id: ID!, $from: Int!, $to: Int!) { comparePromptTemplateVersions(templateId: $id, from: $from, to: $to) {
  from to added removed hunks { lines } } }`;
const list = `query ($filter: PromptTemplateFilter, $orderBy: [PromptTemplateOrder!], $first: Int, $after: String) {
  promptTemplates(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
    totalCount edges { node { name } } pageInfo { hasNextPage endCursor } } }`;
const render = 'query ($input: RenderPromptInput!) { renderPrompt(input: $input) { text version tokens } }';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

describe.each(knowledgePlaces)('prompt templates, the bank %s', (place) => {
  let bed: Testbed;
  let ada: Awaited<ReturnType<Testbed['signUp']>>;
  let eve: Colleague;
  let bob: Colleague;
  let guest: Colleague;
  let stranger: Person;
  let group: string;
  let foreignGroup: string;

  const groupOf = async (person: Person, name: string, userIds: string[] = []): Promise<string> => {
    const { createGroup }: Data = await person.want(mutationOf('createGroup', 'group { id }'), { input: { name } });
    const input = { groupId: createGroup.group.id, userIds };
    if (userIds.length > 0) await person.want(mutationOf('addGroupMembers', 'group { id }'), { input });
    return createGroup.group.id;
  };

  beforeAll(async () => {
    bed = await startTestbed({}, undefined, place);
    ada = await bed.signUp('Ada');
    eve = await colleagueOf(bed, ada.organizationId, 'Eve', 'MANAGER');
    bob = await colleagueOf(bed, ada.organizationId, 'Bob', 'MEMBER');
    guest = await colleagueOf(bed, ada.organizationId, 'Guest', 'GUEST');
    stranger = await bed.signUp('Stranger');
    group = await groupOf(ada, 'Board', [eve.userId]);
    foreignGroup = await groupOf(ada, 'Others');
  }, 120_000);
  afterAll(() => bed.stop());

  let made = 0;
  const nameOf = (): string => `Template ${(made += 1)}`;
  const template = async (person: Person, input: object = {}): Promise<Data> => {
    const base = { name: nameOf(), category: 'mail', type: 'SYSTEM', content: 'Greet {{name}} of {{company}}.' };
    const data: Data = await person.want(create, { input: { ...base, ...input } });
    return data.createPromptTemplate.promptTemplate;
  };
  const read = async (id: string, person: Person = ada): Promise<Data> =>
    ((await person.want(one, { id })) as Data).promptTemplate;
  const edit = async (person: Person, id: string, version: number, input: object): Promise<Data> =>
    ((await person.want(update, { input: { id, version, ...input } })) as Data).updatePromptTemplate.promptTemplate;
  const label = (person: Person, templateId: string, name: string, version: number): Promise<Data> =>
    person.want(setLabel, { input: { templateId, label: name, version } });
  const heldBy = async (id: string): Promise<Data[]> =>
    ((await ada.want(versions, { id })) as Data).promptTemplate.versions.edges.map(({ node }: Data) => node);
  const refusals = async (person: Person, text: string, variables: object): Promise<unknown[]> =>
    (await person.ask(text, variables)).errors.map(({ extensions }) => [
      extensions.code,
      extensions.issues === undefined
        ? (extensions.field ?? extensions.type ?? extensions.permission)
        : (extensions.issues as { field: string }[]).map((issue) => issue.field),
    ]);
  const rendered = async (input: object, person: Person = ada): Promise<Data> =>
    ((await person.want(render, { input })) as Data).renderPrompt;
  /** Every row of the organization's templates, as the bank has them. */
  const rows = async (): Promise<unknown> => {
    const { services } = bed.server.installation;
    const origin = { requestId: 'test', address: null, userAgent: null };
    const whole = new UnitOfWork(wholeOf(uuidOf(ada.organizationId)), { ...services, origin });
    const all = await knowledgeOf(whole).run(async () => [
      await database.select().from(promptTemplates).orderBy(promptTemplates.id),
      await database.select().from(promptTemplateVersions).orderBy(promptTemplateVersions.id),
      await database.select().from(promptTemplateLabels).orderBy(promptTemplateLabels.id),
    ]);
    await whole.rest();
    return all;
  };
  const changes = async (action: string): ReturnType<typeof eventsOf> => {
    await bed.server.installation.services.outbox?.carryAll(AbortSignal.timeout(60_000));
    return eventsOf(bed, ada.organizationId, action);
  };

  test('are made with the variables of their content, and recorded', async () => {
    const given = { name: 'Greeting', description: 'Says hello', category: 'mail', type: 'USER' };
    const greeting = await template(eve, { ...given, content: '{{ name }}, {{name}} and {{company.city}}: {x} }}' });
    expect(greeting).toEqual({
      ...given,
      id: expect.stringMatching(/^prompt_template_/),
      content: '{{ name }}, {{name}} and {{company.city}}: {x} }}',
      variables: ['name', 'company.city'],
      version: 1,
      active: true,
      group: null,
      labels: [],
      createdBy: { name: 'Eve' },
      editedBy: { name: 'Eve' },
    });
    expect(await read(greeting.id, bob)).toEqual(greeting);
    const node =
      'query ($id: ID!) { node(id: $id) { ... on PromptTemplate { name } ... on PromptTemplateVersion { version } } }';
    expect(await bob.want(node, { id: greeting.id })).toEqual({ node: { name: 'Greeting' } });
    const [first] = await heldBy(greeting.id);
    expect(first).toMatchObject({ version: 1, changeSummary: null, editor: { name: 'Eve' } });
    expect(await bob.want(node, { id: first.id })).toEqual({ node: { version: 1 } });
    expect((await changes('prompt_template.created'))[0]).toEqual({
      actor: uuidOf(eve.userId),
      target: uuidOf(greeting.id),
      data: { name: 'Greeting', type: 'USER', variables: ['name', 'company.city'] },
    });
  });

  test('declare each place, and nothing else, or they are not made', async () => {
    const base = { name: nameOf(), category: 'mail', type: 'SYSTEM', content: '{{a}} {{b}}' };
    expect((await template(ada, { ...base, name: nameOf(), variables: ['b', 'a'] })).variables).toEqual(['a', 'b']);
    const before = await rows();
    const refused: [object, unknown[]][] = [
      [{ variables: ['a'] }, ['BAD_USER_INPUT', ['variables']]],
      [{ variables: ['a', 'b', 'c'] }, ['BAD_USER_INPUT', ['variables.2']]],
      [{ variables: ['x', 'y'] }, ['BAD_USER_INPUT', ['variables.0', 'variables.1', 'variables', 'variables']]],
      [{ variables: Array.from({ length: 101 }, () => 'a') }, ['BAD_USER_INPUT', ['variables']]],
      [{ content: 'Dear {{first name}}, {{#list}} and {{' }, ['BAD_USER_INPUT', ['content', 'content', 'content']]],
      [{ content: Array.from({ length: 101 }, (_, n) => `{{v${n}}}`).join() }, ['BAD_USER_INPUT', ['content']]],
      [{ content: ' ' }, ['BAD_USER_INPUT', ['content']]],
      [{ content: 'x'.repeat(50_001) }, ['BAD_USER_INPUT', ['content']]],
      [
        { name: '', category: 'x'.repeat(101), description: 'x'.repeat(2001) },
        ['BAD_USER_INPUT', ['name', 'description', 'category']],
      ],
      [{ name: 'a\0b' }, ['BAD_USER_INPUT', ['name']]],
      [{ groupId: foreignGroup }, ['FORBIDDEN', 'TEMPLATE_MANAGE']],
      [{ groupId: group.replace(/.{4}$/, '0000') }, ['NOT_FOUND', 'Group']],
    ];
    for (const [input, outcome] of refused)
      expect(await refusals(eve, create, { input: { ...base, ...input } })).toEqual([outcome]);
    const told = (await ada.ask(create, { input: { ...base, variables: ['x'] } })).errors[0]?.message;
    expect(told).toBe(
      'The content has no place {{x}}. The place {{a}} is not among the variables. The place {{b}} is not among the variables.',
    );
    expect(await refusals(bob, create, { input: base })).toEqual([['FORBIDDEN', 'TEMPLATE_MANAGE']]);
    expect(await rows()).toEqual(before);
  });

  test('have names of their own', async () => {
    const { name } = await template(ada, { groupId: group });
    const other = await template(ada);
    const input = { name, category: 'x', type: 'USER', content: 'x' };
    expect(await refusals(eve, create, { input })).toEqual([['CONFLICT', 'name']]);
    expect(await refusals(eve, update, { input: { id: other.id, version: 1, name } })).toEqual([['CONFLICT', 'name']]);
    expect((await template(stranger, { name })).name).toBe(name);
  });

  test('count a version for each other content, with its editor and what they say of it', async () => {
    const { id } = await template(ada, { content: 'One {{a}}.' });
    expect(await edit(eve, id, 1, { content: 'Two {{b}}.', changeSummary: ' Shorter ' })).toMatchObject({
      version: 2,
      variables: ['b'],
      editedBy: { name: 'Eve' },
      createdBy: { name: 'Ada' },
    });
    const renamed = { name: nameOf(), category: 'other', description: 'x', type: 'ASSISTANT', active: false };
    expect(await edit(ada, id, 2, { ...renamed, changeSummary: 'Lost', content: 'Two {{b}}.' })).toMatchObject({
      ...renamed,
      version: 2,
      editedBy: { name: 'Eve' },
    });
    expect(await edit(ada, id, 2, { description: null })).toMatchObject({ description: null, version: 2 });
    expect(await heldBy(id)).toMatchObject([
      { version: 2, content: 'Two {{b}}.', variables: ['b'], changeSummary: 'Shorter', editor: { name: 'Eve' } },
      { version: 1, content: 'One {{a}}.', variables: ['a'], changeSummary: null, editor: { name: 'Ada' } },
    ]);
    expect((await changes('prompt_template.updated')).slice(0, 3)).toMatchObject([
      { actor: uuidOf(ada.userId), data: { fields: ['description'] } },
      { data: { version: 2, fields: ['name', 'description', 'category', 'type', 'active'] } },
      { actor: uuidOf(eve.userId), data: { version: 2, fields: ['content', 'variables'] } },
    ]);
  });

  test('are not changed past another', async () => {
    const { id, name } = await template(ada);
    const edits = Array.from({ length: 8 }, (_, n) =>
      ada.ask(update, { input: { id, version: 1, content: `Edit ${n}` } }),
    );
    const outcomes = await Promise.all(edits);
    expect(outcomes.filter(({ errors }) => errors.length === 0)).toHaveLength(1);
    const lost = outcomes.flatMap(({ errors }) => errors.map(({ extensions }) => extensions));
    expect(lost).toHaveLength(7);
    for (const extensions of lost)
      expect(extensions).toMatchObject({ code: 'CONFLICT', field: 'version', current: { id, name, version: 2 } });
    const before = await rows();
    const refused: [object, unknown[]][] = [
      [{ version: 1, content: 'Late' }, ['CONFLICT', 'version']],
      [
        { version: 2, content: null, name: null, type: null, active: null },
        ['BAD_USER_INPUT', ['name', 'type', 'active', 'content']],
      ],
      [{ version: 2, variables: ['x'] }, ['BAD_USER_INPUT', ['variables.0']]],
      [{ version: 2, changeSummary: 'x'.repeat(501) }, ['BAD_USER_INPUT', ['changeSummary']]],
      [{ version: 2, groupId: foreignGroup }, ['FORBIDDEN', 'TEMPLATE_MANAGE']],
    ];
    for (const [input, outcome] of refused)
      expect(await refusals(eve, update, { input: { id, ...input } })).toEqual([outcome]);
    expect(await rows()).toEqual(before);
  });

  test('are compared, and get a former content again as their next version', async () => {
    const { id } = await template(ada, { content: 'One\nTwo' });
    await edit(ada, id, 1, { content: 'One\nThree {{x}}' });
    expect(await bob.want(compare, { id, from: 1, to: 2 })).toEqual({
      comparePromptTemplateVersions: {
        from: 1,
        to: 2,
        added: 1,
        removed: 1,
        hunks: [{ lines: [' One', '-Two', '+Three {{x}}'] }],
      },
    });
    expect(await bob.want(versionQuery, { id, version: 1 })).toEqual({
      promptTemplateVersion: { version: 1, content: 'One\nTwo', variables: [], editor: { name: 'Ada' } },
    });
    for (const version of [0, 3, -1])
      expect(await refusals(ada, versionQuery, { id, version })).toEqual([['NOT_FOUND', 'PromptTemplateVersion']]);
    expect(await refusals(ada, compare, { id, from: 1, to: 9 })).toEqual([['NOT_FOUND', 'PromptTemplateVersion']]);
    expect(await refusals(stranger, compare, { id, from: 1, to: 2 })).toEqual([['NOT_FOUND', 'PromptTemplate']]);

    const again: Data = await eve.want(restore, { input: { id, version: 1 } });
    expect(again.restorePromptTemplateVersion.promptTemplate).toMatchObject({
      version: 3,
      content: 'One\nTwo',
      variables: [],
      editedBy: { name: 'Eve' },
    });
    expect((await heldBy(id))[0]).toMatchObject({ version: 3, changeSummary: 'Version 1 restored.' });
    expect((await changes('prompt_template.restored'))[0]).toMatchObject({ data: { version: 3, restored: 1 } });
    const before = await rows();
    // The same content makes no version.
    await eve.want(restore, { input: { id, version: 1 } });
    expect(await refusals(eve, restore, { input: { id, version: 3 } })).toEqual([['CONFLICT', 'version']]);
    expect(await refusals(eve, restore, { input: { id, version: 4 } })).toEqual([
      ['NOT_FOUND', 'PromptTemplateVersion'],
    ]);
    expect(await refusals(bob, restore, { input: { id, version: 2 } })).toEqual([['FORBIDDEN', 'TEMPLATE_MANAGE']]);
    expect(await rows()).toEqual(before);
  });

  test('are rendered at a label, a version or as they are, with all faults named', async () => {
    const { id } = await template(ada, { content: '{{a}} and {{ b.c }} and {{a}}' });
    await label(ada, id, 'production', 1);
    await edit(ada, id, 1, { content: 'New {{a}}' });
    const values = { a: '{{b.c}} $& <b>', b: { c: 5 } };
    const old = { text: '{{b.c}} $& <b> and 5 and {{b.c}} $& <b>', version: 1, tokens: expect.any(Number) };
    expect(await rendered({ id, label: 'production', values }, bob)).toEqual(old);
    expect(await rendered({ id, version: 1, values: { a: values.a, 'b.c': 5 } })).toEqual(old);
    expect(await rendered({ id, values: { a: [1, true] } })).toEqual({ text: 'New [1,true]', version: 2, tokens: 5 });
    expect(await rendered({ id, label: 'latest', values: { a: '' } })).toMatchObject({ text: 'New ', version: 2 });

    const refused: [object, unknown[]][] = [
      [{ label: 'production' }, ['BAD_USER_INPUT', ['values.a', 'values.b.c']]],
      [
        { label: 'production', values: { a: null, b: { d: 1 }, x: 1 } },
        ['BAD_USER_INPUT', ['values.b.d', 'values.x', 'values.a', 'values.b.c']],
      ],
      [{ values: { a: 'x'.repeat(20_001) } }, ['BAD_USER_INPUT', ['values.a']]],
      [{ values: ['a'] }, ['BAD_USER_INPUT', ['values']]],
      [{ values: 'a' }, ['BAD_USER_INPUT', ['values']]],
      [{ values: Object.fromEntries(Array.from({ length: 101 }, (_, n) => [n, 1])) }, ['BAD_USER_INPUT', ['values']]],
      [{ label: 'production', version: 1, values }, ['BAD_USER_INPUT', ['version']]],
      [{ label: 'staging', values }, ['NOT_FOUND', 'label']],
      [{ version: 7, values }, ['NOT_FOUND', 'version']],
    ];
    for (const [input, outcome] of refused)
      expect(await refusals(ada, render, { input: { id, ...input } })).toEqual([outcome]);
    expect(await refusals(stranger, render, { input: { id, values } })).toEqual([['NOT_FOUND', 'PromptTemplate']]);
    expect(await refusals(guest, render, { input: { id, values } })).toEqual([['FORBIDDEN', 'TEMPLATE_READ']]);

    const long = await template(ada, { content: '{{a}}'.repeat(6) });
    const input = { id: long.id, values: { a: 'x'.repeat(20_000) } };
    expect(await refusals(ada, render, { input })).toEqual([['BAD_USER_INPUT', ['values']]]);
    const tricky = await template(ada, { content: '{{__proto__}} {{constructor}}' });
    expect(await refusals(ada, render, { input: { id: tricky.id, values: {} } })).toEqual([
      ['BAD_USER_INPUT', ['values.__proto__', 'values.constructor']],
    ]);
  });

  test('have labels that stand for one version each', async () => {
    const { id } = await template(ada);
    await edit(ada, id, 1, { content: 'Two' });
    expect(await label(eve, id, 'staging', 2)).toEqual({
      setTemplateLabel: { label: { label: 'staging', version: 2, movedBy: { name: 'Eve' } }, promptTemplate: { id } },
    });
    await label(ada, id, 'production', 1);
    await label(ada, id, 'staging', 1);
    // Where it stands already, nothing moves.
    await label(eve, id, 'staging', 1);
    expect((await read(id)).labels).toEqual([
      { label: 'production', version: 1, movedBy: { name: 'Ada' } },
      { label: 'staging', version: 1, movedBy: { name: 'Ada' } },
    ]);
    expect((await changes('prompt_template.label_moved')).slice(0, 3).map(({ data }) => data)).toMatchObject([
      { label: 'staging', from: 2, to: 1 },
      { label: 'production', from: null, to: 1 },
      { label: 'staging', from: null, to: 2 },
    ]);
    const before = await rows();
    const refused: [object, unknown[]][] = [
      [{ label: 'latest', version: 1 }, ['BAD_USER_INPUT', ['label']]],
      [{ label: 'Production', version: 1 }, ['BAD_USER_INPUT', ['label']]],
      [{ label: '', version: 1 }, ['BAD_USER_INPUT', ['label']]],
      [{ label: 'x'.repeat(51), version: 1 }, ['BAD_USER_INPUT', ['label']]],
      [{ label: 'staging', version: 3 }, ['NOT_FOUND', 'version']],
      [{ label: 'new', version: 0 }, ['NOT_FOUND', 'version']],
    ];
    for (const [input, outcome] of refused)
      expect(await refusals(ada, setLabel, { input: { templateId: id, ...input } })).toEqual([outcome]);
    for (const name of ['latest', 'gone'])
      expect((await refusals(ada, removeLabel, { input: { templateId: id, label: name } }))[0]).toEqual(
        name === 'latest' ? ['BAD_USER_INPUT', ['label']] : ['NOT_FOUND', 'PromptTemplateLabel'],
      );
    const input = { templateId: id, label: 'staging', version: 2 };
    expect(await refusals(bob, setLabel, { input })).toEqual([['FORBIDDEN', 'TEMPLATE_MANAGE']]);
    expect(await refusals(stranger, setLabel, { input })).toEqual([['NOT_FOUND', 'PromptTemplate']]);
    expect(await rows()).toEqual(before);

    await eve.want(removeLabel, { input: { templateId: id, label: 'staging' } });
    expect((await read(id)).labels).toHaveLength(1);
    expect((await changes('prompt_template.label_removed'))[0]?.data).toMatchObject({
      label: 'staging',
      from: 1,
      to: null,
    });
    for (let number = 1; number < 50; number += 1) await label(ada, id, `label-${number}`, 1);
    expect(await refusals(ada, setLabel, { input: { templateId: id, label: 'more', version: 1 } })).toEqual([
      ['CONFLICT', 'label'],
    ]);
    await label(ada, id, 'label-7', 2);
  });

  test('keep one row for a label that twenty move at once', async () => {
    const { id } = await template(ada);
    for (let version = 1; version < 20; version += 1)
      await edit(ada, id, version, { content: `Version ${version + 1}` });
    const moves = Array.from({ length: 20 }, (_, n) => label(n % 2 === 0 ? ada : eve, id, 'production', n + 1));
    await Promise.all(moves);
    const events = (await changes('prompt_template.label_moved')).filter(({ target }) => target === uuidOf(id));
    const { labels } = await read(id);
    expect(labels).toHaveLength(1);
    expect(labels[0].version).toBe(events[0]?.data.to);
    expect(events).toHaveLength(20);
    // Each begins where the one before it ended.
    for (const [place, { data }] of events.entries()) expect(data.from).toBe(events[place + 1]?.data.to ?? null);
  });

  test('hold at each version what was stored there, by whom, and labels what they were moved to', async () => {
    const act = oneof(
      record({
        kind: constant('edit' as const),
        text: constantFrom('a', 'b {{x}}', 'c {{y}} {{x}}', 'd'),
        who: boolean(),
      }),
      record({ kind: constant('restore' as const), version: nat(7), who: boolean() }),
      record({
        kind: constant('label' as const),
        label: constantFrom('production', 'staging'),
        version: nat(7),
        who: boolean(),
      }),
    );
    await assert(
      asyncProperty(array(act, { minLength: 1, maxLength: 12 }), async (acts) => {
        const { id } = await template(ada, { content: 'first' });
        const held = [{ content: 'first', editor: 'Ada' }];
        const labels = new Map<string, number>();
        for (const each of acts) {
          const [person, editor] = each.who ? [ada, 'Ada'] : [eve, 'Eve'];
          const newest = held.at(-1)?.content;
          if (each.kind === 'edit') {
            await edit(person, id, held.length, { content: each.text });
            if (each.text !== newest) held.push({ content: each.text, editor });
          } else if (each.kind === 'restore') {
            const version = 1 + (each.version % held.length);
            const { errors } = await person.ask(restore, { input: { id, version } });
            expect(errors.map(({ extensions }) => extensions.code)).toEqual(
              version === held.length ? ['CONFLICT'] : [],
            );
            const content = held[version - 1]?.content ?? '';
            if (content !== newest) held.push({ content, editor });
          } else {
            const version = 1 + (each.version % held.length);
            await label(person, id, each.label, version);
            labels.set(each.label, version);
          }
        }
        const stored = (await heldBy(id)).toReversed();
        expect(stored.map(({ version, content, editor }) => [version, content, editor.name])).toEqual(
          held.map(({ content, editor }, place) => [place + 1, content, editor]),
        );
        expect(new Map((await read(id)).labels.map((each: Data) => [each.label, each.version]))).toEqual(labels);
      }),
      { numRuns: 12 },
    );
  }, 60_000);

  test('are seen by their group and administrators alone, with versions, labels and categories', async () => {
    const secret = await template(eve, { groupId: group, category: 'group matters' });
    await label(eve, secret.id, 'production', 1);
    expect((await read(secret.id, eve)).group).toEqual({ name: 'Board' });
    expect((await read(secret.id)).labels).toHaveLength(1);
    const [version] = await heldBy(secret.id);
    const node = 'query ($id: ID!) { node(id: $id) { id } }';
    const categories = '{ templateCategories(first: 100) { edges { node { name templateCount } } totalCount } }';
    const named = { filter: { name: { eq: secret.name } } };
    const count = async (person: Person): Promise<number> =>
      ((await person.want(list, named)) as Data).promptTemplates.totalCount;
    const known = async (person: Person): Promise<boolean> =>
      ((await person.want(categories)) as Data).templateCategories.edges.some(
        (edge: Data) => edge.node.name === 'group matters',
      );
    for (const [person, sees] of [
      [eve, true],
      [ada, true],
      [bob, false],
      [stranger, false],
    ] as const) {
      expect(await count(person)).toBe(sees ? 1 : 0);
      expect(await known(person)).toBe(sees);
      for (const id of [secret.id, version.id])
        expect(await refusals(person, node, { id })).toEqual(sees ? [] : [['NOT_FOUND', 'Node']]);
      expect(await refusals(person, versionQuery, { id: secret.id, version: 1 })).toEqual(
        sees ? [] : [['NOT_FOUND', 'PromptTemplate']],
      );
    }
    for (const text of [list, categories, '{ promptTemplates { totalCount } }'])
      expect(await refusals(guest, text, {})).toEqual([['FORBIDDEN', 'TEMPLATE_READ']]);

    // Outside the group it is everybody's, with all that belongs to it; back in it, the group's again.
    await edit(eve, secret.id, 1, { groupId: null, content: 'For all' });
    expect(((await bob.want(versions, { id: secret.id })) as Data).promptTemplate.versions.totalCount).toBe(2);
    expect((await read(secret.id, bob)).labels).toHaveLength(1);
    await edit(eve, secret.id, 2, { groupId: group, content: 'For the group' });
    expect(await refusals(bob, versionQuery, { id: secret.id, version: 2 })).toEqual([['NOT_FOUND', 'PromptTemplate']]);
    expect(await heldBy(secret.id)).toHaveLength(3);
    // Past the operations the database refuses it, too.
    const { services } = bed.server.installation;
    const scope = { ...wholeOf(uuidOf(ada.organizationId)), principals: [uuidOf(bob.userId)], workspaces: [] };
    const origin = { requestId: 'test', address: null, userAgent: null };
    const bank = knowledgeOf(new UnitOfWork(scope, { ...services, origin }));
    const row = {
      organizationId: uuidOf(ada.organizationId),
      groupId: uuidOf(group),
      name: nameOf(),
      category: 'x',
      content: 'x',
    };
    await expect(
      bank.transact(() => database.insert(promptTemplates).values({ ...row, type: 'USER', variables: [] })),
    ).rejects.toMatchObject({ code: '42501' });
  });

  test('are listed by pages in each order, filtered, and counted by category', async () => {
    const lister = await bed.signUp('Lister');
    const kinds = ['SYSTEM', 'USER', 'ASSISTANT'];
    const templates: Data[] = [];
    for (const [place, name] of ['Cc', 'Aa', 'Dd', 'Bb'].entries())
      templates.push(
        await template(lister, { name, category: place % 2 === 0 ? 'even' : 'odd', type: kinds[place % 3] }),
      );
    await edit(lister, templates[1].id, 1, { active: false });
    const names = async (variables: object = {}): Promise<string> => {
      let after: string | null = null;
      const found: string[] = [];
      do {
        const { promptTemplates: page }: Data = await lister.want(list, { first: 3, after, ...variables });
        found.push(...page.edges.map(({ node }: Data) => node.name));
        after = page.pageInfo.hasNextPage === true ? page.pageInfo.endCursor : null;
      } while (after !== null);
      return found.join(' ');
    };
    expect(await names()).toBe('Bb Dd Aa Cc');
    expect(await names({ orderBy: [{ field: 'NAME', direction: 'ASC' }] })).toBe('Aa Bb Cc Dd');
    expect(await names({ orderBy: [{ field: 'UPDATED_AT' }] })).toBe('Aa Bb Dd Cc');
    const createdAt = { gte: '2020-01-01T00:00:00Z' };
    expect(await names({ filter: { category: { eq: 'odd' }, createdAt } })).toBe('Bb Aa');
    expect(await names({ filter: { type: { in: ['SYSTEM'] } } })).toBe('Bb Cc');
    expect(await names({ filter: { active: { eq: false } } })).toBe('Aa');
    expect(await names({ filter: { name: { in: ['Cc', 'Dd'] } } })).toBe('Dd Cc');
    expect(await names({ filter: { createdById: { eq: lister.userId }, groupId: { isNull: true } } })).toBe(
      'Bb Dd Aa Cc',
    );
    expect(await names({ filter: { updatedAt: { lt: '2020-01-01T00:00:00Z' } } })).toBe('');
    const categories = '{ templateCategories { edges { node { name templateCount } } totalCount } }';
    expect(await lister.want(categories)).toEqual({
      templateCategories: {
        totalCount: 2,
        edges: [{ node: { name: 'even', templateCount: 2 } }, { node: { name: 'odd', templateCount: 2 } }],
      },
    });
  });

  test('cost one statement for each level of fields', async () => {
    const { errors, statements } =
      await ada.ask(`{ promptTemplates(first: 20) { edges { node { name content group { name }
      labels { label version } versions(first: 3) { edges { node { version } } } usedBy { edges { node { label } } } createdBy { name } } } } }`);
    expect(errors).toEqual([]);
    // Templates, groups, labels, versions, uses, people.
    expect(statements).toHaveLength(6);
    const light = await ada.ask('{ promptTemplates(first: 20) { edges { node { name } } } }');
    expect(light.statements).toHaveLength(1);
    expect(light.statements[0]).not.toContain('content');
    const [{ id }] = (
      (await ada.want('{ promptTemplates { edges { node { id } } } }')) as Data
    ).promptTemplates.edges.map(({ node }: Data) => node);
    expect((await ada.ask(versions, { id })).statements).toHaveLength(4);
  });

  test('are deleted with all that belongs to them', async () => {
    const { id, name } = await template(ada);
    await label(ada, id, 'production', 1);
    expect(await refusals(bob, remove, { input: { id } })).toEqual([['FORBIDDEN', 'TEMPLATE_MANAGE']]);
    expect(await refusals(stranger, remove, { input: { id } })).toEqual([['NOT_FOUND', 'PromptTemplate']]);
    expect(await eve.want(remove, { input: { id } })).toEqual({ deletePromptTemplate: { deletedId: id } });
    expect(await refusals(ada, one, { id })).toEqual([['NOT_FOUND', 'PromptTemplate']]);
    expect(JSON.stringify(await rows())).not.toContain(uuidOf(id));
    expect((await changes('prompt_template.deleted'))[0]).toEqual({
      actor: uuidOf(eve.userId),
      target: uuidOf(id),
      data: { name, version: 1 },
    });
  });

  test('keep their versions as they were, past the operations too', async () => {
    const { id } = await template(ada, { content: 'Kept' });
    const { services } = bed.server.installation;
    const origin = { requestId: 'test', address: null, userAgent: null };
    const bank = knowledgeOf(
      new UnitOfWork(wholeOf(uuidOf(ada.organizationId), uuidOf(eve.userId)), { ...services, origin }),
    );
    const isTemplate = sql`id = ${uuidOf(id)}`;
    await bank.transact(() =>
      database.execute(sql`update knowledge.prompt_templates set content = 'Changed' where ${isTemplate}`),
    );
    for (const statement of [
      sql`update knowledge.prompt_template_versions set content = 'x' where template_id = ${uuidOf(id)}`,
      sql`delete from knowledge.prompt_template_versions where template_id = ${uuidOf(id)}`,
    ])
      await expect(bank.transact(() => database.execute(statement))).rejects.toMatchObject({ code: '42501' });
    expect(await heldBy(id)).toMatchObject([
      { version: 2, content: 'Changed', editor: { name: 'Eve' } },
      { version: 1, content: 'Kept', editor: { name: 'Ada' } },
    ]);
  });
});
