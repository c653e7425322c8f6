import { CronExpressionParser } from 'cron-parser';
import type { InputIssue } from '../../errors.ts';
import { isTimeZone } from '../tenancy/time-zone.ts';

/** When a schedule is due. */
export interface Times {
  /** Minute, hour, day of month, month and day of week. */
  readonly cron: string;
  /** A name of the IANA's. */
  readonly timeZone: string;
}

const leastMinutes = 5;
const maxLength = 100;
const months = 'JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC';
const days = 'SUN|MON|TUE|WED|THU|FRI|SAT';
/** Numbers, ranges, steps, lists and names. The package takes more, such as `H`, which is another time each time it is read. */
const field = new RegExp(`^(?:\\d|[*,/-]|${months}|${days})+$`, 'i');

/** What is wrong with when a schedule is to be due. */
export const timesIssues = ({ cron, timeZone }: Times): InputIssue[] => {
  if (!isTimeZone(timeZone))
    return [{ field: 'timeZone', message: 'A time zone is a name such as Europe/Berlin or UTC.' }];
  if (!isCrontab(cron))
    return [{ field: 'cron', message: 'A schedule is a crontab of five fields that comes, such as “0 7 * * 1-5”.' }];
  return leastGap(cron) >= leastMinutes
    ? []
    : [{ field: 'cron', message: `Times lie at least ${leastMinutes} minutes apart.` }];
};

const isCrontab = (cron: string): boolean => {
  const fields = cron.trim().split(/\s+/);
  if (cron.length > maxLength || fields.length !== 5 || !fields.every((each) => field.test(each))) return false;
  try {
    parsed({ cron, timeZone: 'UTC' }, new Date()).next();
    return true;
  } catch {
    // The package throws plain errors for whatever it cannot read, and for days that never come.
    return false;
  }
};

const parsed = ({ cron, timeZone }: Times, after: Date) =>
  CronExpressionParser.parse(cron, { tz: timeZone, currentDate: after });

/**
 * Minutes between the two times on the clock's face that lie closest, midnight being in between too: a day with times is taken to
 * have one beside it.
 */
const leastGap = (cron: string): number => {
  const { hour, minute } = parsed({ cron, timeZone: 'UTC' }, new Date()).fields;
  const ofDay = hour.values.flatMap((each) => minute.values.map((past) => each * 60 + past));
  const first = Math.min(...ofDay) + 24 * 60;
  const inOrder = [...ofDay.toSorted((one, other) => one - other), first];
  return Math.min(...inOrder.slice(1).map((time, at) => time - (inOrder[at] ?? 0)));
};

/** The first times after a moment. Where clocks are changed, the package decides: docs/schedules.md tells how. */
export const timesAfter = (times: Times, after: Date, first: number): string[] => {
  const coming = parsed(times, after);
  return Array.from({ length: first }, () => coming.next().toDate().toISOString());
};

/** The first time after a moment. */
export const timeAfter = (times: Times, after: Date): string => parsed(times, after).next().toDate().toISOString();
