import slugify from '@sindresorhus/slugify';
import type { InputIssue } from '../../errors.ts';

const maxDescription = 50_000;
/** As much as the columns of money and hours hold. */
const maxAmount = 9_999_999;

/** Faults of a text of many lines; absent has none. */
export const longTextIssues = (field: string, text: string | null | undefined): InputIssue[] =>
  text === undefined || text === null || (text.length <= maxDescription && !text.includes('\0'))
    ? []
    : [{ field, message: `This has at most ${maxDescription.toLocaleString('en')} characters, and no NUL.` }];

/** Faults of a first and a last day; absent ones have none. */
export const dateIssues = (startDate: string | null | undefined, dueDate: string | null | undefined): InputIssue[] =>
  startDate && dueDate && startDate > dueDate
    ? [{ field: 'dueDate', message: 'The due date lies before the start.' }]
    : [];

/** Faults of an amount of money or hours, with at most two decimal places; absent has none. */
export const amountIssues = (field: string, amount: string | null | undefined): InputIssue[] => {
  if (amount === undefined || amount === null) return [];
  const fine = /^\d+(\.\d{1,2})?$/.test(amount) && Number(amount) <= maxAmount;
  return fine
    ? []
    : [
        {
          field,
          message: `This is 0 to ${maxAmount.toLocaleString('en')}, with at most two decimal places.`,
        },
      ];
};

const keyShape = /^[A-Z][A-Z0-9]{1,9}$/;

/** Faults of what a project's tasks are called by; absent has none. */
export const keyIssues = (key: string | null | undefined): InputIssue[] =>
  key === undefined || key === null || keyShape.test(key.toUpperCase())
    ? []
    : [{ field: 'key', message: 'A key has 2 to 10 letters and digits of ASCII, beginning with a letter.' }];

/** A key made of a name, `ATLAS` of “Atlas: the maps”; `PROJECT` where there is nothing to make one of. */
export const keyFrom = (name: string): string => {
  const [word = ''] = slugify(name, { separator: ' ' }).toUpperCase().split(' ');
  const key = word.slice(0, 10);
  return keyShape.test(key) ? key : 'PROJECT';
};

const maxMetadata = 16_000;

const fault = (message: string): InputIssue[] => [{ field: 'metadata', message }];

/** Faults of whatever else is known of a thing; absent has none. */
export const metadataIssues = (metadata: unknown): InputIssue[] => {
  if (metadata === undefined || metadata === null) return [];
  if (typeof metadata !== 'object' || Array.isArray(metadata)) return fault('This is an object.');
  return JSON.stringify(metadata).length <= maxMetadata
    ? []
    : fault(`This has at most ${maxMetadata.toLocaleString('en')} characters as JSON.`);
};
