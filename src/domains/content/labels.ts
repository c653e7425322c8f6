import { and, eq, inArray, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { Whole } from '../../database/filter.ts';
import { BadUserInput, type InputIssue } from '../../errors.ts';
import { documentLabels, documents } from './tables.ts';

/** Tags that one document has at most. */
export const maxTags = 50;
const maxNames = 50;
const maxLength = 100;
/** In UTF-8, as JSON. */
const maxMetadataBytes = 16_000;

/** What a document is labelled with, as clients give it. */
interface Labels {
  readonly tags?: readonly string[] | null | undefined;
  readonly metadata?: unknown;
}

/** Faults of a document's tags and metadata; absent ones have none. */
export const labelIssues = ({ tags, metadata }: Labels): InputIssue[] => [
  ...tagIssues(tags ?? []),
  ...metadataIssues(metadata ?? {}),
];

/** Tags as they are stored: trimmed, in lower case, each once. */
export const tagsOf = (tags: readonly string[]): string[] => [...new Set(tags.map(tagOf))];

/** Metadata as it is stored, of what `labelIssues` found no fault in. */
export const metadataOf = (metadata: unknown): Record<string, unknown> => (isObject(metadata) ? metadata : {});

const tagOf = (tag: string): string => tag.trim().toLowerCase();

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Faults of a list of tags, with the place of each under `field`. */
export const tagIssues = (tags: readonly string[], field = 'tags'): InputIssue[] => {
  if (tags.length > maxTags) return [{ field, message: `A document has at most ${maxTags} tags.` }];
  return tags.flatMap((tag, place) => {
    const { length } = tagOf(tag);
    if (length >= 1 && length <= maxLength) return [];
    return [{ field: `${field}.${place}`, message: `A tag has 1 to ${maxLength} characters.` }];
  });
};

const issue = (message: string): InputIssue[] => [{ field: 'metadata', message }];

const metadataIssues = (metadata: unknown): InputIssue[] => {
  if (!isObject(metadata)) return issue('Metadata is a JSON object.');
  const names = Object.keys(metadata);
  if (names.length > maxNames) return issue(`Metadata has at most ${maxNames} names at the top.`);
  if (names.some((name) => name.length < 1 || name.length > maxLength))
    return issue(`A name of metadata has 1 to ${maxLength} characters.`);
  if (Buffer.byteLength(JSON.stringify(metadata)) > maxMetadataBytes)
    return issue('Metadata has at most 16 kB as JSON.');
  return [];
};

/** Documents that have a label of these; the key of the labels finds it by the document's workspace. */
const hasLabel = (key: string, value: SQL | undefined): SQL =>
  sql`exists (${database
    .select({ found: sql`1` })
    .from(documentLabels)
    .where(
      and(
        eq(documentLabels.organizationId, documents.organizationId),
        eq(documentLabels.workspaceId, documents.workspaceId),
        eq(documentLabels.key, key),
        value,
        eq(documentLabels.documentId, documents.id),
      ),
    )})`;

const nothing = sql`false`;

/** Documents by their tags: `has`, `hasAny` and `hasAll`; tags are compared as they are stored. */
export const byTags = (comparator: string, operand: unknown): SQL | undefined => {
  if (operand === null) return undefined;
  const wanted = tagsOf((Array.isArray(operand) ? operand : [operand]).map(String));
  return comparator === 'hasAll' ? and(...wanted.map((tag) => hasTag([tag]))) : hasTag(wanted);
};

const hasTag = (tags: readonly string[]): SQL =>
  tags.length === 0 ? nothing : hasLabel('', inArray(documentLabels.value, [...tags]));

/** Documents that have a scalar at the top of their metadata: under `name`, one that is `eq` or is `in` a list. */
export const byMetadata: Whole = {
  whole: ({ name, eq: same, in: several }) => {
    const operands = [
      ...(same === undefined ? [] : [[same]]),
      ...(Array.isArray(several) ? [several as unknown[]] : []),
    ];
    if (operands.length === 0) throw new BadUserInput('filter.metadata', 'Give what to compare with: eq or in.');
    if (!operands.flat().every((value) => ['string', 'number', 'boolean'].includes(typeof value)))
      throw new BadUserInput('filter.metadata', 'Metadata is compared with strings, numbers and booleans.');
    // The empty name is that of the tags.
    return name === '' ? nothing : hasLabel(String(name), and(...operands.map(isOneOf)));
  },
};

/** Numbers are compared as jsonb writes them, which is what the labels hold. */
const isOneOf = (operands: readonly unknown[]): SQL => {
  if (operands.length === 0) return nothing;
  const texts = operands.map((value) =>
    typeof value === 'number' ? sql`(${JSON.stringify(value)}::jsonb #>> '{}')` : sql`${String(value)}`,
  );
  return sql`${documentLabels.value} in (${sql.join(texts, sql`, `)})`;
};
