/**
 * Requests to addresses that users name. Hosts that resolve to private, loopback, link-local or otherwise special addresses are refused at
 * the moment of connecting, redirects included, unless the settings allow them: what a name resolves to is looked at once and
 * connected to, so that it cannot change in between.
 */
export interface Outbound {
  /**
   * As the global `fetch`, for an address, not a Request. Rejects with AddressRefused, UrlRefused, or with what `fetch` rejects with.
   * Connecting may take 10 s, the head of an answer 30 s, a pause in its body 30 s.
   */
  readonly fetch: typeof fetch;
}

/** An address that requests may not go to. */
export class AddressRefused extends Error {
  constructor(host: string) {
    super(`Requests to ${host} are not allowed: it is a private or special address.`);
    this.name = 'AddressRefused';
  }
}

/** A URL that requests may not have. It is not part of the message, because it may hold a password. */
export class UrlRefused extends Error {
  constructor(reason: string) {
    super(`Requests to this URL are not allowed: ${reason}.`);
    this.name = 'UrlRefused';
  }
}
