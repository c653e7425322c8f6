/** Variables as the request gives them. */
export type Variables = Readonly<Record<string, unknown>>;

/** A number that may depend on the variables. What does not is folded when the operation is compiled. */
export type Amount = number | ((variables: Variables) => number);

/** Value of an amount for the variables of one request. */
export const amountOf = (amount: Amount, variables: Variables): number =>
  typeof amount === 'number' ? amount : amount(variables);

const combined = (amounts: readonly Amount[], first: number, combine: (a: number, b: number) => number): Amount => {
  let known = first;
  const open: ((variables: Variables) => number)[] = [];
  for (const amount of amounts) {
    if (typeof amount === 'number') known = combine(known, amount);
    else open.push(amount);
  }
  if (open.length === 0) return known;
  return (variables) => {
    let value = known;
    for (const amount of open) value = combine(value, amount(variables));
    return value;
  };
};

/** Sum of all; 0 for none. */
export const sum = (amounts: readonly Amount[]): Amount => combined(amounts, 0, (a, b) => a + b);

/** The largest of all and of `least`. */
export const greatest = (amounts: readonly Amount[], least: number): Amount =>
  combined(amounts, least, (a, b) => (a > b ? a : b));

/** Product of two. */
export const product = (a: Amount, b: Amount): Amount => {
  if (a === 0 || b === 0) return 0;
  if (a === 1) return b;
  if (b === 1) return a;
  return typeof a === 'number' && typeof b === 'number' ? a * b : (given) => amountOf(a, given) * amountOf(b, given);
};
