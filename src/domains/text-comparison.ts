import { structuredPatch, type StructuredPatch } from 'diff';
import { BadUserInput } from '../errors.ts';

/** Lines that differ. */
const maxChanges = 5_000;
const maxMs = 2_000;
/** Unchanged lines around what differs. */
const context = 3;

/** What differs between two texts, line by line. */
export interface TextComparison {
  readonly added: number;
  readonly removed: number;
  readonly hunks: StructuredPatch['hunks'];
}

/** What differs between two versions of a text. */
export interface VersionComparison extends TextComparison {
  readonly from: number;
  readonly to: number;
}

/** Compares two texts by lines, while other requests go on. Throws BadUserInput at `to` (they differ too much). */
export const compareTexts = async (before: string, after: string): Promise<TextComparison> => {
  const hunks = await hunksOf(before, after);
  const lines = hunks.flatMap((hunk) => hunk.lines);
  const starting = (sign: string) => lines.filter((line) => line.startsWith(sign)).length;
  return { added: starting('+'), removed: starting('-'), hunks };
};

/** A text ends in a line like the others; an empty one has none. */
const inLines = (text: string): string => (text === '' ? '' : `${text}\n`);

/** Lets other requests go on meanwhile. */
const hunksOf = (before: string, after: string): Promise<StructuredPatch['hunks']> =>
  new Promise((resolve, reject) => {
    structuredPatch('', '', inLines(before), inLines(after), '', '', {
      context,
      maxEditLength: maxChanges,
      timeout: maxMs,
      callback: (patch) =>
        patch === undefined
          ? reject(new BadUserInput('to', 'These texts differ too much to be compared.'))
          : resolve(patch.hunks),
    });
  });
