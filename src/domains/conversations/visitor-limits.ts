import { createHash } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import type { QuotaClaim } from '../modelhub/quotas.ts';
import type { EmbedWidgetRow } from './embed-tables.ts';

/** Whoever has one IPv6 address has the 64 bits behind its network, too. */
const networkOf = (address: string): string => {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  return parsed.kind() === 'ipv4' ? parsed.toString() : parsed.toNormalizedString().split(':').slice(0, 4).join(':');
};

/** The address as counters know it: a hash, for one widget alone. */
const addressKey = (widgetId: string, address: string): string =>
  createHash('sha256')
    .update(`${widgetId} ${networkOf(address)}`)
    .digest('base64url');

/** What one message of a visitor counts against: the limits that their widget has. */
export const claimsOf = (
  widget: Pick<EmbedWidgetRow, 'id' | 'maxMessagesPerDay' | 'maxMessagesPerVisitor' | 'maxMessagesPerAddress'>,
  visitorId: string,
  address: string | null,
): readonly QuotaClaim[] => {
  const claims: readonly (Pick<QuotaClaim, 'subject' | 'subjectKey'> & { readonly limit: number | null })[] = [
    { subject: 'WIDGET', subjectKey: widget.id, limit: widget.maxMessagesPerDay },
    { subject: 'VISITOR', subjectKey: visitorId, limit: widget.maxMessagesPerVisitor },
    { subject: 'ADDRESS', subjectKey: addressKey(widget.id, address ?? ''), limit: widget.maxMessagesPerAddress },
  ];
  return claims.flatMap(({ limit, ...whose }): QuotaClaim[] =>
    limit === null ? [] : [{ ...whose, limit, measure: 'MESSAGES', amount: 1, window: 'DAY' }],
  );
};
