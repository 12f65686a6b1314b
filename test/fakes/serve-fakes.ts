/*
 * Stands in for the providers, to try the service by hand without a key:
 *
 *   npm run fake:providers [-- --port-base N]
 *
 * Anthropic listens on N (4501), OpenAI on N + 1, Gemini on N + 2, all on loopback only; with 0 each on
 * any free port. The name of the model decides what happens: see play-by-name.ts.
 */
import { parseArgs } from 'node:util';
import { startFakeAnthropic } from './anthropic.ts';
import { startFakeGemini } from './gemini.ts';
import { startFakeOpenAiResponses } from './openai-responses.ts';
import { handModels, playByName } from './play-by-name.ts';

const portBase = readPortBase();
const fakes = await Promise.all([
  startFakeAnthropic(optionsFor(0)),
  startFakeOpenAiResponses(optionsFor(1)),
  startFakeGemini(optionsFor(2)),
]).catch(giveUp);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop);
const [anthropic, openAi, gemini] = fakes;
process.stdout.write(`export ANTHROPIC_BASE_URL=${anthropic.baseUrl}
export OPENAI_BASE_URL=${openAi.baseUrl}
export GEMINI_BASE_URL=${gemini.baseUrl}
Set these where the service starts, and run a prompt with one of the models ${handModels.join(', ')}: its name is what happens.
`);

function readPortBase(): number {
  const { values } = parseArgs({ options: { 'port-base': { type: 'string', default: '4501' } } });
  const portBase = Number(values['port-base']);
  if (Number.isInteger(portBase) && portBase >= 0 && portBase <= 65_533) return portBase;
  return giveUp(`--port-base is a number from 0 to 65533, not "${values['port-base']}".`);
}

function optionsFor(offset: number) {
  const port = portBase === 0 ? 0 : portBase + offset;
  return { port, models: handModels, improvise: playByName };
}

async function stop(): Promise<void> {
  await Promise.all(fakes.map((fake) => fake.close()));
}

function giveUp(why: unknown): never {
  const text = why instanceof Error ? `${why.message} (another --port-base may help)` : String(why);
  process.stderr.write(`${text}\n`);
  process.exit(1);
}
