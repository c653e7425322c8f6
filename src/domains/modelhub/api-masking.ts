const mask = '[secret]';

/** How a secret may stand in an answer: as it is, escaped for JSON or a URL, or in base 64, alone or behind the name that it goes with. */
const formsOf = (secret: string, name: string | null): string[] => {
  const whole = name === null ? [secret] : [secret, `${name}:${secret}`];
  const escaped = encodeURIComponent(secret);
  const encoded = whole.flatMap((text) => [
    Buffer.from(text).toString('base64').replace(/=+$/, ''),
    Buffer.from(text).toString('base64url'),
    Buffer.from(text).toString('hex'),
  ]);
  const html = secret.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const forms = [
    secret,
    JSON.stringify(secret).slice(1, -1),
    escaped,
    escaped.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
    escaped.replaceAll('%20', '+'),
    html,
    html.replaceAll('"', '&quot;').replaceAll("'", '&#39;'),
    ...encoded,
  ];
  // The longest first, so that none leaves the rest of another behind.
  return [...new Set(forms)].sort((one, other) => other.length - one.length);
};

/** `\u0041` and `\/` of JSON in their shortest form: letters as themselves, and what JSON must escape behind one backslash. */
const unescaped = (text: string): string =>
  text
    .replaceAll(/\\u00([2-7][0-9a-f])/gi, (_escape, code: string) => {
      const letter = String.fromCharCode(Number.parseInt(code, 16));
      return letter === '"' || letter === '\\' ? `\\${letter}` : letter;
    })
    .replaceAll('\\/', '/');

/**
 * A text in which a secret is nowhere to be read, in none of the forms that an API gives back what it was sent. Who owns an API and wants to
 * give its key away can still do so: it is theirs.
 */
export const withoutSecret = (text: string, secret: string | null, name: string | null = null): string => {
  // Control characters between its letters would hide it here, and might be left out by whoever reads on.
  const plain = unescaped(
    text.replaceAll(/[\p{Cc}\p{Cf}\uFFFD]/gu, (character) => (/[\t\n\r]/.test(character) ? character : '')),
  );
  if (secret === null) return plain;
  return formsOf(secret, name).reduce((masked, form) => masked.replaceAll(form, mask), plain);
};
