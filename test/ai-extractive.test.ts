import { expect, test } from '@jest/globals';
import { confidence, verifiedCitations } from '../src/ai/citations.ts';
import { extractiveAnswer } from '../src/ai/extractive.ts';
import { isFollowUp, standaloneQuestion } from '../src/ai/query-terms.ts';

const leave = {
  title: 'Leave policy',
  score: 0.9,
  text: `# Annual leave

Full-time employees receive 25 days of paid leave each calendar year. Unused days may be carried over until 31 March
of the following year. They expire after that date.

## Sick leave

If you are ill, tell your manager before 9 a.m. on the first day. A doctor's certificate is needed from the third day.

## Parental leave

Parents may take up to 12 months. The application must arrive:
- in writing
- at least seven weeks before the start`,
};
const refunds = {
  title: 'Refunds FAQ',
  score: 0.6,
  text: `How long does a refund take?
Refunds reach your account within 5 to 7 working days. Dr. Smith approves refunds above 500 euros.

**Tessera.** Tessera is a multi-tenant backend for AI workspaces. It runs on Node.`,
};
const passages = [leave, refunds];
const ask = (question: string, earlier?: string): string =>
  extractiveAnswer({ question, earlier, language: 'en', passages });

test.each([
  [
    'How many days of paid leave do employees get?',
    'According to “Leave policy”:\n\n“Full-time employees receive 25 days of paid leave each calendar year.” [1]',
  ],
  // A sentence wrapped over two lines is quoted as it stands.
  [
    'Can I carry over unused leave?',
    'According to “Leave policy”:\n\n“Unused days may be carried over until 31 March\nof the following year.” [1]',
  ],
  // “They” says nothing alone: the sentence before it comes along.
  [
    'When do unused days expire?',
    'According to “Leave policy”:\n\n“Unused days may be carried over until 31 March\nof the following year. They expire after that date.” [1]',
  ],
  // “9 a.m.” and “Dr.” end no sentence.
  [
    'What must I do when I am ill?',
    'According to “Leave policy”:\n\n“If you are ill, tell your manager before 9 a.m. on the first day.” [1]',
  ],
  ['Who approves refunds?', 'According to “Refunds FAQ”:\n\n“Dr. Smith approves refunds above 500 euros.” [2]'],
  // The question in the document is answered by what stands below it.
  [
    'how long does a refund take',
    'According to “Refunds FAQ”:\n\n“Refunds reach your account within 5 to 7 working days.” [2]',
  ],
  ['What is Tessera?', 'According to “Refunds FAQ”:\n\n“Tessera is a multi-tenant backend for AI workspaces.” [2]'],
  ['Who won the world cup?', 'The documents do not answer this question.'],
])('%s', (question, answer) => {
  expect(ask(question)).toBe(answer);
  expect(ask(question)).toBe(answer);
});

test('a list is quoted with the sentence that announces it', () => {
  expect(ask('How must the application for parental leave arrive?')).toBe(
    'According to “Leave policy”:\n\n“The application must arrive:\n- in writing\n- at least seven weeks before the start” [1]',
  );
});

test('what only comes near the question is offered as that', () => {
  expect(ask('How many vacation days does Alice have in Paris?')).toMatch(
    /^The documents do not answer this directly\. The closest passage is in “Leave policy”:\n\n“[^”]+” \[1\]$/,
  );
});

test('a follow-up question borrows from the question before it', () => {
  expect(ask('and how long does it take?', 'Can I get a refund?')).toContain('“Refunds reach your account');
  expect(ask('and how long does it take?', 'Who won?')).not.toBe(
    ask('and how long does it take?', 'Can I get a refund?'),
  );
  expect(isFollowUp('and how long does it take?', 'en')).toBe(true);
  expect(isFollowUp('How long does the approval of a large refund take?', 'en')).toBe(false);
  expect(standaloneQuestion({ question: 'Why?', earlier: 'Is leave paid?', language: 'en' })).toBe(
    'Is leave paid?\nWhy?',
  );
});

test('a full question is not bent by the one before it', () => {
  expect(ask('Who approves refunds above 500 euros?', 'When do unused days expire?')).toBe(
    'According to “Refunds FAQ”:\n\n“Dr. Smith approves refunds above 500 euros.” [2]',
  );
});

test('without passages it says what it can do', () => {
  expect(extractiveAnswer({ question: 'hello', language: 'en', passages: [] })).toMatch(
    /^I answer only from the documents of this workspace/,
  );
});

test('it speaks the language it is asked for, and English where it knows none', () => {
  const passage = {
    title: 'Urlaub',
    score: 1,
    text: 'Jeder Mitarbeiter erhält 25 Urlaubstage im Jahr. Resturlaub verfällt am 31. März.',
  };
  const german = (question: string) => extractiveAnswer({ question, language: 'de', passages: [passage] });
  expect(german('Wann verfällt der Resturlaub?')).toBe('Laut „Urlaub“:\n\n„Resturlaub verfällt am 31. März.“ [1]');
  expect(german('Wer gewann die Wahl?')).toBe('Die Dokumente beantworten diese Frage nicht.');
  expect(extractiveAnswer({ question: 'x', language: 'xx', passages: [passage] })).toBe(
    'The documents do not answer this question.',
  );
});

test('sentences that repeat each other are quoted once', () => {
  const text = 'The server listens on port 4000. By default, the server listens on port 4000.';
  const twice = [
    { title: 'A', score: 1, text },
    { title: 'B', score: 1, text },
  ];
  const answer = extractiveAnswer({
    question: 'On which port does the server listen?',
    language: 'en',
    passages: twice,
  });
  expect(answer.match(/\[\d\]/g)).toEqual(['[1]']);
});

test.each(['How many days of paid leave do employees get?', 'When do unused days expire?', 'Who approves refunds?'])(
  'every quote of the answer to “%s” is verified and the answer trusted',
  (question) => {
    const answer = ask(question);
    const { citations, unknownMarkers } = verifiedCitations(answer, passages, 'en');
    expect(unknownMarkers).toBe(0);
    expect(citations.length).toBeGreaterThan(0);
    for (const { passage, quote, support } of citations) {
      expect(passages[passage]?.text).toContain(quote);
      expect(answer).toContain(`“${quote}” [${passage + 1}]`);
      expect(support).toBe(1);
    }
    expect(confidence(answer, citations, passages, 'en').total).toBeGreaterThan(0.8);
  },
);
