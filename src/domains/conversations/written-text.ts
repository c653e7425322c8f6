import { BadUserInput } from '../../errors.ts';

const maxText = 32_000;

/** The text without white space around it. Throws BadUserInput when it is empty, too long or holds NUL, which Postgres keeps in no text. */
export const writtenText = (field: string, text: string, max = maxText): string => {
  const trimmed = text.trim();
  if (trimmed === '' || text.length > max || text.includes('\0'))
    throw new BadUserInput(field, `This takes 1 to ${max.toLocaleString('en')} characters.`);
  return trimmed;
};
