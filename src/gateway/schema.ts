import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { makeExecutableSchema } from '@graphql-tools/schema';
import type { GraphQLSchema } from 'graphql';
import type { Loader } from '../database/loader.ts';
import type { UnitOfWork } from '../database/unit-of-work.ts';
import type { Viewer } from '../domains/context.ts';
import type { Resolvers } from '../generated/resolvers.ts';
import { withAccessRules } from './access.ts';
import { withDecodedIds } from './decoded-ids.ts';
import { withFieldsTold } from './idempotency.ts';
import { nodeResolvers } from './nodes.ts';
import { scalars } from './scalars.ts';
import { assertDescribed } from './described.ts';
import { withSubscriptionArguments } from './subscription-arguments.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Loads the entities of a type by id; null for those the viewer does not see. */
export type NodeLoader = (unit: UnitOfWork, viewer: Viewer) => Pick<Loader<object | null>, 'load'>;

/** What a domain's `resolvers.ts` exports, or each file of the folder of that name. */
interface DomainResolvers {
  readonly resolvers: Resolvers;
  readonly nodes?: Readonly<Record<string, NodeLoader>>;
}

/** The SDL of all domains, one file each; the foundation first, the others by name. */
export const readTypeDefinitions = (): string[] =>
  globSync('schema/*.graphql', { cwd: root })
    .sort(
      (a, b) =>
        Number(b.endsWith('foundation.graphql')) - Number(a.endsWith('foundation.graphql')) || a.localeCompare(b),
    )
    .map((path) => readFileSync(`${root}/${path}`, 'utf8'));

const readResolvers = (): Promise<DomainResolvers[]> =>
  Promise.all(
    globSync(['src/domains/*/resolvers.ts', 'src/domains/*/resolvers/*.ts'], { cwd: root })
      .sort()
      // The cast is safe: the compiler checks that each of these files exports its resolvers under this type.
      .map((path) => import(pathToFileURL(`${root}/${path}`).href) as Promise<DomainResolvers>),
  );

/**
 * Puts SDL and resolvers of all domains together. Throws when a root field has no access rule, an id argument names no type,
 * or anything lacks a description.
 */
export const buildSchema = async (): Promise<GraphQLSchema> => {
  const domains = await readResolvers();
  const loaders = new Map(domains.flatMap(({ nodes = {} }) => Object.entries(nodes)));
  const schema = makeExecutableSchema({
    typeDefs: readTypeDefinitions(),
    resolvers: [scalars, ...domains.map(({ resolvers }) => resolvers)],
    resolverValidationOptions: { requireResolversToMatchSchema: 'error' },
  });
  assertDescribed(schema);
  return withFieldsTold(withSubscriptionArguments(withAccessRules(withDecodedIds(nodeResolvers(schema, loaders)))));
};
