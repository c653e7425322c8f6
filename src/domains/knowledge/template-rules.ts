import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, NotFound, type InputIssue } from '../../errors.ts';
import type { UpdatePromptTemplateInput } from '../../generated/resolvers.ts';
import { globalId } from '../../ids.ts';
import { malformedPlaceholdersIn, placeholdersIn } from '../modelhub/prompt-placeholders.ts';
import { promptTemplates, type PromptTemplateRow } from './tables.ts';

const maxName = 255;
const maxDescription = 2_000;
const maxCategory = 100;
const maxContent = 50_000;
const maxSummary = 500;
const maxVariables = 100;

const ofLength = (field: string, text: string | null | undefined, min: number, max: number): InputIssue[] => {
  if (text === undefined) return [];
  const fine = text !== null && text.trim().length >= min && text.length <= max && !text.includes('\0');
  return fine ? [] : [{ field, message: `This takes ${min} to ${max.toLocaleString('en')} characters.` }];
};

/** What may be said of a template; what is absent is not looked at. */
type Given = Partial<Omit<UpdatePromptTemplateInput, 'id' | 'version'>>;

/** Every fault of what is said of a template; `content` is the one that its variables are checked against. */
const issuesOf = (given: Given, content: string): InputIssue[] => [
  ...ofLength('name', given.name, 1, maxName),
  ...ofLength('description', given.description ?? undefined, 0, maxDescription),
  ...ofLength('category', given.category, 1, maxCategory),
  ...(given.type === null ? [{ field: 'type', message: 'A template has a type.' }] : []),
  ...(given.active === null ? [{ field: 'active', message: 'This is yes or no.' }] : []),
  ...ofLength('changeSummary', given.changeSummary ?? undefined, 0, maxSummary),
  ...ofLength('content', given.content, 1, maxContent),
  ...placeIssues(content),
  ...variableIssues(given.variables ?? undefined, placeholdersIn(content)),
];

const placeIssues = (content: string): InputIssue[] => {
  if (content.length > maxContent) return [];
  const malformed = malformedPlaceholdersIn(content).slice(0, maxVariables);
  return [
    ...malformed.map((opening) => ({
      field: 'content',
      message: `A place is a name in doubled braces, with letters and digits of ASCII, _, . and -; “${opening}” is none.`,
    })),
    ...(placeholdersIn(content).length > maxVariables
      ? [{ field: 'content', message: `A template has at most ${maxVariables} different places.` }]
      : []),
  ];
};

const variableIssues = (declared: readonly string[] | undefined, places: readonly string[]): InputIssue[] => {
  if (declared === undefined) return [];
  if (declared.length > maxVariables)
    return [{ field: 'variables', message: `A template has at most ${maxVariables} variables.` }];
  return [
    ...declared.flatMap((name, index) =>
      places.includes(name)
        ? []
        : [{ field: `variables.${index}`, message: `The content has no place {{${name.slice(0, 100)}}}.` }],
    ),
    ...places
      .filter((name) => !declared.includes(name))
      .map((name) => ({ field: 'variables', message: `The place {{${name}}} is not among the variables.` })),
  ];
};

/** The columns of what is said of a template. Throws BadUserInput with every fault. */
export const fieldsOf = (given: Given, before: string) => {
  const content = given.content ?? before;
  const issues = issuesOf(given, content);
  if (issues.length > 0) throw new BadUserInput(issues);
  const { name, description, category, type, groupId, active } = given;
  return {
    ...(typeof name === 'string' && { name: name.trim() }),
    ...(description !== undefined && { description: description?.trim() || null }),
    ...(typeof category === 'string' && { category: category.trim() }),
    ...(type && { type }),
    ...(given.content && { content, variables: placeholdersIn(content) }),
    ...(groupId !== undefined && { groupId }),
    ...(typeof active === 'boolean' && { active }),
  };
};

/** Condition for one template. */
export const isTemplate = (organizationId: string, id: string) =>
  and(eq(promptTemplates.organizationId, organizationId), eq(promptTemplates.id, id));

/** Locks a template that the viewer sees, so that one at a time changes it and its labels. Throws NotFound. */
export const lockTemplate = async (bank: UnitOfWork, id: string): Promise<PromptTemplateRow> => {
  const [row] = await database
    .select()
    .from(promptTemplates)
    .where(isTemplate(bank.organizationId, id))
    .for('no key update');
  if (row === undefined) throw new NotFound('PromptTemplate', id);
  return row;
};

/** Throws Conflict, with the version that it is at, unless a template is at the version named. */
export const requireVersion = ({ id, name, version }: PromptTemplateRow, wanted: number): void => {
  if (version === wanted) return;
  const current = { id: globalId('PromptTemplate', id), name, version };
  throw new Conflict('version', `The template has been changed since: its version is ${version}.`, { current });
};
