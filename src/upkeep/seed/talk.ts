import { citations, conversations, feedback, messages } from '../../domains/conversations/tables.ts';
import { emails, emailTerms, emailThreads } from '../../domains/messaging/email-tables.ts';
import {
  roomMemberships,
  roomMentions,
  roomMessages,
  roomMessageTerms,
  roomReactions,
  rooms,
} from '../../domains/messaging/room-tables.ts';
import { termFrequencies } from '../../search/analysis.ts';
import { Chance, madeAt, momentOf, rows, sampleId } from './chance.ts';
import { emailOf, organizationId, userOf, workspaceOf } from './company.ts';
import type { Fill } from './fill.ts';
import { documentIdOf } from './knowledge.ts';

/** Questions and answers by turns. */
const saidIn = 6;
export const conversationIdOf = (number: number): string => sampleId('conversation', number);
export const messageIdOf = (number: number): string => sampleId('message', number);

/** The last answer of a conversation. */
export const answerIdOf = (number: number): string => messageIdOf(number * saidIn + saidIn - 1);

/** Who talks in a conversation, and where: somebody who sees the workspace. */
export const settingOf = (number: number, { users, workspaces }: Fill['size']) => {
  const user = number % users;
  return { userId: userOf(user), workspaceId: workspaceOf(user % workspaces) };
};

/** Conversations with answers, what these quote and what people think of them. */
export const fillConversations = async ({ size, put }: Fill): Promise<void> => {
  const chance = new Chance('conversations');
  const count = size.conversations;
  await put(
    conversations,
    rows(count, (number) => ({
      ...settingOf(number, size),
      ...madeAt(number, count),
      organizationId,
      id: conversationIdOf(number),
      title: chance.title(),
      activeMessageId: answerIdOf(number),
    })),
  );
  await put(
    messages,
    rows(count * saidIn, (number) => {
      const conversation = Math.floor(number / saidIn);
      const { workspaceId, userId } = settingOf(conversation, size);
      const ofAnswer = (number % saidIn) % 2 === 1;
      return {
        ...madeAt(number, count * saidIn),
        organizationId,
        id: messageIdOf(number),
        workspaceId,
        conversationId: conversationIdOf(conversation),
        parentId: number % saidIn === 0 ? null : messageIdOf(number - 1),
        role: ofAnswer ? ('ASSISTANT' as const) : ('USER' as const),
        senderId: ofAnswer ? null : userId,
        content: chance.text(ofAnswer ? 3 : 1),
        model: ofAnswer ? 'builtin' : null,
      };
    }),
  );
  await fillAnswers({ size, put });
};

const answerOf = (number: number): number => number * 2 + 1;

const fillAnswers = async ({ size, put }: Pick<Fill, 'size' | 'put'>): Promise<void> => {
  const chance = new Chance('answers');
  const count = (size.conversations * saidIn) / 2;
  const placeOf = (number: number) => settingOf(Math.floor(answerOf(number) / saidIn), size);
  await put(
    citations,
    rows(count, (number) => ({
      ...madeAt(number, count),
      organizationId,
      id: sampleId('citation', number),
      workspaceId: placeOf(number).workspaceId,
      messageId: messageIdOf(answerOf(number)),
      position: 0,
      marker: 1,
      documentId: documentIdOf(chance.below(size.documents)),
      documentVersion: 1,
      quote: chance.text(1).slice(0, 40),
      start: 0,
      end: 40,
      score: chance.below(1000) / 1000,
    })),
  );
  const judged = Math.ceil(count / 4);
  await put(
    feedback,
    rows(judged, (number) => ({
      ...madeAt(number, judged),
      ...placeOf(number),
      organizationId,
      id: sampleId('feedback', number),
      messageId: messageIdOf(answerOf(number)),
      score: chance.below(4) === 0 ? -1 : 1,
    })),
  );
};

const membersOf = 8;

/** Rooms whose members write in turn; every tenth message answers the one before. */
export const fillRooms = async ({ size, put }: Fill): Promise<void> => {
  const chance = new Chance('rooms');
  const roomIdOf = (number: number) => sampleId('room', number % size.rooms);
  const members = Math.min(membersOf, size.users);
  const memberOf = (room: number, number: number) => userOf((room * 3 + (number % members)) % size.users);
  await put(
    rooms,
    rows(size.rooms, (number) => ({
      ...madeAt(0, 1),
      organizationId,
      id: roomIdOf(number),
      kind: 'CHANNEL' as const,
      name: `room-${number + 1}`,
      topic: chance.title(),
      createdById: memberOf(number, 0),
      lastMessageAt: momentOf(size.roomMessages - 1, size.roomMessages),
    })),
  );
  await put(
    roomMemberships,
    rows(size.rooms * members, (number) => ({
      ...madeAt(0, 1),
      organizationId,
      id: sampleId('room membership', number),
      roomId: roomIdOf(Math.floor(number / members)),
      userId: memberOf(Math.floor(number / members), number),
      role: number % members === 0 ? ('OWNER' as const) : ('MEMBER' as const),
    })),
  );
  const texts = Array.from({ length: size.roomMessages }, () => chance.text(1));
  await put(
    roomMessages,
    rows(size.roomMessages, (number) => ({
      ...madeAt(number, size.roomMessages),
      organizationId,
      id: sampleId('room message', number),
      roomId: roomIdOf(number),
      senderId: memberOf(number % size.rooms, Math.floor(number / size.rooms)),
      replyToId: number % 10 === 9 && number >= size.rooms ? sampleId('room message', number - size.rooms) : null,
      content: texts[number] ?? '',
    })),
  );
  // Every fifth message names the room's owner, and has made them smile.
  const some = Math.floor(size.roomMessages / 5);
  const ofMessage = (at: number) => ({
    ...madeAt(at, some),
    organizationId,
    roomId: roomIdOf(at * 5),
    messageId: sampleId('room message', at * 5),
    userId: memberOf((at * 5) % size.rooms, 0),
  });
  await put(
    roomMentions,
    rows(some, (at) => ({ ...ofMessage(at), id: sampleId('room mention', at) })),
  );
  await put(
    roomReactions,
    rows(some, (at) => ({ ...ofMessage(at), id: sampleId('room reaction', at), emoji: '🙂' })),
  );
  const words = texts.flatMap((text, message) =>
    [...termFrequencies(text, 'en').keys()].map((term) => ({ term, message })),
  );
  await put(
    roomMessageTerms,
    rows(words.length, (number) => {
      const { term = '', message = 0 } = words[number] ?? {};
      const messageId = sampleId('room message', message);
      return {
        ...madeAt(0, 1),
        organizationId,
        id: sampleId('room term', number),
        roomId: roomIdOf(message),
        messageId,
        term,
      };
    }),
  );
};

const mailsOf = 3;

/** Threads of people's mailboxes, each with mails that came in. */
export const fillMail = async ({ size, put }: Fill): Promise<void> => {
  const chance = new Chance('mail');
  const count = size.emailThreads * mailsOf;
  const ownerOf = (thread: number) => thread % size.users;
  const texts = Array.from({ length: count }, () => chance.text(2));
  await put(
    emailThreads,
    rows(size.emailThreads, (number) => ({
      ...madeAt(number, size.emailThreads),
      organizationId,
      id: sampleId('email thread', number),
      userId: userOf(ownerOf(number)),
      subject: chance.title(),
      lastEmailAt: momentOf(number, size.emailThreads),
    })),
  );
  await put(
    emails,
    rows(count, (number) => {
      const thread = Math.floor(number / mailsOf);
      return {
        ...madeAt(thread, size.emailThreads),
        organizationId,
        id: sampleId('email', number),
        userId: userOf(ownerOf(thread)),
        threadId: sampleId('email thread', thread),
        status: 'RECEIVED' as const,
        messageId: `<${number}@sample.example>`,
        from: { name: 'Customer', address: `customer-${thread}@customers.example` },
        to: [{ name: `Person ${ownerOf(thread)}`, address: emailOf(ownerOf(thread)) }],
        subject: chance.title(),
        text: texts[number] ?? '',
        sentAt: momentOf(thread, size.emailThreads),
      };
    }),
  );
  const words = texts.flatMap((text, mail) =>
    [...termFrequencies(text, null).keys()].slice(0, 20).map((term) => ({ term, mail })),
  );
  await put(
    emailTerms,
    rows(words.length, (number) => {
      const { term = '', mail = 0 } = words[number] ?? {};
      const userId = userOf(ownerOf(Math.floor(mail / mailsOf)));
      return {
        ...madeAt(0, 1),
        organizationId,
        id: sampleId('email term', number),
        userId,
        emailId: sampleId('email', mail),
        term,
      };
    }),
  );
};
