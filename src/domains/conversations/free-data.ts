import { BadUserInput } from '../../errors.ts';

const maxBytes = 16_000;

/** What a client keeps with something: an object of JSON. Throws BadUserInput when it is none, or longer than 16,000 bytes. */
export const freeData = (field: string, value: unknown): Readonly<Record<string, unknown>> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new BadUserInput(field, 'This is a JSON object.');
  if (Buffer.byteLength(JSON.stringify(value)) > maxBytes)
    throw new BadUserInput(field, `This has at most ${maxBytes.toLocaleString('en')} bytes.`);
  return Object.fromEntries(Object.entries(value));
};
