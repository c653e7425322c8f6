/** Holds what to release; releases it too, in reverse order, when SIGINT or SIGTERM ends the process. */
export const cleanup = (): AsyncDisposableStack => {
  const stack = new AsyncDisposableStack();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      // What is under way loses its server now; that must not end the process before all is released.
      process.on('uncaughtException', () => undefined);
      void stack.disposeAsync().finally(() => process.exit(1));
    });
  return stack;
};
