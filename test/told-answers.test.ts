import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { DeltaPublisher } from '../src/events/deltas.ts';
import type { AnswerNotice } from '../src/domains/conversations/events.ts';
import { ToldAnswers } from '../src/domains/conversations/told-answers.ts';

const messageId = 'answer';
const delta = (text: string, position: number): AnswerNotice => ({ kind: 'delta', messageId, text, position });
const completed = (length: number): AnswerNotice => ({ kind: 'completed', messageId, length });

/** What a listener is told of notices, in order. */
const toldOf = (notices: readonly AnswerNotice[], told = new ToldAnswers()): AnswerNotice[] =>
  notices.flatMap((notice) => {
    const reception = told.receive(notice);
    return reception.kind === 'news' ? [reception.notice] : [];
  });

describe('what a listener is told', () => {
  test('is each piece once, however often and cut up it comes, and never one behind a gap', () => {
    const stretch = fc.tuple(fc.nat(30), fc.nat(30)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
    fc.assert(
      fc.property(fc.string({ minLength: 30, maxLength: 30 }), fc.array(stretch), (text, stretches) => {
        const told = toldOf(stretches.map(([from, to]) => delta(text.slice(from, to), from)));
        let joined = '';
        for (const notice of told) {
          if (notice.kind !== 'delta') throw new Error('Only pieces were sent.');
          expect(notice.position).toBe(joined.length);
          expect(notice.text).not.toBe('');
          joined += notice.text;
        }
        expect(text.startsWith(joined)).toBe(true);
        // All that could be reached from the beginning without a gap, in the order in which it came.
        let reach = 0;
        for (const [from, to] of stretches) if (from <= reach) reach = Math.max(reach, to);
        expect(joined.length).toBe(reach);
      }),
    );
  });

  test('begins where they have it from before, and says nothing of what they know to have ended', () => {
    const told = new ToldAnswers();
    told.has(messageId, 3);
    expect(toldOf([delta('Roses', 0), completed(5)], told)).toEqual([delta('es', 3), completed(5)]);
    expect(toldOf([delta('Roses', 0), completed(5), { kind: 'started', messageId }], told)).toEqual([]);
  });

  test('names where a gap begins, and does not end before the text has', () => {
    const told = new ToldAnswers();
    expect(told.receive(delta('Ro', 0)).kind).toBe('news');
    expect(told.receive(delta('es', 3))).toEqual({ kind: 'gap', from: 2 });
    expect(told.receive(completed(5))).toEqual({ kind: 'gap', from: 2 });
    expect(told.unfinished).toEqual([messageId]);
  });

  test('is remembered of a hundred answers that have ended, and of all that have not', () => {
    const told = new ToldAnswers();
    told.has('open', 1);
    for (let number = 0; number < 150; number++) told.has(String(number), null);
    expect([told.endOf('open'), told.isOver('49'), told.isOver('50'), told.last]).toEqual([1, false, true, '149']);
  });
});

describe('a growing text', () => {
  test('is told again from where somebody missed it, in whole characters and together with what is new', () => {
    const pieces: [string, number][] = [];
    const deltas = new DeltaPublisher((text, position) => pieces.push([text, position]));
    deltas.add('Roses \ud83c');
    deltas.flush();
    deltas.add('\udf39!');
    deltas.tellAgain(4);
    deltas.tellAgain(2);
    // Nobody can have missed what was not told.
    deltas.tellAgain(1000);
    deltas.flush();
    deltas.close();
    expect(pieces).toEqual([
      ['Roses ', 0],
      ['ses 🌹!', 2],
    ]);
  });
});
