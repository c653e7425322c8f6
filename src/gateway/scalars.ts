import { GraphQLScalarType, Kind } from 'graphql';
import { GraphQLDateTimeISO, GraphQLEmailAddress, GraphQLJSON, GraphQLLocalDate, GraphQLURL } from 'graphql-scalars';

/** Postgres writes `2026-01-31 12:00:00.5+00`, RFC 3339 wants `2026-01-31T12:00:00.500Z`. */
const instantOf = (value: unknown): string => {
  const text = value instanceof Date ? value.toISOString() : String(value);
  if (text.endsWith('Z')) return text;
  const space = text.indexOf(' ');
  const zone = text.indexOf('+', space);
  const fraction = text.slice(space + 10, zone < 0 ? undefined : zone);
  return `${text.slice(0, space)}T${text.slice(space + 1, space + 9)}.${fraction.padEnd(3, '0').slice(0, 3)}Z`;
};

const { parseValue, parseLiteral, ...dateTime } = GraphQLDateTimeISO.toConfig();
/** Postgres has no year 0, and offsets can lead a day out of the years that RFC 3339 writes. */
const inYears = (date: Date): Date => {
  const year = date.getUTCFullYear();
  if (year < 1 || year > 9999) throw new TypeError('A DateTime lies in the years 1 to 9999.');
  return date;
};
const DateTime = new GraphQLScalarType({
  ...dateTime,
  name: 'DateTime',
  serialize: instantOf,
  parseValue: (value) => inYears(parseValue(value)),
  parseLiteral: (node, variables) => inYears(parseLiteral(node, variables)),
});

const decimalText = /^-?\d{1,30}(\.\d{1,20})?$/;
const decimalOf = (value: unknown): string => {
  if (typeof value !== 'string' || !decimalText.test(value))
    throw new TypeError('A Decimal is a number written as text.');
  return value;
};

/** Without the zeros that a column's scale appends. */
const shortest = (value: unknown): string => {
  const text = String(value);
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
};

const Decimal = new GraphQLScalarType({
  name: 'Decimal',
  description: 'A decimal number as text, so that no digit is lost: `0.000125`.',
  serialize: shortest,
  parseValue: decimalOf,
  parseLiteral: (node) => decimalOf('value' in node && node.kind !== Kind.BOOLEAN ? node.value : undefined),
});

/** Only how values are read and written: names, descriptions and links stand in the SDL. */
const behaviourOf = ({ serialize, parseValue, parseLiteral }: GraphQLScalarType) => ({
  __serialize: serialize,
  __parseValue: parseValue,
  __parseLiteral: parseLiteral,
});

export const scalars = {
  DateTime: behaviourOf(DateTime),
  Decimal: behaviourOf(Decimal),
  Date: behaviourOf(GraphQLLocalDate),
  JSON: behaviourOf(GraphQLJSON),
  EmailAddress: behaviourOf(GraphQLEmailAddress),
  URL: behaviourOf(GraphQLURL),
};
