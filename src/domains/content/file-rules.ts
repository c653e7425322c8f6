import type { InputIssue } from '../../errors.ts';
import type { OrganizationSettings } from '../tenancy/organization-settings.ts';
import { issuesOf } from './validation.ts';

/** Control characters, and those that turn the direction of text, by which `fdp.exe` is shown as `exe.pdf`. */
const deceptive = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

/** Faults of a file's name; absent has none. A name is data: it is kept as it is, and no path of ours is made of it. */
export const nameIssues = (name: string | undefined): InputIssue[] => {
  if (name === undefined) return [];
  const issues = issuesOf('name', name, 255);
  if (issues.length > 0) return issues;
  if (/[/\\]/.test(name) || name === '.' || name === '..')
    return [{ field: 'name', message: 'This takes the name of a file, without a path.' }];
  if (deceptive.test(name) || !name.isWellFormed())
    return [{ field: 'name', message: 'A name holds no control characters.' }];
  return [];
};

type Limits = Pick<OrganizationSettings, 'maxUploadBytes' | 'allowedFileTypes'>;

/** Bytes that a file may have: the installation's bound, or the organization's where that is less. */
export const maxBytesOf = ({ maxUploadBytes }: Limits, installation: number): number =>
  Math.min(installation, maxUploadBytes ?? installation);

/** Whether a type, with or without parameters, is among those an organization takes; `image/*` stands for all of its kind. */
const isAllowed = (allowed: readonly string[], mimeType: string): boolean => {
  const type = mimeType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return allowed.some((each) => each === type || (each.endsWith('/*') && type.startsWith(each.slice(0, -1))));
};

/** Faults of a file's type by what its organization takes. */
export const typeIssues = ({ allowedFileTypes }: Limits, mimeType: string): InputIssue[] =>
  allowedFileTypes === null || isAllowed(allowedFileTypes, mimeType)
    ? []
    : [
        {
          field: 'mimeType',
          message: `This organization takes no files of the type ${mimeType}; it takes ${allowedFileTypes.join(', ')}.`,
        },
      ];
