import { Conflict } from '../../errors.ts';
import { globalId } from '../../ids.ts';
import type { ConversationRow } from './tables.ts';

type State = Pick<ConversationRow, 'status' | 'endedAt' | 'waitingSince' | 'assignedToId'>;

const utc = (moment: string): string => new Date(moment).toISOString();

/** What a conversation in this state answers to whoever wants something of it that it does not do there: what it is, since when and until when. */
export const refusal = (field: string, { status, endedAt, waitingSince, assignedToId }: State): Conflict => {
  if (status === 'ENDED') {
    const since = endedAt === null ? null : utc(endedAt);
    const at = since === null ? '' : ` at ${since}`;
    const message = `This conversation ended${at}: it takes nothing more until it is reopened.`;
    return new Conflict(field, message, { status, since, until: 'REOPENED' });
  }
  if (status === 'ACTIVE')
    return new Conflict(field, 'This conversation is ACTIVE: it is so until it is ended or handed over.', {
      status,
      until: 'ENDED_OR_TRANSFERRED',
    });
  const since = waitingSince === null ? null : utc(waitingSince);
  const who =
    since === null ? 'A person answers in this conversation' : `This conversation waits for a person since ${since}`;
  return new Conflict(field, `${who}: models answer again once it is handed back.`, {
    status,
    since,
    until: 'HANDED_BACK',
    assignedTo: assignedToId === null ? null : globalId('User', assignedToId),
  });
};
