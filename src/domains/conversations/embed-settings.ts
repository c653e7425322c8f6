import { BadUserInput, type InputIssue } from '../../errors.ts';
import type { EmbedAppearanceInput, UpdateEmbedWidgetInput } from '../../generated/resolvers.ts';
import type { EmbedWidgetRow, WidgetAppearance } from './embed-tables.ts';

const maxOrigins = 100;
const maxOriginLength = 300;
const localhosts = new Set(['localhost', '127.0.0.1', '[::1]']);

/** The origin that a text stands for, as browsers send it; undefined where it is more or less than an origin, or not to be trusted. */
export const originOf = (text: string): string | undefined => {
  const url = text.length <= maxOriginLength ? URL.parse(text) : null;
  if (url === null || url.href !== `${url.origin}/` || url.hostname.includes('*')) return undefined;
  const trusted = url.protocol === 'https:' || (url.protocol === 'http:' && localhosts.has(url.hostname));
  return trusted ? url.origin : undefined;
};

/** What can be said of a widget, all of it optional. */
type Said = Omit<UpdateEmbedWidgetInput, 'id'>;

type Settings = Partial<
  Omit<EmbedWidgetRow, 'organizationId' | 'id' | 'workspaceId' | 'createdAt' | 'updatedAt' | 'publicId' | 'createdById'>
>;

const issue = (field: string, fine: boolean, message: string): InputIssue[] => (fine ? [] : [{ field, message }]);
const absent = (value: unknown): value is null | undefined => value === null || value === undefined;
const shorter = (text: string | null | undefined, max: number): boolean =>
  absent(text) || (text.length <= max && !text.includes('\0'));

const limits = ['maxMessagesPerDay', 'maxMessagesPerVisitor', 'maxMessagesPerAddress'] as const;
const switches = [
  'allowModelOverride',
  'allowTemperatureOverride',
  'allowPromptOverride',
  'showSources',
  'allowHandover',
] as const;

const appearanceIssues = (appearance: EmbedAppearanceInput): InputIssue[] => [
  ...issue('appearance.title', shorter(appearance.title, 60), 'A title has at most 60 characters.'),
  ...issue('appearance.greeting', shorter(appearance.greeting, 500), 'A greeting has at most 500 characters.'),
  ...issue('appearance.placeholder', shorter(appearance.placeholder, 100), 'This has at most 100 characters.'),
  ...issue(
    'appearance.primaryColor',
    absent(appearance.primaryColor) || /^#[0-9a-f]{6}$/i.test(appearance.primaryColor),
    'A colour is #rrggbb.',
  ),
];

const originIssues = (origins: readonly string[] | null | undefined): InputIssue[] => [
  ...issue('allowedOrigins', origins !== null, 'Give an empty list for no origins.'),
  ...issue('allowedOrigins', (origins?.length ?? 0) <= maxOrigins, `At most ${maxOrigins} origins.`),
  ...(origins ?? [])
    .slice(0, maxOrigins)
    .flatMap((text, at) =>
      issue(
        `allowedOrigins.${at}`,
        originOf(text) !== undefined,
        'An origin is https:// and a host, with a port where it is not 443, and nothing else; for trying out also http://localhost.',
      ),
    ),
];

const issuesOf = (said: Said): InputIssue[] => [
  ...issue(
    'name',
    said.name === undefined || (said.name !== null && said.name.trim() !== '' && shorter(said.name, 255)),
    'A name has 1 to 255 characters.',
  ),
  ...originIssues(said.allowedOrigins),
  // Nobody answers for what a stranger's question would make tools do.
  ...issue('chatMode', said.chatMode !== 'AUTOMATIC', 'A widget answers in the mode CHAT or QUERY, without tools.'),
  ...limits.flatMap((field) => issue(field, absent(said[field]) || said[field] >= 1, 'A limit is at least 1.')),
  ...issue(
    'historyLength',
    absent(said.historyLength) || (said.historyLength >= 0 && said.historyLength <= 200),
    'A history has 0 to 200 messages.',
  ),
  ...switches.flatMap((field) => issue(field, said[field] !== null, 'This is yes or no.')),
  ...(absent(said.appearance) ? [] : appearanceIssues(said.appearance)),
];

const looking = (appearance: EmbedAppearanceInput): WidgetAppearance => {
  const { primaryColor, ...words } = appearance;
  const said = { ...words, primaryColor: primaryColor?.toLowerCase() };
  return Object.fromEntries(Object.entries(said).filter(([, value]) => !absent(value) && value !== ''));
};

/** What was said of a widget, as it is stored. Throws BadUserInput with every fault. */
export const checkedSettings = (said: Said): Settings => {
  const issues = issuesOf(said);
  if (issues.length > 0) throw new BadUserInput(issues);
  const { name, allowedOrigins, appearance, ...others } = said;
  const given = Object.entries(others).filter(([, value]) => value !== undefined);
  return {
    // The cast is safe: what is left are columns, and none that may not be null is.
    ...(Object.fromEntries(given) as Settings),
    ...(!absent(name) && { name: name.trim() }),
    ...(!absent(allowedOrigins) && {
      allowedOrigins: [...new Set(allowedOrigins.flatMap((text) => originOf(text) ?? []))],
    }),
    ...(appearance !== undefined && { appearance: appearance === null ? {} : looking(appearance) }),
  };
};
