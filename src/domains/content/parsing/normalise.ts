// Soft hyphens and byte order marks are invisible and split words in search; NUL is refused by Postgres.
// oxlint-disable-next-line no-control-regex
const UNWANTED = /[\u0000-\u0008\u000e-\u001f\u007f-\u0084\u0086-\u009f\u00ad\ufeff]/g;
// oxlint-disable-next-line no-control-regex
const LINE_ENDS = /\r\n?|[\u000b\u000c\u0085\u2028\u2029]/g;
const NO_BREAK_SPACES = /[\u00a0\u2007\u202f]/g;

/**
 * The one form in which text is stored: NFC, `\n` line ends, no control characters but tab and newline, no lone
 * surrogates, no blanks at line ends. Linear in the length of the text.
 */
export const normalise = (text: string): string =>
  text
    .toWellFormed()
    .replace(LINE_ENDS, '\n')
    .replace(UNWANTED, '')
    .replace(NO_BREAK_SPACES, ' ')
    .normalize('NFC')
    // Not by /[ \t]+$/gm, which is quadratic in a run of blanks.
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');

/** Text on one line, each run of white space a single blank. */
export const oneLine = (text: string): string => normalise(text).replace(/\s+/g, ' ').trim();
