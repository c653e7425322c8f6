import { printSchemaWithDirectives } from '@graphql-tools/utils';
import { buildSchema } from '../src/gateway/schema.ts';

process.stdout.write(`${printSchemaWithDirectives(await buildSchema())}\n`);
