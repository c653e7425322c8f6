import { primaryLanguage } from '../search/languages.ts';

/** What the built-in answerer says in words of its own, and the words by which it reads a question. */
export type Phrases = {
  /** Before quotes that answer the question; `titles` are quoted and joined. */
  found: (titles: string) => string;
  /** Before quotes that come near it. */
  near: (titles: string) => string;
  /** When no sentence shares a word with the question. */
  none: string;
  /** When there is no passage at all. */
  noDocuments: string;
  quotes: readonly [open: string, close: string];
  /** Questions whose answer holds a number or a date. */
  amount: RegExp;
  /** Questions that ask what or who something is. */
  definition: RegExp;
  /** What joins subject and definition. */
  is: RegExp;
  /** A beginning or a word that leans on what was said before. */
  leaning: RegExp;
  /** A sentence's beginning that leans on the sentence before it. */
  dependent: RegExp;
  /** Words that shape a question and say little about what is asked. */
  light: RegExp;
};

const english: Phrases = {
  found: (titles) => `According to ${titles}:`,
  near: (titles) => `The documents do not answer this directly. The closest passage is in ${titles}:`,
  none: 'The documents do not answer this question.',
  noDocuments:
    'I answer only from the documents of this workspace, and I have found none for this question. Add a document about it, or choose another language model for this conversation.',
  quotes: ['“', '”'],
  amount:
    /\b(?:how (?:many|much|long|often|old|far|big|large|fast|high)|when|what (?:time|date|year|price|percentage)|which (?:day|year|date)|cost)\b/iu,
  definition: /^\s*(?:what|who)(?:'s|’s| is| are| was| were| does\b.+\bdo\b)/iu,
  is: /\b(?:is|are|was|were|means|refers to)\b/iu,
  leaning:
    /^\s*(?:and|but|so|also|then|what about|how about)\b|\b(?:it|its|they|them|their|that|those|this|these|he|she|him|her|there)\b/iu,
  dependent:
    /^(?:it|its|they|them|their|this|these|those|that|he|she|such|however|therefore|otherwise|also|then|in this case|in that case)\b/iu,
  light:
    /^(?:what|when|where|which|who|why|how|must|may|should|would|could|can|do|does|did|get|need|want|know|tell|please|explain|describe|give|show|find|say|says|mean|means|many|much|long|take|takes|happen|happens|use|used|work|works)$/iu,
};

const german: Phrases = {
  found: (titles) => `Laut ${titles}:`,
  near: (titles) => `Die Dokumente beantworten das nicht unmittelbar. Am nächsten kommt diese Stelle in ${titles}:`,
  none: 'Die Dokumente beantworten diese Frage nicht.',
  noDocuments:
    'Ich antworte nur aus den Dokumenten dieses Arbeitsbereichs und habe zu dieser Frage keine gefunden. Füge ein Dokument dazu hinzu oder wähle für dieses Gespräch ein anderes Sprachmodell.',
  quotes: ['„', '“'],
  amount: /\b(?:wie ?(?:viele?|lange?|oft|alt|weit|groß|hoch|schnell|teuer)|wann|kostet|kosten)\b/iu,
  definition: /^\s*(?:was|wer) (?:ist|sind|war|waren)\b/iu,
  is: /\b(?:ist|sind|war|waren|bedeutet|bezeichnet)\b/iu,
  leaning:
    /^\s*(?:und|aber|auch|dann)\b|\b(?:er|sie|es|ihn|ihm|ihr|ihnen|das|dies|diese|dieser|dieses|davon|dafür|dazu|dort)\b/iu,
  dependent:
    /^(?:er|sie|es|ihre?|dies|dieser?|dieses|das|dabei|dafür|dazu|damit|allerdings|jedoch|außerdem|sonst|dann)(?!\p{L})/iu,
  light:
    /^(?:was|wann|wo|welche[rsnm]?|wer|wen|wem|warum|wie|viele?|lange?|muss|müssen|kann|kannst|darf|soll|sollte|bekomme|bekommen|brauche|möchte|wissen|sage?|bitte|erkläre?|beschreibe?|zeige?|finde|heißt|bedeutet|dauert|passiert|gibt)$/iu,
};

const french: Phrases = {
  found: (titles) => `Selon ${titles} :`,
  near: (titles) => `Les documents n’y répondent pas directement. Le passage le plus proche se trouve dans ${titles} :`,
  none: 'Les documents ne répondent pas à cette question.',
  noDocuments:
    'Je réponds uniquement à partir des documents de cet espace de travail, et je n’en ai trouvé aucun pour cette question. Ajoutez un document à ce sujet ou choisissez un autre modèle de langue pour cette conversation.',
  quotes: ['« ', ' »'],
  amount: /\b(?:combien|quand|quel(?:le)? (?:date|heure|année|prix|durée)|coûte)\b/iu,
  definition: /^\s*(?:qu(?:’|')est-ce|qui est|qui sont|c(?:’|')est quoi)/iu,
  is: /\b(?:est|sont|était|étaient|désigne|signifie)\b/iu,
  leaning: /^\s*(?:et|mais|aussi|alors)\b|\b(?:il|elle|ils|elles|cela|ça|ce|cet|cette|ces|celui-ci|celle-ci|y|en)\b/iu,
  dependent: /^(?:il|elle|ils|elles|cela|ceci|cette|ces|cependant|toutefois|sinon|alors|aussi)\b/iu,
  light:
    /^(?:quoi|quand|où|quel|quels|quelle|quelles|qui|pourquoi|comment|combien|doit|dois|faut|peut|peux|veux|savoir|dire|explique[rz]?|donne[rz]?|montre[rz]?|trouver|signifie|temps|prend|passe)$/iu,
};

const spanish: Phrases = {
  found: (titles) => `Según ${titles}:`,
  near: (titles) => `Los documentos no lo responden directamente. El pasaje más cercano está en ${titles}:`,
  none: 'Los documentos no responden a esta pregunta.',
  noDocuments:
    'Respondo solo a partir de los documentos de este espacio de trabajo y no he encontrado ninguno para esta pregunta. Añade un documento sobre el tema o elige otro modelo de lenguaje para esta conversación.',
  quotes: ['«', '»'],
  amount: /(?:cuánt[oa]s?|cuándo|cuesta|qué (?:fecha|hora|año|precio))/iu,
  definition: /^\s*¿?\s*(?:qué|quién|quiénes) (?:es|son|era|eran)\b/iu,
  is: /\b(?:es|son|era|eran|significa)\b/iu,
  leaning:
    /^\s*¿?\s*(?:y|pero|también|entonces)\b|\b(?:eso|esto|ese|esa|esos|esas|este|esta|estos|estas|él|ella|ellos|ellas|lo|la|los|las)\b/iu,
  dependent: /^(?:esto|eso|esta|este|estos|estas|ellos|ellas|ella|sin embargo|además|entonces)\b/iu,
  light:
    /^(?:qué|cuándo|dónde|cuál|cuáles|quién|por|cómo|cuánt[oa]s?|debo|debe|puedo|puede|quiero|saber|decir|explica|describe|da|muestra|encontrar|significa|tiempo|tarda|pasa)$/iu,
};

const italian: Phrases = {
  found: (titles) => `Secondo ${titles}:`,
  near: (titles) => `I documenti non rispondono direttamente. Il passaggio più vicino si trova in ${titles}:`,
  none: 'I documenti non rispondono a questa domanda.',
  noDocuments:
    'Rispondo solo in base ai documenti di questo spazio di lavoro e non ne ho trovati per questa domanda. Aggiungi un documento sull’argomento o scegli un altro modello linguistico per questa conversazione.',
  quotes: ['«', '»'],
  amount: /\b(?:quant[oaie]|quando|costa|che (?:data|ora|anno|prezzo))\b/iu,
  definition: /^\s*(?:che cos(?:’|')è|cos(?:’|')è|chi è|chi sono|cosa sono)/iu,
  is: /(?:\s|^)(?:è|sono|era|erano|significa)(?:\s|$)/iu,
  leaning:
    /^\s*(?:e|ma|anche|allora)\b|\b(?:questo|questa|questi|queste|quello|quella|esso|essa|essi|ciò|lui|lei|loro)\b/iu,
  dependent: /^(?:questo|questa|questi|queste|esso|essa|essi|ciò|tuttavia|inoltre|allora)\b/iu,
  light:
    /^(?:cosa|quando|dove|quale|quali|chi|perché|come|quant[oaie]|devo|deve|posso|può|voglio|sapere|dire|spiega|descrivi|dammi|mostra|trovare|significa|tempo|succede)$/iu,
};

const phrases: ReadonlyMap<string, Phrases> = new Map([
  ['en', english],
  ['de', german],
  ['fr', french],
  ['es', spanish],
  ['it', italian],
]);

/** The phrases of a language, given as an ISO 639-1 code or a tag that begins with one; English where there are none. */
export const phrasesOf = (language: string): Phrases => phrases.get(primaryLanguage(language)) ?? english;
