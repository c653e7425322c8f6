import type { Agent } from 'node:https';

/**
 * Requests to addresses that users name. Hosts that resolve to private, loopback, link-local or otherwise special addresses are refused at
 * the moment of connecting, redirects included, unless the settings allow them: what a name resolves to is looked at once and
 * connected to, so that it cannot change in between.
 */
export interface Outbound {
  /** As the global `fetch`. Rejects with AddressRefused, or with what `fetch` rejects with. */
  readonly fetch: typeof fetch;
  /** For client libraries that want an agent of Node's; it refuses the same addresses. */
  readonly agent: Agent;
}

/** An address that requests may not go to. */
export class AddressRefused extends Error {
  constructor(host: string) {
    super(`Requests to ${host} are not allowed: it is a private or special address.`);
    this.name = 'AddressRefused';
  }
}
