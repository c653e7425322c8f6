import { createHash } from 'node:crypto';
import { eq, and } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, type InputIssue } from '../../errors.ts';
import { globalId } from '../../ids.ts';
import { trainingExamples, type TrainingExampleRow } from './tables.ts';

/** Characters of the input, and of what is expected, at most. */
export const maxTrainingText = 32_000;
const maxIntent = 200;
const maxEntities = 16_000;

/** What a training example says. */
export type TrainingContent = Pick<
  TrainingExampleRow,
  'type' | 'input' | 'expectedOutput' | 'intent' | 'entities' | 'confidence' | 'groupId'
>;

/** The same as clients give it. */
export type GivenContent = {
  readonly [Field in keyof TrainingContent]?:
    (Field extends 'entities' ? unknown : TrainingContent[Field]) | null | undefined;
};

const textIssues = (field: string, text: string | null | undefined, max: number): InputIssue[] =>
  typeof text === 'string' && (text.trim() === '' || text.length > max)
    ? [{ field, message: `This takes 1 to ${max.toLocaleString('en')} characters.` }]
    : [];

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The fields that were given, checked, texts without white space around them. Throws BadUserInput. */
export const contentOf = (given: GivenContent): Partial<TrainingContent> => {
  const { type, input, expectedOutput, intent, entities, confidence, groupId } = given;
  const issues: InputIssue[] = [
    ...textIssues('input', input, maxTrainingText),
    ...textIssues('expectedOutput', expectedOutput, maxTrainingText),
    ...textIssues('intent', intent, maxIntent),
  ];
  if (input === null) issues.push({ field: 'input', message: 'An example has an input.' });
  if (type === null) issues.push({ field: 'type', message: 'An example has a type.' });
  if (entities !== undefined && (!isObject(entities) || JSON.stringify(entities).length > maxEntities))
    issues.push({
      field: 'entities',
      message: `This is an object of at most ${maxEntities.toLocaleString('en')} characters as JSON.`,
    });
  if (typeof confidence === 'number' && !(confidence >= 0 && confidence <= 1))
    issues.push({ field: 'confidence', message: 'This is 0 to 1.' });
  if (issues.length > 0) throw new BadUserInput(issues);
  return {
    ...(type && { type }),
    ...(typeof input === 'string' && { input: input.trim() }),
    ...(expectedOutput !== undefined && { expectedOutput: expectedOutput?.trim() ?? null }),
    ...(intent !== undefined && { intent: intent?.trim() ?? null }),
    ...(isObject(entities) && { entities }),
    ...(confidence !== undefined && { confidence }),
    ...(groupId !== undefined && { groupId }),
  };
};

/** Compatible forms of a character are one (https://www.unicode.org/reports/tr15/); lower case may make a text leave that form. */
const compared = (text: string): string =>
  text.normalize('NFKC').toLowerCase().normalize('NFKC').replace(/\s+/gu, ' ').trim();

/**
 * What tells whether two examples are the same: the SHA-256 of type, input and expected output as JSON, hexadecimal. Texts are compared in the form
 * NFKC of Unicode, in lower case, with each run of white space as one blank and none around them. No expected output is another than any.
 */
export const fingerprintOf = ({
  type,
  input,
  expectedOutput,
}: Pick<TrainingContent, 'type' | 'input' | 'expectedOutput'>): string => {
  const parts = [type, compared(input), expectedOutput === null ? null : compared(expectedOutput)];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
};

/** What is told where there is the same example already; it is named to who sees it. */
export const sameExists = async (bank: UnitOfWork, fingerprint: string): Promise<Conflict> => {
  const isSame = and(
    eq(trainingExamples.organizationId, bank.organizationId),
    eq(trainingExamples.fingerprint, fingerprint),
  );
  const [same] = await bank.run(() =>
    database.select({ id: trainingExamples.id }).from(trainingExamples).where(isSame),
  );
  const named = same === undefined ? {} : { id: globalId('TrainingExample', same.id) };
  return new Conflict('input', 'There is the same training example already.', named);
};
