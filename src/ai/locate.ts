/** A place in a text, UTF-16 offsets, `end` exclusive. */
export type Place = { start: number; end: number };

type Folded = { text: string; at: number[] };

const quoteMarks = /[“”„‟«»"]/u;
const apostrophes = /[’‘‛`´]/u;

const plain = (character: string): string => {
  if (quoteMarks.test(character)) return '"';
  if (apostrophes.test(character)) return "'";
  const lower = character.toLowerCase();
  return lower.length === character.length ? lower : character;
};

/** A text with runs of white space as one blank, lower case and plain quotation marks; `at` leads back to the original. */
const fold = (text: string): Folded => {
  let folded = '';
  const at: number[] = [];
  let blank = true;
  for (let index = 0; index < text.length; index++) {
    const character = text.charAt(index);
    const space = /\s/u.test(character);
    if (!(space && blank)) {
      folded += space ? ' ' : plain(character);
      at.push(index);
    }
    blank = space;
  }
  return { text: folded, at };
};

/**
 * Finds quotes in a text: as they are written, or else differing in white space, case and kind of quotation marks only.
 * Gives undefined for a quote that does not stand there.
 */
export const locator = (text: string): ((quote: string) => Place | undefined) => {
  let folded: Folded | undefined;
  return (quote) => {
    const wanted = quote.trim();
    if (wanted === '') return undefined;
    const exact = text.indexOf(wanted);
    if (exact >= 0) return { start: exact, end: exact + wanted.length };

    folded ??= fold(text);
    const needle = fold(wanted).text;
    const found = folded.text.indexOf(needle);
    const [start, last] = [folded.at[found], folded.at[found + needle.length - 1]];
    return found < 0 || start === undefined || last === undefined ? undefined : { start, end: last + 1 };
  };
};
