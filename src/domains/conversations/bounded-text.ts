import { BadUserInput } from '../../errors.ts';

/** What makes a text longer than it may be; thrown before it is made. */
const tooLong = (field: string, max: number, what: string): BadUserInput =>
  new BadUserInput(field, `${what} has more than ${max.toLocaleString('en')} characters.`);

/**
 * Joins the pieces of a text that may become far longer than what it is made from. Throws BadUserInput at `field` with the first piece that
 * goes beyond `max` UTF-16 code units; `what` begins its message.
 */
export const joined = (pieces: Iterable<string>, field: string, max: number, what: string): string => {
  const taken: string[] = [];
  let length = 0;
  for (const piece of pieces) {
    length += piece.length;
    if (length > max) throw tooLong(field, max, what);
    taken.push(piece);
  }
  return taken.join('');
};
