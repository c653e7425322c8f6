const maxLength = 100;

/**
 * Whether a name is one of the IANA's for a time zone, such as `Europe/Berlin`. Offsets (`+01:00`, `UTC+1`) are none: they know no summer time, and
 * Postgres reads some of them with the opposite sign.
 */
export const isTimeZone = (name: string): boolean => {
  if (name.length > maxLength || /^[A-Za-z]+[+-]\d/.test(name)) return false;
  if (!/^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+)*$/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
};
