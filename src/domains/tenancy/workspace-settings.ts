import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, type InputIssue } from '../../errors.ts';
import type { UpdateWorkspaceSettingsInput, WorkspaceBrandingInput } from '../../generated/resolvers.ts';
import type { Context } from '../context.ts';
import { workspaceSettings, type Branding, type WorkspaceSettingsRow } from './tables.ts';
import { settingsByWorkspace, settingsColumns } from './workspace-loaders.ts';
import { lockActiveWorkspace } from './workspace-lock.ts';

/** The settings of a workspace of which nobody has said anything. */
export const untouchedSettings = (workspaceId: string): WorkspaceSettingsRow => ({
  workspaceId,
  branding: {},
  tone: null,
  welcomeMessage: null,
});

/**
 * Changes how a workspace presents itself: absent leaves as it is, null clears.
 * Throws BadUserInput, Conflict (archived), Forbidden (needs ADMIN in it), NotFound.
 */
export const updateWorkspaceSettings = async (
  context: Context,
  input: UpdateWorkspaceSettingsInput,
): Promise<WorkspaceSettingsRow> => {
  const { unit } = context;
  const { workspaceId } = input;
  const issues = issuesOf(input);
  return unit.transact(async ({ organizationId }) => {
    await lockActiveWorkspace(context, workspaceId);
    if (issues.length > 0) throw new BadUserInput(issues);
    const current = (await settingsByWorkspace(unit).load(workspaceId)) ?? untouchedSettings(workspaceId);
    const { branding, tone, welcomeMessage } = input;
    const fields = {
      ...(branding !== undefined && { branding: branding === null ? {} : branded(current.branding, branding) }),
      ...(tone !== undefined && { tone: tone?.trim() || null }),
      ...(welcomeMessage !== undefined && { welcomeMessage: welcomeMessage?.trim() || null }),
    };
    if (Object.keys(fields).length === 0) return current;
    const written = sole(
      await database
        .insert(workspaceSettings)
        .values({ organizationId, workspaceId, ...fields })
        .onConflictDoUpdate({ target: [workspaceSettings.organizationId, workspaceSettings.workspaceId], set: fields })
        .returning(settingsColumns),
    );
    const data = { fields: Object.keys(fields) };
    unit.record({ action: 'workspace_settings.updated', type: 'Workspace', id: workspaceId, workspaceId, data });
    return written;
  });
};

/** What stands already with the fields that were given; null takes one away. */
const branded = (current: Branding, { logoUrl, faviconUrl, ...input }: WorkspaceBrandingInput): Branding => {
  const said = {
    ...input,
    primaryColor: input.primaryColor?.toLowerCase() ?? input.primaryColor,
    accentColor: input.accentColor?.toLowerCase() ?? input.accentColor,
    logoUrl: logoUrl?.href ?? logoUrl,
    faviconUrl: faviconUrl?.href ?? faviconUrl,
  };
  const given = Object.entries(said).filter(([, value]) => value !== undefined);
  const all = { ...current, ...Object.fromEntries(given) };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
};

const absent = (value: unknown): value is null | undefined => value === null || value === undefined;
const issue = (field: string, fine: boolean, message: string): InputIssue[] => (fine ? [] : [{ field, message }]);

const maxUrl = 2000;

const isSafe = (url: URL | null | undefined): boolean =>
  absent(url) || (url.protocol === 'https:' && url.href.length <= maxUrl && url.username === '' && url.password === '');
const isColor = (text: string | null | undefined): boolean => absent(text) || /^#[0-9a-f]{6}$/i.test(text);
const isExtra = (value: unknown): boolean =>
  absent(value) || (typeof value === 'object' && !Array.isArray(value) && JSON.stringify(value).length <= 16_000);

const picture = 'A picture has an address that begins with https://, of at most 2,000 characters.';
const color = 'A colour is #rrggbb.';

const brandingIssues = (branding: WorkspaceBrandingInput): InputIssue[] => [
  ...issue('branding.primaryColor', isColor(branding.primaryColor), color),
  ...issue('branding.accentColor', isColor(branding.accentColor), color),
  ...issue('branding.logoUrl', isSafe(branding.logoUrl), picture),
  ...issue('branding.faviconUrl', isSafe(branding.faviconUrl), picture),
  ...issue('branding.extra', isExtra(branding.extra), 'This is an object of at most 16,000 characters as JSON.'),
];

const issuesOf = ({ branding, tone, welcomeMessage }: UpdateWorkspaceSettingsInput): InputIssue[] => [
  ...(absent(branding) ? [] : brandingIssues(branding)),
  ...issue('tone', (tone?.length ?? 0) <= 500, 'A tone has at most 500 characters.'),
  ...issue('welcomeMessage', (welcomeMessage?.length ?? 0) <= 2000, 'A welcome has at most 2,000 characters.'),
];
