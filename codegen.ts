import { globSync, readFileSync } from 'node:fs';
import type { CodegenConfig } from '@graphql-codegen/cli';

const schema = globSync('schema/*.graphql')
  .map((path) => readFileSync(path, 'utf8'))
  .join('\n');

/**
 * `export type BookRow` is what resolvers of `Book` receive, and a page of such rows those of `BookConnection`: types are
 * found by name, none is registered.
 */
const mappers = Object.fromEntries(
  globSync(['src/domains/*/{*tables,*rows}.ts', 'src/{events,queue}/tables.ts']).flatMap((path) =>
    [...readFileSync(path, 'utf8').matchAll(/^export (?:type|interface) (\w+)Row\b/gm)]
      .map(([, type]) => ({ type, row: `import('../../${path}').${type}Row` }))
      .flatMap(({ type, row }) => [
        [type, row],
        [`${type}Connection`, `import('../database/list.ts').Connection<${row}>`],
        [`${type}Edge`, `import('../database/list.ts').Edge<${row}>`],
      ])
      .filter(([type]) => schema.includes(`type ${type} `)),
  ),
);

const config: CodegenConfig = {
  schema: 'schema/*.graphql',
  generates: {
    'src/generated/resolvers.ts': {
      plugins: ['typescript', 'typescript-resolvers'],
      config: {
        useTypeImports: true,
        enumsAsTypes: true,
        contextType: '../domains/context.ts#Context',
        defaultScalarType: 'unknown',
        scalars: {
          ID: 'string',
          DateTime: 'string',
          Date: 'string',
          Decimal: 'string',
          EmailAddress: 'string',
          URL: { input: 'URL', output: 'string' },
          JSON: 'unknown',
        },
        mappers,
        makeResolverTypeCallable: false,
      },
    },
  },
};

export default config;
