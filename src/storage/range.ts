import type { ByteRange } from './store.ts';

export const isEmpty = ({ start, end = Infinity }: ByteRange) => end < start;

/** As HTTP's Range header (RFC 9110, section 14.2). */
export const rangeHeader = ({ start, end }: ByteRange) => `bytes=${start}-${end ?? ''}`;
