import type { InputIssue } from '../../errors.ts';

export const maxLabelLength = 100;

/** Faults of a name that somebody gives to a key or device of theirs: 1 to 100 characters. */
export const labelIssues = (field: string, label: string | null): InputIssue[] =>
  label !== null && label.trim().length >= 1 && label.length <= maxLabelLength
    ? []
    : [{ field, message: `This takes 1 to ${maxLabelLength} characters.` }];
