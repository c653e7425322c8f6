import { instantOf } from './time-rules.ts';
import type { TimeEntryRow } from './time-tables.ts';

/** A quotient of numbers that are not negative, rounded to four decimal places, a half up, as sums in the database are. */
const quotient = (dividend: bigint, divisor: bigint): string => {
  const scaled = (dividend * 20_000n + divisor) / (2n * divisor);
  return `${scaled / 10_000n}.${String(scaled % 10_000n).padStart(4, '0')}`;
};

const msPerHour = 3_600_000n;

const durationOf = ({ startedAt, endedAt }: TimeEntryRow): bigint | null =>
  endedAt === null ? null : BigInt(instantOf(endedAt) - instantOf(startedAt));

/** How long an entry took, in hours; null: it runs. */
export const hoursOf = (entry: TimeEntryRow): string | null => {
  const duration = durationOf(entry);
  return duration === null ? null : quotient(duration, msPerHour);
};

/** What an entry cost, in US dollars; null: it runs, or has no rate. */
export const costOf = (entry: TimeEntryRow): string | null => {
  const duration = durationOf(entry);
  if (duration === null || entry.hourlyRate === null) return null;
  // A rate has two decimal places, as its column does.
  const cents = BigInt(entry.hourlyRate.replace('.', ''));
  return quotient(duration * cents, msPerHour * 100n);
};
