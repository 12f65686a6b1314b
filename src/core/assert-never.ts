/** Closes a `switch` over a tag: the compiler refuses a tag without its own case. */
export function assertNever(value: never): never {
  throw new TypeError(`Unexpected case: ${JSON.stringify(value)}`);
}
