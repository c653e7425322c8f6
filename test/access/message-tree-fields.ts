import { secret } from './cast.ts';
import { byEditors, inWorkspace, type Fixtures } from './fixture.ts';

/** Whoever may answer in the filled workspace, where the owner has asked. */
const byThoseWhoAnswer = byEditors;

/** The tree of messages, and what answers were made of. */
export const fixtures: Fixtures = {
  queries: {
    answerExplanation: {
      gets: inWorkspace,
      field: `answerExplanation(messageId: $Message) { searchQuery systemPrompt modelName message { content } historyMessages { content }
        passages { edges { node { title document { title } chunk { text } } } } }`,
    },
  },
  mutations: {
    regenerate: {
      gets: byThoseWhoAnswer,
      field: 'regenerate(input: { messageId: $Message }) { question { content } answer { content } }',
    },
    editMessage: {
      gets: byThoseWhoAnswer,
      field: `editMessage(input: { messageId: $Message, text: "${secret} anew" }) { message { content editedFrom { content } } }`,
    },
    setMessageIncluded: {
      gets: byThoseWhoAnswer,
      field: 'setMessageIncluded(input: { messageId: $Message, included: true }) { message { content } }',
    },
    chooseMessage: {
      gets: inWorkspace,
      field:
        'chooseMessage(input: { messageId: $Message }) { conversation { path(last: 5) { edges { node { content } } } } }',
    },
    branchConversation: {
      gets: inWorkspace,
      field: `branchConversation(input: { messageId: $Message, title: "${secret} branch" }) { conversation { title
        path(last: 5) { edges { node { content citations { quote } } } } } }`,
    },
  },
  connections: {
    'Conversation.path': { gets: inWorkspace },
    'AnswerExplanation.passages': {
      gets: inWorkspace,
      field: 'answerExplanation(messageId: $Message) { passages { edges { node { title } } } }',
    },
  },
};
