/** `{name}` in the path of an operation. */
const placeholder = /\{([A-Za-z0-9_.-]{1,64})\}/g;

/** Names of the arguments in a path. */
export const argumentsIn = (path: string): string[] => [...path.matchAll(placeholder)].map(([, name = '']) => name);

/**
 * Whether a text would lead up and out of its place in a path: `.` and `..` alone or between slashes, however often it was escaped, and with the
 * parameters that some servers cut off (`..;`).
 */
export const climbs = (text: string): boolean => {
  if (/(?:^|[/\\])\.{1,2}(?:$|[/\\;])/.test(text)) return true;
  const plain = text.replaceAll(/%[0-7][0-9a-f]/gi, (escaped) =>
    String.fromCharCode(Number.parseInt(escaped.slice(1), 16)),
  );
  return plain !== text && climbs(plain);
};

/** What is wrong with the path of an operation; null when it is fine. */
export const faultOfPath = (path: string): string | null => {
  if (path.length > 500 || !/^\/[!-~]*$/.test(path)) return 'A path begins with / and has at most 500 characters.';
  const fixed = path.replaceAll(placeholder, 'x');
  if (/[?#\\{}]/.test(fixed)) return 'A path has no ?, # and \\, and braces only around the name of an argument.';
  if (fixed.includes('//') || climbs(fixed)) return 'A path has no empty parts, and none that are . or ..';
  const names = argumentsIn(path);
  return new Set(names).size < names.length ? 'Each argument stands once in a path.' : null;
};

/** A path with its arguments in their places, escaped; null when one of them would lead elsewhere. */
export const filledPath = (path: string, given: Readonly<Record<string, unknown>>): string | null => {
  const filled = path.replaceAll(placeholder, (_whole, name: string) => {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    return isPart(value) ? encodeURIComponent(String(value)) : '//';
  });
  return filled.includes('//') || climbs(filled) ? null : filled;
};

/** What may stand in a path. Nothing, control characters and half characters are no part of one. */
const isPart = (value: unknown): value is string | number | boolean =>
  typeof value === 'number' ||
  typeof value === 'boolean' ||
  (typeof value === 'string' && value !== '' && value.isWellFormed() && !/\p{Cc}/u.test(value));
