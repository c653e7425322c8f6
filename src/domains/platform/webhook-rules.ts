import { isIP } from 'node:net';
import { BadUserInput, type InputIssue } from '../../errors.ts';
import { isPublicAddress } from '../../outbound/address.ts';
import type { Settings } from '../../settings.ts';

const maxUrl = 2000;
const maxEvents = 50;
const maxDescription = 500;
const localhosts = new Set(['localhost', '127.0.0.1', '[::1]']);

const action = /^[a-z][a-z0-9_]{0,62}\.(\*|[a-z][a-z0-9_]{0,62})$/;

/** Whether a webhook that listens to these patterns is told of an action. */
export const listensTo = (patterns: readonly string[], name: string): boolean =>
  patterns.some(
    (pattern) =>
      pattern === '*' || pattern === name || (pattern.endsWith('.*') && name.startsWith(pattern.slice(0, -1))),
  );

type Rules = Pick<Settings, 'mode' | 'allowPrivateAddresses'>;

/**
 * Whether the host is told already to be no host on the internet: an address of another kind, whichever way it was written, or this machine by its
 * name. What other names stand for is looked at when something is sent.
 */
const isPrivate = ({ hostname }: URL): boolean => {
  const host = hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
  return isIP(host) === 0 ? /(^|\.)localhost$/.test(host) : !isPublicAddress(host);
};

const isSafe = (url: URL, { mode }: Rules): boolean => {
  const isLocal = mode !== 'production' && url.protocol === 'http:' && localhosts.has(url.hostname);
  const fits = url.href.length <= maxUrl && url.username === '' && url.password === '' && url.hash === '';
  return (url.protocol === 'https:' || isLocal) && fits;
};

interface Said {
  readonly url?: URL | null;
  readonly events?: readonly string[] | null;
  readonly description?: string | null;
}

const wrong = (field: string, message: string): InputIssue[] => [{ field, message }];

const urlIssues = (url: URL | null, settings: Rules): InputIssue[] => {
  if (url === null || !isSafe(url, settings))
    return wrong(
      'url',
      `An address begins with https://, has at most ${maxUrl} characters, and holds neither a password nor a fragment.`,
    );
  return isPrivate(url) && !settings.allowPrivateAddresses
    ? wrong('url', 'This is a private or special address, to which nothing is sent.')
    : [];
};

const issuesOf = (said: Said, settings: Rules): InputIssue[] => {
  const { url, events, description } = said;
  return [
    ...(url === undefined ? [] : urlIssues(url, settings)),
    ...(events === null || events?.length === 0 || (events?.length ?? 0) > maxEvents
      ? wrong('events', `Give 1 to ${maxEvents} events.`)
      : (events ?? []).flatMap((name, at) =>
          name === '*' || action.test(name)
            ? []
            : wrong(`events.${at}`, 'An event is like order.created, order.* or *.'),
        )),
    ...((description?.length ?? 0) > maxDescription
      ? wrong('description', `A description has at most ${maxDescription} characters.`)
      : []),
  ];
};

/** The columns of what was said, without what was not. Throws BadUserInput with all faults. */
export const checkedWebhook = (said: Said, settings: Rules) => {
  const issues = issuesOf(said, settings);
  if (issues.length > 0) throw new BadUserInput(issues);
  return {
    ...(said.url ? { url: said.url.href } : {}),
    ...(said.events ? { events: [...new Set(said.events)].sort() } : {}),
    ...(said.description === undefined ? {} : { description: said.description?.trim() || null }),
  };
};
