import { BadUserInput, type InputIssue } from '../../errors.ts';
import type { UpdateKnowledgeEntryInput } from '../../generated/resolvers.ts';
import type { KnowledgeEntryRow } from './tables.ts';

const maxTitle = 200;
const maxContent = 200_000;
const maxCategory = 50;
const maxTags = 30;
const maxTag = 50;
const maxSummary = 500;
/** In UTF-8, as JSON. */
const maxMetadataBytes = 16_000;

/** What an entry is made of, as far as people write it. */
export type EntryFields = Partial<
  Pick<
    KnowledgeEntryRow,
    'title' | 'content' | 'category' | 'subcategory' | 'tags' | 'groupId' | 'active' | 'forVisitors' | 'metadata'
  >
>;

type Given = Omit<UpdateKnowledgeEntryInput, 'id'>;

/** The fields of an entry that are given, as they are stored. Throws BadUserInput with all faults. */
export const fieldsOf = (given: Given): EntryFields => {
  const issues = issuesOf(given);
  if (issues.length > 0) throw new BadUserInput(issues);
  const { title, content, category, subcategory, tags, groupId, active, forVisitors, metadata } = given;
  return {
    ...(title && { title: title.trim() }),
    ...(content && { content }),
    ...(category && { category: category.trim() }),
    ...(subcategory !== undefined && { subcategory: subcategory?.trim() ?? null }),
    ...(tags !== undefined && { tags: [...new Set((tags ?? []).map(tagOf))] }),
    ...(groupId !== undefined && { groupId }),
    ...(typeof active === 'boolean' && { active }),
    ...(typeof forVisitors === 'boolean' && { forVisitors }),
    ...(metadata !== undefined && { metadata: isObject(metadata) ? { ...metadata } : {} }),
  };
};

/** What is said of a version; null when nothing is. Throws BadUserInput. */
export const summaryOf = (changeSummary: string | null | undefined): string | null => {
  const issues = changeSummary === null ? [] : textIssues('changeSummary', changeSummary, maxSummary);
  if (issues.length > 0) throw new BadUserInput(issues);
  return changeSummary?.trim() ?? null;
};

/** Throws BadUserInput for what is for visitors and for a group. */
export const requireOneAudience = ({ forVisitors, groupId }: Pick<KnowledgeEntryRow, 'forVisitors' | 'groupId'>) => {
  if (forVisitors && groupId !== null)
    throw new BadUserInput('forVisitors', 'An entry of a group is not for visitors of web pages.');
};

const issuesOf = (given: Given): InputIssue[] => [
  ...textIssues('title', given.title, maxTitle),
  ...textIssues('content', given.content, maxContent),
  ...textIssues('category', given.category, maxCategory),
  ...(given.subcategory === null ? [] : textIssues('subcategory', given.subcategory, maxCategory)),
  ...tagIssues(given.tags ?? []),
  ...(['active', 'forVisitors'] as const).flatMap((field) =>
    given[field] === null ? [{ field, message: 'This is true or false.' }] : [],
  ),
  ...metadataIssues(given.metadata ?? {}),
];

const textIssues = (field: string, text: string | null | undefined, max: number): InputIssue[] => {
  if (text === undefined) return [];
  const fine = text !== null && text.trim() !== '' && text.length <= max && !text.includes('\0');
  return fine ? [] : [{ field, message: `This takes 1 to ${max.toLocaleString('en')} characters.` }];
};

const tagOf = (tag: string): string => tag.trim().toLowerCase();

const tagIssues = (tags: readonly string[]): InputIssue[] =>
  tags.length > maxTags
    ? [{ field: 'tags', message: `An entry has at most ${maxTags} tags.` }]
    : tags.flatMap((tag, place) => textIssues(`tags.${place}`, tagOf(tag), maxTag));

const metadataIssues = (metadata: unknown): InputIssue[] => {
  if (!isObject(metadata)) return [{ field: 'metadata', message: 'Metadata is a JSON object.' }];
  if (Buffer.byteLength(JSON.stringify(metadata)) <= maxMetadataBytes) return [];
  return [{ field: 'metadata', message: 'Metadata has at most 16 kB as JSON.' }];
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
