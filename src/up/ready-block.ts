import type { ApiReady, WorkerReady } from './child-message.ts';

/** What a person needs once everything runs: where, with which key, on what, and lines to paste. */
export function readyBlock(found: {
  api: ApiReady;
  worker: WorkerReady;
  /** How Redis was found. */
  redis: string;
  /** That holds the key; null for one that is in the environment. */
  keyFile: string | null;
}): string {
  const { api, worker, redis, keyFile } = found;
  const { address, loginLink } = api;
  const header = `-H "authorization: Bearer ${keyInShell(keyFile)}"`;
  const submit = (job: string) =>
    `  curl -sN ${header} -H 'content-type: application/json' ${address}/v1/jobs -d '${job}'`;
  const rows = {
    Open: loginLink === null ? address : `${loginLink}  (works once)`,
    Key: keyFile ?? 'LLMMIXER_API_KEY',
    Redis: redis,
    Terminal: worker.terminals.join(', '),
    Sandbox: [levels[worker.sandbox] ?? worker.sandbox, worker.sandboxNote].filter(Boolean).join('. '),
    Models: worker.providers
      .map((name) => (name === 'demo' ? 'demo/ (plays a script)' : `${name}/`))
      .join(', '),
  };
  return [
    '',
    'LLMMixer is ready. Ctrl-C stops it.',
    '',
    ...Object.entries(rows).map(([name, text]) => `  ${name.padEnd(10)}${text}`),
    '',
    'Submit a command:',
    submit('{"type":"command","shell":"echo hello; sleep 1; echo world"}'),
    'Submit a prompt:',
    submit('{"type":"prompt","model":"demo/story","prompt":"Tell me"}'),
    'Follow it, with the id that this answers in place of JOB_ID:',
    `  curl -sN ${header} -H 'accept: text/event-stream' ${address}/v1/jobs/JOB_ID/events`,
    '',
    '',
  ].join('\n');
}

/** What each level means to a person. */
const levels: Record<string, string> = {
  sandbox: 'sandbox: commands see no processes, keys or folders of others',
  user: 'user: each command runs as a user of its own',
  none: 'none: commands may do what this service may',
};

/** An expression for inside double quotes, so that the key itself is neither printed nor kept in a history. */
function keyInShell(keyFile: string | null): string {
  if (keyFile === null) return '$LLMMIXER_API_KEY';
  const plain = /^[\w./@%+,:=-]+$/.test(keyFile);
  return `$(cat ${plain ? keyFile : `'${keyFile.replaceAll("'", `'\\''`)}'`})`;
}
