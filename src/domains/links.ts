import type { Services } from './services.ts';

/** An address in the client, such as `<APP_URL>/verify-email?token=…`, for mails. */
export const clientLink = (
  { settings, address }: Pick<Services, 'settings' | 'address'>,
  path: string,
  parameters: Readonly<Record<string, string>>,
): string => {
  const base = (settings.appUrl ?? address.url).replace(/\/+$/, '');
  return `${base}${path}?${new URLSearchParams(parameters).toString()}`;
};
