import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { readJsonBody } from '../../body.ts';
import { BadUserInput } from '../../errors.ts';

/** Of one body, images as data: URLs and all texts to be embedded included, in bytes. */
const maxBytes = 4_000_000;
const arrivalMs = 30_000;

const maxTags = 20;
const maxTagLength = 100;

/** Reads a body as a schema has it. Throws BodyFault, BadUserInput with the field as OpenAI names it. */
export const readBody = async <Schema extends z.ZodType>(
  request: IncomingMessage,
  schema: Schema,
): Promise<z.output<Schema>> => {
  const { success, data, error } = schema.safeParse(await readJsonBody(request, arrivalMs, maxBytes));
  if (success) return data;
  throw new BadUserInput(
    error.issues.slice(0, 10).map(({ path, message }) => {
      const field = pathOf(path);
      return { field, message: `${field === '' ? '' : `${field}: `}${message}` };
    }),
  );
};

const pathOf = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : `${text}${text === '' ? '' : '.'}${String(part)}`),
    '',
  );

/** A field that is read over because it says what holds anyway; any other value is refused. */
export const unsupported = (why: string, isUsual: (value: unknown) => boolean) =>
  z
    .unknown()
    .refine((value) => value === undefined || value === null || isUsual(value), { error: why })
    .optional();

/** Pairs that OpenAI keeps with a completion; here they are tags of the call, `key=value`. */
export const metadataFields = z.record(z.string().max(64), z.string().max(512)).nullish();

/** The tags of a call, by which routing rules choose and usage is told apart: those of the header `X-Tessera-Tags`, and of `metadata`. */
export const tagsOf = ({ headers }: IncomingMessage, metadata: z.output<typeof metadataFields> = {}): string[] => {
  const given = String(headers['x-tessera-tags'] ?? '').split(',');
  const pairs = Object.entries(metadata ?? {}).map(([key, value]) => `${key}=${value}`);
  const tags = [...new Set([...given, ...pairs].map((tag) => tag.trim()).filter((tag) => tag !== ''))];
  if (tags.length > maxTags) throw new BadUserInput('metadata', `A call has at most ${maxTags} tags.`);
  if (tags.some((tag) => tag.length > maxTagLength || tag.includes('\0')))
    throw new BadUserInput('metadata', `A tag has at most ${maxTagLength} characters.`);
  return tags;
};
