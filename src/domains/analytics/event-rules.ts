import type { InputIssue } from '../../errors.ts';
import type { RecordedEventInput } from '../../generated/resolvers.ts';
import { isUuid } from '../../ids.ts';

/** Events that clients send at a time. */
export const maxBatch = 100;
/** What the names of the server's own events begin with. */
export const serverPrefix = 'server.';

const maxName = 100;
const nameShape = /^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$/;
const maxSession = 100;
const maxBytes = 4096;
const maxLevels = 3;
const oldestMs = 7 * 86_400_000;
const aheadMs = 5 * 60_000;

/** A client's id as it is stored; null without one. */
export const clientIdOf = ({ id }: Pick<RecordedEventInput, 'id'>): string | null => id?.toLowerCase() ?? null;

/** What is wrong with an event that a client sends; `path` is where it stands in the input. */
export const eventIssues = (event: RecordedEventInput, path: string, now: Date): InputIssue[] => {
  const { name, session, occurredAt, properties } = event;
  const id = clientIdOf(event);
  const issue = (field: string, holds: boolean, message: string): InputIssue[] =>
    holds ? [] : [{ field: `${path}.${field}`, message }];
  const at = occurredAt === undefined || occurredAt === null ? now : new Date(occurredAt);
  const isOwn = name === 'server' || name.startsWith(serverPrefix);
  return [
    ...issue('id', id === null || isUuid(id), 'The id of an event is a UUID.'),
    ...issue(
      'name',
      name.length <= maxName && nameShape.test(name),
      `The name of an event has at most ${maxName} characters and is like page_view or checkout.completed.`,
    ),
    ...issue('name', !isOwn, `Names that begin with ${serverPrefix} are the server's own.`),
    ...issue(
      'session',
      session === undefined || session === null || (session !== '' && session.length <= maxSession),
      `A session has a name of 1 to ${maxSession} characters.`,
    ),
    ...issue('occurredAt', now.getTime() - at.getTime() <= oldestMs, 'This is more than 7 days ago.'),
    ...issue('occurredAt', at.getTime() - now.getTime() <= aheadMs, 'This is more than 5 minutes ahead.'),
    ...propertyIssue(properties ?? {}).map((message) => ({ field: `${path}.properties`, message })),
  ];
};

const propertyIssue = (properties: unknown): string[] => {
  if (typeof properties !== 'object' || properties === null || Array.isArray(properties)) return ['This is an object.'];
  if (levelsOf(properties) > maxLevels) return [`This nests at most ${maxLevels} levels.`];
  return Buffer.byteLength(JSON.stringify(properties)) > maxBytes
    ? [`This has at most ${maxBytes.toLocaleString('en')} bytes as JSON.`]
    : [];
};

/** How deep objects and lists nest, looked at no deeper than matters. */
const levelsOf = (value: unknown, above = 0): number => {
  if (typeof value !== 'object' || value === null || above > maxLevels) return above;
  return Math.max(above + 1, ...Object.values(value).map((inner) => levelsOf(inner, above + 1)));
};
