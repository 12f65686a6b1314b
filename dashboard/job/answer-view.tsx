import type { Job, PromptSpec } from '../../src/contract/job.ts';
import type { Message } from '../../src/contract/prompt.ts';
import type { ToolCall } from '../../src/contract/result.ts';
import { textOfMessage } from '../../src/core/message-text.ts';
import { Markdown } from '../parts/markdown.tsx';
import type { JobModel } from '../state/job-model.ts';
import { isFinished, messagesOf } from '../state/words.ts';
import '../styles/answer.css';

/** A prompt and what the model answers, as it comes. */
export function AnswerView({ job, spec, model }: { job: Job; spec: PromptSpec; model: JobModel }) {
  const { text, reasoning, toolCalls } = model.answer.value;
  const isBusy = job.status === 'running';
  return (
    <div class="talk">
      {spec.system !== undefined && <Said by="System" text={spec.system} />}
      {messagesOf(spec).map((message, index) => (
        <MessageView key={index} message={message} />
      ))}
      <section class="answer" aria-label="Answer" aria-busy={isBusy}>
        {reasoning !== '' && (
          <details class="whole">
            <summary>Reasoning</summary>
            <p class="plain">{reasoning}</p>
          </details>
        )}
        <Markdown text={text} isGrowing={isBusy} />
        {isBusy && <span class="caret" aria-hidden="true" />}
        {toolCalls.map((call) => (
          <ToolCallView key={call.id} call={call} />
        ))}
        {text === '' && toolCalls.length === 0 && <p class="faint">{silence(job)}</p>}
      </section>
    </div>
  );
}

function MessageView({ message }: { message: Message }) {
  const images =
    message.role === 'user' && typeof message.content !== 'string'
      ? message.content.filter(({ type }) => type === 'image').length
      : 0;
  const calls = message.role === 'assistant' ? (message.toolCalls ?? []) : [];
  const text = textOfMessage(message);
  return (
    <>
      {(text !== '' || calls.length === 0) && <Said by={speakers[message.role]} text={text} />}
      {images > 0 && <p class="faint">{images === 1 ? 'With an image.' : `With ${images} images.`}</p>}
      {calls.map((call) => (
        <ToolCallView key={call.id} call={call} />
      ))}
    </>
  );
}

const speakers = { user: 'You', assistant: 'Model', tool: 'Tool' } as const;

function Said({ by, text }: { by: string; text: string }) {
  return (
    <section class="said" aria-label={by}>
      <span class="said-by">{by}</span>
      <p class="plain">{text}</p>
    </section>
  );
}

/** What the model wants done: the name, and each argument on a line. */
function ToolCallView({ call: { name, arguments: given } }: { call: ToolCall }) {
  const entries =
    typeof given === 'object' && given !== null ? Object.entries(given) : [['', given] as const];
  return (
    <div class="tool">
      <strong>
        Calls <code>{name}</code>
      </strong>
      <dl class="facts">
        {entries.map(([key, value]) => (
          <div key={key}>
            <dt>{key}</dt>
            <dd>
              <code>{typeof value === 'string' ? value : JSON.stringify(value)}</code>
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

function silence(job: Job): string {
  if (isFinished(job)) return 'There is no answer.';
  return job.status === 'running' ? 'The model has not answered yet.' : 'The answer appears here.';
}
