import argon2 from 'argon2';
import { bounded } from './bounded.ts';

/** From OWASP's Password Storage Cheat Sheet: 19 MiB (the unit is KiB), two passes, one lane. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/**
 * Two hashes at a time hold 38 MiB and two of the four threads that libuv gives a process, so that files and look-ups of names go on
 * during a flood of sign-ins. Who would wait behind 300 others is refused, for most of them would have given up.
 */
const inTurn = bounded(2, 300);

/** Has the cost of a real hash and fits no password, since no one can find what hashes to 32 zero bytes. */
const NOBODY = `$argon2id$v=19$m=${COST.memoryCost},t=${COST.timeCost},p=${COST.parallelism}$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/** Argon2id in PHC format, with its salt and cost. Throws TooBusy. */
export function hashPassword(password: string): Promise<string> {
  hashWork.made += 1;
  return inTurn(() => argon2.hash(normal(password), { ...COST, type: argon2.argon2id }));
}

/** How many hashes this process has made and compared since its start, so that tests and metrics see the work of each answer. */
export const hashWork = { made: 0, compared: 0 };

/** Whether the password is the one that was hashed. Throws TooBusy, and an error when the hash is none. */
export function verifyPassword(hash: string, password: string): Promise<boolean> {
  hashWork.compared += 1;
  return inTurn(() => argon2.verify(hash, normal(password)));
}

/** Takes the time that `verifyPassword` takes and is false: for an unknown account, which its answer's time would give away. Throws TooBusy. */
export function verifyNobody(password: string): Promise<boolean> {
  return verifyPassword(NOBODY, password);
}

/** Whether a hash was made at another cost than today's, so that the next sign-in should replace it. */
export function needsRehash(hash: string): boolean {
  return !hash.startsWith('$argon2id$') || argon2.needsRehash(hash, COST);
}

/** Keyboards differ in how they compose a letter such as ü; NFKC makes it one (RFC 8265, NIST SP 800-63B). */
const normal = (password: string) => password.normalize('NFKC');
