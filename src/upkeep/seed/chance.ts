import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { unsafeUniformIntDistribution, xoroshiro128plus } from 'pure-rand';

/** When the sample's days begin and end: always the same, so that it is. */
export const firstDay = Date.UTC(2026, 0, 1);
export const days = 180;

/** The id of the `number`th thing of a kind, made at a moment (milliseconds since 1970): a UUIDv7 that is the same in each run. */
export const sampleId = (kind: string, number: number, madeAt = firstDay): string => {
  const digits = createHash('sha256').update(`${kind} ${number}`).digest('hex');
  const time = madeAt.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${digits.slice(0, 3)}-8${digits.slice(3, 6)}-${digits.slice(6, 18)}`;
};

/** Sentences of the guide that comes with Tessera, so that searching the sample finds something. */
const sentences = ['about-tessera', 'asking-and-searching', 'limits-and-safety'].flatMap((name) => {
  const path = fileURLToPath(new URL(`../../../docs/guide/${name}.md`, import.meta.url));
  return readFileSync(path, 'utf8')
    .split(/(?<=[.?!])\s+|\n\n+/)
    .map((sentence) => sentence.replace(/[#*`|\s]+/g, ' ').trim())
    .filter((sentence) => sentence.length > 25);
});

const subjects = [
  'Invoices',
  'Onboarding',
  'Deliveries',
  'Contracts',
  'Support',
  'Hiring',
  'Travel',
  'Security',
  'Budget',
  'Releases',
];
const qualities = ['quarterly', 'internal', 'regional', 'annual', 'new', 'shared', 'open', 'early', 'monthly', 'final'];

/** Choices that are the same in each run, for one kind of rows: another kind's number of rows does not change them. */
export class Chance {
  readonly #generator;

  constructor(kind: string) {
    this.#generator = xoroshiro128plus(createHash('sha256').update(kind).digest().readInt32BE());
  }

  /** A whole number from 0 to below the bound. */
  below(bound: number): number {
    return unsafeUniformIntDistribution(0, bound - 1, this.#generator);
  }

  of<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('There is nothing to choose from.');
    return item;
  }

  text(count: number): string {
    return Array.from({ length: count }, () => this.of(sentences)).join(' ');
  }

  title(): string {
    return `${this.of(subjects)}: ${this.of(qualities)} notes ${this.below(1000)}`;
  }
}

/** Moments of rows, in order over all days. */
export const momentOf = (number: number, count: number): string =>
  new Date(firstDay + Math.floor((number / count) * days * 86_400_000)).toISOString();

export const madeAt = (number: number, count: number) => {
  const moment = momentOf(number, count);
  return { createdAt: moment, updatedAt: moment };
};

/** `count` rows, made one after the other as they are needed. */
export function* rows<Row>(count: number, row: (number: number) => Row): Generator<Row> {
  for (let number = 0; number < count; number += 1) yield row(number);
}
