import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventsOf } from './colleagues.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let member: Colleague;
let stranger: Person;
let garden: string;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  garden = await workspaceOf(ada);
  member = await colleagueOf(bed, ada.organizationId, 'Member', 'MEMBER', { [garden]: 'EDITOR' });
  stranger = await bed.signUp('Stranger');
}, 60_000);
afterAll(() => bed.stop());

const change = (verb: string, thing: 'Suggested' | 'Welcome', result: string) =>
  `mutation ($input: ${verb[0]?.toUpperCase()}${verb.slice(1)}${thing}Input!) { ${verb}${thing}(input: $input) { ${result} } }`.replaceAll(
    thing,
    verb === 'set' ? `${thing}Messages` : `${thing}Message`,
  );
const refusals = async (person: Person, text: string, input: object): Promise<unknown[]> =>
  (await person.ask(text, { input })).errors.map(({ extensions }) => [extensions.code, extensions.field]);

/** The two lists, which are kept alike: how each is read and written, by what, and what one of its members is made of. */
const lists = [
  {
    thing: 'Suggested',
    place: () => ({ workspaceId: garden }),
    fields: ['heading', 'message'],
    longest: [200, 2000],
    made: (first: string): Record<string, string> => ({ heading: first, message: `${first}!` }),
    read: async (person: Person): Promise<Data[]> =>
      (
        (await person.want(
          'query ($id: ID!) { workspace(id: $id) { suggestedMessages { id heading message position workspace { id } } } }',
          {
            id: garden,
          },
        )) as Data
      ).workspace.suggestedMessages,
    full: ['CONFLICT', 'workspaceId'],
  },
  {
    thing: 'Welcome',
    place: () => ({}),
    fields: ['question', 'answer'],
    longest: [500, 4000],
    made: (first: string): Record<string, string> => ({ question: first, answer: `${first}!` }),
    read: async (person: Person): Promise<Data[]> =>
      ((await person.want('{ welcomeMessages { id question answer position } }')) as Data).welcomeMessages,
    full: ['CONFLICT', 'question'],
  },
] as const;

test.each(lists)(
  '$thing messages are set, made, changed, moved and deleted',
  async ({ thing, place, fields, made, read }) => {
    const [first, second] = fields;
    const one = thing === 'Suggested' ? 'suggestedMessage' : 'welcomeMessage';
    const order = async (person: Person = member) => (await read(person)).map((each) => each[first]);
    const set = (names: readonly string[]) =>
      ada.want(change('set', thing, `${one}s { ${first} ${second} position }`), {
        input: { ...place(), messages: names.map(made) },
      });
    expect(await set(['A', 'B', 'C'])).toEqual({
      [`set${thing}Messages`]: {
        [`${one}s`]: ['A', 'B', 'C'].map((name, position) => Object.assign(made(name), { position })),
      },
    });
    expect(await order()).toEqual(['A', 'B', 'C']);
    const makeIt = change('create', thing, `${one} { id ${first} ${second} position }`);
    const created: Data = await ada.want(makeIt, { input: { ...place(), ...made(' D ') } });
    const { id, ...rest } = created[`create${thing}Message`][one];
    expect(rest).toEqual({ [first]: 'D', [second]: 'D !', position: 3 });
    const move = change('move', thing, `${one} { position }`);
    const moveTo = async (position: number) => {
      const data: Data = await ada.want(move, { input: { id, position } });
      expect(data[`move${thing}Message`][one]).toEqual({ position: Math.min(position, 3) });
      return order();
    };
    expect(await moveTo(0)).toEqual(['D', 'A', 'B', 'C']);
    expect(await moveTo(2)).toEqual(['A', 'B', 'D', 'C']);
    expect(await moveTo(99)).toEqual(['A', 'B', 'C', 'D']);
    expect(await refusals(ada, move, { id, position: -1 })).toEqual([['BAD_USER_INPUT', 'position']]);
    const update = change('update', thing, `${one} { ${first} ${second} }`);
    expect(await ada.want(update, { input: { id, [second]: 'E' } })).toEqual({
      [`update${thing}Message`]: { [one]: { [first]: 'D', [second]: 'E' } },
    });
    expect(await refusals(ada, update, { id, [first]: null, [second]: ' ' })).toEqual([['BAD_USER_INPUT', first]]);
    const [middle] = (await read(ada)).slice(1);
    const remove = change('delete', thing, 'deletedId');
    expect(await ada.want(remove, { input: { id: middle.id } })).toEqual({
      [`delete${thing}Message`]: { deletedId: middle.id },
    });
    expect(await refusals(ada, remove, { id: middle.id })).toEqual([['NOT_FOUND', undefined]]);
    expect(await order()).toEqual(['A', 'C', 'D']);
    expect(await moveTo(1)).toEqual(['A', 'D', 'C']);
    expect(
      await member.want(`query ($id: ID!) { node(id: $id) { ... on ${thing}Message { ${second} } } }`, { id }),
    ).toEqual({
      node: { [second]: 'E' },
    });
    const name = thing.toLowerCase();
    expect(await eventsOf(bed, ada.organizationId, `${name}_messages.set`)).toMatchObject([{ data: { count: 3 } }]);
    expect(await eventsOf(bed, ada.organizationId, `${name}_message.moved`)).toHaveLength(4);

    // For others they are not there, or not theirs to change.
    const changes: [string, object][] = [
      [change('set', thing, '__typename'), { ...place(), messages: [] }],
      [makeIt, { ...place(), ...made('X') }],
      [update, { id, [first]: 'X' }],
      [move, { id, position: 0 }],
      [remove, { id }],
    ];
    for (const [text, input] of changes) {
      expect(await member.codes(text, { input })).toEqual(['FORBIDDEN']);
      expect(await bed.anonymous.codes(text, { input })).toEqual(['UNAUTHENTICATED']);
      // A stranger has an organization of their own, and may make what belongs to no workspace.
      if ('id' in input || thing === 'Suggested') expect(await stranger.codes(text, { input })).toEqual(['NOT_FOUND']);
    }
    expect(await order()).toEqual(['A', 'D', 'C']);
    await set([]);
    expect(await read(member)).toEqual([]);
  },
);

test.each(lists)(
  '$thing messages are at most twenty, and all are set or none',
  async ({ thing, place, fields, longest, made, read, full }) => {
    const [first, second] = fields;
    const set = change('set', thing, '__typename');
    const create = change('create', thing, '__typename');
    await ada.want(set, { input: { ...place(), messages: Array.from({ length: 18 }, (_, at) => made(`M${at}`)) } });
    const before = await read(ada);
    const bad = (fields: object) => [made('fine'), { ...made('bad'), ...fields }];
    for (const [messages, field] of [
      [Array.from({ length: 21 }, () => made('x')), 'messages'],
      [bad({ [first]: ' ' }), `messages.1.${first}`],
      [bad({ [first]: 'x'.repeat(longest[0] + 1) }), `messages.1.${first}`],
      [bad({ [second]: 'x'.repeat(longest[1] + 1) }), `messages.1.${second}`],
    ] as const)
      expect(await refusals(ada, set, { ...place(), messages })).toEqual([['BAD_USER_INPUT', field]]);
    expect(await read(ada)).toEqual(before);
    const made4 = await Promise.all(
      ['a', 'b', 'c', 'd'].map((name) => refusals(ada, create, { ...place(), ...made(name) })),
    );
    expect(made4.flat()).toEqual([full, full]);
    const positions = (await read(ada)).map(({ position }) => position);
    expect(positions).toEqual(Array.from({ length: 20 }, (_, at) => at));
  },
);
