import type { Services } from './services.ts';

/** An address in the client, with a secret in its fragment, which browsers send to no server and so write into no server's log. */
export const secretLink = (
  { address }: Pick<Services, 'address'>,
  path: string,
  fragment: Readonly<Record<string, string>>,
): string => `${address.url}${path}#${new URLSearchParams(fragment).toString()}`;
