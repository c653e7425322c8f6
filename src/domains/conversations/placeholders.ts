/** A name in single braces: `{key}`, `{user.name}`. Doubled braces and braces around anything else are not placeholders. */
const placeholder = /(?<!\{)\{((?:user\.|workspace\.)?[A-Za-z0-9_]{1,255})\}(?!\})/g;

/** The names that a prompt holds in braces, each once, in order. */
export const namesIn = (prompt: string): string[] => [
  ...new Set([...prompt.matchAll(placeholder)].map(([, name]) => String(name))),
];

/**
 * The pieces of a prompt with its values put in; what is put in is not looked through again. A name without a value stays as it is, one of a
 * user or a workspace becomes the name in brackets.
 */
export function* filledPieces(prompt: string, values: ReadonlyMap<string, string>): Generator<string> {
  let from = 0;
  for (const match of prompt.matchAll(placeholder)) {
    const name = String(match[1]);
    yield prompt.slice(from, match.index);
    yield values.get(name) ?? (name.includes('.') ? `[${name}]` : match[0]);
    from = match.index + match[0].length;
  }
  yield prompt.slice(from);
}
