import { countTokens } from '../../ai/tokens.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, NotFound, type InputIssue } from '../../errors.ts';
import type { RenderPromptInput } from '../../generated/resolvers.ts';
import type { Context } from '../context.ts';
import { filled } from '../modelhub/prompt-placeholders.ts';
import { found } from '../nodes.ts';
import { knowledgeOf } from './schema.ts';
import { labelledText, latest, promptTemplateById, versionOf, type TemplateText } from './template-loaders.ts';

/** Values in one request, length of each, and of the text that comes of them, in UTF-16 code units. */
const maxValues = 100;
const maxValue = 20_000;
const maxRendered = 100_000;

/** A template with values in its places. */
export interface Rendered {
  readonly text: string;
  readonly version: number;
  readonly tokens: number;
}

/**
 * A template at the version of a label, at a version, or as it is now, with values in its places. Throws BadUserInput (values are missing or unknown, all of
 * them named; too long), NotFound (template, label, version).
 */
export const renderPrompt = async ({ unit }: Context, input: RenderPromptInput): Promise<Rendered> => {
  const template = await textOf(knowledgeOf(unit), input);
  await unit.rest();
  const { given, unknown } = valuesFor(template.variables, objectOf(input.values));
  const issues = [...unknown.map(unknownIssue), ...[...given].flatMap(lengthIssue)];
  const result = filled(template.content, [Object.fromEntries(given)], maxRendered);
  if ('missing' in result) issues.push(...result.missing.map(missingIssue));
  if (issues.length > 0) throw new BadUserInput(issues);
  if (!('text' in result))
    throw new BadUserInput('values', `The text has more than ${maxRendered.toLocaleString('en')} characters.`);
  return { text: result.text, version: template.version, tokens: await countTokens(result.text) };
};

const textOf = async (
  bank: UnitOfWork,
  { id, label, version }: RenderPromptInput,
): Promise<Pick<TemplateText, 'content' | 'variables' | 'version'>> => {
  const named = typeof version === 'number';
  if (named && typeof label === 'string') throw new BadUserInput('version', 'Give a label or a version, not both.');
  const text = named ? await versionOf(bank, id, version) : await labelledText(bank, id, label ?? latest);
  if (text !== null) return text;
  await found('PromptTemplate', id, promptTemplateById(bank));
  throw named
    ? new NotFound('PromptTemplateVersion', String(version), 'version')
    : new NotFound('PromptTemplateLabel', label ?? latest, 'label');
};

const objectOf = (values: unknown): object => {
  if (values === undefined || values === null) return {};
  if (typeof values !== 'object' || Array.isArray(values))
    throw new BadUserInput('values', 'Values are a JSON object: a value for each name.');
  if (Object.keys(values).length > maxValues)
    throw new BadUserInput('values', `At most ${maxValues} values are given.`);
  return values;
};

/** The values that places ask for, by their names, and the names of those that none does. Null is no value. */
const valuesFor = (variables: readonly string[], values: object) => {
  const given = new Map<string, unknown>();
  const unknown: string[] = [];
  const take = (name: string, value: unknown): void => {
    const wanted = variables.includes(name);
    if (wanted && value !== null) given.set(name, value);
    const holds = isObject(value) && variables.some((each) => each.startsWith(`${name}.`));
    if (holds) for (const [part, inner] of Object.entries(value)) take(`${name}.${part}`, inner);
    else if (!wanted) unknown.push(name);
  };
  for (const [name, value] of Object.entries(values)) take(name, value);
  return { given, unknown };
};

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const shown = (name: string): string => name.slice(0, 100);
const missingIssue = (name: string): InputIssue => ({
  field: `values.${name}`,
  message: `The place {{${name}}} has no value.`,
});
const unknownIssue = (name: string): InputIssue => ({
  field: `values.${shown(name)}`,
  message: `The template has no place {{${shown(name)}}}.`,
});
const lengthIssue = ([name, value]: [string, unknown]): InputIssue[] => {
  const { length } = typeof value === 'string' ? value : JSON.stringify(value);
  if (length <= maxValue) return [];
  return [{ field: `values.${name}`, message: `A value has at most ${maxValue.toLocaleString('en')} characters.` }];
};
