import { setTimeout as pause } from 'node:timers/promises';
import { isObjectType, type GraphQLSchema } from 'graphql';
import type { Person } from '../testbed.ts';
import { secret, type Cast } from './cast.ts';
import { callers, type Caller, type Fixture, type Outcome } from './fixture.ts';

export type Operation = 'query' | 'mutation' | 'subscription';

/** What was seen of one caller. */
export interface Sight {
  /** An `Outcome`, or a code that no fixture expects. */
  readonly outcome: string;
  /** All that came back, for messages. */
  readonly told: string;
}

/** What is due to a caller. */
export const due = ({ gets }: Fixture, caller: Caller): Outcome =>
  gets[caller] ?? (caller === 'suspended' || caller === 'expired' ? 'UNAUTHENTICATED' : gets.otherwise);

/** An operation with ids and other values in the place of `$Name`. */
export const operationOf = (kind: Operation, field: string, values: Readonly<Record<string, string>>): string =>
  `${kind} { ${field.replace(/\$(\w+)/g, (_match, name: string) => JSON.stringify(values[name]))} }`;

/** Asks once as one person and says what that person got. An error anywhere counts, for a field that was selected was refused. */
export const look = async (person: Person, kind: Operation, text: string, { shows }: Fixture): Promise<Sight> => {
  const { data, errors }: First = kind === 'subscription' ? await firstOf(person, text) : await person.ask(text);
  const told = JSON.stringify({ data, errors });
  const code = errors[0]?.extensions?.code;
  if (code !== undefined) return { outcome: code, told };
  return { outcome: (shows ?? new RegExp(secret)).test(JSON.stringify(data ?? null)) ? 'data' : 'own', told };
};

/** Whoever has heard nothing for so long has nothing to hear. */
const silenceMs = 3000;

interface First {
  readonly data?: unknown;
  readonly errors: readonly { readonly extensions?: { readonly code?: string } }[];
}

/** The first result of a subscription; one that stays silent has nothing to tell. */
const firstOf = async (person: Person, text: string): Promise<First> => {
  const subscription = person.subscribe(text);
  const silence = new Promise<First>((resolve) =>
    setTimeout(() => resolve({ data: null, errors: [] }), silenceMs).unref(),
  );
  try {
    const first = subscription.results
      .next()
      .then(({ value }) => value as { data?: unknown; errors?: First['errors'] });
    const { data, errors = [] } = await Promise.race([first, silence]);
    return { data, errors };
  } catch (error) {
    // A refused operation comes as the list of its errors, a refused socket as the event that closed it.
    if (Array.isArray(error)) return { errors: error };
    return { errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] };
  } finally {
    await subscription.stop();
  }
};

/** Asks as every caller, and gives for each what they got. */
export const lookAsAll = async (
  cast: Cast,
  kind: Operation,
  fixture: Fixture,
  who: readonly Caller[] = callers,
): Promise<Record<Caller, Sight>> => {
  const sight = async (caller: Caller): Promise<readonly [Caller, Sight]> => {
    const values = { ...cast.ids, ...(await fixture.target?.(cast.owner, cast.ids, cast.bed)) };
    return [caller, await look(cast.people[caller], kind, operationOf(kind, fixture.field, values), fixture)];
  };
  const oneByOne = async () => {
    const sights: (readonly [Caller, Sight])[] = [];
    for (const caller of who) sights.push(await sight(caller));
    return sights;
  };
  // Subscriptions change nothing, and those that hear nothing wait.
  const together = async () => {
    const looking = Promise.all(who.map(sight));
    await pause(500);
    await fixture.meanwhile?.(cast.owner, cast.ids);
    return looking;
  };
  const sights = await (kind === 'subscription' ? together() : oneByOne());
  // The cast is safe: whoever asks as fewer looks at those alone.
  return Object.fromEntries(sights) as Record<Caller, Sight>;
};

/** The names of a root type's fields. */
export const rootFields = (schema: GraphQLSchema, type: 'Query' | 'Mutation' | 'Subscription'): string[] => {
  const root = schema.getType(type);
  return isObjectType(root) ? Object.keys(root.getFields()).sort() : [];
};

/** A connection that hangs on an entity or on the viewer. */
export interface NestedConnection {
  /** `Type.field` */
  readonly name: string;
  /** The root field that reads it, with `$Type` for the entity's id. */
  readonly field: string;
}

/** Every connection below the root that has no required argument, with the way to it; the others need a fixture of their own. */
export const nestedConnections = (schema: GraphQLSchema): NestedConnection[] => {
  const connections: NestedConnection[] = [];
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    if (['Query', 'Mutation', 'Subscription'].includes(type.name)) continue;
    for (const field of Object.values(type.getFields())) {
      if (!/Connection!?$/.test(String(field.type))) continue;
      const selection = `${field.name} { totalCount edges { node { __typename } } }`;
      const isNode = type.getInterfaces().some(({ name }) => name === 'Node');
      const way = isNode
        ? `node(id: $${type.name}) { ... on ${type.name} { ${selection} } }`
        : type.name === 'ViewerInfo'
          ? `viewer { ${selection} }`
          : undefined;
      connections.push({ name: `${type.name}.${field.name}`, field: way ?? '' });
    }
  }
  return connections.sort((a, b) => (a.name < b.name ? -1 : 1));
};
