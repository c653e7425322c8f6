const label = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?';
const pattern = new RegExp(`^(\\*\\.)?(${label}\\.)*${label}$`, 'i');

/** Whether a text names a host, `example.com`, or with `*.` all hosts below one. */
export const isHostPattern = (text: string): boolean => text.length <= 253 && pattern.test(text);

/** Whether a URL's host is among those named; `*.example.com` stands for `www.example.com` and not for `example.com`. */
export const isAllowedHost = (hosts: readonly string[], { hostname }: URL): boolean =>
  hosts.some((host) => (host.startsWith('*.') ? hostname.endsWith(host.slice(1)) : hostname === host));
