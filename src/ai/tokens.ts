import type * as o200k from 'gpt-tokenizer/encoding/o200k_base';

/** Texts are counted piece by piece: within one piece the encoder's work can grow with the square of its length. */
const pieceChars = 2_000;
/** Beyond this the rest is estimated from what was counted, so that the work stays bounded. */
const countedChars = 200_000;

let encoding: Promise<typeof o200k> | undefined;

/** The tables take some 50 MB and 150 ms to load (measured with Node 24), so nobody pays for them before the first count. */
const loaded = (): Promise<typeof o200k> => (encoding ??= import('gpt-tokenizer/encoding/o200k_base'));

/** End of the piece that begins at `start`: at white space where there is some, and never between surrogates. */
const pieceEnd = (text: string, start: number): number => {
  const end = start + pieceChars;
  if (end >= text.length) return text.length;
  const space = text.lastIndexOf(' ', end);
  if (space > start + pieceChars / 2) return space;
  const code = text.charCodeAt(end);
  return code >= 0xdc00 && code <= 0xdfff ? end - 1 : end;
};

/**
 * Number of o200k_base tokens; special tokens count as plain text. Exact up to 2,000 characters, within about one token
 * in each 2,000 characters above, an estimate from the first 200,000 characters beyond those.
 */
export const countTokens = async (text: string): Promise<number> => {
  const { countTokens: count } = await loaded();
  const counted = Math.min(text.length, countedChars);
  let tokens = 0;
  let start = 0;
  while (start < counted) {
    const end = pieceEnd(text, start);
    tokens += count(text.slice(start, end), { disallowedSpecial: new Set<string>() });
    start = end;
  }
  return start >= text.length ? tokens : Math.ceil((tokens * text.length) / start);
};
