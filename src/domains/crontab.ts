import { CronExpressionParser } from 'cron-parser';

/** When something comes again and again. */
export interface Times {
  /** Minute, hour, day of month, month and day of week. */
  readonly cron: string;
  /** A name of the IANA's. */
  readonly timeZone: string;
}

const maxLength = 100;
const months = 'JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC';
const days = 'SUN|MON|TUE|WED|THU|FRI|SAT';
/** Numbers, ranges, steps, lists and names. The package takes more, such as `H`, which is another time each time it is read. */
const field = new RegExp(`^(?:\\d|[*,/-]|${months}|${days})+$`, 'i');

/** Whether a text is a crontab of five fields, at most 100 characters long, whose times come. */
export const isCrontab = (cron: string): boolean => {
  const fields = cron.trim().split(/\s+/);
  if (cron.length > maxLength || fields.length !== 5 || !fields.every((each) => field.test(each))) return false;
  try {
    parsedTimes({ cron, timeZone: 'UTC' }, new Date()).next();
    return true;
  } catch {
    // The package throws plain errors for whatever it cannot read, and for days that never come.
    return false;
  }
};

/** A crontab as the package reads it, which gives the times after a moment. Throws plain errors for what is none. */
export const parsedTimes = ({ cron, timeZone }: Times, after: Date) =>
  CronExpressionParser.parse(cron, { tz: timeZone, currentDate: after });

/** The first times after a moment. Where clocks are changed, the package decides: docs/schedules.md tells how. */
export const timesAfter = (times: Times, after: Date, first: number): string[] => {
  const coming = parsedTimes(times, after);
  return Array.from({ length: first }, () => coming.next().toDate().toISOString());
};

/** The first time after a moment. */
export const timeAfter = (times: Times, after: Date): string => parsedTimes(times, after).next().toDate().toISOString();
