import type { Services } from './services.ts';

type Client = Pick<Services, 'settings' | 'address'>;
type Parameters = Readonly<Record<string, string>>;

const clientBase = ({ settings, address }: Client): string => (settings.appUrl ?? address.url).replace(/\/+$/, '');

/** An address in the client, such as `<APP_URL>/verify-email?token=…`, for mails. */
export const clientLink = (client: Client, path: string, parameters: Parameters): string =>
  `${clientBase(client)}${path}?${new URLSearchParams(parameters).toString()}`;

/** An address in the client with a secret in its fragment, which browsers send to no server and so write into no server's log. */
export const secretLink = (client: Client, path: string, fragment: Parameters): string =>
  `${clientBase(client)}${path}#${new URLSearchParams(fragment).toString()}`;
