import type { IncomingHttpHeaders } from 'node:http';
import { nowhere, UnitOfWork, type Origin } from '../database/unit-of-work.ts';
import type { Context, Viewer } from '../domains/context.ts';
import type { Services } from '../domains/services.ts';
import { scopeOf } from '../domains/tenancy/viewers.ts';
import { tokenPrefix } from '../secrets/tokens.ts';
import { isWithin } from '../domains/identity/addresses.ts';
import type { Viewers } from './viewer.ts';

/** The token of `Authorization: Bearer …`; null without one. */
export const bearerToken = (authorization: unknown): string | null => {
  const [, token] = /^Bearer +(\S{1,200})$/i.exec(typeof authorization === 'string' ? authorization : '') ?? [];
  return token ?? null;
};

/** The client's address: what the outermost trusted proxy saw, or the socket's peer when none is trusted. */
export const clientAddress = (
  headers: IncomingHttpHeaders,
  peer: string | undefined,
  trustedProxies: number,
): string | null => {
  const forwarded = String(headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((address) => address.trim())
    .filter((address) => address !== '');
  return (trustedProxies > 0 ? forwarded.at(-trustedProxies) : undefined)?.slice(0, 64) ?? peer ?? null;
};

/** Who may act by a token from an address; null for nobody. */
export const viewerOfToken = async (
  services: Services & { viewers: Viewers },
  origin: Origin,
  token: string | null,
): Promise<Viewer | null> => {
  // What has not the form of a token needs no look-up.
  if (token === null || tokenPrefix(token) === undefined) return null;
  const viewer = await services.viewers.ofToken(services, origin, token);
  if (viewer === null || mayComeFrom(viewer, origin.address)) return viewer;
  await services.viewers.reportForeignAddress(services, origin, viewer);
  return null;
};

/** A context for one operation of whoever holds the token. */
export const contextOf = async (
  services: Services & { viewers: Viewers },
  origin: Origin,
  token: string | null,
): Promise<Context> => {
  const viewer = await viewerOfToken(services, origin, token);
  if (viewer !== null) services.activity.note(viewer, origin);
  return contextFor(services, origin, viewer);
};

/** Whether the viewer's credential may be shown from this address. */
const mayComeFrom = ({ credential: { allowedAddresses } }: Viewer, address: string | null): boolean =>
  allowedAddresses === null || (address !== null && isWithin(address, allowedAddresses));

/** A context for one operation of a viewer who is known already. */
export const contextFor = (services: Services, asked: Origin, viewer: Viewer | null): Context => {
  const { pool, ledger, parts, observer } = services;
  const scope = viewer === null ? nowhere : scopeOf(viewer);
  const record = observer.operation(asked);
  const origin = { ...asked, ...(record.trace && { trace: record.trace }) };
  const unit = new UnitOfWork(scope, { pool, ledger, parts, onStatement: record.listener, origin });
  return { viewer, unit, services, origin, record };
};
