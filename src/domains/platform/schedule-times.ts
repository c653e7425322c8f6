import type { InputIssue } from '../../errors.ts';
import { isCrontab, parsedTimes, type Times } from '../crontab.ts';
import { isTimeZone } from '../tenancy/time-zone.ts';

const leastMinutes = 5;

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

/**
 * Minutes between the two times on the clock's face that lie closest, midnight being in between too: a day with times is taken to
 * have one beside it.
 */
const leastGap = (cron: string): number => {
  const { hour, minute } = parsedTimes({ cron, timeZone: 'UTC' }, new Date()).fields;
  const ofDay = hour.values.flatMap((each) => minute.values.map((past) => each * 60 + past));
  const first = Math.min(...ofDay) + 24 * 60;
  const inOrder = [...ofDay.toSorted((one, other) => one - other), first];
  return Math.min(...inOrder.slice(1).map((time, at) => time - (inOrder[at] ?? 0)));
};
