/** A name in doubled braces, such as `{{name}}` or `{{ customer.city }}`. */
const placeholder = /\{\{\s*([A-Za-z0-9_.-]{1,100})\s*\}\}/g;
/** The same without a group, which `split` would put between the pieces. */
const wholePlaceholder = /\{\{\s*[A-Za-z0-9_.-]{1,100}\s*\}\}/;

/** The names in doubled braces of a text, each once, in the order of their first mention. */
export const placeholdersIn = (text: string): string[] => [
  ...new Set([...text.matchAll(placeholder)].map(([, name]) => String(name))),
];

/** Where doubled braces open in a text without a name behind them: the first characters of each such place. */
export const malformedPlaceholdersIn = (text: string): string[] =>
  // What stands on both sides of a placeholder must not be joined.
  text
    .split(wholePlaceholder)
    .flatMap((piece) => [...piece.matchAll(/\{\{(?=(.{0,28}))/gsu)].map(([braces, rest]) => `${braces}${rest}`));

/** Values by their names; one inside another is named with a dot between. */
export type PlaceholderValues = Readonly<Record<string, unknown>>;

/** Of several sets of values the first that has the name; undefined where none has. Nothing is taken from a prototype. */
const valueOf = (name: string, sets: readonly PlaceholderValues[]): unknown =>
  sets.map((values) => own(values, name) ?? inside(values, name.split('.'))).find((value) => value !== undefined);

const own = (values: unknown, name: string): unknown =>
  typeof values === 'object' && values !== null && Object.hasOwn(values, name)
    ? Object.getOwnPropertyDescriptor(values, name)?.value
    : undefined;

const inside = (values: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((found, name) => own(found, name), values);

/** Texts stand as they are, other values as JSON. */
const written = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** A text with its placeholders filled, or what keeps it from that. */
export type Filled = { readonly text: string } | { readonly missing: readonly string[] } | { readonly tooLong: true };

/**
 * Puts values in the place of their names; of several sets the first that has a name. What is put in is not looked through again. Says which names
 * have no value, and ends where the text would have more than `max` UTF-16 code units, before it is made.
 */
export const filled = (text: string, sets: readonly PlaceholderValues[], max: number): Filled => {
  const values = new Map<string, string>();
  const missing = new Set<string>();
  const pieces: string[] = [];
  let [from, length] = [0, 0];
  const take = (piece: string): void => {
    length += piece.length;
    if (length <= max) pieces.push(piece);
  };
  for (const match of text.matchAll(placeholder)) {
    const name = String(match[1]);
    if (!values.has(name)) {
      const value = valueOf(name, sets);
      if (value === undefined) missing.add(name);
      values.set(name, value === undefined ? '' : written(value));
    }
    take(text.slice(from, match.index));
    take(values.get(name) ?? '');
    from = match.index + match[0].length;
  }
  take(text.slice(from));
  if (missing.size > 0) return { missing: [...missing] };
  return length > max ? { tooLong: true } : { text: pieces.join('') };
};
