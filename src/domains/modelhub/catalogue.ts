import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { dialects, modelCapabilities, modelTypes } from './tables.ts';

const amount = z.string().regex(/^\d{1,6}(\.\d{1,6})?$/);
const web = z.url({ protocol: /^https?$/ }).max(2000);

/** US dollars for a million tokens, as providers' pages give them. */
const price = z.strictObject({
  input: amount,
  cachedInput: amount.nullable(),
  output: amount,
  /** The provider's own page that says so, and the day on which it was read. */
  source: web,
  readOn: z.iso.date(),
});

const model = z.strictObject({
  name: z.string().min(1).max(200),
  description: z.string().min(1).max(2000),
  type: z.enum(modelTypes),
  capabilities: z.array(z.enum(modelCapabilities)),
  contextWindow: z.int().min(2048),
  maxOutputTokens: z.int().positive().nullable(),
  /** The page that tells window and capabilities. */
  source: web,
  /** Null: no page was read that says it, or it depends on more than the number of tokens. */
  price: price.nullable(),
});

const provider = z.strictObject({
  name: z.string().min(1).max(100),
  slug: z.string().regex(/^[a-z0-9-]{1,50}$/),
  description: z.string().min(1).max(2000),
  website: web,
  documentationUrl: web,
  status: z.enum(['ACTIVE', 'INACTIVE']),
  dialect: z.enum(dialects).exclude(['BUILTIN']),
  /** Null: the dialect's own address. */
  baseUrl: web.nullable(),
  /** Whether nothing can be called without a key. */
  needsKey: z.boolean(),
  models: z.array(model),
});

const unique = (values: readonly string[]): boolean => new Set(values).size === values.length;

/** The shape of the list of well-known providers and their models. */
export const catalogueShape = z
  .array(provider)
  .refine((entries) => unique(entries.map(({ slug }) => slug)), 'Two providers have the same slug.')
  .refine((entries) => unique(entries.map(({ name }) => name)), 'Two providers have the same name.')
  .refine(
    (entries) => entries.every(({ models }) => unique(models.map(({ name }) => name))),
    'Two models of a provider have the same name.',
  )
  .refine(
    (entries) => entries.every(({ dialect, baseUrl }) => dialect !== 'OPENAI_COMPATIBLE' || baseUrl !== null),
    'An OpenAI-compatible provider has an address.',
  );

export type CatalogueProvider = z.infer<typeof provider>;
export type CatalogueModel = z.infer<typeof model>;

/** The list of well-known providers, read and checked when it is asked for and not when the server starts. Throws ZodError. */
export const readCatalogue = (): readonly CatalogueProvider[] =>
  catalogueShape.parse(JSON.parse(readFileSync(new URL('catalogue.json', import.meta.url), 'utf8')));
