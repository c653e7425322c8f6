import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eq } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { UnitOfWork, type Scope } from '../src/database/unit-of-work.ts';
import type { Asked } from '../src/domains/conversations/asking.ts';
import { promptVariables, slashCommands } from '../src/domains/conversations/prompt-tables.ts';
import { writtenOut } from '../src/domains/conversations/slash-commands.ts';
import { systemPromptFor } from '../src/domains/conversations/system-prompt.ts';
import { messages } from '../src/domains/conversations/tables.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { eventsOf } from './colleagues.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { conversationIn, modelFor, promote, unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

const commandFields = 'slashCommand { id command prompt description shared argumentCount takesInput }';
const createCommand = `mutation ($input: CreateSlashCommandInput!) { createSlashCommand(input: $input) { ${commandFields} } }`;
const updateCommand = `mutation ($input: UpdateSlashCommandInput!) { updateSlashCommand(input: $input) { ${commandFields} } }`;
const deleteCommand = 'mutation ($input: DeleteSlashCommandInput!) { deleteSlashCommand(input: $input) { deletedId } }';
const expand =
  'query ($text: String!) { expandSlashCommands(text: $text) { text commands { command prompt shared } } }';
const commandList = `query ($filter: SlashCommandFilter, $first: Int, $after: String) { slashCommands(first: $first, after: $after, filter: $filter) {
  totalCount edges { cursor node { command shared } } } }`;
const askMutation =
  'mutation ($input: AskInput!) { ask(input: $input) { question { id content } answer { status error { code message } } } }';
const createVariable = `mutation ($input: CreatePromptVariableInput!) { createPromptVariable(input: $input) {
  promptVariable { id type key value description workspace { id } createdBy { name } } } }`;
const updateVariable =
  'mutation ($input: UpdatePromptVariableInput!) { updatePromptVariable(input: $input) { promptVariable { value description } } }';
const deleteVariable =
  'mutation ($input: DeletePromptVariableInput!) { deletePromptVariable(input: $input) { deletedId } }';
const variableList =
  'query ($filter: PromptVariableFilter) { promptVariables(filter: $filter) { totalCount edges { node { key type value } } } }';
const render =
  'query ($workspaceId: ID!, $prompt: String) { renderSystemPrompt(workspaceId: $workspaceId, prompt: $prompt) { text unknown } }';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let models: OpenAiServer;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let member: Colleague;
let other: Colleague;
let stranger: Person;
let garden: string;

beforeAll(async () => {
  [bed, models] = await Promise.all([startTestbed(), startOpenAiServer()]);
  ada = await bed.signUp('Ada');
  await promote(bed, ada);
  garden = await workspaceOf(ada);
  await modelFor(ada, garden, models.url);
  member = await colleagueOf(bed, ada.organizationId, 'Member', 'MEMBER', { [garden]: 'EDITOR' });
  other = await colleagueOf(bed, ada.organizationId, 'Other', 'MEMBER', { [garden]: 'ADMIN' });
  stranger = await bed.signUp('Stranger');
}, 60_000);
beforeEach(() => models.reset());
afterAll(async () => {
  await models.stop();
  await bed.stop();
});

const refusals = async (person: Person, text: string, variables: object): Promise<unknown[]> =>
  (await person.ask(text, variables)).errors.map(({ extensions }) => [extensions.code, extensions.field]);
const told = async (person: Person, text: string, variables: object): Promise<string[]> =>
  (await person.ask(text, variables)).errors.map(({ message }) => message);
const command = async (person: Person, name: string, prompt: string, fields: object = {}): Promise<Data> =>
  ((await person.want(createCommand, { input: { command: name, prompt, ...fields } })) as Data).createSlashCommand
    .slashCommand;
const expanded = async (person: Person, text: string): Promise<string> =>
  ((await person.want(expand, { text })) as Data).expandSlashCommands.text;
const commandsOf = async (person: Person, filter: object = {}): Promise<string[]> =>
  ((await person.want(commandList, { filter })) as Data).slashCommands.edges.map(
    ({ node }: Data) => `${node.command}${node.shared === true ? '' : '*'}`,
  );
const variable = async (person: Person, input: object): Promise<Data> =>
  ((await person.want(createVariable, { input })) as Data).createPromptVariable.promptVariable;
const rendered = async (person: Person, prompt: string): Promise<{ text: string; unknown: string[] }> =>
  ((await person.want(render, { workspaceId: garden, prompt })) as Data).renderSystemPrompt;
/** What the model was told in its last call. */
const said = (): { role: string; content: string }[] => (models.seen.at(-1)?.body.messages ?? []) as never;
const unitIn = (scope: Partial<Scope>): UnitOfWork => {
  const { services } = bed.server.installation;
  const base: Scope = { organizationId: uuidOf(ada.organizationId), userId: null, principals: [], workspaces: '*' };
  return new UnitOfWork(
    { ...base, ...scope },
    { ...services, origin: { requestId: 'test', address: null, userAgent: null } },
  );
};

describe('slash commands', () => {
  test('are made, seen by whom they belong to, changed and deleted', async () => {
    const shared = await command(ada, '/Letter', '  A letter to {1}: {input} ', { shared: true, description: 'Mail' });
    expect(shared).toEqual({
      id: expect.stringMatching(/^slash_command_/),
      command: 'letter',
      prompt: 'A letter to {1}: {input}',
      description: 'Mail',
      shared: true,
      argumentCount: 1,
      takesInput: true,
    });
    const own = await command(member, 'let', 'Let it be.');
    const hidden = await command(other, 'let', 'Let it go.');
    expect(await commandsOf(ada)).toEqual(['letter']);
    expect(await commandsOf(member)).toEqual(['let*', 'letter']);
    expect(await commandsOf(member, { command: { startsWith: 'lett' } })).toEqual(['letter']);
    expect(await commandsOf(member, { command: { startsWith: '%' } })).toEqual([]);
    expect(await commandsOf(member, { shared: { eq: false } })).toEqual(['let*']);
    expect(await commandsOf(member, { not: { command: { eq: 'let' } } })).toEqual(['letter']);
    expect(await commandsOf(stranger)).toEqual([]);

    const node = 'query ($id: ID!) { node(id: $id) { ... on SlashCommand { prompt } } }';
    expect(await member.want(node, { id: own.id })).toEqual({ node: { prompt: 'Let it be.' } });
    for (const [person, id] of [
      [member, hidden.id],
      [ada, hidden.id],
      [stranger, shared.id],
    ] as const) {
      expect(await person.codes(node, { id })).toEqual(['NOT_FOUND']);
      expect(await refusals(person, updateCommand, { input: { id, prompt: 'x' } })).toEqual([['NOT_FOUND', undefined]]);
      expect(await refusals(person, deleteCommand, { input: { id } })).toEqual([['NOT_FOUND', undefined]]);
    }
    for (const person of [member, other]) {
      expect(await person.codes(createCommand, { input: { command: 'x', prompt: 'x', shared: true } })).toEqual([
        'FORBIDDEN',
      ]);
      expect(await person.codes(updateCommand, { input: { id: shared.id, prompt: 'x' } })).toEqual(['FORBIDDEN']);
      expect(await person.codes(deleteCommand, { input: { id: shared.id } })).toEqual(['FORBIDDEN']);
    }
    expect(await refusals(member, createCommand, { input: { command: 'LET', prompt: 'x' } })).toEqual([
      ['CONFLICT', 'command'],
    ]);
    expect(await refusals(ada, createCommand, { input: { command: 'letter', prompt: 'x', shared: true } })).toEqual([
      ['CONFLICT', 'command'],
    ]);
    const changed: Data = await member.want(updateCommand, { input: { id: own.id, command: 'be', description: null } });
    expect(changed.updateSlashCommand.slashCommand).toMatchObject({
      command: 'be',
      prompt: 'Let it be.',
      description: '',
    });
    expect(await refusals(ada, updateCommand, { input: { id: shared.id, prompt: null } })).toEqual([
      ['BAD_USER_INPUT', 'prompt'],
    ]);
    for (const [person, id] of [
      [ada, shared.id],
      [member, own.id],
      [other, hidden.id],
    ] as const)
      expect(await person.want(deleteCommand, { input: { id } })).toEqual({ deleteSlashCommand: { deletedId: id } });
    expect(await commandsOf(member)).toEqual([]);
    expect((await eventsOf(bed, ada.organizationId, 'slash_command.deleted')).length).toBe(3);
  });

  test.each([
    [{ command: 'a b', prompt: 'x' }, 'command'],
    [{ command: '1st', prompt: 'x' }, 'command'],
    [{ command: 'a'.repeat(65), prompt: 'x' }, 'command'],
    [{ command: 'Reset', prompt: 'x' }, 'command'],
    [{ command: '/agent', prompt: 'x' }, 'command'],
    [{ command: 'help', prompt: 'x' }, 'command'],
    [{ command: 'fine', prompt: '  ' }, 'prompt'],
    [{ command: 'fine', prompt: 'x'.repeat(10_001) }, 'prompt'],
    [{ command: 'fine', prompt: 'a\0b' }, 'prompt'],
    [{ command: 'fine', prompt: '{1} {3}' }, 'prompt'],
    [{ command: 'fine', prompt: 'x', description: 'x'.repeat(501) }, 'description'],
  ])('are refused for what is wrong with them (%#)', async (input, field) => {
    expect(await refusals(ada, createCommand, { input })).toEqual([['BAD_USER_INPUT', field]]);
    expect(await commandsOf(ada)).toEqual([]);
  });

  test("one's own comes before the organization's", async () => {
    const shared = await command(ada, 'tone', 'Speak well:', { shared: true });
    expect(await expanded(member, 'Now /tone this')).toBe('Now Speak well: this');
    const own = await command(member, 'tone', 'Speak badly:');
    expect(await expanded(member, 'Now /TONE this')).toBe('Now Speak badly: this');
    expect(await member.want(expand, { text: 'Now /TONE /no /tone' })).toEqual({
      expandSlashCommands: {
        text: 'Now Speak badly: /no Speak badly:',
        commands: [{ command: 'tone', prompt: 'Speak badly:', shared: false }],
      },
    });
    expect(await expanded(other, 'Now /tone this')).toBe('Now Speak well: this');
    await member.want(deleteCommand, { input: { id: own.id } });
    await ada.want(deleteCommand, { input: { id: shared.id } });
  });

  test('are written out as a question is asked; the message keeps what was written', async () => {
    const { id } = await command(member, 'short', 'In one sentence, for {1}:');
    const conversationId = await conversationIn(member, garden);
    const asked: Data = await member.want(askMutation, {
      input: { conversationId, text: '/short children why do roses smell?' },
    });
    expect(asked.ask.question.content).toBe('/short children why do roses smell?');
    expect(said().at(-1)?.content).toContain('In one sentence, for children: why do roses smell?');
    expect(said().at(-1)?.content).not.toContain('/short');
    await member.want(deleteCommand, { input: { id } });
    await member.want(askMutation, { input: { conversationId, text: 'And and/or tulips?' } });
    // History tells the model what it read then.
    expect(
      said()
        .map(({ content }) => content)
        .join('\n'),
    ).toContain('In one sentence, for children: why do roses smell?');
    const unit = unitOf(bed, ada.organizationId);
    const rows = await unit.run(() =>
      database
        .select({ content: messages.content, prompt: messages.prompt })
        .from(messages)
        .where(eq(messages.conversationId, uuidOf(conversationId))),
    );
    await unit.rest();
    expect(rows.filter(({ prompt }) => prompt !== null)).toEqual([
      { content: '/short children why do roses smell?', prompt: 'In one sentence, for children: why do roses smell?' },
    ]);
  });

  test('a refusal says what and changes nothing', async () => {
    const ids = [
      (await command(ada, 'summarize', 'Summarize:', { shared: true })).id,
      (await command(ada, 'pair', '{1} and {2}', { shared: true })).id,
      (await command(ada, 'long', 'x'.repeat(9000), { shared: true })).id,
    ];
    await command(other, 'sumarise', 'Secretly.');
    const conversationId = await conversationIn(member, garden);
    const count = async (): Promise<number> =>
      (
        (await member.want('query ($id: ID!) { conversation(id: $id) { messages { totalCount } } }', {
          id: conversationId,
        })) as Data
      ).conversation.messages.totalCount;
    for (const [text, message] of [
      [
        '/sumarize this',
        'There is no command /sumarize. Did you mean /summarize? Elsewhere than at the beginning, it is plain text.',
      ],
      [
        '/su this',
        'There is no command /su. Did you mean /summarize? Elsewhere than at the beginning, it is plain text.',
      ],
      ['/zzzzzz', 'There is no command /zzzzzz. Elsewhere than at the beginning, it is plain text.'],
      ['/null', 'There is no command /null. Elsewhere than at the beginning, it is plain text.'],
      ['/reset', 'The command /reset is no text to be asked: the mutation resetConversation does it.'],
      ['/Help me', 'The command /help is reserved and stands for no text.'],
      ['Now /pair one', 'The command /pair takes 2 arguments; the argument 2 is missing.'],
      ['/long /long /long /long', 'With its commands written out this text has more than 32,000 characters.'],
    ] as const) {
      const input = { conversationId, text };
      expect(await told(member, askMutation, { input })).toEqual([message]);
      expect(await refusals(member, askMutation, { input })).toEqual([['BAD_USER_INPUT', 'text']]);
      expect(await told(member, expand, { text })).toEqual([message]);
    }
    expect(await count()).toBe(0);
    expect(models.seen).toEqual([]);
    expect(await expanded(member, 'Is /etc/passwd or /unknown a path?')).toBe('Is /etc/passwd or /unknown a path?');
    for (const id of ids) await ada.want(deleteCommand, { input: { id } });
  });

  test('visitors of widgets have none, and are told of none', async () => {
    const { id } = await command(ada, 'inner', 'What nobody outside may read.', { shared: true });
    const asMember = unitIn({ userId: uuidOf(member.userId) });
    expect(await writtenOut(asMember, '/inner')).toBe('What nobody outside may read.');
    await asMember.rest();
    for (const scope of [{}, { userId: uuidOf(ada.userId), conversationId: uuidOf(await conversationIn(ada, garden)) }])
      for (const text of ['/inner', '/inne it', 'See /inner']) expect(await writtenOut(unitIn(scope), text)).toBe(text);
    await ada.want(deleteCommand, { input: { id } });
  });

  test('cost one statement where there may be some, and none otherwise', async () => {
    const statementsOf = async (text: string) =>
      (await member.ask(expand, { text })).statements.filter((statement) => statement.includes('slash_commands'));
    expect(await statementsOf('Either and/or https://example.com/x')).toHaveLength(0);
    expect(await statementsOf('a /b /c /d /b')).toHaveLength(1);
  });

  test('a member has at most a hundred, however many are made at a time', async () => {
    const [organizationId, userId] = [uuidOf(ada.organizationId), uuidOf(member.userId)];
    const rows = Array.from({ length: 98 }, (_, number) => ({
      organizationId,
      userId,
      command: `own-${number}`,
      prompt: 'x',
    }));
    const unit = unitIn({ userId });
    await unit.transact(() => database.insert(slashCommands).values(rows));
    const made = await Promise.all(
      ['a', 'b', 'c', 'd'].map((name) => refusals(member, createCommand, { input: { command: name, prompt: 'x' } })),
    );
    expect(made.flat()).toEqual([
      ['CONFLICT', 'command'],
      ['CONFLICT', 'command'],
    ]);
    expect(((await member.want(commandList)) as Data).slashCommands.totalCount).toBe(100);
    expect(await commandsOf(ada)).toEqual([]);
    await unit.transact(() => database.delete(slashCommands).where(eq(slashCommands.userId, userId)));
  });
});

describe('prompt variables', () => {
  test("of several values the asker's own is put in, else the workspace's, else the organization's", async () => {
    const input = { key: 'greeting', value: 'Hello' };
    const common = await variable(ada, { ...input, type: 'STATIC', description: 'How to greet' });
    expect(common).toEqual({
      id: expect.stringMatching(/^prompt_variable_/),
      type: 'STATIC',
      key: 'greeting',
      value: 'Hello',
      description: 'How to greet',
      workspace: null,
      createdBy: { name: 'Ada' },
    });
    const prompt = '{greeting} in {workspace.name}, {user.name}! {greeting}';
    expect(await rendered(other, prompt)).toEqual({ text: 'Hello in Garden, Other! Hello', unknown: [] });
    const local = await variable(other, { ...input, value: 'Hi', type: 'WORKSPACE', workspaceId: garden });
    expect(local).toMatchObject({ type: 'WORKSPACE', workspace: { id: garden } });
    expect((await rendered(other, prompt)).text).toBe('Hi in Garden, Other! Hi');
    const own = await variable(other, { ...input, value: '{greeting} {user.id}', type: 'USER' });
    expect((await rendered(other, prompt)).text).toBe('{greeting} {user.id} in Garden, Other! {greeting} {user.id}');
    expect((await rendered(ada, prompt)).text).toBe('Hi in Garden, Ada! Hi');

    // The question of a member, and that of a visitor.
    await ada.want('mutation ($input: UpdateWorkspaceInput!) { updateWorkspace(input: $input) { workspace { id } } }', {
      input: {
        id: garden,
        systemPrompt: `Say {greeting} to {user.name} {nothing} {{greeting}} {"json": true} {user.shoes}`,
      },
    });
    await other.want(askMutation, { input: { conversationId: await conversationIn(other, garden), text: 'Roses?' } });
    expect(said()[0]?.content).toContain(
      'Say {greeting} {user.id} to Other {nothing} {{greeting}} {"json": true} [user.shoes]',
    );
    await member.want(askMutation, { input: { conversationId: await conversationIn(member, garden), text: 'Roses?' } });
    expect(said()[0]?.content).toContain('Say Hi to Member {nothing}');
    const workspace = { id: uuidOf(garden), name: 'Garden', systemPrompt: 'Say {greeting} to {user.name} {user.id}' };
    const unit = unitIn({ userId: uuidOf(other.userId) });
    // The cast is safe: nothing else of it is read.
    expect(
      await systemPromptFor({ unit, services: bed.server.installation.services }, {
        workspace,
        asker: { userId: null, visitorId: null },
      } as unknown as Asked),
    ).toBe('Say Hi to [user.name] [user.id]');
    await unit.rest();

    expect(await member.want(variableList)).toEqual({
      promptVariables: {
        totalCount: 2,
        edges: expect.arrayContaining([
          { node: { key: 'greeting', type: 'STATIC', value: 'Hello' } },
          { node: { key: 'greeting', type: 'WORKSPACE', value: 'Hi' } },
        ]),
      },
    });
    const filtered: Data = await other.want(variableList, {
      filter: { type: { eq: 'USER' }, key: { startsWith: 'gr' } },
    });
    expect(filtered.promptVariables.edges).toEqual([
      { node: { key: 'greeting', type: 'USER', value: '{greeting} {user.id}' } },
    ]);
    expect(((await stranger.want(variableList)) as Data).promptVariables.totalCount).toBe(0);

    // Who may change which.
    for (const [person, id, code] of [
      [member, common.id, 'FORBIDDEN'],
      [other, common.id, 'FORBIDDEN'],
      [member, local.id, 'FORBIDDEN'],
      [member, own.id, 'NOT_FOUND'],
      [ada, own.id, 'NOT_FOUND'],
      [stranger, common.id, 'NOT_FOUND'],
    ] as const) {
      expect(await person.codes(updateVariable, { input: { id, value: 'x' } })).toEqual([code]);
      expect(await person.codes(deleteVariable, { input: { id } })).toEqual([code]);
    }
    expect(await other.want(updateVariable, { input: { id: local.id, value: '', description: null } })).toEqual({
      updatePromptVariable: { promptVariable: { value: '', description: '' } },
    });
    expect((await rendered(ada, prompt)).text).toBe(' in Garden, Ada! ');
    for (const [person, id] of [
      [ada, common.id],
      [other, local.id],
      [other, own.id],
    ] as const)
      await person.want(deleteVariable, { input: { id } });
    expect(await rendered(ada, prompt)).toEqual({
      text: '{greeting} in Garden, Ada! {greeting}',
      unknown: ['greeting'],
    });
    expect((await eventsOf(bed, ada.organizationId, 'prompt_variable.deleted')).length).toBe(3);
  });

  test('day, time and ids are worked out at the moment of sending', async () => {
    const { text } = await rendered(ada, '{date}|{time}|{time_24}|{datetime}|{datetime_24}|{user.id}|{workspace.id}');
    expect(text).toMatch(
      /^(\w+ \d{1,2}, 20\d\d)\|(\d{1,2}:\d\d [AP]M UTC)\|(\d\d:\d\d UTC)\|\1, \2\|\1, \3\|user_\w+\|workspace_\w+$/,
    );
    expect(text.endsWith(`|${ada.userId}|${garden}`)).toBe(true);
    const [day = ''] = text.split('|');
    expect(Math.abs(Date.now() - Date.parse(`${day} 12:00 UTC`))).toBeLessThan(13 * 3_600_000);
    const listed: Data = await member.want('{ systemPromptVariables { key description } }');
    expect(listed.systemPromptVariables.map(({ key }: Data) => key)).toEqual([
      'date',
      'time',
      'time_24',
      'datetime',
      'datetime_24',
      'user.id',
      'user.name',
      'user.bio',
      'workspace.id',
      'workspace.name',
    ]);
  });

  test.each([
    [{ type: 'STATIC', key: 'ab', value: 'x' }, 'key'],
    [{ type: 'STATIC', key: 'a-b-c', value: 'x' }, 'key'],
    [{ type: 'STATIC', key: 'user.shoes', value: 'x' }, 'key'],
    [{ type: 'STATIC', key: 'a'.repeat(256), value: 'x' }, 'key'],
    [{ type: 'STATIC', key: 'time', value: 'x' }, 'key'],
    [{ type: 'USER', key: 'datetime_24', value: 'x' }, 'key'],
    [{ type: 'STATIC', key: 'fine', value: 'x'.repeat(10_001) }, 'value'],
    [{ type: 'STATIC', key: 'fine', value: 'x', description: 'x'.repeat(501) }, 'description'],
    [{ type: 'WORKSPACE', key: 'fine', value: 'x' }, 'workspaceId'],
  ])('are refused for what is wrong with them (%#)', async (input, field) => {
    expect(await refusals(ada, createVariable, { input })).toEqual([['BAD_USER_INPUT', field]]);
  });

  test('are refused to who may not make them, and where there is one', async () => {
    const input = { type: 'STATIC', key: 'place', value: 'x' };
    expect(await refusals(ada, createVariable, { input: { ...input, workspaceId: garden } })).toEqual([
      ['BAD_USER_INPUT', 'workspaceId'],
    ]);
    expect(await member.codes(createVariable, { input })).toEqual(['FORBIDDEN']);
    const local = { ...input, type: 'WORKSPACE', workspaceId: garden };
    expect(await member.codes(createVariable, { input: local })).toEqual(['FORBIDDEN']);
    expect(await stranger.codes(createVariable, { input: local })).toEqual(['NOT_FOUND']);
    expect(await stranger.codes(render, { workspaceId: garden, prompt: '{time}' })).toEqual(['NOT_FOUND']);
    expect(await member.codes(render, { workspaceId: garden, prompt: '{time}' })).toEqual(['FORBIDDEN']);
    const own = await variable(member, { ...input, type: 'USER' });
    expect(await refusals(member, createVariable, { input: { ...input, type: 'USER' } })).toEqual([
      ['CONFLICT', 'key'],
    ]);
    await member.want(deleteVariable, { input: { id: own.id } });
  });

  test('fill no prompt beyond its bound', async () => {
    const { id } = await variable(ada, { type: 'STATIC', key: 'long', value: 'x'.repeat(10_000) });
    expect((await rendered(ada, '{long}'.repeat(6))).text).toHaveLength(60_000);
    expect(await refusals(ada, render, { workspaceId: garden, prompt: '{long}'.repeat(7) })).toEqual([
      ['BAD_USER_INPUT', 'systemPrompt'],
    ]);
    await ada.want('mutation ($input: UpdateWorkspaceInput!) { updateWorkspace(input: $input) { workspace { id } } }', {
      input: { id: garden, systemPrompt: '{long}'.repeat(7) },
    });
    const { ask }: Data = await ada.want(askMutation, {
      input: { conversationId: await conversationIn(ada, garden), text: 'Roses?' },
    });
    expect(ask.answer).toEqual({
      status: 'FAILED',
      error: {
        code: 'BAD_USER_INPUT',
        message: 'With its variables filled in this prompt has more than 64,000 characters.',
      },
    });
    await ada.want(deleteVariable, { input: { id } });
  });

  test('cost one statement where a prompt names what is kept, and none otherwise', async () => {
    const statementsOf = async (prompt: string) =>
      (await ada.ask(render, { workspaceId: garden, prompt })).statements.filter((text) =>
        text.includes('prompt_variables'),
      );
    expect(
      await statementsOf('Plain {"a": 1} {{key}} {time} {user.id} {workspace.name} {user.shoes} {ab}'),
    ).toHaveLength(0);
    expect(await statementsOf('{abc} {def} {user.name} {user.bio}')).toHaveLength(1);
  });

  test('a workspace has at most a hundred', async () => {
    const [organizationId, workspaceId] = [uuidOf(ada.organizationId), uuidOf(garden)];
    const place = { organizationId, workspaceId, type: 'WORKSPACE' as const };
    const rows = Array.from({ length: 100 }, (_, number) => ({ ...place, key: `key_${number}` }));
    const unit = unitIn({});
    await unit.transact(() => database.insert(promptVariables).values(rows));
    const input = { type: 'WORKSPACE', workspaceId: garden, key: 'one_more', value: 'x' };
    expect(await refusals(ada, createVariable, { input })).toEqual([['CONFLICT', 'key']]);
    await unit.transact(() => database.delete(promptVariables).where(eq(promptVariables.workspaceId, workspaceId)));
    await variable(ada, input);
  });
});
