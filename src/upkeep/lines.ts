/**
 * Rows as the text format of Postgres' COPY writes them: fields between tabs, `\N` for null, a line each.
 * See "File Formats" of https://www.postgresql.org/docs/current/sql-copy.html.
 */

const special = /[\\\b\f\n\r\t\v]/;
const escapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};
const allSpecial = new RegExp(special, 'g');
const letters: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** One row's fields as Postgres sends them, as a line without its end. */
export const lineOf = (fields: readonly (string | null)[]): string => fields.map(escaped).join('\t');

const escaped = (field: string | null): string => {
  if (field === null) return '\\N';
  return special.test(field) ? field.replace(allSpecial, (letter) => escapes[letter] ?? letter) : field;
};

/** The fields of a line. */
export const fieldsOf = (line: string): (string | null)[] => line.split('\t').map(unescaped);

const unescaped = (field: string): string | null => {
  if (field === '\\N') return null;
  return field.includes('\\') ? field.replace(/\\(.)/g, (_all, letter: string) => letters[letter] ?? letter) : field;
};

/** A line as the text of a composite value, which Postgres casts to a row. */
export const recordOf = (line: string): string =>
  `(${fieldsOf(line)
    .map((field) => (field === null ? '' : `"${/["\\]/.test(field) ? field.replace(/["\\]/g, '$&$&') : field}"`))
    .join(',')})`;
