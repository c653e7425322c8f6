import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import postgres from 'postgres';
import { settled } from '../src/domains/conversations/answering.ts';
import { agentModelFor, start } from './agents.ts';
import { eventsOf } from './colleagues.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { apiKeyOf } from './machines.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { conversationIn, modelFor, promote, uuidOf, workspaceOf } from './talk.ts';
import { knowledgePlaces, startTestbed, type Answer, type Person, type Testbed } from './testbed.ts';
import { Page, widgetIn } from './visitors.ts';

const inputOf = (mutation: string): string => `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}Input`;
const mutationOf = (mutation: string, selection: string): string =>
  `mutation ($input: ${inputOf(mutation)}!) { ${mutation}(input: $input) { ${selection} } }`;
const create = mutationOf('createPromptTemplate', 'promptTemplate { id name }');
const update = mutationOf('updatePromptTemplate', 'promptTemplate { version }');
const remove = mutationOf('deletePromptTemplate', 'deletedId');
const setLabel = mutationOf('setTemplateLabel', 'label { version }');
const removeLabel = mutationOf('removeTemplateLabel', 'promptTemplate { id }');
const chosen = 'promptTemplate { label template { name } }';
const setFor = mutationOf('setWorkspacePromptTemplate', `workspace { ${chosen} }`);
const setAgents = mutationOf('updateAgentSettings', `agentSettings { maxSteps ${chosen} }`);
const askMutation = mutationOf('ask', 'answer { id status }');
const explain = 'query ($id: ID!) { answerExplanation(messageId: $id) { promptVersion systemPrompt } }';
const uses = `query ($id: ID!) { promptTemplate(id: $id) { usedBy(first: 10) { totalCount edges { node { purpose label workspace { name } } } } } }`;
const ofWorkspace = `query ($id: ID!) { workspace(id: $id) { ${chosen} agentSettings { ${chosen} } } }`;

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

describe.each(knowledgePlaces)('prompt templates in use, the bank %s', (place) => {
  let bed: Awaited<ReturnType<typeof startTestbed>>;
  let models: OpenAiServer;
  let ada: Awaited<ReturnType<Testbed['signUp']>>;
  let steward: Colleague;
  let editor: Colleague;
  let guest: Colleague;
  let stranger: Person;
  let garden: string;
  const logged: string[] = [];

  beforeAll(async () => {
    const log = (line: string) => void logged.push(line);
    [bed, models] = await Promise.all([startTestbed({ LOG_LEVEL: 'warn' }, log, place), startOpenAiServer()]);
    ada = await bed.signUp('Ada');
    await promote(bed, ada);
    garden = await workspaceOf(ada, { systemPrompt: 'The own prompt.' });
    await modelFor(ada, garden, models.url);
    steward = await colleagueOf(bed, ada.organizationId, 'Steward', 'MEMBER', { [garden]: 'ADMIN' });
    editor = await colleagueOf(bed, ada.organizationId, 'Editor', 'MEMBER', { [garden]: 'EDITOR' });
    guest = await colleagueOf(bed, ada.organizationId, 'Guest', 'GUEST', { [garden]: 'VIEWER' });
    stranger = await bed.signUp('Stranger');
  }, 120_000);
  beforeEach(() => {
    models.reset();
    logged.length = 0;
  });
  afterAll(async () => {
    await settled();
    await bed.stop();
    await models.stop();
  });

  let made = 0;
  const template = async (content: string, input: object = {}): Promise<string> => {
    const base = { name: `Template ${(made += 1)}`, category: 'x', type: 'SYSTEM', content };
    const data: Data = await ada.want(create, { input: { ...base, ...input } });
    return data.createPromptTemplate.promptTemplate.id;
  };
  const edit = (id: string, version: number, input: object): Promise<unknown> =>
    ada.want(update, { input: { id, version, ...input } });
  const label = (templateId: string, name: string, version: number): Promise<unknown> =>
    ada.want(setLabel, { input: { templateId, label: name, version } });
  const use = (templateId: string | null, name: string | null, workspaceId = garden, person: Person = ada) =>
    person.want(setFor, { input: { workspaceId, templateId, label: name } });
  const refusal = async (person: Person, text: string, input: object): Promise<unknown> =>
    (await person.ask(text, { input })).errors.map(({ extensions: { code, field, variables } }) =>
      variables === undefined ? [code, field] : [code, field, variables],
    );
  const asked = async (
    person: Person = ada,
    workspaceId = garden,
  ): Promise<Omit<Answer, 'data'> & { readonly data: Data }> =>
    person.ask(askMutation, {
      input: { conversationId: await conversationIn(person, workspaceId), text: 'Roses?' },
    });
  /** The instructions that the model was told in its last call. */
  const told = (): string => String((models.seen.at(-1)?.body.messages as Data)?.[0]?.content);
  const toldTo = async (person: Person = ada): Promise<string> => {
    const { data, errors } = await asked(person);
    expect(errors).toEqual([]);
    expect(data.ask.answer.status).toBe('COMPLETED');
    return told();
  };
  const warnings = (): string[] => logged.map((line) => (JSON.parse(line) as { msg: string }).msg);
  const variable = (input: object): Promise<unknown> =>
    ada.want(mutationOf('createPromptVariable', 'promptVariable { id }'), { input });

  test('an answer goes by the version that the label stands for at that moment, and by the own prompt without one', async () => {
    const id = await template('Version one for {{user.name}} in {{workspace.name}}, {date}.');
    await edit(id, 1, { content: 'Version two.' });
    await label(id, 'production', 1);
    expect(await toldTo()).toContain('The own prompt.');
    const own = await asked();
    expect(await use(id, 'production', garden, steward)).toEqual({
      setWorkspacePromptTemplate: {
        workspace: { promptTemplate: { label: 'production', template: { name: `Template ${made}` } } },
      },
    });
    expect((await eventsOf(bed, ada.organizationId, 'workspace.prompt_template_set'))[0]).toMatchObject({
      actor: uuidOf(steward.userId),
      target: uuidOf(garden),
      data: { promptTemplateId: id, label: 'production' },
    });

    const first = await asked(editor);
    expect(told()).toContain('Version one for Editor in Garden, {date}.');
    expect(told()).not.toContain('The own prompt.');
    const answerId = first.data.ask.answer.id;
    expect(await editor.want(explain, { id: answerId })).toEqual({
      answerExplanation: { promptVersion: 0, systemPrompt: 'Version one for Editor in Garden, {date}.' },
    });
    await label(id, 'production', 2);
    const second = await asked(editor);
    expect(told()).toContain('Version two.');
    const readsBank = (statement: string): boolean => statement.includes('prompt_template_versions');
    expect(second.statements.filter(readsBank)).toHaveLength(1);
    expect(own.statements.filter((statement) => statement.includes('"knowledge"."prompt'))).toEqual([]);
    expect(second.statements).toHaveLength(own.statements.length + 1);

    // Guests of the organization see no templates, and are answered by them.
    expect(await toldTo(guest)).toContain('Version two.');
    await use(null, null);
    expect(await toldTo()).toContain('The own prompt.');
    await use(id, 'latest');
    await edit(id, 2, { content: 'Version three.' });
    expect(await toldTo()).toContain('Version three.');
    await use(null, null);
    expect(warnings()).toEqual([]);
  });

  test('its places are filled from the prompt variables, those of who asks before all others', async () => {
    await variable({ type: 'STATIC', key: 'company', value: 'Roses Ltd' });
    await variable({ type: 'WORKSPACE', workspaceId: garden, key: 'season', value: 'summer {{company}}' });
    const id = await template('{{company}} in {{ season }}: {{user.bio}} {{user.id}}');
    await use(id, 'latest');
    expect(await toldTo()).toContain(`Roses Ltd in summer {{company}}: [user.bio] ${ada.userId}`);
    const own = { type: 'USER', key: 'company', value: 'Mine' };
    await steward.want(mutationOf('createPromptVariable', 'promptVariable { id }'), { input: own });
    expect(await toldTo(steward)).toContain('Mine in summer');
    expect(await toldTo(editor)).toContain('Roses Ltd in summer');
    await use(null, null);
  });

  test('visitors of web pages are answered by it, and a prompt of their page goes before it', async () => {
    await use(await template('For visitors of {{workspace.name}}, {{user.name}}.'), 'latest');
    const widget = await widgetIn(ada, garden, { allowPromptOverride: true });
    const page = new Page(bed, widget.publicId);
    await page.enter();
    await page.say('Roses?');
    expect(told()).toContain('For visitors of Garden, [user.name].');
    await page.say('Roses?', { prompt: 'The prompt of the page.' });
    expect(told()).toContain('The prompt of the page.');
    expect(told()).not.toContain('For visitors');
    await use(null, null);
  });

  test('agents go by their own, and by that of the workspace without one', async () => {
    const workspaceId = await workspaceOf(ada, { name: 'Shed', systemPrompt: 'The own prompt.' });
    await agentModelFor(ada, workspaceId, models.url);
    const run = async (): Promise<string> => {
      models.script({ deltas: ['Done.'] });
      const { status } = await start(ada, { conversationId: await conversationIn(ada, workspaceId), text: 'Roses?' });
      expect(status).toBe('COMPLETED');
      return told();
    };
    const [forAnswers, forAgents] = [
      await template('For answers.'),
      await template('For agents of {{workspace.name}}.'),
    ];
    await use(forAnswers, 'latest', workspaceId);
    expect(await run()).toContain('For answers.');
    const promptTemplate = { templateId: forAgents, label: 'latest' };
    expect(await ada.want(setAgents, { input: { workspaceId, promptTemplate } })).toMatchObject({
      updateAgentSettings: { agentSettings: { promptTemplate: { label: 'latest', template: expect.anything() } } },
    });
    expect(await run()).toContain('For agents of Shed.');
    await ada.want(setAgents, { input: { workspaceId, maxSteps: 7 } });
    const { workspace }: Data = await ada.want(ofWorkspace, { id: workspaceId });
    expect(workspace.agentSettings.promptTemplate.label).toBe('latest');

    const used = async (id: string): Promise<Data> => ((await ada.want(uses, { id })) as Data).promptTemplate.usedBy;
    expect(await used(forAgents)).toEqual({
      totalCount: 1,
      edges: [{ node: { purpose: 'AGENTS', label: 'latest', workspace: { name: 'Shed' } } }],
    });
    expect(await refusal(ada, remove, { id: forAgents })).toEqual([['CONFLICT', 'id']]);
    await ada.want(setAgents, { input: { workspaceId, promptTemplate: null } });
    expect(await run()).toContain('For answers.');
    expect(
      await refusal(ada, setAgents, { workspaceId, promptTemplate: { templateId: forAgents, label: 'x' } }),
    ).toEqual([['NOT_FOUND', 'label']]);
    await ada.want(remove, { input: { id: forAgents } });
  });

  test('a workspace that is asked as a model is goes by it, too', async () => {
    const workspaceId = await workspaceOf(ada, { name: 'Greenhouse', systemPrompt: 'The own prompt.' });
    await modelFor(ada, workspaceId, models.url);
    const { workspace }: Data = await ada.want('query ($id: ID!) { workspace(id: $id) { slug } }', { id: workspaceId });
    await use(await template('For programs of {{workspace.name}}.'), 'latest', workspaceId);
    const { secret } = await apiKeyOf(ada, { label: 'program', scopes: ['MODEL_CALL', 'DOCUMENT_READ'] });
    const response = await fetch(`${bed.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}` },
      body: JSON.stringify({ model: `workspace/${workspace.slug}`, messages: [{ role: 'user', content: 'Roses?' }] }),
    });
    expect(response.status).toBe(200);
    expect(told()).toContain('For programs of Greenhouse.');
  });

  test('only what can instruct is chosen, by who manages the workspace', async () => {
    const id = await template('Fine.');
    const [user, idle] = [await template('Hm?', { type: 'USER' }), await template('Idle.')];
    await edit(idle, 1, { active: false });
    const lacking = await template('{{company}} {{nothing}} {{user.shoes}} {{a-b}} {{user.name}}');
    await variable({ type: 'STATIC', key: 'company', value: 'Roses' }).catch(() => undefined);
    await variable({ type: 'USER', key: 'nothing', value: 'Mine alone' });
    const before: Data = await ada.want(ofWorkspace, { id: garden });
    const choice = { workspaceId: garden, templateId: id, label: 'latest' };
    const refused: [Person, object, unknown][] = [
      [ada, { templateId: user }, [['CONFLICT', 'templateId']]],
      [ada, { templateId: idle }, [['CONFLICT', 'templateId']]],
      [ada, { templateId: lacking }, [['CONFLICT', 'templateId', ['nothing', 'user.shoes', 'a-b']]]],
      [ada, { label: 'production' }, [['NOT_FOUND', 'label']]],
      [ada, { label: null }, [['BAD_USER_INPUT', 'label']]],
      [ada, { templateId: null }, [['BAD_USER_INPUT', 'templateId']]],
      [ada, { templateId: id.replace(/.{4}$/, '0000') }, [['NOT_FOUND', undefined]]],
      [editor, {}, [['FORBIDDEN', undefined]]],
      [guest, {}, [['FORBIDDEN', undefined]]],
      [stranger, {}, [['NOT_FOUND', undefined]]],
    ];
    for (const [person, input, outcome] of refused)
      expect(await refusal(person, setFor, { ...choice, ...input })).toEqual(outcome);
    // That of a group is chosen by who sees it, and then instructs the answers of everybody there.
    const { createGroup }: Data = await ada.want(mutationOf('createGroup', 'group { id }'), {
      input: { name: 'Board' },
    });
    const ofGroup = await template('Of the board.', { groupId: createGroup.group.id });
    expect(await refusal(steward, setFor, { ...choice, templateId: ofGroup })).toEqual([['NOT_FOUND', undefined]]);
    expect(await ada.want(ofWorkspace, { id: garden })).toEqual(before);
    await use(ofGroup, 'latest');
    expect(await toldTo(editor)).toContain('Of the board.');
    expect(await editor.want(ofWorkspace, { id: garden })).toMatchObject({
      workspace: { promptTemplate: { label: 'latest', template: null } },
    });
    expect((await guest.ask(ofWorkspace, { id: garden })).errors[0]?.extensions.code).toBe('FORBIDDEN');
    await use(null, null, garden, steward);
  });

  test('what is in use is not deleted, and says by whom it is used', async () => {
    const id = await template('Used.');
    await label(id, 'production', 1);
    await label(id, 'staging', 1);
    await use(id, 'production');
    const { promptTemplate }: Data = await ada.want(uses, { id });
    expect(promptTemplate.usedBy).toEqual({
      totalCount: 1,
      edges: [{ node: { purpose: 'ANSWERS', label: 'production', workspace: { name: 'Garden' } } }],
    });
    // Who does not see the workspace is not told of it, and cannot delete what it uses.
    const manager = await colleagueOf(bed, ada.organizationId, 'Manager', 'MANAGER');
    expect(((await manager.want(uses, { id })) as Data).promptTemplate.usedBy).toEqual({ totalCount: 0, edges: [] });
    for (const person of [ada, manager]) {
      const { errors } = await person.ask(remove, { input: { id } });
      expect(errors.map(({ extensions }) => extensions)).toEqual([{ code: 'CONFLICT', field: 'id', uses: 1 }]);
      expect(await refusal(person, removeLabel, { templateId: id, label: 'production' })).toEqual([['CONFLICT', 'id']]);
    }
    await manager.want(removeLabel, { input: { templateId: id, label: 'staging' } });
    expect(await toldTo()).toContain('Used.');
    await use(null, null);
    await manager.want(remove, { input: { id } });
  });

  test('of choosing and deleting at once no workspace is left with what is gone', async () => {
    for (let round = 0; round < 5; round += 1) {
      const id = await template('Contended.');
      const [choice, deletion] = await Promise.all([
        ada.ask(setFor, { input: { workspaceId: garden, templateId: id, label: 'latest' } }),
        ada.ask(remove, { input: { id } }),
      ]);
      const codes = [choice, deletion].map(({ errors }) => errors[0]?.extensions.code ?? 'done');
      expect([
        ['done', 'CONFLICT'],
        ['NOT_FOUND', 'done'],
      ]).toContainEqual(codes);
      const { workspace }: Data = await ada.want(ofWorkspace, { id: garden });
      expect(workspace.promptTemplate).toEqual(
        codes[0] === 'done' ? { label: 'latest', template: { name: `Template ${made}` } } : null,
      );
      await use(null, null);
    }
  });

  test('an answer never fails of it: where it cannot be used the own prompt is, and the log says so', async () => {
    const id = await template('Fine.');
    await use(id, 'latest');
    const cases: [object, string, string][] = [
      [{ active: false }, 'The own prompt.', 'A prompt template is gone, inactive or no longer of type SYSTEM.'],
      [
        { active: true, type: 'USER' },
        'The own prompt.',
        'A prompt template is gone, inactive or no longer of type SYSTEM.',
      ],
      [{ type: 'SYSTEM', content: 'For {{nobody_knows}}' }, 'The own prompt.', 'A prompt template cannot be filled.'],
    ];
    let version = 1;
    for (const [change, expected, warning] of cases) {
      logged.length = 0;
      await edit(id, version, change);
      if ('content' in change) version += 1;
      expect(await toldTo(editor)).toContain(expected);
      expect(warnings()).toEqual([warning]);
    }
    await variable({ type: 'STATIC', key: 'nobody_knows', value: 'x'.repeat(10_000) });
    logged.length = 0;
    await edit(id, version, { content: '{{nobody_knows}}'.repeat(7) });
    expect(await toldTo(editor)).toContain('The own prompt.');
    expect(warnings()).toEqual(['A prompt template cannot be filled.']);
    await edit(id, version + 1, { content: 'Fine again.' });
    expect(await toldTo(editor)).toContain('Fine again.');
    await use(null, null);
  });

  if (place === 'apart')
    test('nor while the database of the bank is away', async () => {
      await use(await template('From the bank.'), 'latest');
      expect(await toldTo()).toContain('From the bank.');
      const name = bed.database?.knowledge?.name ?? '';
      const admin = postgres(process.env.TEST_POSTGRES_URL ?? '', { max: 1, onnotice: () => undefined });
      await admin.unsafe(`alter database ${name} with allow_connections false`);
      await admin.unsafe(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`);
      try {
        logged.length = 0;
        expect(await toldTo()).toContain('The own prompt.');
        expect(warnings()).toContain('A prompt template cannot be read.');
      } finally {
        await admin.unsafe(`alter database ${name} with allow_connections true`);
        await admin.end();
      }
      expect(await toldTo()).toContain('From the bank.');
    });
});
