/** Exit codes of sysexits.h that a service manager understands. */
export const exitCodes = { usage: 64, unavailable: 69, internal: 70, misconfigured: 78 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** The service cannot start or go on. The door prints the sentence and exits with `exitCode`. */
export class StartError extends Error {
  override readonly name: string = 'StartError';
  readonly exitCode: ExitCode;

  /** @param sentence what happened, to what, and what to do. */
  constructor(exitCode: ExitCode, sentence: string, options: { cause?: unknown } = {}) {
    super(sentence, options);
    this.exitCode = exitCode;
  }
}
