import slugify from '@sindresorhus/slugify';
import { randomInt } from 'node:crypto';
import { v4 } from 'uuid';
import { BadUserInput } from '../../errors.ts';

const maxLength = 60;

/** Symbols that are read aloud, and those that vanish without parting a word. All others part words. */
const customReplacements: [string, string][] = [
  ['+', ' plus '],
  ['!', ' bang '],
  ['@', ' at '],
  ['*', ' splat '],
  ['.', ' dot '],
  ...`:~()'"|`.split('').map((symbol): [string, string] => [symbol, '']),
];

/** The slugs to try for a name, the plain one first; a taken one goes on to the next. Never empty, at most 69 characters. */
export function* slugsFor(name: string): Generator<string> {
  const plain = slugify(name, { customReplacements, decamelize: false }).slice(0, maxLength).replace(/-+$/, '') || v4();
  yield plain;
  for (let tries = 0; tries < 5; tries += 1) yield `${plain}-${randomInt(10_000_000, 100_000_000)}`;
  yield v4();
}

/** Inserts under the first free slug; `insert` gives undefined where the slug is taken. */
export const withFreeSlug = async <Row>(
  name: string,
  insert: (slug: string) => Promise<Row | undefined>,
): Promise<Row> => {
  for (const slug of slugsFor(name)) {
    const row = await insert(slug);
    if (row !== undefined) return row;
  }
  throw new Error('No free slug was found.');
};

/** Throws BadUserInput unless the word that confirms an act is the organization's slug. */
export const requireSlug = ({ slug }: { readonly slug: string }, confirmation: string): void => {
  if (confirmation !== slug) throw new BadUserInput('confirmation', 'This is not the slug of the organization.');
};
