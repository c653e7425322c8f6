/** Seconds that an answer's headers ask to wait (RFC 9110 section 10.2.3: seconds or a date), at least 0. */
export const retryAfterSeconds = (headers: Record<string, string> = {}): number | undefined => {
  const ms = Number.parseFloat(headers['retry-after-ms'] ?? '');
  if (Number.isFinite(ms)) return Math.max(0, Math.ceil(ms / 1000));
  const value = headers['retry-after'];
  if (value === undefined) return undefined;
  const seconds = /^\s*\d/.test(value) ? Number.parseFloat(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : undefined;
};
