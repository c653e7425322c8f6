import { violates } from '../../database/failures.ts';
import { BadUserInput, Conflict, type InputIssue } from '../../errors.ts';

/** The fault of a field, unless it is fine. */
export const issue = (field: string, fine: boolean, message: string): InputIssue[] =>
  fine ? [] : [{ field, message }];

/** Throws BadUserInput with all faults, if there are. */
export const refuse = (issues: readonly InputIssue[]): void => {
  if (issues.length > 0) throw new BadUserInput(issues);
};

/** Whether a text can be a name: not blank, at most `max` characters. */
export const isName = (text: string | null, max: number): boolean =>
  text !== null && text.trim().length >= 1 && text.length <= max && !text.includes('\0');

/** Whether a text, which may be empty, has at most `max` characters. */
export const isText = (text: string | null, max: number): boolean =>
  text !== null && text.length <= max && !text.includes('\0');

/** Whether an address, which may be absent, leads to the web and holds no secret: whoever sees the catalogue sees it. */
export const isWeb = (url: URL | null | undefined): boolean =>
  url === null || url === undefined || (/^https?:$/.test(url.protocol) && url.username === '' && url.password === '');

/** Says which field a broken unique constraint stands for; any other failure goes on as it is. */
export const taken = (fields: Readonly<Record<string, string>>) => (error: unknown) => {
  for (const [constraint, field] of Object.entries(fields))
    if (violates(error, constraint)) throw new Conflict(field, `This ${field} is taken.`);
  throw error;
};

/** The fields that were given: absent ones stay as they are. */
export const given = <Fields extends object>(fields: Fields): Partial<Fields> =>
  // The cast is safe: what is left out is what a partial object may lack.
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<Fields>;
